// OpenAI Responses (https://platform.openai.com/docs/api-reference/responses, "Streaming
// events", "Reasoning models", "Function calling"), with OpenRouter's members.
//
// Nothing is kept between two requests: `store` is false towards providers, and what a
// model thought goes to the client encrypted, to be sent back with the next turn.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects {

extern const Dialect kOpenAiResponses;

namespace responses {

inline constexpr std::string_view kName = "openai_responses";
// OpenRouter's name for thoughts of OpenAI's models in `reasoning_details`.
inline constexpr std::string_view kReasoningFormat = "openai-responses-v1";

Result<Conversation> decode_request(std::string_view body);
Result<EncodedRequest> encode_request(const Conversation& conversation, const EncodeTarget& target);
Result<Answer> decode_response(std::string_view body,
                               const UsageQuirks& quirks,
                               std::optional<UpstreamFault>& fault);
void encode_response(const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out);
UpstreamFault decode_error(std::string_view body);
void encode_error(const ErrorNote& error, std::string& out);
std::unique_ptr<EventReader> make_reader(const UsageQuirks& quirks);
std::unique_ptr<EventWriter> make_writer(const ReplyContext& context, std::string& out);
Result<std::string> pass_request(std::string_view body, const EncodeTarget& target);
void pass_response(std::string_view body,
                   const ReplyContext& context,
                   const ReplyBill& bill,
                   std::string& out);
std::unique_ptr<FrameWriter> make_passer(const ReplyContext& context, std::string& out);

// --- shared by the files of this folder

// The parts of a `reasoning` item, in the order summary, content, encrypted_content.
[[nodiscard]] std::vector<ReasoningPart> read_reasoning(const JsonRef& item);
[[nodiscard]] Citation read_citation(const JsonRef& annotation);
// An `annotations` entry.
void write_citation(JsonWriter& json, const Citation& citation);
[[nodiscard]] UpstreamFault read_fault(const JsonRef& error);

// Whether the format is one of this dialect's: "openai-responses-v1", "xai-responses-v1", ...
[[nodiscard]] bool is_own_format(std::string_view format) noexcept;

// Thoughts of other makers' models come with signatures or data that this dialect has no
// member for.  Clients keep one thing of a thought as it is, `encrypted_content`: there they
// are packed, and found again when the client sends the item back.
struct ForeignThought {
  std::string format{};
  std::string signature{};
  std::string data{};
};
[[nodiscard]] std::string pack(const ForeignThought& thought);
[[nodiscard]] std::optional<ForeignThought> unpack(std::string_view encrypted_content);

struct ReadUsage {
  std::optional<Usage> usage{};
  UsageFault fault = UsageFault::Missing;
};
[[nodiscard]] ReadUsage read_usage(const JsonRef& usage, const UsageQuirks& quirks);
// The member `usage` for clients, with what it cost.
void write_usage(JsonWriter& json, const ReplyBill& bill);

// `json` without line ends: what is repeated from elsewhere must not end a line of a stream.
[[nodiscard]] std::string one_line(std::string_view json);

// What an error of OpenRouter's vocabulary is called in `error.code` of a response.
[[nodiscard]] std::string_view response_code_of(std::string_view error_type) noexcept;

}  // namespace responses
}  // namespace waybill::dialects
