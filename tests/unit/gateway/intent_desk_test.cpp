#include "waybill/gateway/intent_desk.hpp"

#include <filesystem>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "sample.hpp"
#include "unit/net/run_task.hpp"

namespace waybill::gateway {
namespace {

// How much the intent log holds, and in how many files.
struct LogSize {
  std::uintmax_t bytes = 0;
  std::size_t files = 0;
};

class IntentDeskTest : public testing::Test {
 protected:
  ledger::Intent intent() {
    ledger::Intent out;
    out.generation = ids_.next(wall_now());
    out.key = 1;
    out.model = "a/one";
    out.provider = "one";
    out.endpoint = "one";
    out.upstream_model = "m";
    out.price_version = free_.version;
    out.started = wall_now();
    return out;
  }

  // Notes what had been written when this generation was allowed to go on.
  net::Task<> go(const ledger::Intent& wanted, std::size_t expected) {
    const bool logged = co_await desk_.log(wanted);
    went_on_.push_back(logged);
    sizes_.push_back(log_size().bytes);
    if (went_on_.size() == expected) {
      worker_.stop();
    }
  }

  void run_together(const std::vector<ledger::Intent>& intents) {
    for (const ledger::Intent& one : intents) {
      worker_.spawn(go(one, intents.size()));
    }
    worker_.run();
  }

  [[nodiscard]] LogSize log_size() const {
    LogSize size;
    std::error_code none;
    for (const auto& entry :
         std::filesystem::directory_iterator(folder_.file("ledger.db.intents"), none)) {
      size.bytes += entry.file_size();
      ++size.files;
    }
    return size;
  }

  const catalog::PriceTable free_ = catalog::free_price_table();
  test::TempFolder folder_;
  net::Worker worker_{0};
  std::unique_ptr<ledger::Ledger> ledger_ = test::open_ledger(folder_);
  IntentDesk desk_{worker_, *ledger_};
  GenerationIdSource ids_;
  std::vector<bool> went_on_;
  std::vector<std::uintmax_t> sizes_;
};

TEST_F(IntentDeskTest, AllOfATurnAreInTheLogBeforeTheFirstGoesOn) {
  run_together({intent(), intent(), intent()});
  EXPECT_EQ(went_on_, (std::vector<bool>{true, true, true}));
  ASSERT_EQ(sizes_.size(), 3U);
  EXPECT_GT(sizes_[0], 0U);
  EXPECT_EQ(sizes_[0], sizes_[2]);
  EXPECT_EQ(log_size().files, 1U);
}

TEST_F(IntentDeskTest, EachIsFoundAtTheNextStart) {
  const std::vector<ledger::Intent> intents{intent(), intent(), intent()};
  run_together(intents);
  ASSERT_TRUE(ledger_->stop());
  ledger_.reset();
  const auto next = test::open_ledger(folder_);
  EXPECT_EQ(next->recovery().voided, intents.size());
  for (const ledger::Intent& one : intents) {
    const auto found = next->reader().find_generation(one.generation);
    ASSERT_TRUE(found);
    EXPECT_TRUE(*found);
  }
}

TEST_F(IntentDeskTest, NoneGoesOnWhereTheLogCannotBeWritten) {
  ASSERT_TRUE(ledger_->stop());
  run_together({intent(), intent()});
  EXPECT_EQ(went_on_, (std::vector<bool>{false, false}));
  EXPECT_EQ(log_size().bytes, 0U);
}

}  // namespace
}  // namespace waybill::gateway
