#include "waybill/base/money.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace waybill {
namespace {

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

struct DecimalCase {
  std::string text;
  std::int64_t picodollars;
};

TEST(ParseMoney, DecimalsAreExact) {
  const std::vector<DecimalCase> cases{
      {"0", 0},
      {"1", 1'000'000'000'000},
      {"0.15", 150'000'000'000},
      {"0.000000000001", 1},
      {"0.0000000000010000", 1},
      {"-2.5", -2'500'000'000'000},
      {"007.10", 7'100'000'000'000},
      {"9223372.036854775807", kMax},
  };
  for (const auto& [text, picodollars] : cases) {
    const auto parsed = parse_money(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->count(), picodollars) << text;
  }
}

TEST(ParseMoney, WhatIsNotADecimalIsRefused) {
  for (const std::string text : {"", ".", "1.", ".5", "1e3", "+1", "0,15", " 1", "1 ", "--1", "0x1",
                                 "NaN", "1.2.3", "1_000", "\xD9\xA1"}) {
    const auto parsed = parse_money(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), "invalid_decimal") << text;
  }
}

TEST(ParseMoney, WhatDoesNotFitIsRefused) {
  for (const std::string text :
       {"0.0000000000001", "9223372.036854775808", "99999999999999999999999999999999999999999"}) {
    const auto parsed = parse_money(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), "money_out_of_range") << text;
  }
}

TEST(ParseMoney, ACommaGetsASuggestion) {
  EXPECT_EQ(parse_money("0,15").error().detail(), "'0,15' is not a decimal number (write 0.15)");
}

TEST(MoneyText, RoundTripsForRandomAmounts) {
  std::mt19937_64 random(
      20261125);  // NOLINT(bugprone-random-generator-seed): repeatable on purpose
  for (int i = 0; i < 100'000; ++i) {
    const auto amount = Money::picodollars(static_cast<std::int64_t>(random()) >> (random() % 63));
    const auto parsed = parse_money(to_decimal(amount));
    if (amount.count() == kMin) {
      continue;  // has no positive twin, so its text is refused
    }
    ASSERT_TRUE(parsed) << to_decimal(amount);
    ASSERT_EQ(*parsed, amount);
  }
}

TEST(MoneyText, IsPlainDecimal) {
  EXPECT_EQ(to_decimal(Money{}), "0");
  EXPECT_EQ(to_decimal(Money::picodollars(1)), "0.000000000001");
  EXPECT_EQ(to_decimal(Money::picodollars(-1'500'000'000'000)), "-1.5");
  EXPECT_EQ(to_decimal(Money::picodollars(kMin)), "-9223372.036854775808");
}

TEST(MoneyText, OfASumIsThatOfAnAmountAndGoesOn) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 10'000; ++i) {
    const auto count = static_cast<std::int64_t>(random()) >> (random() % 64);
    EXPECT_EQ(to_decimal(MoneySum::picodollars(count)), to_decimal(Money::picodollars(count)));
  }
  EXPECT_EQ(to_decimal(MoneySum{}), "0");
  EXPECT_EQ(to_decimal(MoneySum::picodollars(Int128{kMax} + 1)), "9223372.036854775808");
  EXPECT_EQ(to_decimal(MoneySum::picodollars(Int128{kMin} * 1'000'000 - 1)),
            "-9223372036854.775808000001");
  EXPECT_EQ(to_decimal(MoneySum::picodollars(Int128{kMax} << 64)),
            "170141183460469231713240559.642174554112");
}

TEST(MoneyText, OfTheLargestSums) {
  constexpr Int128 kMost = (Int128{kMax} << 64) + static_cast<Int128>(~std::uint64_t{0});
  EXPECT_EQ(to_decimal(MoneySum::picodollars(kMost)), "170141183460469231731687303.715884105727");
  EXPECT_EQ(to_decimal(MoneySum::picodollars(-kMost - 1)),
            "-170141183460469231731687303.715884105728");
}

TEST(MoneyArithmetic, OverflowIsReported) {
  EXPECT_FALSE(add(Money::picodollars(kMax), Money::picodollars(1)));
  EXPECT_FALSE(subtract(Money::picodollars(kMin), Money::picodollars(1)));
  EXPECT_FALSE(multiply(Money::picodollars(kMax), 2));
  EXPECT_FALSE(multiply(Money::picodollars(1), std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(multiply(Money::picodollars(1'000'000'000), 2'000'000)->count(), 2'000'000'000'000'000);
}

// Ten million tiny generations and one big sum agree exactly (attacks.md B14).
TEST(MoneyArithmetic, B14ManySmallAmountsSumExactly) {
  Money sum;
  const Money one = Money::picodollars(333'333'333);
  for (int i = 0; i < 10'000'000; ++i) {
    sum = *add(sum, one);
  }
  EXPECT_EQ(sum, *multiply(one, 10'000'000));
}

}  // namespace
}  // namespace waybill
