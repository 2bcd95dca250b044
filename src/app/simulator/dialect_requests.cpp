#include "dialect_requests.hpp"

#include <utility>

#include "waybill/dialects/codec.hpp"

#include "conversation.hpp"

namespace waybill::app::simulator {
namespace {

Error refused(std::string sentence) {
  return Error(ErrorKind::InvalidRequest, "invalid_request", std::move(sentence));
}

// By the codec that Waybill's clients are read with.
Result<DialectRequest> decode(const dialects::Dialect& dialect,
                              const DialectRoute& route,
                              std::string_view body) {
  auto conversation = dialect.decode_request(body);
  if (!conversation) {
    return conversation.error();
  }
  if (route.path_says) {
    conversation->model = route.model;
    conversation->stream = route.streams;
  }
  const dialects::Dialect* const chat = dialects::find_dialect("openai_chat");
  const auto encoded = chat->encode_request(
      *conversation, {.upstream_model = conversation->model, .stream = conversation->stream});
  if (!encoded) {
    return encoded.error();
  }
  return DialectRequest{Json::parse(encoded->body, nullptr, false),
                        conversation->reasoning.wanted()};
}

// What Anthropic's models take on other clouds: the body without model and stream, with a
// version.
Result<std::string> anthropic_body(const DialectRoute& route, std::string_view body) {
  Json json = Json::parse(body, nullptr, false);
  if (!json.is_object()) {
    return refused("The body is no JSON object.");
  }
  if (text_of(member_of(json, "anthropic_version")).empty()) {
    return refused("anthropic_version: Field required");
  }
  json.erase("anthropic_version");
  json["model"] = route.model;
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

Result<DialectRequest> read_cohere(const Json& body) {
  DialectRequest out{body};
  if (text_of(member_of(body, "tool_choice")) == "REQUIRED") {
    out.chat["tool_choice"] = "required";
  } else if (text_of(member_of(body, "tool_choice")) == "NONE") {
    out.chat["tool_choice"] = "none";
  }
  const Json* const format = member_of(body, "response_format");
  const Json* const schema = format != nullptr ? member_of(*format, "json_schema") : nullptr;
  if (schema != nullptr) {
    out.chat["response_format"] = {{"type", "json_schema"}, {"json_schema", {{"schema", *schema}}}};
  }
  if (const Json* const stops = member_of(body, "stop_sequences")) {
    out.chat["stop"] = *stops;
  }
  const Json* const thinking = member_of(body, "thinking");
  out.thinks = thinking != nullptr && text_of(member_of(*thinking, "type")) == "enabled";
  return out;
}

Result<DialectRequest> read_request(const DialectRoute& route, std::string_view body) {
  const bool cloud = route.dialect == "anthropic_bedrock" || route.dialect == "anthropic_vertex";
  if (cloud) {
    const auto plain = anthropic_body(route, body);
    return plain ? decode(*dialects::find_dialect("anthropic_messages"), route, *plain)
                 : Result<DialectRequest>(plain.error());
  }
  const dialects::Dialect* const dialect = dialects::find_dialect(route.dialect);
  if (dialect != nullptr && dialect->decode_request != nullptr) {
    return decode(*dialect, route, body);
  }
  const bool ours = route.dialect == "cohere_chat" || route.dialect == "bedrock_converse";
  if (!ours) {
    return refused("This Waybill does not know the dialect yet.");
  }
  const Json json = Json::parse(body, nullptr, false);
  const Json* const messages = json.is_object() ? member_of(json, "messages") : nullptr;
  if (messages == nullptr || !messages->is_array() || messages->empty()) {
    return refused("messages is an array of at least one message.");
  }
  if (route.dialect == "cohere_chat") {
    return read_cohere(json);
  }
  auto request = read_bedrock(json);
  if (request) {
    request->chat["model"] = route.model;
    request->chat["stream"] = route.streams;
  }
  return request;
}

}  // namespace waybill::app::simulator
