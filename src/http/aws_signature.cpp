#include "waybill/http/aws_signature.hpp"

#include <algorithm>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <utility>

#include "waybill/base/ascii.hpp"

namespace waybill::http {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view kTerminator = "aws4_request";

struct CanonicalHeaders {
  std::string lines;
  std::string names;  // separated by ';'
};

std::string joined(char separator, std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const std::string_view part : parts) {
    out += part;
    out += separator;
  }
  out.pop_back();
  return out;
}

std::string lowercase(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

// Without blanks at both ends, and one for several: also within quotes.
std::string canonical_value(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (!blank) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (out.ends_with(' ')) {
    out.pop_back();
  }
  return out;
}

CanonicalHeaders canonical_headers(const AwsRequest& request, std::span<const AwsHeader> added) {
  // Values of one name stay in the order they are sent in.
  std::map<std::string, std::string> lines;
  const auto add = [&lines](std::string_view name, std::string_view value) {
    const auto [line, is_new] = lines.try_emplace(lowercase(name));
    line->second += is_new ? "" : ",";
    line->second += canonical_value(value);
  };
  for (const auto& [name, value] : request.headers) {
    add(name, value);
  }
  for (const AwsHeader& header : added) {
    add(header.name, header.value.reveal());
  }
  CanonicalHeaders out;
  for (const auto& [name, value] : lines) {
    out.names += out.names.empty() ? "" : ";";
    out.names += name;
    out.lines += joined(':', {name, value});
    out.lines += '\n';
  }
  return out;
}

// RFC 3986 §2.3 and the slash stay; '%' does not.
std::string canonical_path(std::string_view path) {
  constexpr std::string_view kStays = "-._~/";
  std::string out;
  for (const char c : path) {
    if (is_alphanumeric(c) || kStays.find(c) != std::string_view::npos) {
      out += c;
    } else {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      const auto byte = static_cast<std::uint8_t>(c);
      out += '%';
      out += kDigits[byte >> 4U];
      out += kDigits[byte & 0xFU];
    }
  }
  return out.empty() ? "/" : out;
}

std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string_view, std::string_view>> parameters;
  while (!query.empty()) {
    const std::string_view piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    const std::size_t equals = std::min(piece.find('='), piece.size());
    if (!piece.empty()) {
      parameters.emplace_back(piece.substr(0, equals),
                              piece.substr(std::min(piece.size(), equals + 1)));
    }
  }
  std::ranges::sort(parameters);
  std::string out;
  for (const auto& [name, value] : parameters) {
    out += out.empty() ? "" : "&";
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

std::string_view bytes_of(const Sha256& digest) noexcept {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

// "20150830T123600Z"
std::string basic_time(WallTime time) {
  std::string text = to_rfc3339(time);  // 2015-08-30T12:36:00.000Z
  text.resize(text.find('.'));
  std::erase_if(text, [](char c) { return c == '-' || c == ':'; });
  return text + 'Z';
}

Secret signing_key(const AwsKeys& keys, std::string_view day, const AwsScope& scope) {
  Secret key("AWS4" + std::string(keys.secret_key.reveal()));
  for (const std::string_view step : {day, scope.region, scope.service, kTerminator}) {
    key = Secret(std::string(bytes_of(hmac_sha256(key.reveal(), step))));
  }
  return key;
}

}  // namespace

std::vector<AwsHeader> sign_for_aws(const AwsRequest& request,
                                    const AwsScope& scope,
                                    const AwsKeys& keys,
                                    WallTime time) {
  constexpr std::size_t kDay = 8;
  const std::string now = basic_time(time);
  const std::string day = now.substr(0, kDay);
  std::vector<AwsHeader> added;
  added.push_back({"x-amz-date", Secret(now)});
  if (!keys.session_token.empty()) {
    added.push_back({"x-amz-security-token", keys.session_token});
  }
  const CanonicalHeaders headers = canonical_headers(request, added);
  const std::string canonical =
      joined('\n', {request.method, canonical_path(request.path), canonical_query(request.query),
                    headers.lines, headers.names, to_hex(request.body_hash)});
  const std::string credential_scope = joined('/', {day, scope.region, scope.service, kTerminator});
  const std::string to_sign =
      joined('\n', {kAlgorithm, now, credential_scope, to_hex(sha256(canonical))});
  const Secret key = signing_key(keys, day, scope);
  std::string authorization(kAlgorithm);
  authorization += " Credential=" + joined('/', {keys.access_key_id, credential_scope});
  authorization += ", SignedHeaders=" + headers.names;
  authorization += ", Signature=" + to_hex(hmac_sha256(key.reveal(), to_sign));
  added.push_back({"authorization", Secret(std::move(authorization))});
  return added;
}

}  // namespace waybill::http
