#include "billing.hpp"

#include <array>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace waybill::gateway {
namespace {

using dialects::CountedBy;
using dialects::Usage;
using dialects::UsageFault;
using ledger::UsageSource;
using testing::HasSubstr;

catalog::Endpoint endpoint_with(catalog::UnitPrices prices,
                                std::vector<catalog::PriceTier> tiers = {}) {
  catalog::Endpoint endpoint;
  endpoint.context_length = 128'000;
  endpoint.max_completion_tokens = 16'384;
  endpoint.price = *catalog::make_price_table(prices, std::move(tiers));
  return endpoint;
}

catalog::Endpoint sample_endpoint() {
  catalog::UnitPrices prices;
  prices.prompt = Money::picodollars(1'000);
  prices.completion = Money::picodollars(10'000);
  prices.cache_read = Money::picodollars(100);
  prices.reasoning = Money::picodollars(20'000);
  prices.request = Money::picodollars(7);
  return endpoint_with(prices);
}

Reported reported(const Usage& usage, UsageFault fault = UsageFault::None) {
  Reported out;
  out.usage = usage;
  out.fault = fault;
  out.prompt_bytes = 31;
  out.output_bytes = 10;
  return out;
}

TEST(BillComplete, ChargesWhatTheProviderCounted) {
  const Bill bill = bill_complete(
      sample_endpoint(),
      reported({.prompt = 100, .completion = 50, .cached_read = 40, .reasoning = 20}));
  EXPECT_EQ(bill.source, UsageSource::Upstream);
  EXPECT_FALSE(bill.anomaly);
  EXPECT_EQ(bill.counts.prompt, 100U);
  EXPECT_EQ(bill.counts.cached_read, 40U);
  EXPECT_EQ(bill.counts.reasoning, 20U);
  EXPECT_EQ(bill.cost.prompt, Money::picodollars(60 * 1'000 + 40 * 100));
  EXPECT_EQ(bill.cost.completion, Money::picodollars(30 * 10'000 + 20 * 20'000));
  EXPECT_EQ(bill.cost.total,
            Money::picodollars(bill.cost.prompt.count() + bill.cost.completion.count() + 7));
  EXPECT_EQ(bill.for_reply().charge.counted_by, CountedBy::Provider);
}

TEST(BillComplete, WithoutUsageTheBytesAreCountedAndItIsSaid) {
  for (const UsageFault fault : {UsageFault::Missing, UsageFault::Repeated, UsageFault::Negative,
                                 UsageFault::NotInteger, UsageFault::Empty}) {
    Reported said = reported({.prompt = 999, .completion = 999}, fault);
    const Bill bill = bill_complete(sample_endpoint(), said);
    EXPECT_EQ(bill.source, UsageSource::Estimate) << name(fault);
    EXPECT_EQ(bill.counts.prompt, 11U);     // 31 bytes, a third rounded up
    EXPECT_EQ(bill.counts.completion, 4U);  // 10 bytes
    EXPECT_EQ(bill.anomaly, fault != UsageFault::Missing) << name(fault);
    EXPECT_EQ(bill.for_reply().charge.counted_by, CountedBy::Estimate);
    said.usage.reset();
    EXPECT_EQ(bill_complete(sample_endpoint(), said).counts, bill.counts) << name(fault);
  }
}

TEST(BillComplete, AContradictionIsClampedAndMarked) {
  const Bill bill = bill_complete(
      sample_endpoint(),
      reported({.prompt = 10, .completion = 5, .cached_read = 10}, UsageFault::Contradictory));
  EXPECT_EQ(bill.source, UsageSource::Upstream);
  EXPECT_TRUE(bill.anomaly);
  EXPECT_EQ(bill.for_reply().charge.counted_by, CountedBy::Estimate);
}

TEST(BillComplete, ImpossibleCountsAreCutToWhatTheEndpointCanDo) {
  Reported said =
      reported({.prompt = 1'000'000'000, .completion = 1'000'000'000}, UsageFault::TooLarge);
  Bill bill = bill_complete(sample_endpoint(), said);
  EXPECT_EQ(bill.counts.prompt, 128'000U);
  EXPECT_EQ(bill.counts.completion, 16'384U);
  EXPECT_TRUE(bill.anomaly);
  said.output_limit = 100;
  bill = bill_complete(sample_endpoint(), said);
  EXPECT_EQ(bill.counts.completion, 100U);
  said.choices = 4;  // each may be so long
  EXPECT_EQ(bill_complete(sample_endpoint(), said).counts.completion, 400U);
  said.prompts = 3;
  EXPECT_EQ(bill_complete(sample_endpoint(), said).counts.completion, 1'200U);
  EXPECT_EQ(bill_complete(sample_endpoint(), said).counts.prompt, 384'000U);
  said.choices = 1;
  said.prompts = 1;
  catalog::Endpoint unknown = sample_endpoint();
  unknown.context_length = 0;
  unknown.max_completion_tokens = 0;
  bill = bill_complete(unknown, said);
  EXPECT_EQ(bill.counts.prompt, 1'000'000'000U);
  EXPECT_EQ(bill.counts.completion, 100U);
}

// Beyond what one entry may hold: the most that the endpoint can do, else what was
// seen, else nothing; and the client is told which.
TEST(BillComplete, ACostBeyondAllReasonIsNotBelieved) {
  struct Case {
    std::int64_t dollars_a_token;
    std::uint64_t prompt;  // charged
    UsageSource source;
  };
  for (const auto& [dollars, prompt, source] :
       {Case{1, 128'000, UsageSource::Upstream}, Case{10, 11, UsageSource::Estimate},
        Case{500'000, 0, UsageSource::Estimate}}) {
    catalog::UnitPrices prices;
    prices.prompt = Money::picodollars(dollars * 1'000'000'000'000);
    prices.completion = Money::picodollars(0);
    prices.request = Money::picodollars(5);
    const Bill bill =
        bill_complete(endpoint_with(prices), reported({.prompt = 2'000'000, .completion = 3}));
    EXPECT_TRUE(bill.anomaly) << dollars;
    EXPECT_EQ(bill.counts.prompt, prompt) << dollars;
    EXPECT_EQ(bill.source, source) << dollars;
    EXPECT_EQ(bill.counts.requests, prompt == 0 ? 0U : 1U) << dollars;
    EXPECT_EQ(bill.cost.total.is_zero(), prompt == 0) << dollars;
    EXPECT_EQ(bill.for_reply().usage.prompt, prompt) << dollars;
    EXPECT_EQ(bill.for_reply().charge.counted_by, CountedBy::Estimate) << dollars;
  }
}

// The limit that the settings set is handled as the hard one is.
TEST(BillComplete, NoGenerationCostsMoreThanTheSettingsAllow) {
  struct Case {
    std::int64_t prompt;  // reported
    std::int64_t charged;
    bool anomaly;
    UsageSource source;
  };
  for (const Case& each : {Case{100, 100, false, UsageSource::Upstream},
                           Case{101, 60, true, UsageSource::Upstream},  // as the endpoint takes
                           Case{1'000'000, 60, true, UsageSource::Upstream}}) {
    catalog::UnitPrices prices;
    prices.prompt = Money::picodollars(10);
    prices.completion = Money::picodollars(0);
    catalog::Endpoint endpoint = endpoint_with(prices);
    endpoint.context_length = 60;
    Reported said = reported({.prompt = static_cast<std::uint64_t>(each.prompt)});
    said.largest_entry = Money::picodollars(1'000);
    const Bill bill = bill_complete(endpoint, said);
    EXPECT_EQ(bill.cost.total, Money::picodollars(10 * each.charged)) << each.prompt;
    EXPECT_EQ(bill.anomaly, each.anomaly) << each.prompt;
    EXPECT_EQ(bill.source, each.source) << each.prompt;
    said.largest_entry = Money::largest_entry();
    EXPECT_EQ(bill_complete(endpoint, said).cost.total, Money::picodollars(10 * each.prompt));
  }
}

TEST(BillComplete, ImagesAreChargedAsSent) {
  catalog::UnitPrices prices;
  prices.prompt = Money::picodollars(1);
  prices.completion = Money::picodollars(1);
  prices.image = Money::picodollars(1'000);
  Reported said = reported({.prompt = 10, .completion = 1});
  said.images = 3;
  const Bill bill = bill_complete(endpoint_with(prices), said);
  EXPECT_EQ(bill.cost.total, Money::picodollars(3'011));
}

TEST(BillPartial, NothingDeliveredNothingCharged) {
  Reported said;
  said.prompt_bytes = 3'000;
  const Bill bill = bill_partial(sample_endpoint(), said);
  EXPECT_EQ(bill.source, UsageSource::None);
  EXPECT_TRUE(bill.cost.total.is_zero());
  EXPECT_EQ(bill.counts.requests, 0U);
  said.usage = Usage{.prompt = 5};  // a stream that counts from its first chunk on
  said.fault = UsageFault::None;
  EXPECT_TRUE(bill_partial(sample_endpoint(), said).cost.total.is_zero());
}

TEST(BillPartial, WhatWasDeliveredIsEstimated) {
  Reported said = reported({.prompt = 999}, UsageFault::None);  // no completion counted yet
  const Bill bill = bill_partial(sample_endpoint(), said);
  EXPECT_EQ(bill.source, UsageSource::Partial);
  EXPECT_EQ(bill.counts.prompt, 11U);
  EXPECT_EQ(bill.counts.completion, 4U);
  EXPECT_EQ(bill.for_reply().charge.counted_by, CountedBy::Estimate);
}

TEST(BillPartial, CountsThatCameBeforeTheCutStand) {
  const Bill bill = bill_partial(sample_endpoint(), reported({.prompt = 100, .completion = 7}));
  EXPECT_EQ(bill.source, UsageSource::Upstream);
  EXPECT_EQ(bill.counts.completion, 7U);
  const Bill doubtful = bill_partial(
      sample_endpoint(), reported({.prompt = 100, .completion = 7}, UsageFault::TooLarge));
  EXPECT_EQ(doubtful.source, UsageSource::Partial);
  EXPECT_EQ(doubtful.counts.completion, 4U);
}

// ---------------------------------------------------------------- properties

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : random_(seed) {}
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }

  std::uint64_t count() {
    const std::uint64_t bits = below(31);
    return std::min(bits == 0 ? 0 : below(1ULL << bits), dialects::kLargestCount);
  }
  std::optional<Money> price(bool needed) {
    if (!needed && one_in(2)) {
      return std::nullopt;
    }
    const std::uint64_t bits = below(36);
    return Money::picodollars(bits == 0 ? 0 : static_cast<std::int64_t>(below(1ULL << bits)));
  }

 private:
  std::mt19937_64 random_;
};

catalog::UnitPrices prices(Dice& dice, bool needed) {
  catalog::UnitPrices out;
  out.prompt = dice.price(needed);
  out.completion = dice.price(needed);
  for (auto* price : {&out.cache_read, &out.cache_write, &out.reasoning, &out.audio_prompt,
                      &out.audio_completion, &out.image_completion, &out.image, &out.request}) {
    *price = dice.price(false);
  }
  return out;
}

catalog::Endpoint endpoint(Dice& dice) {
  std::vector<catalog::PriceTier> tiers(dice.below(3));
  std::uint64_t above = 0;
  for (catalog::PriceTier& tier : tiers) {
    above += 1 + dice.count();
    tier = {above, prices(dice, false)};
  }
  catalog::Endpoint out = endpoint_with(prices(dice, true), std::move(tiers));
  out.context_length = dice.one_in(3) ? 0 : dice.count();
  out.max_completion_tokens = dice.one_in(3) ? 0 : dice.count();
  return out;
}

Reported report(Dice& dice) {
  Reported out;
  if (!dice.one_in(8)) {
    Usage usage;
    for (auto* count : {&usage.prompt, &usage.completion, &usage.cached_read, &usage.cache_write,
                        &usage.reasoning, &usage.audio_prompt, &usage.audio_completion,
                        &usage.image_completion}) {
      *count = dice.one_in(3) ? 0 : dice.count();
    }
    out.usage = usage;
  }
  constexpr std::array kFaults{
      UsageFault::None,     UsageFault::None,          UsageFault::None,
      UsageFault::Missing,  UsageFault::Negative,      UsageFault::NotInteger,
      UsageFault::TooLarge, UsageFault::Contradictory, UsageFault::Empty};
  out.fault = out.usage ? kFaults.at(dice.below(kFaults.size())) : UsageFault::Missing;
  out.prompt_bytes = dice.count();
  out.output_bytes = dice.one_in(4) ? 0 : dice.count();
  out.images = dice.one_in(4) ? dice.below(20) : 0;
  if (dice.one_in(3)) {
    out.output_limit = dice.count();
  }
  if (dice.one_in(2)) {
    out.largest_entry = Money::picodollars(1'000'000'000'000'000);
  }
  return out;
}

std::string told(const Bill& bill) {
  const dialects::ReplyBill reply = bill.for_reply();
  std::string out;
  dialects::append_usage(out, {}, reply.usage, reply.charge);
  return out;
}

// The promise of the whole house: what the client is told is what is booked, and the
// ledger, which computes the cost again from counts and prices, agrees.
TEST(Bills, WhatIsToldIsWhatIsBookedForAnyUsageAndPrice) {
  Dice dice(20261125);
  for (int i = 0; i < 20'000; ++i) {
    const catalog::Endpoint at = endpoint(dice);
    const Reported said = report(dice);
    for (const Bill& bill : {bill_complete(at, said), bill_partial(at, said)}) {
      const auto again = catalog::compute_cost(at.price, bill.counts);
      ASSERT_TRUE(again) << i;
      ASSERT_EQ(*again, bill.cost) << i;
      ASSERT_LE(bill.cost.total, said.largest_entry) << i;
      const dialects::ReplyBill reply = bill.for_reply();
      ASSERT_EQ(reply.charge.total, bill.cost.total) << i;
      ASSERT_EQ(reply.charge.prompt, bill.cost.prompt) << i;
      ASSERT_EQ(reply.charge.completion, bill.cost.completion) << i;
      ASSERT_THAT(told(bill), HasSubstr("\"cost\":" + to_decimal(bill.cost.total) + ",")) << i;
    }
  }
}

// Counts that are not the provider's own words must be the ones that were charged.
TEST(Bills, CountsOfOursThatAreToldAreTheOnesThatWereCharged) {
  Dice dice(7);
  for (int i = 0; i < 20'000; ++i) {
    const catalog::Endpoint at = endpoint(dice);
    const Reported said = report(dice);
    for (const Bill& bill : {bill_complete(at, said), bill_partial(at, said)}) {
      const dialects::ReplyBill reply = bill.for_reply();
      ASSERT_EQ(reply.usage.prompt, bill.counts.prompt) << i;
      ASSERT_EQ(reply.usage.completion, bill.counts.completion) << i;
      if (reply.charge.counted_by == CountedBy::Provider) {
        continue;
      }
      ASSERT_EQ(reply.usage.cached_read, bill.counts.cached_read) << i << " " << told(bill);
      ASSERT_EQ(reply.usage.cache_write, bill.counts.cache_write) << i << " " << told(bill);
      ASSERT_EQ(reply.usage.reasoning, bill.counts.reasoning) << i << " " << told(bill);
      ASSERT_EQ(reply.usage.audio_prompt, bill.counts.audio_prompt) << i << " " << told(bill);
      ASSERT_EQ(reply.usage.audio_completion, bill.counts.audio_completion) << i;
      ASSERT_EQ(reply.usage.image_completion, bill.counts.image_completion) << i;
    }
  }
}

TEST(Bills, ACutAnswerNeverCostsWithoutOutput) {
  Dice dice(11);
  for (int i = 0; i < 5'000; ++i) {
    Reported said = report(dice);
    said.output_bytes = 0;
    if (said.usage) {
      said.usage->completion = 0;
    }
    const Bill bill = bill_partial(endpoint(dice), said);
    ASSERT_TRUE(bill.cost.total.is_zero()) << i;
    ASSERT_EQ(bill.source, UsageSource::None) << i;
  }
}

}  // namespace
}  // namespace waybill::gateway
