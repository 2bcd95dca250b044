// OpenAI chat completions (https://platform.openai.com/docs/api-reference/chat) with
// OpenRouter's extensions (https://openrouter.ai/docs/api-reference), as the many providers
// speak it that call themselves compatible.
//
// Between two sides that both speak it nothing here is used: bodies are spliced
// (openai_request.hpp, openai_reply.hpp, openai_chunk.hpp).

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

#include "../body_reader.hpp"
#include "../json_tree.hpp"

namespace waybill::dialects {

extern const Dialect kOpenAiChat;

namespace openai_chat {

inline constexpr std::string_view kName = "openai_chat";

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

// Reads `messages` of a client's body.
class MessagesDecoder {
 public:
  MessagesDecoder(BodyReader& reader, Conversation& request) noexcept
      : reader_(reader),
        request_(request) {}

  void read(const JsonRef& messages);

 private:
  void read_message(const JsonRef& message);
  void read_assistant(const JsonRef& source, Message& message);
  void read_calls(const JsonRef& source, Message& message);
  void read_tool(const JsonRef& source, Message& message);
  std::vector<Part> read_content(const JsonRef& content);
  Part read_part(const JsonRef& part);
  MediaPart read_file(const JsonRef& part);
  CacheMark cache_mark(const JsonRef& holder);

  BodyReader& reader_;
  Conversation& request_;
};

// Appends the message as this dialect has it; more than one where it holds several results.
void write_message(JsonWriter& json,
                   const Message& message,
                   const EncodeTarget& target,
                   Losses& losses);

// One of `reasoning_details`.
[[nodiscard]] ReasoningPart read_reasoning_detail(const JsonRef& detail);
void write_reasoning_detail(JsonWriter& json, const ReasoningPart& part, std::size_t index);

[[nodiscard]] Citation read_annotation(const JsonRef& annotation);
void write_annotation(JsonWriter& json, const Citation& citation);

void write_image(JsonWriter& json, const MediaPart& media);

[[nodiscard]] FinishReason finish_of(std::string_view word) noexcept;
[[nodiscard]] UpstreamFault read_fault(const JsonRef& root);

}  // namespace openai_chat
}  // namespace waybill::dialects
