#include "media_url.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>

#include <arpa/inet.h>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

namespace waybill::dialects {
namespace {

using Address4 = std::array<std::uint8_t, 4>;
using Address6 = std::array<std::uint8_t, 16>;

// IANA special-purpose registries (RFC 6890 and successors): not globally reachable.
bool is_private(const Address4& a) noexcept {
  return a[0] == 0 || a[0] == 10 || a[0] == 127 || a[0] >= 224 ||  // this, private, loop, multicast
         (a[0] == 100 && (a[1] & 0xC0U) == 64) ||                  // carrier-grade NAT
         (a[0] == 169 && a[1] == 254) ||                           // link-local, cloud metadata
         (a[0] == 172 && (a[1] & 0xF0U) == 16) || (a[0] == 192 && a[1] == 168) ||
         (a[0] == 192 && a[1] == 0 && (a[2] == 0 || a[2] == 2)) ||
         (a[0] == 192 && a[1] == 88 && a[2] == 99) ||   // 6to4 relays
         (a[0] == 198 && (a[1] & 0xFEU) == 18) ||       // benchmarks
         (a[0] == 198 && a[1] == 51 && a[2] == 100) ||  // documentation
         (a[0] == 203 && a[1] == 0 && a[2] == 113) || a == Address4{168, 63, 129, 16} ||
         a == Address4{100, 100, 100, 200};  // metadata
}

// Only 2000::/3 is public, and of that not what wraps an IPv4 address.
bool is_private(const Address6& a) noexcept {
  const bool global = (a[0] & 0xE0U) == 0x20;
  const bool six_to_four = a[0] == 0x20 && a[1] == 0x02;
  const bool special = a[0] == 0x20 && a[1] == 0x01 && a[2] < 0x02;  // Teredo, ORCHID, ...
  const bool documentation = a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0D && a[3] == 0xB8;
  const bool documentation2 = a[0] == 0x3F && a[1] == 0xFF;
  return !global || six_to_four || special || documentation || documentation2;
}

template <class Address>
std::optional<Address> parse_address(int family, std::string_view text) {
  Address address{};
  const std::string terminated(text);
  if (inet_pton(family, terminated.c_str(), address.data()) != 1) {
    return std::nullopt;
  }
  return address;
}

// A last label that is a number makes the WHATWG parser read an IPv4 address in
// any of its old spellings (0x7f.1, 017700000001, 2130706433).
bool looks_numeric(std::string_view host) noexcept {
  const std::string_view label = host.substr(host.rfind('.') + 1);
  const bool digits = std::ranges::all_of(label, is_digit);
  return digits || (label.size() >= 2 && label[0] == '0' && ascii_lower(label[1]) == 'x');
}

bool is_inside_name(std::string_view host) {
  static constexpr std::array<std::string_view, 12> kSuffixes{
      "localhost", "local",     "localdomain", "internal", "intranet",     "lan",
      "home",      "home.arpa", "corp",        "private",  "ip6-loopback", "ip6-localhost"};
  const bool has_dot = host.find('.') != std::string_view::npos;
  return !has_dot || std::ranges::any_of(kSuffixes, [&](std::string_view suffix) {
    return host.size() > suffix.size() && host.ends_with(suffix) &&
           host[host.size() - suffix.size() - 1] == '.';
  });
}

MediaUrl classify_name(std::string_view written) {
  std::string host;
  for (const char c : written) {
    host += ascii_lower(c);
  }
  if (host.ends_with('.')) {
    host.pop_back();
  }
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  if (host.empty() || host.size() > 253 || host.starts_with('.') || host.ends_with('.') ||
      host.find("..") != std::string::npos ||
      host.find_first_not_of(kAllowed) != std::string::npos) {
    return MediaUrl::Malformed;
  }
  if (looks_numeric(host)) {
    const auto address = parse_address<Address4>(AF_INET, host);
    return !address || is_private(*address) ? MediaUrl::Private : MediaUrl::Remote;
  }
  return is_inside_name(host) ? MediaUrl::Private : MediaUrl::Remote;
}

// Ports that carry other protocols are the classic target of a forged request.
bool is_good_port(std::string_view port) noexcept {
  unsigned number = 0;
  const auto [end, ec] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (ec != std::errc() || end != port.data() + port.size()) {
    return false;
  }
  return number == 80 || number == 443 || (number >= 1024 && number <= 65535 && number != 6379);
}

MediaUrl classify_authority(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port = "80";
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      return MediaUrl::Malformed;
    }
    host = authority.substr(1, close - 1);
    const std::string_view rest = authority.substr(close + 1);
    if (!rest.empty()) {
      port = rest.starts_with(':') ? rest.substr(1) : std::string_view();
    }
    const auto address = parse_address<Address6>(AF_INET6, host);
    if (!address || !is_good_port(port)) {
      return MediaUrl::Malformed;
    }
    return is_private(*address) ? MediaUrl::Private : MediaUrl::Remote;
  }
  if (const std::size_t colon = authority.find(':'); colon != std::string_view::npos) {
    host = authority.substr(0, colon);
    port = authority.substr(colon + 1);
  }
  return is_good_port(port) ? classify_name(host) : MediaUrl::Malformed;
}

bool has_scheme(std::string_view url, std::string_view scheme) noexcept {
  return iequals(url.substr(0, scheme.size()), scheme);
}

}  // namespace

MediaUrl classify_media_url(std::string_view url) {
  if (has_scheme(url, "data:")) {
    return MediaUrl::Data;
  }
  const std::size_t prefix = has_scheme(url, "https:") ? 6 : has_scheme(url, "http:") ? 5 : 0;
  if (prefix == 0) {
    return MediaUrl::BadScheme;
  }
  const std::string_view rest = url.substr(prefix);
  const auto is_doubtful = [](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    return byte <= 0x20 || byte == 0x7F || byte == '\\';
  };
  if (!rest.starts_with("//") || std::ranges::any_of(rest, is_doubtful)) {
    return MediaUrl::Malformed;
  }
  const std::string_view tail = rest.substr(2);
  const std::string_view authority = tail.substr(0, tail.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos) {
    return MediaUrl::Malformed;
  }
  return classify_authority(authority);
}

}  // namespace waybill::dialects
