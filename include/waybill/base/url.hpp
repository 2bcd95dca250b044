// The few URLs that settings name: base URLs of providers, proxies, webhooks.
//
// Stricter than the WHATWG URL standard on purpose: what two programs could read
// as two different hosts is refused, never repaired.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"

namespace waybill {

enum class HostKind : std::uint8_t {
  Name,  // letters, digits, '-', '_' and '.'
  Ipv4,  // four decimal numbers
  Ipv6,  // in the text without its brackets
};

// `host[:port]` (RFC 3986 §3.2 without userinfo), as views into the text.
struct Authority {
  HostKind kind = HostKind::Name;
  std::string_view host;              // as written; an IPv6 address without brackets
  std::optional<std::uint16_t> port;  // 1-65535

  friend bool operator==(const Authority&, const Authority&) = default;
};

// Nothing unless `text` is a host with an optional port and nothing else.  Names
// have labels of 1-63 characters, 253 in all, and may end in one dot; a name whose
// last label is a number ("127.1", "0x7f.1") must be a whole IPv4 address without
// leading zeros.  Empty ports, ports with more than five digits, percent-encoding,
// IPv6 zones and anything that is not ASCII are refused.  Allocates nothing.
[[nodiscard]] std::optional<Authority> parse_authority(std::string_view text) noexcept;

enum class UrlScheme : std::uint8_t {
  Http,
  Https,
};

// An http(s) URL reduced to what a connection and a request line need.
struct Url {
  UrlScheme scheme = UrlScheme::Https;
  HostKind host_kind = HostKind::Name;
  std::string host;        // lower case; an IPv6 address without brackets
  std::uint16_t port = 0;  // the scheme's default where none is written
  std::string path;        // "" or "/v1": never ends in '/'

  // "host", "host:8080", "[::1]:8080": the value of a Host field (RFC 9110 §7.2);
  // the scheme's default port is left out.
  [[nodiscard]] std::string authority() const;

  // "https://host:8080/v1": parses to the same value.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Url&, const Url&) = default;
};

// Parses an absolute http or https URL with an optional path prefix.  Refuses
// userinfo, queries, fragments, dot segments, empty segments inside the path,
// backslashes, controls, blanks and what parse_authority() refuses.  Fails with
// InvalidRequest "invalid_url"; the detail never repeats the text, which may hold
// a secret.
[[nodiscard]] Result<Url> parse_base_url(std::string_view text);

}  // namespace waybill
