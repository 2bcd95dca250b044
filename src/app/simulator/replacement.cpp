#include "replacement.hpp"

#include <utility>

#include "dialect_replies.hpp"

namespace waybill::app::simulator {
namespace {

std::string_view error_type(int status) {
  switch (status) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 429: return "rate_limit_error";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string_view error_code(int status) {
  switch (status) {
    case 401: return "invalid_api_key";
    case 404: return "model_not_found";
    case 429: return "rate_limit_exceeded";
    default: return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

Reply without_choices(const Reply& reply) {
  const std::string body =
      R"({"id":")" + reply.id +
      R"(","object":"chat.completion","created":0,"model":"none","choices":[]})";
  Reply other{.content_type = reply.content_type, .streams = reply.streams};
  if (reply.streams) {
    other.events = {{Duration(0), "data: " + body + "\n\n"}, {Duration(0), "data: [DONE]\n\n"}};
  } else {
    other.body = body;
  }
  return other;
}

}  // namespace

std::optional<Reply> replaced(const std::vector<Fault>& faults,
                              const Reply& reply,
                              const DialectRoute* route) {
  const Family family = route == nullptr ? Family::OpenAi : route->family;
  const Fault* status = find(faults, FaultKind::Status);
  const Fault* retry_after = find(faults, FaultKind::RetryAfter);
  std::optional<Reply> other;
  if (status != nullptr || retry_after != nullptr) {
    const int code = status != nullptr ? static_cast<int>(status->argument) : 429;
    other = error_reply(
        family, {.status = code,
                 .type = error_type(code),
                 .code = error_code(code),
                 .message = "The simulator was told to answer " + std::to_string(code) + "."});
    if (retry_after != nullptr) {
      other->fields += "Retry-After: " + std::to_string(retry_after->argument) + "\r\n";
    }
  } else if (find(faults, FaultKind::EmptyBody) != nullptr) {
    other = Reply{.content_type = reply.content_type, .streams = reply.streams};
  } else if (find(faults, FaultKind::HtmlBody) != nullptr) {
    other = Reply{.content_type = "text/html",
                  .body =
                      "<!doctype html>\n<html><head><title>Welcome</title></head>"
                      "<body><h1>It works!</h1></body></html>\n"};
  } else if (find(faults, FaultKind::Error200) != nullptr) {
    other = error_reply(
        family, {.status = 200,
                 .type = "server_error",
                 .code = "server_error",
                 .message = "The simulated server had an error, and says so with status 200."});
  } else if (find(faults, FaultKind::NoChoices) != nullptr) {
    other = route == nullptr ? without_choices(reply) : empty_answer_in(*route, reply);
  }
  if (other) {
    other->wait = reply.wait;
    other->id = reply.id;
  }
  return other;
}

}  // namespace waybill::app::simulator
