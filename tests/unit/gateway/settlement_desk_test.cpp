#include "waybill/gateway/settlement_desk.hpp"

#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "sample.hpp"
#include "unit/net/run_task.hpp"

namespace waybill::gateway {
namespace {

using ledger::SettleStatus;

class SettlementDeskTest : public testing::Test {
 protected:
  SettlementDeskTest() {
    catalog::UnitPrices unit;
    unit.prompt = Money::picodollars(3);
    unit.completion = Money::picodollars(5);
    prices_ = *catalog::make_price_table(unit);
    const auto done = ledger_->register_prices({&prices_, 1});
    EXPECT_TRUE(done);
  }
  ~SettlementDeskTest() override {
    const auto stopped = ledger_->stop();  // the desk is its sink until then
    static_cast<void>(stopped);
  }

  ledger::Settlement settlement(std::uint64_t completion = 2) {
    ledger::Settlement out;
    out.generation = ids_.next(wall_now());
    out.key = 1;
    out.model = "a/one";
    out.provider = "one";
    out.endpoint = "one";
    out.upstream_model = "m";
    out.price_version = prices_.version;
    out.counts.prompt = 7;
    out.counts.completion = completion;
    out.cost = *catalog::compute_cost(prices_, out.counts);
    out.provider_cost = out.cost.total;
    out.status = 200;
    out.created = wall_now();
    return out;
  }

  SettleStatus settle(ledger::Settlement settlement) {
    return net::run_task(worker_, desk_->settle(std::move(settlement)));
  }

  test::TempFolder folder_;
  net::Worker worker_{0};
  std::unique_ptr<ledger::Ledger> ledger_ = test::open_ledger(folder_);
  std::unique_ptr<SettlementDesk> desk_ = std::make_unique<SettlementDesk>(worker_, *ledger_);
  GenerationIdSource ids_;
  catalog::PriceTable prices_;
};

TEST_F(SettlementDeskTest, CompletesOnceTheSettlementCanBeFound) {
  ledger::Settlement wanted = settlement();
  const GenerationId id = wanted.generation;
  EXPECT_EQ(settle(std::move(wanted)), SettleStatus::Recorded);
  EXPECT_EQ(desk_->pending(), 0U);
  const auto found = ledger_->reader().find_generation(id);
  ASSERT_TRUE(found);
  EXPECT_TRUE(*found);
}

TEST_F(SettlementDeskTest, TellsARepeatFromAContradiction) {
  const ledger::Settlement wanted = settlement();
  EXPECT_EQ(settle(wanted), SettleStatus::Recorded);
  EXPECT_EQ(settle(wanted), SettleStatus::Exists);
  ledger::Settlement other = settlement(99);
  other.generation = wanted.generation;
  EXPECT_EQ(settle(other), SettleStatus::Conflict);
}

TEST_F(SettlementDeskTest, AWrongCostIsRefused) {
  ledger::Settlement wrong = settlement();
  wrong.cost.total = Money::picodollars(wrong.cost.total.count() + 1);
  EXPECT_EQ(settle(std::move(wrong)), SettleStatus::Refused);
  ledger::Settlement unknown = settlement();
  unknown.price_version = "0123456789abcdef";
  EXPECT_EQ(settle(std::move(unknown)), SettleStatus::Refused);
  EXPECT_EQ(desk_->pending(), 0U);
}

TEST_F(SettlementDeskTest, ALedgerThatHasStoppedLosesAtOnce) {
  ASSERT_TRUE(ledger_->stop());
  EXPECT_EQ(settle(settlement()), SettleStatus::Lost);
  EXPECT_EQ(desk_->pending(), 0U);
}

net::Task<> settle_one(SettlementDesk& desk,
                       ledger::Settlement settlement,
                       std::vector<SettleStatus>& out,
                       std::size_t wanted,
                       net::Worker& worker) {
  const SettleStatus status = co_await desk.settle(std::move(settlement));
  out.push_back(status);
  if (out.size() == wanted) {
    worker.stop();
  }
}

TEST_F(SettlementDeskTest, ManyThatWaitTogetherAreAllWoken) {
  constexpr std::size_t kCount = 500;
  std::vector<SettleStatus> got;
  for (std::size_t i = 0; i < kCount; ++i) {
    worker_.spawn(settle_one(*desk_, settlement(i), got, kCount, worker_));
  }
  worker_.run();
  EXPECT_EQ(got, std::vector<SettleStatus>(kCount, SettleStatus::Recorded));
  EXPECT_EQ(desk_->pending(), 0U);
  EXPECT_EQ(ledger_->stats().settlements, kCount);
  EXPECT_LT(ledger_->stats().commits, kCount);  // commits were shared
}

}  // namespace
}  // namespace waybill::gateway
