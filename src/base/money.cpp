#include "waybill/base/money.hpp"

#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

namespace waybill {
namespace {

constexpr unsigned kMoneyScale = 12;
constexpr std::uint64_t kDollar = 1'000'000'000'000;

constexpr std::array<std::array<char, 2>, 100> kDigitPairs = [] {
  std::array<std::array<char, 2>, 100> pairs{};
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    pairs[i] = {static_cast<char>('0' + i / 10), static_cast<char>('0' + i % 10)};
  }
  return pairs;
}();

Error not_a_decimal(std::string_view text) {
  std::string detail = "'" + printable(text, 40) + "' is not a decimal number";
  // The comma may lie in what printable() cut off.
  std::string fixed = printable(text, 40);
  const std::size_t comma = fixed.find(',');
  if (comma != std::string::npos) {
    fixed[comma] = '.';
    detail += " (write " + fixed + ")";
  } else {
    detail += " (write digits with at most one point, such as 0.15)";
  }
  return {ErrorKind::InvalidRequest, "invalid_decimal", std::move(detail)};
}

Error out_of_range(std::string_view text) {
  return {
      ErrorKind::InvalidRequest, "money_out_of_range",
      "'" + printable(text, 40) + "' is too large or has more decimals than can be kept exactly"};
}

// The point and what follows it; nothing for no picodollars.
char* write_fraction(char* at, std::uint64_t picodollars) noexcept {
  if (picodollars == 0) {
    return at;
  }
  *at++ = '.';
  for (char* pair = at + kMoneyScale; pair != at; picodollars /= 100) {
    pair -= 2;
    std::memcpy(pair, kDigitPairs[picodollars % 100].data(), 2);
  }
  at += kMoneyScale;
  while (at[-1] == '0') {
    --at;
  }
  return at;
}

}  // namespace

std::optional<Money> to_money(Int128 picodollars) noexcept {
  if (picodollars > std::numeric_limits<std::int64_t>::max() ||
      picodollars < std::numeric_limits<std::int64_t>::min()) {
    return std::nullopt;
  }
  return Money::picodollars(static_cast<std::int64_t>(picodollars));
}

std::optional<Money> add(Money a, Money b) noexcept {
  return to_money(Int128{a.count()} + Int128{b.count()});
}

std::optional<Money> subtract(Money a, Money b) noexcept {
  return to_money(Int128{a.count()} - Int128{b.count()});
}

std::optional<Money> multiply(Money unit, std::uint64_t quantity) noexcept {
  return to_money(Int128{unit.count()} * static_cast<Int128>(quantity));
}

char* write_decimal(char* at, Money amount) noexcept {
  auto count = static_cast<std::uint64_t>(amount.count());
  if (amount.count() < 0) {
    *at++ = '-';
    count = 0 - count;  // unsigned: the most negative count has no positive twin
  }
  at = std::to_chars(at, at + kMaxDecimalSize, count / kDollar).ptr;
  return write_fraction(at, count % kDollar);
}

std::string to_decimal(Money amount) {
  std::array<char, kMaxDecimalSize> text{};
  return {text.data(), write_decimal(text.data(), amount)};
}

std::string to_decimal(MoneySum sum) {
  const bool negative = sum.count() < 0;
  Int128 dollars = sum.count() / kDollar;
  const auto fraction = static_cast<std::uint64_t>(sum.count() % kDollar * (negative ? -1 : 1));
  std::string digits;  // from the last to the first
  do {
    digits += static_cast<char>('0' + static_cast<int>(dollars % 10) * (negative ? -1 : 1));
    dollars /= 10;
  } while (dollars != 0);
  std::string out = negative ? "-" : "";
  out.append(digits.rbegin(), digits.rend());
  std::array<char, kMaxDecimalSize> rest{};
  return out.append(rest.data(), write_fraction(rest.data(), fraction));
}

Result<std::int64_t> parse_scaled(std::string_view text, unsigned scale) {
  const bool negative = text.starts_with('-');
  const std::string_view digits = negative ? text.substr(1) : text;
  const std::size_t point = digits.find('.');
  const std::string_view whole = digits.substr(0, point);
  const std::string_view fraction =
      point == std::string_view::npos ? std::string_view{} : digits.substr(point + 1);
  if (whole.empty() || (point != std::string_view::npos && fraction.empty())) {
    return not_a_decimal(text);
  }

  constexpr Int128 kLimit = std::numeric_limits<std::int64_t>::max();
  Int128 value = 0;
  bool fits = true;
  unsigned decimals = 0;
  for (const std::string_view part : {whole, fraction}) {
    for (const char c : part) {
      if (!is_digit(c)) {
        return not_a_decimal(text);
      }
      if (part.data() == fraction.data() && decimals == scale) {
        fits = fits && c == '0';  // zeros beyond the scale change nothing
        continue;
      }
      if (part.data() == fraction.data()) {
        ++decimals;
      }
      value = fits ? value * 10 + (c - '0') : value;
      fits = fits && value <= kLimit;
    }
  }
  for (; fits && decimals < scale; ++decimals) {
    value *= 10;
    fits = value <= kLimit;
  }
  if (!fits) {
    return out_of_range(text);
  }
  return static_cast<std::int64_t>(negative ? -value : value);
}

Result<Money> parse_money(std::string_view text) {
  auto scaled = parse_scaled(text, kMoneyScale);
  if (!scaled) {
    return scaled.error();
  }
  return Money::picodollars(*scaled);
}

}  // namespace waybill
