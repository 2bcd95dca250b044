#include "waybill/gateway/error_reply.hpp"

#include <algorithm>
#include <array>

#include "waybill/base/text.hpp"

namespace waybill::gateway {
namespace {

// Codes whose status or type is not simply that of their kind.
struct CodeRow {
  std::string_view code;
  unsigned status;
  std::string_view error_type;
};

constexpr std::array kCodes{
    CodeRow{"context_length_exceeded", 400, "context_length_exceeded"},
    CodeRow{"max_tokens_exceeded", 400, "max_tokens_exceeded"},
    CodeRow{"payload_too_large", 413, "payload_too_large"},
    CodeRow{"body_too_large", 413, "payload_too_large"},
    CodeRow{"request_timeout", 408, "timeout"},
    CodeRow{"unsupported_media_type", 415, "invalid_request"},
    CodeRow{"unsupported_content_encoding", 415, "invalid_request"},
    CodeRow{"method_not_allowed", 405, "invalid_request"},
    CodeRow{"pool_exhausted", 503, "provider_overloaded"},
    CodeRow{"idempotency_in_flight", 409, "invalid_request"},  // OpenRouter has no word for 409
    CodeRow{"idempotency_repeated", 409, "invalid_request"},
    CodeRow{"idempotency_conflict", 422, "unprocessable"},
};

const CodeRow* find_row(std::string_view code) noexcept {
  const auto* const row = std::find_if(kCodes.begin(), kCodes.end(),
                                       [&](const CodeRow& item) { return item.code == code; });
  return row == kCodes.end() ? nullptr : row;
}

std::string_view type_of_status(unsigned status) noexcept {
  switch (status) {
    case 401: return "authentication";
    case 402: return "payment_required";
    case 403: return "permission_denied";
    case 404: return "not_found";
    case 408: return "timeout";
    case 412: return "precondition_failed";
    case 413: return "payload_too_large";
    case 422: return "unprocessable";
    case 429: return "rate_limit_exceeded";
    case 502: return "provider_unavailable";
    case 503: return "provider_overloaded";
    case 504: return "timeout";
    default: return status >= 500 ? "server" : "invalid_request";
  }
}

void append_member(std::string& out, std::string_view name, std::string_view text) {
  out.append(",\"").append(name).append("\":");
  append_json_string(out, text);
}

const dialects::Dialect& chat() noexcept {
  static const dialects::Dialect* const kChat = dialects::find_dialect("openai_chat");
  return *kChat;
}

}  // namespace

unsigned status_of(const Error& error) noexcept {
  if (const CodeRow* const row = find_row(error.code())) {
    return row->status;
  }
  switch (error.kind()) {
    case ErrorKind::InvalidRequest: return 400;
    case ErrorKind::Unauthenticated: return 401;
    case ErrorKind::Forbidden: return 403;
    case ErrorKind::NotFound: return 404;
    case ErrorKind::QuotaExhausted: return 429;
    case ErrorKind::UpstreamBusy: return 503;
    case ErrorKind::UpstreamFailed: return 502;
    case ErrorKind::Timeout: return 504;
    case ErrorKind::Cancelled: return 499;
    case ErrorKind::Unavailable: return 503;
    case ErrorKind::Internal: return 500;
  }
  return 500;
}

std::string_view error_type_of(const Error& error) noexcept {
  if (const CodeRow* const row = find_row(error.code())) {
    return row->error_type;
  }
  return type_of_status(status_of(error));
}

std::string error_body(const dialects::Dialect& dialect,
                       unsigned status,
                       const Error& error,
                       std::string_view metadata,
                       std::string_view id) {
  const CodeRow* const row = find_row(error.code());
  std::string out;
  dialect.encode_error({.status = status,
                        .code = error.code(),
                        .message = error.detail(),
                        .error_type = row != nullptr ? row->error_type : type_of_status(status),
                        .id = id,
                        .metadata = metadata},
                       out);
  return out;
}

std::string error_body(unsigned status, const Error& error, std::string_view metadata) {
  return error_body(chat(), status, error, metadata, {});
}

std::string failure_body(const dialects::Dialect& dialect,
                         const routing::FinalFailure& failure,
                         std::string_view provider_name,
                         std::string_view id) {
  // The provider's own sentence helps the client most where the fault is the client's.
  std::string message = failure.error.detail();
  if (!failure.provider_message.empty()) {
    message += " The provider says: " + failure.provider_message;
  }
  std::string metadata;
  append_member(metadata, "provider_name", provider_name);
  if (!failure.provider_code.empty()) {
    append_member(metadata, "provider_code", failure.provider_code);
  }
  if (!failure.provider_message.empty()) {
    append_member(metadata, "raw", failure.provider_message);
  }
  if (!failure.previous_errors.empty()) {
    metadata += ",\"previous_errors\":[";
    for (const routing::PreviousError& previous : failure.previous_errors) {
      metadata += metadata.ends_with('[') ? "{\"provider\":" : ",{\"provider\":";
      append_json_string(metadata, previous.provider);
      metadata += ",\"code\":" + std::to_string(previous.code) +
                  ",\"status\":" + std::to_string(previous.code);
      append_member(metadata, "reason", previous.outcome);
      metadata += '}';
    }
    metadata += ']';
  }
  std::string out;
  dialect.encode_error({.status = static_cast<unsigned>(failure.status),
                        .code = failure.error.code(),
                        .message = message,
                        .error_type = failure.error_type,
                        .id = id,
                        .metadata = metadata},
                       out);
  return out;
}

}  // namespace waybill::gateway
