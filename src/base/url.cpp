#include "waybill/base/url.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include <arpa/inet.h>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

namespace waybill {
namespace {

constexpr std::size_t kMaxName = 253;
constexpr std::size_t kMaxLabel = 63;

std::uint16_t default_port(UrlScheme scheme) noexcept {
  return scheme == UrlScheme::Https ? 443 : 80;
}

std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) {
    return std::nullopt;
  }
  unsigned value = 0;
  for (const char c : text) {
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  if (value == 0 || value > 65'535) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(value);
}

// Four numbers up to 255 without leading zeros.
bool is_ipv4(std::string_view text) noexcept {
  for (int part = 0; part < 4; ++part) {
    const std::size_t dot = std::min(text.find('.'), text.size());
    const std::string_view number = text.substr(0, dot);
    if (number.empty() || number.size() > 3 || (number.size() > 1 && number[0] == '0') ||
        !std::all_of(number.begin(), number.end(), is_digit)) {
      return false;
    }
    if (number.size() == 3 && number > "255") {
      return false;
    }
    if ((part < 3) != (dot < text.size())) {
      return false;
    }
    text.remove_prefix(part < 3 ? dot + 1 : dot);
  }
  return true;
}

bool is_ipv6(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) {
    return false;
  }
  std::copy(text.begin(), text.end(), copy.begin());
  in6_addr address{};
  return inet_pton(AF_INET6, copy.data(), &address) == 1;
}

// What the WHATWG standard reads as an IPv4 number in the last label.
bool is_number(std::string_view label) noexcept {
  if (label.size() >= 2 && label[0] == '0' && ascii_lower(label[1]) == 'x') {
    return std::all_of(label.begin() + 2, label.end(), [](char c) { return hex_value(c) >= 0; });
  }
  return std::all_of(label.begin(), label.end(), is_digit);
}

std::optional<HostKind> classify_name(std::string_view text) noexcept {
  if (text.size() > 1 && text.back() == '.') {
    text.remove_suffix(1);
  }
  if (text.empty() || text.size() > kMaxName) {
    return std::nullopt;
  }
  std::size_t label_start = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '.') {
      if (i == label_start) {
        return std::nullopt;
      }
      label_start = i + 1;
    } else if ((!is_alphanumeric(text[i]) && text[i] != '-' && text[i] != '_') ||
               i - label_start >= kMaxLabel) {
      return std::nullopt;
    }
  }
  const std::string_view last = text.substr(label_start);
  if (last.empty()) {
    return std::nullopt;
  }
  if (is_number(last)) {
    return is_ipv4(text) ? std::optional(HostKind::Ipv4) : std::nullopt;
  }
  return HostKind::Name;
}

// Letters that RFC 3986 allows in a path, and valid percent-encoding.
bool is_plain_path(std::string_view path) noexcept {
  constexpr std::string_view kMarks = "-._~!$&'()*+,;=:@/";
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '%') {
      if (i + 2 >= path.size() || hex_value(path[i + 1]) < 0 || hex_value(path[i + 2]) < 0) {
        return false;
      }
      i += 2;
    } else if (!is_alphanumeric(path[i]) && kMarks.find(path[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

// Requires: path starts with '/' and does not end in one.
bool has_odd_segment(std::string_view path) noexcept {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, end);
    if (segment.empty() || segment == "." || segment == "..") {
      return true;
    }
    path.remove_prefix(end);
  }
  return false;
}

Error invalid(const char* detail) {
  return {ErrorKind::InvalidRequest, "invalid_url", detail};
}

bool take_prefix(std::string_view& text, std::string_view prefix) noexcept {
  if (!iequals(text.substr(0, prefix.size()), prefix)) {
    return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::optional<Authority> parse_authority(std::string_view text) noexcept {
  Authority authority;
  std::string_view after;
  if (!text.empty() && text[0] == '[') {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) {
      return std::nullopt;
    }
    authority.kind = HostKind::Ipv6;
    authority.host = text.substr(1, end - 1);
    after = text.substr(end + 1);
  } else {
    const std::size_t end = std::min(text.find(':'), text.size());
    authority.host = text.substr(0, end);
    const std::optional<HostKind> kind = classify_name(authority.host);
    if (!kind) {
      return std::nullopt;
    }
    authority.kind = *kind;
    after = text.substr(end);
  }
  if (after.empty()) {
    return authority;
  }
  if (after[0] != ':') {
    return std::nullopt;
  }
  authority.port = parse_port(after.substr(1));
  return authority.port ? std::optional(authority) : std::nullopt;
}

std::string Url::authority() const {
  std::string out = host_kind == HostKind::Ipv6 ? "[" + host + "]" : host;
  if (port != default_port(scheme)) {
    out += ":" + std::to_string(port);
  }
  return out;
}

std::string Url::to_string() const {
  return (scheme == UrlScheme::Https ? "https://" : "http://") + authority() + path;
}

Result<Url> parse_base_url(std::string_view text) {
  Url url;
  if (take_prefix(text, "https://")) {
    url.scheme = UrlScheme::Https;
  } else if (take_prefix(text, "http://")) {
    url.scheme = UrlScheme::Http;
  } else {
    return invalid("The URL must start with http:// or https://.");
  }
  if (text.find_first_of("?#") != std::string_view::npos) {
    return invalid(
        "The URL must have neither a query nor a fragment; remove '?', '#' and what follows.");
  }
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view authority_text = text.substr(0, slash);
  if (authority_text.find('@') != std::string_view::npos) {
    return invalid(
        "The URL must not hold a user name or password; give credentials in their own setting.");
  }
  const std::optional<Authority> authority = parse_authority(authority_text);
  if (!authority) {
    return invalid(
        "The URL's host or port is not valid; write a name, an IPv4 address or an IPv6 "
        "address in brackets, and a port from 1 to 65535.");
  }
  std::string_view path = text.substr(slash);
  while (!path.empty() && path.back() == '/') {
    path.remove_suffix(1);
  }
  if (!is_plain_path(path) || has_odd_segment(path)) {
    return invalid(
        "The URL's path holds characters or segments that are not allowed; write it "
        "without blanks, '.', '..' and doubled slashes.");
  }
  url.host_kind = authority->kind;
  url.host.resize(authority->host.size());
  std::transform(authority->host.begin(), authority->host.end(), url.host.begin(), ascii_lower);
  url.port = authority->port.value_or(default_port(url.scheme));
  url.path = path;
  return url;
}

}  // namespace waybill
