#include "access.hpp"

#include <charconv>
#include <chrono>
#include <string>

#include "waybill/base/digest.hpp"
#include "waybill/base/text.hpp"
#include "waybill/http/aws_signature.hpp"

namespace waybill::app::simulator {
namespace {

constexpr std::string_view kSignatureScheme = "AWS4-HMAC-SHA256 ";
constexpr std::chrono::minutes kMostSkew{15};

std::string_view header(const Request& request, std::string_view name) {
  for (const auto& [known, value] : request.headers) {
    if (iequals(known, name)) {
      return value;
    }
  }
  return {};
}

bool is_bearer(const Request& request, std::string_view key) {
  return request.authorization == "Bearer " + std::string(key);
}

// Whether the key stands where clients of that dialect put it.
bool has_key(const Request& request, const DialectRoute* route, const std::string& key) {
  if (is_bearer(request, key)) {
    return true;
  }
  if (route == nullptr || route->dialect == "openai_responses") {
    return header(request, "api-key") == key;  // Azure
  }
  if (route->dialect == "anthropic_messages") {
    return header(request, "x-api-key") == key;
  }
  if (route->dialect == "gemini") {
    return header(request, "x-goog-api-key") == key ||
           ("&" + std::string(request.query) + "&").find("&key=" + key + "&") != std::string::npos;
  }
  return false;
}

// --- signatures -----------------------------------------------------------------------

// "Name=value" among those of an Authorization, up to a comma or blank.
std::string_view member(std::string_view authorization, std::string_view name) {
  const std::size_t at = authorization.find(name);
  if (at == std::string_view::npos) {
    return {};
  }
  const std::string_view rest = authorization.substr(at + name.size());
  return rest.substr(0, rest.find_first_of(", "));
}

// "20150830T123600Z"
std::optional<WallTime> parse_time(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') {
    return std::nullopt;
  }
  const auto number = [text](std::size_t at, std::size_t size) {
    int value = -1;
    const auto [end, error] = std::from_chars(&text[at], &text[at] + size, value);
    return error == std::errc{} && end == &text[at] + size ? value : -1;
  };
  const int month = number(4, 2);
  const int day = number(6, 2);
  const std::chrono::year_month_day date{std::chrono::year(number(0, 4)),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (month < 1 || day < 1 || !date.ok()) {
    return std::nullopt;
  }
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(number(9, 2)) +
         std::chrono::minutes(number(11, 2)) + std::chrono::seconds(number(13, 2));
}

// The lines that were signed, without those that signing adds.
std::optional<std::vector<http::Fields::Line>> signed_lines(const Request& request,
                                                            std::string_view names) {
  std::vector<http::Fields::Line> lines;
  bool has_host = false;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find(';'));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    has_host = has_host || name == "host";
    if (name == "x-amz-date" || name == "x-amz-security-token") {
      continue;
    }
    for (const auto& [known, value] : request.headers) {
      if (iequals(known, name)) {
        lines.push_back({known, value});
      }
    }
  }
  return has_host ? std::optional(std::move(lines)) : std::nullopt;
}

// "AKID/20150830/us-east-1/bedrock/aws4_request": the parts between the slashes.
std::vector<std::string_view> scope_of(std::string_view credential) {
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t slash = credential.find('/');
    parts.push_back(credential.substr(0, slash));
    if (slash == std::string_view::npos) {
      return parts;
    }
    credential.remove_prefix(slash + 1);
  }
}

Reply aws_refusal(std::string_view type, std::string message) {
  return error_reply(Family::Aws,
                     {.status = 403, .type = {}, .code = type, .message = std::move(message)});
}

// Signs once more, and compares.
std::optional<Reply> refuse_signature(const EngineOptions& options, const Request& request) {
  const std::string_view authorization = request.authorization;
  const auto scope = scope_of(member(authorization, "Credential="));
  const auto time = parse_time(header(request, "x-amz-date"));
  const auto lines = signed_lines(request, member(authorization, "SignedHeaders="));
  if (scope.size() != 5 || !time || !lines) {
    return aws_refusal("IncompleteSignatureException",
                       "Authorization header requires 'Credential', 'SignedHeaders', 'Signature' "
                       "and the header x-amz-date, and host must be signed.");
  }
  if (scope[0] != options.aws_access_key) {
    return aws_refusal("UnrecognizedClientException",
                       "The security token included in the request is invalid.");
  }
  if (*time < request.now - kMostSkew || *time > request.now + kMostSkew) {
    return aws_refusal("InvalidSignatureException", "Signature expired: " + to_rfc3339(*time) +
                                                        " is more than 15 minutes from " +
                                                        to_rfc3339(request.now));
  }
  const http::AwsKeys keys{
      .access_key_id = options.aws_access_key,
      .secret_key = Secret(options.aws_secret_key),
      .session_token = Secret(std::string(header(request, "x-amz-security-token")))};
  const auto again = http::sign_for_aws({.method = request.method,
                                         .path = request.path,
                                         .query = request.query,
                                         .headers = *lines,
                                         .body_hash = sha256(request.body)},
                                        {.region = scope[2], .service = scope[3]}, keys, *time);
  const std::string_view right = member(again.back().value.reveal(), "Signature=");
  if (scope[3] != "bedrock" || right != member(authorization, "Signature=")) {
    return aws_refusal("InvalidSignatureException",
                       "The request signature we calculated does not match the signature you "
                       "provided. Check your AWS Secret Access Key and signing method. Consult the "
                       "service documentation for details.");
  }
  return std::nullopt;
}

// Bedrock takes a key of its own, as a bearer, or a signature.
std::optional<Reply> refuse_on_aws(const EngineOptions& options, const Request& request) {
  if (!options.api_key.empty() && is_bearer(request, options.api_key)) {
    return std::nullopt;
  }
  if (!options.aws_access_key.empty() && request.authorization.starts_with(kSignatureScheme)) {
    return refuse_signature(options, request);
  }
  if (request.authorization.empty()) {
    return aws_refusal("MissingAuthenticationTokenException", "Missing Authentication Token");
  }
  return aws_refusal("UnrecognizedClientException",
                     "The security token included in the request is invalid.");
}

std::string_view refusal_words(const DialectRoute* route) {
  if (route == nullptr || route->family == Family::OpenAi) {
    return "Incorrect API key provided. The simulator was started with --api-key.";
  }
  switch (route->family) {
    case Family::Anthropic: return "invalid x-api-key";
    case Family::Google: return "API key not valid. Please pass a valid API key.";
    case Family::Cohere: return "invalid api token";
    default: return "unauthorized";
  }
}

}  // namespace

std::optional<Reply> refuse_stranger(const EngineOptions& options,
                                     const Request& request,
                                     const DialectRoute* route) {
  if (route != nullptr && route->family == Family::Aws) {
    return options.api_key.empty() && options.aws_access_key.empty()
               ? std::nullopt
               : refuse_on_aws(options, request);
  }
  if (options.api_key.empty() || has_key(request, route, options.api_key)) {
    return std::nullopt;
  }
  return error_reply(route == nullptr ? Family::OpenAi : route->family,
                     {.status = 401,
                      .type = "invalid_request_error",
                      .code = "invalid_api_key",
                      .message = std::string(refusal_words(route))});
}

}  // namespace waybill::app::simulator
