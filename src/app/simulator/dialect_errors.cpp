// Errors as the providers of each dialect say them.
//
// Sources: Anthropic API reference, "Errors"; Google, "Error model" (google.rpc.Status);
// Amazon Bedrock API Reference, "Common Errors"; Ollama, "Errors"; Cohere, "Errors".

#include <string>

#include "waybill/base/json_writer.hpp"
#include "waybill/base/text.hpp"

#include "dialect_routes.hpp"
#include "event_stream.hpp"

namespace waybill::app::simulator {
namespace {

std::string_view anthropic_type(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 402: return "billing_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return "rate_limit_error";
    case 504: return "timeout_error";
    case 503:
    case 529: return "overloaded_error";
    default: return status >= 400 && status < 500 ? "invalid_request_error" : "api_error";
  }
}

std::string_view google_status(int status) {
  switch (status) {
    case 401: return "UNAUTHENTICATED";
    case 403: return "PERMISSION_DENIED";
    case 404: return "NOT_FOUND";
    case 429: return "RESOURCE_EXHAUSTED";
    case 503: return "UNAVAILABLE";
    case 504: return "DEADLINE_EXCEEDED";
    default: return status >= 400 && status < 500 ? "INVALID_ARGUMENT" : "INTERNAL";
  }
}

std::string_view aws_type(const ApiError& error) {
  switch (error.status) {
    case 401:
    case 403: return error.code.ends_with("Exception") ? error.code : "AccessDeniedException";
    case 404: return "ResourceNotFoundException";
    case 408: return "ModelTimeoutException";
    case 424: return "ModelErrorException";
    case 429: return "ThrottlingException";
    case 503: return "ServiceUnavailableException";
    default:
      return error.status >= 400 && error.status < 500 ? "ValidationException"
                                                       : "InternalServerException";
  }
}

std::string anthropic_body(const ApiError& error) {
  JsonWriter json;
  json.begin_object();
  json.text("type", "error");
  json.begin_object("error");
  json.text("type", anthropic_type(error.status));
  json.text("message", error.message);
  json.end_object();
  json.text("request_id", "req_simulator");
  json.end_object();
  return json.take();
}

std::string google_body(const ApiError& error) {
  JsonWriter json;
  json.begin_object();
  json.begin_object("error");
  json.number("code", error.status < 400 ? 500 : static_cast<std::uint64_t>(error.status));
  json.text("message", error.message);
  json.text("status", google_status(error.status));
  json.end_object();
  json.end_object();
  return json.take();
}

std::string one_member(std::string_view name, std::string_view text) {
  JsonWriter json;
  json.begin_object();
  json.text(name, text);
  json.end_object();
  return json.take();
}

std::string body_of(Family family, const ApiError& error) {
  switch (family) {
    case Family::OpenAi: break;
    case Family::Anthropic: return anthropic_body(error);
    case Family::Google: return google_body(error);
    case Family::Ollama: return one_member("error", error.message);
    case Family::Aws:
    case Family::Cohere: return one_member("message", error.message);
  }
  return error_body(error);
}

std::string sse(std::string_view name, std::string_view data) {
  std::string out = name.empty() ? "" : "event: " + std::string(name) + "\n";
  return out.append("data: ").append(data).append("\n\n");
}

std::string responses_error(const ApiError& error) {
  JsonWriter json;
  json.begin_object();
  json.text("type", "error");
  json.text("code", error.code);
  json.text("message", error.message);
  json.null("param");
  json.number("sequence_number", 0);
  json.end_object();
  return json.take();
}

// The last event, which says what went wrong.
std::string cohere_end(const ApiError& error) {
  JsonWriter json;
  json.begin_object();
  json.text("type", "message-end");
  json.begin_object("delta");
  json.text("finish_reason", "ERROR");
  json.text("error", error.message);
  json.end_object();
  json.end_object();
  return json.take();
}

}  // namespace

Reply error_reply(Family family, const ApiError& error) {
  Reply reply;
  reply.status = error.status;
  reply.body = body_of(family, error);
  if (family == Family::Aws) {
    reply.fields = "x-amzn-ErrorType: " + std::string(aws_type(error)) + "\r\n";
  }
  return reply;
}

std::string error_message(const DialectRoute& route, const ApiError& error) {
  if (route.wire == Wire::AwsEvents || route.wire == Wire::AwsChunks) {
    return aws_exception(
        "modelStreamErrorException",
        "{\"originalStatusCode\":500," + one_member("message", error.message).substr(1));
  }
  if (route.dialect == "anthropic_messages" || route.dialect == "anthropic_vertex") {
    return sse("error", anthropic_body(error));
  }
  if (route.dialect == "cohere_chat") {
    return sse("message-end", cohere_end(error));
  }
  if (route.dialect == "openai_responses") {
    return sse("error", responses_error(error));
  }
  if (route.wire == Wire::JsonArray) {
    return ",\r\n" + google_body(error) + "]";
  }
  const std::string body = body_of(route.family, error);
  return route.wire == Wire::Lines ? body + "\n" : sse({}, body);
}

std::string broken_message(const DialectRoute& route) {
  constexpr std::string_view kBroken = R"({"index":0,"delta":{"text":)";
  switch (route.wire) {
    case Wire::Sse: break;
    case Wire::Lines: return std::string(kBroken) + "\n";
    case Wire::JsonArray: return ",\r\n" + std::string(kBroken);
    case Wire::AwsEvents: return aws_event("contentBlockDelta", kBroken);
    case Wire::AwsChunks: return aws_event("chunk", kBroken);
  }
  return sse({}, kBroken);
}

}  // namespace waybill::app::simulator
