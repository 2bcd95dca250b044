#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"
#include "waybill/routing/outcome.hpp"

namespace waybill::routing {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kLeast = 1;
constexpr std::int64_t kMost = 60;

seconds clamped(std::int64_t count) noexcept {
  return seconds(std::clamp(count, kLeast, kMost));
}

// "120", "-5", "0.5" and digits without end: only whether it is above 60 matters, so
// the count saturates.
std::optional<seconds> parse_seconds(std::string_view text) noexcept {
  const bool negative = text.starts_with('-');
  if (negative) {
    text.remove_prefix(1);
  }
  std::int64_t whole = 0;
  std::size_t at = 0;
  for (; at < text.size() && is_digit(text[at]); ++at) {
    whole = std::min<std::int64_t>(whole * 10 + (text[at] - '0'), 1'000'000);
  }
  if (at == 0) {
    return std::nullopt;
  }
  bool fraction = false;
  if (at < text.size() && text[at] == '.') {
    for (++at; at < text.size() && is_digit(text[at]); ++at) {
      fraction = fraction || text[at] != '0';
    }
  }
  if (at != text.size()) {
    return std::nullopt;
  }
  return clamped(negative ? 0 : whole + (fraction ? 1 : 0));
}

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) noexcept {
  int value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (!is_digit(text[i])) {
      return std::nullopt;
    }
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

// IMF-fixdate, RFC 9110 §5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".  The obsolete
// forms are not read: no provider sends them.
std::optional<std::chrono::sys_seconds> parse_date(std::string_view text) noexcept {
  constexpr std::string_view kShape = "xxx, 00 xxx 0000 00:00:00 GMT";
  if (text.size() != kShape.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char want = kShape[i];
    if (want != 'x' && want != '0' && text[i] != want) {
      return std::nullopt;
    }
  }
  constexpr std::array<std::string_view, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto* const month = std::ranges::find(kMonths, text.substr(8, 3));
  const auto day = digits(text, 5, 2);
  const auto year = digits(text, 12, 4);
  const auto hour = digits(text, 17, 2);
  const auto minute = digits(text, 20, 2);
  const auto second = digits(text, 23, 2);
  if (month == kMonths.end() || !day || !year || !hour || !minute || !second) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date(
      std::chrono::year(*year),
      std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
      std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok() || *hour > 23 || *minute > 59 || *second > 60) {
    return std::nullopt;
  }
  return std::chrono::sys_days(date) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
         seconds(*second);
}

}  // namespace

std::optional<seconds> parse_retry_after(std::string_view field, WallTime now) noexcept {
  const std::string_view text = trim_ows(field);
  if (const auto wait = parse_seconds(text)) {
    return wait;
  }
  if (const auto date = parse_date(text)) {
    return clamped(std::chrono::ceil<seconds>(*date - now).count());
  }
  return std::nullopt;
}

}  // namespace waybill::routing
