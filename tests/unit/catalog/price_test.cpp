#include "waybill/catalog/price.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::catalog {
namespace {

Money pico(std::int64_t count) {
  return Money::picodollars(count);
}

UnitPrices base_prices() {
  UnitPrices prices;
  prices.prompt = pico(100);
  prices.completion = pico(1000);
  return prices;
}

UnitPrices all_prices() {
  UnitPrices prices = base_prices();
  prices.cache_read = pico(10);
  prices.cache_write = pico(125);
  prices.reasoning = pico(2000);
  prices.audio_prompt = pico(300);
  prices.audio_completion = pico(4000);
  prices.image_completion = pico(5000);
  prices.image = pico(70'000);
  prices.request = pico(900'000);
  return prices;
}

PriceTier tier(std::uint64_t above, std::int64_t prompt) {
  PriceTier out{.above_prompt_tokens = above, .prices = {}};
  out.prices.prompt = pico(prompt);
  return out;
}

struct CostCase {
  std::string name;
  PriceTable table;
  UsageCounts counts;
  std::int64_t total;
  std::int64_t prompt;
  std::int64_t completion;
};

TEST(ComputeCost, ChargesEveryTokenInOneClass) {
  const PriceTable plain = *make_price_table(base_prices());
  const PriceTable full = *make_price_table(all_prices());
  const PriceTable tiered = *make_price_table(base_prices(), {tier(200, 150), tier(1000, 400)});
  const std::vector<CostCase> cases{
      {"nothing used", plain, {.requests = 0}, 0, 0, 0},
      {"plain", plain, {.prompt = 10, .completion = 3}, 4000, 1000, 3000},
      {"parts without a price cost what their whole costs",
       plain,
       {.prompt = 10,
        .cached_read = 4,
        .cache_write = 2,
        .audio_prompt = 1,
        .completion = 3,
        .reasoning = 2},
       4000,
       1000,
       3000},
      {"a per-request price is due once", full, {}, 900'000, 0, 0},
      {"cached tokens cost their own price",
       full,
       {.prompt = 10, .cached_read = 8, .requests = 0},
       280,
       280,
       0},
      {"all tokens cached", full, {.prompt = 10, .cached_read = 10, .requests = 0}, 100, 100, 0},
      {"cache writes",
       full,
       {.prompt = 10, .cached_read = 4, .cache_write = 6, .requests = 0},
       790,
       790,
       0},
      {"reasoning is part of completion",
       full,
       {.completion = 10, .reasoning = 7, .requests = 0},
       17'000,
       0,
       17'000},
      {"audio both ways",
       full,
       {.prompt = 5, .audio_prompt = 2, .completion = 4, .audio_completion = 1, .requests = 0},
       7900,
       900,
       7000},
      {"images both ways",
       full,
       {.completion = 2, .image_completion = 2, .images = 3, .requests = 0},
       220'000,
       210'000,
       10'000},
      {"a tier begins above its threshold", tiered, {.prompt = 200}, 20'000, 20'000, 0},
      {"and then holds for all tokens",
       tiered,
       {.prompt = 201, .completion = 1},
       31'150,
       30'150,
       1000},
      {"the last tier that matches wins", tiered, {.prompt = 1001}, 400'400, 400'400, 0},
  };
  for (const CostCase& c : cases) {
    const auto cost = compute_cost(c.table, c.counts);
    ASSERT_TRUE(cost) << c.name;
    EXPECT_EQ(cost->total.count(), c.total) << c.name;
    EXPECT_EQ(cost->prompt.count(), c.prompt) << c.name;
    EXPECT_EQ(cost->completion.count(), c.completion) << c.name;
  }
}

TEST(ComputeCost, ATierAlsoChangesWhatItsPartsFallBackTo) {
  const PriceTable table = *make_price_table(base_prices(), {tier(10, 500)});
  EXPECT_EQ(compute_cost(table, {.prompt = 20, .cached_read = 20})->total.count(), 10'000);
}

TEST(ComputeCost, B3OverflowIsAnErrorNeverAWrap) {
  UnitPrices dear = base_prices();
  dear.prompt = pico(1'000'000'000);  // 1,000 USD per million tokens
  const PriceTable table = *make_price_table(dear);
  EXPECT_EQ(compute_cost(table, {.prompt = 1'000'000'000})->total, Money::largest_entry());
  dear.prompt = pico(std::numeric_limits<std::int64_t>::max());
  dear.image = dear.request = dear.completion = dear.prompt;
  const PriceTable dearest = *make_price_table(dear);
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  const std::vector<std::pair<PriceTable, UsageCounts>> cases{
      {table, {.prompt = 1'000'000'001}},
      {table, {.prompt = std::uint64_t{1} << 31U}},
      {table, {.prompt = kMost}},
      {dearest, {.prompt = kMost, .completion = kMost, .images = kMost, .requests = kMost}},
      {dearest, {.requests = 1}},
      {table, {.prompt = 600'000'000, .completion = 600'000'000'000'000}},
  };
  for (const auto& [prices, counts] : cases) {
    const auto cost = compute_cost(prices, counts);
    ASSERT_FALSE(cost);
    EXPECT_EQ(cost.error().code(), "cost_out_of_range");
  }
}

TEST(CostOfLostCall, IsThePromptAndTheRequest) {
  UnitPrices prices;
  prices.prompt = Money::picodollars(150'000);
  prices.completion = Money::picodollars(600'000);
  prices.request = Money::picodollars(7);
  const auto table = make_price_table(prices);
  ASSERT_TRUE(table);
  EXPECT_EQ(cost_of_lost_call(*table, 3, Money::picodollars(450'007)), Money::picodollars(450'007));
  EXPECT_EQ(cost_of_lost_call(*table, 3, Money::picodollars(450'006)), Money()) << "too large";
  EXPECT_EQ(cost_of_lost_call(*table, ~std::uint64_t{0}, Money::largest_entry()), Money())
      << "out of range";
}

TEST(ComputeCost, B3TheLimitHoldsForTheSumOfTheParts) {
  UnitPrices prices = base_prices();
  prices.prompt = prices.completion = pico(1);
  const std::int64_t limit = Money::largest_entry().count();
  prices.request = pico(limit - 10);
  const PriceTable table = *make_price_table(prices);
  EXPECT_EQ(compute_cost(table, {.prompt = 6, .completion = 4})->total, Money::largest_entry());
  EXPECT_FALSE(compute_cost(table, {.prompt = 6, .completion = 5}));
  EXPECT_FALSE(compute_cost(table, {.prompt = 7, .completion = 4}));
  EXPECT_FALSE(compute_cost(table, {.requests = 2}));
}

// A token at 0.000001 USD a million is one picodollar: nothing is ever rounded away.
TEST(ComputeCost, TinyCostsSumExactly) {
  UnitPrices prices = base_prices();
  prices.prompt = pico(1);
  prices.completion = pico(3);
  prices.cache_read = pico(0);
  const PriceTable table = *make_price_table(prices);
  std::int64_t sum = 0;
  constexpr int kGenerations = 200'000;
  for (int i = 0; i < kGenerations; ++i) {
    const auto cost = compute_cost(table, {.prompt = 2, .cached_read = 1, .completion = 1});
    ASSERT_TRUE(cost);
    sum += cost->total.count();
  }
  EXPECT_EQ(sum, std::int64_t{kGenerations} * 4);
  const auto at_once = compute_cost(table, {.prompt = std::uint64_t{2} * kGenerations,
                                            .cached_read = kGenerations,
                                            .completion = kGenerations});
  EXPECT_EQ(at_once->total.count(), sum);
}

TEST(ComputeCost, B15PartsAboveTheirWholeAreRefusedAndClampedOnRequest) {
  const PriceTable table = *make_price_table(all_prices());
  const UsageCounts wild{
      .prompt = 10, .cached_read = 25, .cache_write = 5, .completion = 3, .reasoning = 9};
  EXPECT_EQ(compute_cost(table, wild).error().code(), "usage_contradictory");
  const UsageCounts clamped = clamp_parts(wild);
  EXPECT_EQ(clamped,
            (UsageCounts{.prompt = 10, .cached_read = 10, .completion = 3, .reasoning = 3}));
  EXPECT_EQ(clamp_parts(clamped), clamped);
  EXPECT_TRUE(compute_cost(table, clamped));
}

TEST(ComputeCost, SumOfPartsIsTheWholeForRandomUsage) {
  std::mt19937_64 random(7);
  const PriceTable table = *make_price_table(all_prices());
  for (int i = 0; i < 10'000; ++i) {
    const UsageCounts counts = clamp_parts({.prompt = random() % 100'000,
                                            .cached_read = random() % 50'000,
                                            .cache_write = random() % 50'000,
                                            .audio_prompt = random() % 1000,
                                            .completion = random() % 10'000,
                                            .reasoning = random() % 10'000,
                                            .requests = random() % 2});
    const auto cost = compute_cost(table, counts);
    ASSERT_TRUE(cost);
    const std::int64_t request = counts.requests == 1 ? 900'000 : 0;
    ASSERT_EQ(cost->total.count(), cost->prompt.count() + cost->completion.count() + request);
  }
}

TEST(PriceTable, MissingAndNegativePricesAreRefused) {
  UnitPrices missing;
  missing.prompt = pico(1);
  EXPECT_EQ(make_price_table(missing).error().code(), "price_missing");
  UnitPrices negative = base_prices();
  negative.cache_read = pico(-1);
  EXPECT_EQ(make_price_table(negative).error().code(), "price_negative");
  EXPECT_EQ(make_price_table(base_prices(), {tier(5, -1)}).error().code(), "price_negative");
}

TEST(PriceTable, TheVersionNamesTheContent) {
  const PriceTable one = *make_price_table(base_prices(), {tier(5, 1)});
  const PriceTable same = *make_price_table(base_prices(), {tier(5, 1)});
  const PriceTable other = *make_price_table(base_prices(), {tier(6, 1)});
  EXPECT_EQ(one.version, same.version);
  EXPECT_NE(one.version, other.version);
  EXPECT_EQ(one.version.size(), 16U);
}

TEST(PriceTable, TextRoundTrips) {
  for (const PriceTable& table :
       {*make_price_table(base_prices()),
        *make_price_table(all_prices(), {tier(200'000, 5), tier(400'000, 0)}),
        *make_price_table(base_prices(), {PriceTier{.above_prompt_tokens = 3, .prices = {}}}),
        free_price_table()}) {
    const auto again = parse_price_text(to_text(table));
    ASSERT_TRUE(again) << to_text(table);
    EXPECT_EQ(*again, table);
  }
  EXPECT_EQ(to_text(*make_price_table(base_prices(), {tier(7, 1)})),
            "prompt=100 completion=1000 tier=7 prompt=1");
}

TEST(PriceTable, DamagedTextIsRefused) {
  for (const std::string text :
       {"", "prompt=1", "prompt=1 completion=x", "prompt=1 completion=2 ", "prompt=1  completion=2",
        "completion=2 prompt=1", "prompt=1 completion=2 tip=3", "prompt=01 completion=2",
        "prompt=1 completion=2 tier=-1", "prompt=1 completion=99999999999999999999",
        "prompt=-1 completion=2"}) {
    const auto parsed = parse_price_text(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().code(), "price_text_invalid");
  }
}

}  // namespace
}  // namespace waybill::catalog
