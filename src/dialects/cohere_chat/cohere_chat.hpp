// Cohere's chat, version 2 (https://docs.cohere.com/reference/chat,
// https://docs.cohere.com/reference/chat-stream).  Only providers speak it.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects {

extern const Dialect kCohereChat;

namespace cohere {

inline constexpr std::string_view kName = "cohere_chat";
// What a model says of its plan before it calls tools stands in `tool_plan`, beside the
// content.  It is a thought; this id tells it from the blocks of type "thinking", so that
// the next turn gives it back where it was.
inline constexpr std::string_view kPlanId = "tool_plan";

Result<EncodedRequest> encode_request(const Conversation& conversation, const EncodeTarget& target);
Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks& quirks,
                               std::optional<UpstreamFault>& fault);
std::unique_ptr<EventReader> make_reader(const UsageQuirks& quirks);
UpstreamFault decode_error(std::string_view body);

// --- shared by the files of this folder

void write_message(const Message& message, JsonWriter& json, Losses& losses);

[[nodiscard]] Citation read_citation(const JsonRef& citation);
// Whether it cites for the text of the answer (others are of plans and thoughts).
[[nodiscard]] bool is_of_text(const JsonRef& citation);
// An object of `logprobs` in OpenAI's form, an element of its `content`; "" for none.
[[nodiscard]] std::string logprobs_item(const JsonRef& logprobs);
[[nodiscard]] FinishReason finish_of(std::string_view finish_reason) noexcept;
// Where `end` (a body, or the delta of message-end) says that the model failed.
[[nodiscard]] std::optional<UpstreamFault> read_failure(const JsonRef& end);
// Reads `usage`; nothing in `usage` where it tells no counts.
UsageFault read_usage(const JsonRef& value, std::optional<Usage>& usage);
[[nodiscard]] UpstreamFault read_fault(const JsonRef& root);

}  // namespace cohere
}  // namespace waybill::dialects
