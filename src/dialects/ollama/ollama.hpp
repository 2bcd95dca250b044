// Ollama's own routes, POST /api/chat and POST /api/generate
// (https://github.com/ollama/ollama/blob/main/docs/api.md, https://docs.ollama.com/openapi.yaml).

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects {

extern const Dialect kOllamaChat;
extern const Dialect kOllamaGenerate;

namespace ollama {

// Both say the same: a conversation's message stands in `message` of the one and at the
// top of the other, where its text is called `response`.
enum class Route : std::uint8_t {
  Chat,
  Generate,
};

Result<Conversation> decode_chat(std::string_view body);
Result<Conversation> decode_generate(std::string_view body);
Result<EncodedRequest> encode_chat(const Conversation& conversation, const EncodeTarget& target);
Result<EncodedRequest> encode_generate(const Conversation& conversation,
                                       const EncodeTarget& target);
Result<Answer> decode_response(Route route,
                               std::string_view body,
                               std::optional<UpstreamFault>& fault);
std::unique_ptr<EventReader> make_reader(Route route);
UpstreamFault decode_error(std::string_view body);
void encode_response(Route route,
                     const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out);
std::unique_ptr<EventWriter> make_writer(Route route,
                                         const ReplyContext& context,
                                         std::string& out);
void encode_error(const ErrorNote& error, std::string& out);

// --- shared by the files of this folder

// A call's arguments as the object that Ollama demands.
[[nodiscard]] std::string arguments_object(std::string_view arguments);

}  // namespace ollama
}  // namespace waybill::dialects
