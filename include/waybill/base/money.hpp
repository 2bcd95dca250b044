// Exact money: an integer count of picodollars, with checked arithmetic.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"

namespace waybill {

// The product and sum type of prices and quantities; a pair of 64-bit factors
// cannot overflow it.
__extension__ using Int128 = __int128;

// An amount of US dollars in picodollars (1e-12 USD).
//
// One token of every price published per million tokens with up to six decimals
// is a whole number of picodollars.  The range is +-9.2 million USD; arithmetic
// that would leave it reports failure and never wraps.
//
// Thread safety: a value.
class Money {
 public:
  constexpr Money() noexcept = default;
  static constexpr Money picodollars(std::int64_t count) noexcept { return Money(count); }

  // The amount nobody reaches by a typo: more than this in one entry is refused.
  static constexpr Money largest_entry() noexcept { return Money(1'000'000'000'000'000'000); }

  [[nodiscard]] constexpr std::int64_t count() const noexcept { return count_; }
  [[nodiscard]] constexpr bool is_zero() const noexcept { return count_ == 0; }

  friend constexpr auto operator<=>(Money, Money) noexcept = default;

 private:
  explicit constexpr Money(std::int64_t count) noexcept : count_(count) {}
  std::int64_t count_ = 0;
};

// A sum of amounts, in picodollars: no number of them that fits a disk leaves its range.
//
// Thread safety: a value.
class MoneySum {
 public:
  constexpr MoneySum() noexcept = default;
  static constexpr MoneySum picodollars(Int128 count) noexcept { return MoneySum(count); }

  [[nodiscard]] constexpr Int128 count() const noexcept { return count_; }

  friend constexpr auto operator<=>(MoneySum, MoneySum) noexcept = default;

 private:
  explicit constexpr MoneySum(Int128 count) noexcept : count_(count) {}
  Int128 count_ = 0;
};

// Nothing on overflow.
[[nodiscard]] std::optional<Money> add(Money a, Money b) noexcept;
[[nodiscard]] std::optional<Money> subtract(Money a, Money b) noexcept;
[[nodiscard]] std::optional<Money> multiply(Money unit, std::uint64_t quantity) noexcept;
[[nodiscard]] std::optional<Money> to_money(Int128 picodollars) noexcept;

// "0.000000000123": plain decimal dollars, at least one digit before the point,
// no exponent, no trailing zeros ("0" for nothing, "-0.5" for a debt).  Also a
// valid JSON number.
[[nodiscard]] std::string to_decimal(Money amount);
[[nodiscard]] std::string to_decimal(MoneySum sum);

// The same to where the caller has room for kMaxDecimalSize bytes.  Returns the
// end of what was written; no NUL follows.
inline constexpr std::size_t kMaxDecimalSize = 24;
char* write_decimal(char* at, Money amount) noexcept;

// Decimal dollars as written by people and price lists: [-]digits[.digits], at
// most 12 decimals that matter.  Fails with code "invalid_decimal" on anything
// else (exponents, signs, commas, blanks) and "money_out_of_range" on what does
// not fit.
Result<Money> parse_money(std::string_view text);

// A decimal number times 10^scale as an integer, exact or refused (same grammar
// and codes).  parse_scaled("0.15", 6) == 150000.
// Requires: scale <= 18.
Result<std::int64_t> parse_scaled(std::string_view text, unsigned scale);

}  // namespace waybill
