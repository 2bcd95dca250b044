// The scalar types of settings: durations, sizes, integers, addresses.

#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "waybill/base/result.hpp"

namespace waybill::config {

// "200ms", "5s", "15m", "1h", "30d": digits and a unit, at most 3,650 days.
// The detail of a failure is a half sentence after the member's name.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

// "32MiB", "64KiB", "1GiB", "512B" or plain bytes.
Result<std::uint64_t> parse_size(std::string_view text);

// Decimal digits, maybe with a minus in front; underscores and leading zeros refused.
Result<std::int64_t> parse_integer(std::string_view text);

// Whether plain YAML text would be a truth value to some reader (the "Norway
// problem": country: NO).
[[nodiscard]] bool looks_boolean(std::string_view text) noexcept;

enum class AddressKind : std::uint8_t {
  Loopback,
  Private,  // RFC 1918, RFC 6598, link-local, unique local
  Any,      // 0.0.0.0 or ::
  Public,
};

// Fails unless `text` is an IPv4 or IPv6 address or "localhost".
Result<AddressKind> classify_address(std::string_view text);

}  // namespace waybill::config
