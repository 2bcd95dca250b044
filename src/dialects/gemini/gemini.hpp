// Google's generateContent and streamGenerateContent ("Gemini API reference", v1beta:
// GenerateContentRequest, GenerateContentResponse, Content, Part; Vertex AI has the same).
// Which model answers, and whether it streams, stands in the path, not in the body.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects {

extern const Dialect kGemini;

namespace gemini {

inline constexpr std::string_view kName = "gemini";
// OpenRouter's name for what Gemini thought, in `reasoning_details`.
inline constexpr std::string_view kReasoningFormat = "google-gemini-v1";

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

// --- shared by the files of this folder

// The member by its name in the reference, else as protobuf's JSON also takes it and
// Google's own SDKs write it: "thoughtSignature", "thought_signature".
[[nodiscard]] JsonRef member(const JsonRef& object, std::string_view camel_case);

[[nodiscard]] FinishReason finish_of(std::string_view word) noexcept;
// Google's word; `native` where it is one that means the same.
[[nodiscard]] std::string_view word_of(FinishReason finish, std::string_view native) noexcept;

struct ReadUsage {
  Usage usage;
  UsageFault fault = UsageFault::Missing;
};
// usageMetadata.
[[nodiscard]] ReadUsage read_usage(const JsonRef& metadata);
// In OpenAI's words; "" where it is not told.
[[nodiscard]] std::string_view service_tier_of(const JsonRef& metadata) noexcept;
// The members `usageMetadata` and, with what it cost, `usage`.
void write_usage(JsonWriter& json, const ReplyBill& bill, std::string_view service_tier);

// The `error` object.
[[nodiscard]] UpstreamFault read_fault(const JsonRef& error);

// Models before Gemini 3 give their calls no ids: these are made, the same for the same
// answer, and not sent to Google.
[[nodiscard]] std::string made_id(std::uint64_t number, std::string_view response_id);
[[nodiscard]] bool is_made_id(std::string_view id) noexcept;

// What kind of media a media type names; File for all that is neither seen nor heard.
[[nodiscard]] MediaPart::Kind kind_of(std::string_view media_type) noexcept;

// A `thoughtSignature` as clients get it.  Clients return it as it is, so what other makers'
// models need back is packed into it, in base64, which SDKs demand of it.
[[nodiscard]] std::string signature_for_client(const ReasoningPart& part);
// A part of the kind that it was made of: Text with a signature, or Encrypted.
[[nodiscard]] ReasoningPart read_client_signature(std::string signature);

// Whether the member of a candidate tells what the answer rests on: a native part that
// holds nothing else is no part of the content.
[[nodiscard]] bool is_candidate_member(std::string_view name) noexcept;

// A Schema ("Schema", API reference: OpenAPI 3.0's, with types in capitals) as JSON Schema.
// What is JSON Schema already stays byte for byte.
[[nodiscard]] std::string to_json_schema(const JsonRef& schema);

// OpenAI's `logprobs` of a logprobsResult, and back; "" for nothing.
[[nodiscard]] std::string read_logprobs(const JsonRef& result);
[[nodiscard]] std::string write_logprobs(std::string_view openai_json);

}  // namespace gemini
}  // namespace waybill::dialects
