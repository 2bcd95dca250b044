#include "values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string>
#include <system_error>

#include <arpa/inet.h>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

namespace waybill::config {
namespace {

Error not_this(std::string detail) {
  return Error(ErrorKind::InvalidRequest, "invalid_value", std::move(detail));
}

std::string quoted(std::string_view text) {
  return "'" + printable(text, 40) + "'";
}

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

constexpr std::array<Unit, 5> kDurationUnits{
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::uint64_t kLongestDuration = 3'650ULL * 86'400'000;

constexpr std::array<Unit, 5> kSizeUnits{
    {{"", 1}, {"B", 1}, {"KiB", 1U << 10U}, {"MiB", 1U << 20U}, {"GiB", 1U << 30U}}};
constexpr std::uint64_t kLargestSize = 1ULL << 50U;

struct Quantity {
  std::uint64_t count = 0;
  bool fits = false;
  std::string_view unit;
};

// Nothing but digits in front: a count of 0 and the whole text as unit.
Quantity split_quantity(std::string_view text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  Quantity out{.unit = text.substr(digits)};
  const std::string_view number = text.substr(0, digits);
  const auto [end, error] = std::from_chars(number.begin(), number.end(), out.count);
  out.fits = error == std::errc{};
  return out;
}

template <std::size_t N>
const Unit* find_unit(const std::array<Unit, N>& units, std::string_view name) {
  const auto* const it =
      std::find_if(units.begin(), units.end(), [&](const Unit& unit) { return unit.name == name; });
  return it == units.end() ? nullptr : &*it;
}

bool starts_with_digit(std::string_view text) {
  return !text.empty() && is_digit(text.front());
}

}  // namespace

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const Quantity quantity = split_quantity(text);
  const Unit* unit = find_unit(kDurationUnits, quantity.unit);
  if (!starts_with_digit(text) || unit == nullptr) {
    if (starts_with_digit(text) && quantity.unit.empty()) {
      return not_this(quoted(text) + " has no unit (write " + printable(text, 20) + "s or " +
                      printable(text, 20) + "ms)");
    }
    return not_this(quoted(text) + " is not a duration (write it like 200ms, 5s, 15m, 1h or 30d)");
  }
  if (!quantity.fits || quantity.count > kLongestDuration / unit->factor) {
    return not_this(quoted(text) + " is longer than 3650d");
  }
  return std::chrono::milliseconds(quantity.count * unit->factor);
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const Quantity quantity = split_quantity(text);
  const Unit* unit = find_unit(kSizeUnits, quantity.unit);
  if (!starts_with_digit(text) || unit == nullptr) {
    return not_this(quoted(text) + " is not a size (write it like 512B, 64KiB, 32MiB or 1GiB)");
  }
  if (!quantity.fits || quantity.count > kLargestSize / unit->factor) {
    return not_this(quoted(text) + " is larger than 1024TiB");
  }
  return quantity.count * unit->factor;
}

Result<std::int64_t> parse_integer(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.find_first_not_of("0123456789") != std::string_view::npos ||
      (digits.size() > 1 && digits.front() == '0')) {
    return not_this(quoted(text) + " is not a whole number");
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{}) {
    return not_this(quoted(text) + " is too large");
  }
  return value;
}

bool looks_boolean(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 6> kWords{"true", "false", "yes", "no", "on", "off"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return iequals(word, text); });
}

Result<AddressKind> classify_address(std::string_view text) {
  const std::string address = text == "localhost" ? "127.0.0.1" : std::string(text);
  std::array<std::uint8_t, 16> b{};
  if (inet_pton(AF_INET, address.c_str(), b.data()) == 1) {
    if (b[0] == 127) {
      return AddressKind::Loopback;
    }
    if (b[0] == 0) {
      return AddressKind::Any;
    }
    const bool is_private = b[0] == 10 || (b[0] == 172 && (b[1] & 0xF0U) == 16) ||
                            (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254) ||
                            (b[0] == 100 && (b[1] & 0xC0U) == 64);
    return is_private ? AddressKind::Private : AddressKind::Public;
  }
  if (inet_pton(AF_INET6, address.c_str(), b.data()) == 1) {
    const bool zeros = std::all_of(b.begin(), b.end() - 1, [](std::uint8_t x) { return x == 0; });
    if (zeros && b[15] <= 1) {
      return b[15] == 1 ? AddressKind::Loopback : AddressKind::Any;
    }
    const bool is_private = (b[0] & 0xFEU) == 0xFC || (b[0] == 0xFE && (b[1] & 0xC0U) == 0x80);
    return is_private ? AddressKind::Private : AddressKind::Public;
  }
  return not_this(quoted(text) + " is not an IP address (write it like 127.0.0.1 or ::1)");
}

}  // namespace waybill::config
