#include "waybill/gateway/credentials.hpp"

#include <array>

#include "waybill/base/text.hpp"

namespace waybill::gateway {
namespace {

// "Bearer <token>", the scheme in any case (RFC 9110 §11.1); the bare token is
// taken too, because some clients let people type the whole header value.
std::string_view bearer_token(std::string_view value) noexcept {
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() >= kScheme.size() && iequals(value.substr(0, kScheme.size()), kScheme)) {
    value.remove_prefix(kScheme.size());
  }
  return trim_ows(value);
}

bool has_key_parameter(std::string_view query) noexcept {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    const std::string_view name = pair.substr(0, pair.find('='));
    if (name == "key" || name == "api_key" || name == "api-key" || name == "access_token") {
      return true;
    }
    query.remove_prefix(pair.size() == query.size() ? query.size() : pair.size() + 1);
  }
  return false;
}

}  // namespace

Result<std::string_view> presented_key(const http::RequestHead& head) {
  if (!head.query.empty() && has_key_parameter(head.query)) {
    return Error(ErrorKind::InvalidRequest, "key_in_query",
                 "Keys are not accepted in the URL, where logs would keep them; send it as "
                 "'Authorization: Bearer'.");
  }
  const std::array<std::string_view, 4> found{
      bearer_token(head.header(http::Field::authorization)),
      head.header("x-api-key"),
      head.header("api-key"),
      head.header("x-goog-api-key"),
  };
  std::string_view key;
  for (const std::string_view candidate : found) {
    if (candidate.empty()) {
      continue;
    }
    if (!key.empty() && key != candidate) {
      return Error(ErrorKind::InvalidRequest, "ambiguous_credentials",
                   "The request carries different keys in different headers; send one.");
    }
    key = candidate;
  }
  return key;
}

Result<Caller> authenticate(std::string_view key_text,
                            std::shared_ptr<const ledger::KeyIndex> keys,
                            WallTime now) {
  if (key_text.empty()) {
    return Error(ErrorKind::Unauthenticated, "missing_api_key",
                 "No API key was sent; send one as 'Authorization: Bearer sk-wb-...' "
                 "('waybill keys create' makes one).");
  }
  const ledger::KeyRecord* const key = keys->find_usable(ledger::key_hash(key_text), now);
  if (key == nullptr) {
    return Error(
        ErrorKind::Unauthenticated, "invalid_api_key",
        "This API key is not valid here; check it, or make another with 'waybill keys create'.");
  }
  return Caller{std::move(keys), key};
}

}  // namespace waybill::gateway
