// Amazon Bedrock's Converse and ConverseStream ("Amazon Bedrock API Reference", Converse,
// ConverseStream, ContentBlock, TokenUsage), towards providers.  Which model answers stands
// in the path, not in the body.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/dialects/codec.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects {

extern const Dialect kBedrockConverse;

namespace bedrock {

inline constexpr std::string_view kName = "bedrock_converse";
// Thoughts with a signature, and hidden ones that are text themselves, are Claude's.
inline constexpr std::string_view kClaudeFormat = "anthropic-claude-v1";

Result<EncodedRequest> encode_request(const Conversation& conversation, const EncodeTarget& target);
Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks& quirks,
                               std::optional<UpstreamFault>& fault);
UpstreamFault decode_error(std::string_view body);
std::unique_ptr<EventReader> make_reader(const UsageQuirks& quirks);

// --- shared by the files of this folder

// An exception by its type, with or without a namespace, and its body, which is JSON or
// the message itself.  Also what InvokeModel's streams say.
[[nodiscard]] UpstreamFault read_exception(std::string_view type, std::string_view body);

[[nodiscard]] FinishReason finish_of(std::string_view stop_reason) noexcept;
// The sequence that was met, from what the model said beside Converse's own words.
[[nodiscard]] std::string stop_sequence_of(const JsonRef& additional_fields);

// A block of an answer's content; a citation that has no text of its own goes to the
// text before it.
void add_block(const JsonRef& block, std::vector<Part>& parts);
[[nodiscard]] Citation read_citation(const JsonRef& citation);
[[nodiscard]] bool is_server_tool(const JsonRef& tool_use);

// Hidden thoughts: `redactedContent` is base64 of what the model wrote.  Claude writes
// base64 itself, and that is what its own API calls `data`; so a conversation may go on
// over either.  What is no such text is kept as it came.
struct Redacted {
  std::string data;
  std::string_view format;
};
[[nodiscard]] Redacted read_redacted(const JsonRef& content);

// Bedrock's inputTokens leave out what was read from or written to the cache: the
// recorded totals are the sum of all four.
struct UsageCounts {
  Usage usage;
  UsageFault fault = UsageFault::Missing;
};
[[nodiscard]] UsageCounts read_usage(const JsonRef& usage);

}  // namespace bedrock
}  // namespace waybill::dialects
