// The table of crash windows (W1 to W9): what was on disk, what start-up makes of it.

#include <filesystem>
#include <fstream>

#include <sys/wait.h>
#include <unistd.h>

#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

std::size_t intent_files(const TempFolder& folder) {
  std::error_code none;
  std::size_t count = 0;
  for (std::filesystem::directory_iterator entry(folder.database() + ".intents", none), end;
       entry != end; ++entry) {
    ++count;
  }
  return count;
}

Settlement found(Bench& bench, std::uint32_t n) {
  const auto row = bench.ledger->reader().find_generation(id(n));
  EXPECT_TRUE(row && *row) << n;
  return row && *row ? (*row)->settlement : Settlement{};
}

TEST(Recovery, W1WithoutAnIntentThereIsNothingToClose) {
  const TempFolder folder;
  live_and_die(folder, [](Bench&) {});
  Bench bench(folder);
  EXPECT_EQ(bench.ledger->recovery().settled + bench.ledger->recovery().voided, 0U);
}

TEST(Recovery, W2W3AnIntentWithoutOutputIsVoidForTheCustomer) {
  const TempFolder folder;
  const std::string version = prices().version;
  live_and_die(folder,
               [&](Bench& bench) { ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version))); });
  Bench bench(folder);
  EXPECT_EQ(bench.ledger->recovery().voided, 1U);
  const Settlement s = found(bench, 1);
  EXPECT_EQ(s.outcome, Outcome::Voided);
  EXPECT_EQ(s.usage_source, UsageSource::None);
  EXPECT_TRUE(s.cost.total.is_zero());
  EXPECT_EQ(s.provider_basis, ProviderCostBasis::Unknown);
  EXPECT_EQ(s.provider_cost.count(), 40 * 150'000);  // at most the prompt
  EXPECT_EQ(s.error_code, "interrupted");
  EXPECT_EQ(s.model, "openai/gpt-4o-mini");
  EXPECT_EQ(intent_files(folder), 0U);
  EXPECT_TRUE(bench.ledger->reader().verify());
}

TEST(Recovery, W4WhatWasDeliveredIsSettled) {
  const TempFolder folder;
  const std::string version = prices().version;
  live_and_die(folder, [&](Bench& bench) {
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version)));
    ASSERT_TRUE(bench.ledger->log_progress(0, id(1), {.completion = 100}));
    ASSERT_TRUE(bench.ledger->log_progress(0, id(1), {.completion = 250}));  // replaces, never adds
    ASSERT_TRUE(log_intent(*bench.ledger, intent(2, version)));
    ASSERT_TRUE(bench.ledger->log_progress(0, id(2), {.prompt = 7, .completion = 1}));
  });
  Bench bench(folder);
  EXPECT_EQ(bench.ledger->recovery().settled, 2U);
  const Settlement s = found(bench, 1);
  EXPECT_EQ(s.outcome, Outcome::Partial);
  EXPECT_EQ(s.usage_source, UsageSource::Partial);
  EXPECT_EQ(s.counts.prompt, 40U);  // the intent's estimate
  EXPECT_EQ(s.counts.completion, 250U);
  EXPECT_EQ(s.cost.total.count(), 40 * 150'000 + 250 * 600'000);
  EXPECT_EQ(found(bench, 2).counts.prompt, 7U);
  EXPECT_TRUE(bench.ledger->reader().verify());
}

TEST(Recovery, AnEarlierAttemptBecomesAFailedOne) {
  const TempFolder folder;
  const std::string version = prices().version;
  live_and_die(folder, [&](Bench& bench) {
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version, 1)));
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version, 2)));
  });
  Bench bench(folder);
  const Settlement s = found(bench, 1);
  EXPECT_EQ(s.attempt, 2U);
  EXPECT_EQ(s.provider, "azure");
  ASSERT_EQ(s.failed_attempts.size(), 1U);
  EXPECT_EQ(s.failed_attempts[0].provider, "openai");
}

TEST(Recovery, W6W7ASettledGenerationIsNotSettledAgain) {
  const TempFolder folder;
  const std::string version = prices().version;
  live_and_die(folder, [&](Bench& bench) {
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version)));
    ASSERT_TRUE(log_intent(*bench.ledger, intent(2, version)));
    ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  });
  Bench bench(folder);
  EXPECT_EQ(bench.ledger->recovery().already_settled, 1U);
  EXPECT_EQ(bench.ledger->recovery().voided, 1U);
  EXPECT_EQ(found(bench, 1), settlement(1));
  EXPECT_EQ(bench.ledger->reader().verify()->rows, 2);
}

struct Stored {
  std::string row;      // that the balances are of
  std::string charged;  // hex
  std::string days;     // generations in the daily sums
};

Stored stored(const TempFolder& folder) {
  Stored out;
  RawSqlite(folder.database())
      .each(
          "SELECT (SELECT value FROM meta WHERE name = 'balances_at'), hex(debits),"
          " (SELECT ifnull(sum(generations), 0) FROM key_day) FROM account"
          " WHERE name = 'customer/default'",
          [&](char** values) {
            out = {.row = values[0], .charged = values[1], .days = values[2]};
          });
  return out;
}

// Commits leave the balances alone; whoever reads them adds the rows they do not know.
TEST(Recovery, BalancesAreOfTheLastCheckpointAndRowsAfterItArePostedAgain) {
  const TempFolder folder;
  live_and_die(folder, [&](Bench& bench) {
    for (std::uint32_t n = 1; n <= 6; ++n) {
      ASSERT_EQ(bench.settle(settlement(n, 1 + n % 2)), SettleStatus::Recorded);
    }
    ASSERT_TRUE(bench.ledger->adjust(
        {.id = "a", .generation = id(2), .refund = Money::picodollars(5), .reason = "x"}));
    ASSERT_EQ(bench.settle(settlement(7, 9)), SettleStatus::Recorded);
  });
  const Stored at_death = stored(folder);
  EXPECT_EQ(at_death.row, "1");  // the first commit takes one, the next is due in a minute
  EXPECT_EQ(at_death.days, "1");
  {
    const auto reader = LedgerReader::open(folder.database());
    const auto report = (*reader)->verify();
    ASSERT_TRUE(report) << report.error().detail();
    EXPECT_EQ(report->rows, 8);
    EXPECT_EQ((*reader)->key_usage(1, kNow)->generations, 3U);
    EXPECT_EQ((*reader)->key_usage(9, kNow)->today.count(), settlement(7).cost.total.count());
  }
  {
    Bench bench(folder);
    ASSERT_TRUE(bench.ledger);
    EXPECT_EQ(bench.settle(settlement(8)), SettleStatus::Recorded);
    const auto report = bench.ledger->reader().verify();
    ASSERT_TRUE(report) << report.error().detail();
    EXPECT_EQ(report->refund_total.count(), 5);
    EXPECT_EQ(bench.ledger->reader().key_usage(1, kNow)->generations, 4U);
  }
  const Stored at_end = stored(folder);
  EXPECT_EQ(at_end.row, "9");
  EXPECT_EQ(at_end.days, "8");
  EXPECT_NE(at_end.charged, at_death.charged);
  EXPECT_TRUE((*LedgerReader::open(folder.database()))->verify());
}

// The schema before had the balances of the last row, whatever the last checkpoint's.
TEST(Recovery, BalancesOfTheThirdSchemaAreOfItsLastRow) {
  const TempFolder folder;
  {
    Bench bench(folder);
    for (std::uint32_t n = 1; n <= 5; ++n) {
      ASSERT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
    }
  }
  RawSqlite(folder.database())
      .run(
          "DROP TRIGGER checkpoint_stays; DELETE FROM checkpoint WHERE seq = 5;"
          "DELETE FROM meta WHERE name = 'balances_at'; PRAGMA user_version = 3");
  EXPECT_EQ(LedgerReader::open(folder.database()).error().code(), "ledger_older_schema");
  Bench bench(folder);
  ASSERT_TRUE(bench.ledger);
  EXPECT_EQ(bench.settle(settlement(6)), SettleStatus::Recorded);
  const auto report = bench.ledger->reader().verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(bench.ledger->reader().key_usage(1, kNow)->generations, 6U);
  EXPECT_EQ(stored(folder).row, "5");
}

TEST(Recovery, D3ACrashDuringRecoveryDoesNoHarm) {
  const TempFolder folder;
  const std::string version = prices().version;
  live_and_die(folder,
               [&](Bench& bench) { ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version))); });
  // The files of the log come back, as if the crash was after the commit.
  const std::string kept = folder.path() + "/kept";
  std::filesystem::copy(folder.database() + ".intents", kept);
  live_and_die(folder, [](Bench&) {});
  std::filesystem::copy(
      kept, folder.database() + ".intents",
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  Bench bench(folder);
  EXPECT_EQ(bench.ledger->recovery().already_settled, 1U);
  EXPECT_EQ(bench.ledger->reader().verify()->rows, 1);
}

TEST(Recovery, ATornLastFrameIsNotBelieved) {
  const TempFolder folder;
  const std::string version = prices().version;
  live_and_die(folder, [&](Bench& bench) {
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version)));
    ASSERT_TRUE(log_intent(*bench.ledger, intent(2, version)));
  });
  for (const auto& entry : std::filesystem::directory_iterator(folder.database() + ".intents")) {
    std::filesystem::resize_file(entry.path(), entry.file_size() - 3);
  }
  Bench bench(folder);
  EXPECT_EQ(bench.ledger->recovery().damaged_segments, 1U);
  EXPECT_EQ(bench.ledger->recovery().voided, 1U);
  EXPECT_TRUE(bench.has(1));
  EXPECT_FALSE(bench.has(2));
}

TEST(Recovery, AnIntentWithAnUnknownPriceIsClosedForNothingAndMarked) {
  const TempFolder folder;
  live_and_die(folder, [&](Bench& bench) {
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, "unheard-of")));
    ASSERT_TRUE(bench.ledger->log_progress(0, id(1), {.completion = 5}));
  });
  Bench bench(folder);
  const Settlement s = found(bench, 1);
  EXPECT_TRUE(s.anomaly);
  EXPECT_TRUE(s.cost.total.is_zero());
  EXPECT_EQ(s.counts.completion, 5U);
  EXPECT_TRUE(bench.ledger->reader().verify());
}

TEST(Recovery, ProgressThatContradictsItselfIsClamped) {
  const TempFolder folder;
  const std::string version = prices().version;
  live_and_die(folder, [&](Bench& bench) {
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version)));
    ASSERT_TRUE(
        bench.ledger->log_progress(0, id(1), {.prompt = 5, .cached_read = 50, .completion = 5}));
    ASSERT_TRUE(log_intent(*bench.ledger, intent(2, version)));
    ASSERT_TRUE(bench.ledger->log_progress(
        0, id(2), {.completion = ~std::uint64_t{0}}));  // no amount holds it
  });
  Bench bench(folder);
  EXPECT_TRUE(found(bench, 1).anomaly);
  EXPECT_EQ(found(bench, 1).counts.cached_read, 5U);
  EXPECT_EQ(found(bench, 2).outcome, Outcome::Voided);
  EXPECT_TRUE(found(bench, 2).anomaly);
}

// ------------------------------------------------------------------ the log itself

TEST(IntentLog, ASegmentGoesWhenAllItsGenerationsAreSettled) {
  const TempFolder folder;
  const std::string version = prices().version;
  Bench bench(folder);
  constexpr std::uint32_t kMany = 20'000;                      // several segments
  ASSERT_TRUE(log_intent(*bench.ledger, intent(0, version)));  // stays open
  for (std::uint32_t n = 1; n <= kMany; ++n) {
    ASSERT_TRUE(log_intent(*bench.ledger, intent(n, version)));
    ASSERT_TRUE(eventually([&] { return bench.ledger->settle(0, settlement(n), n); }));
  }
  ASSERT_EQ(bench.sink.wait(kMany).size(), kMany);
  EXPECT_TRUE(eventually([&] { return intent_files(folder) == 2; }));  // the first and the current
  ASSERT_TRUE(bench.ledger->log_progress(0, id(0), {.completion = 5}));
  EXPECT_EQ(bench.settle(settlement(0)), SettleStatus::Recorded);
}

TEST(IntentLog, AStoppedLedgerWithNothingOpenLeavesNoSegment) {
  const TempFolder folder;
  const std::string version = prices().version;
  {
    Bench bench(folder);
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version)));
    ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  }
  EXPECT_EQ(intent_files(folder), 0U);
}

TEST(IntentLog, WhatIsOpenAtACleanStopIsClosedAtTheNextStart) {
  const TempFolder folder;
  const std::string version = prices().version;
  {
    Bench bench(folder);
    ASSERT_TRUE(log_intent(*bench.ledger, intent(1, version)));
  }
  EXPECT_EQ(intent_files(folder), 1U);
  EXPECT_EQ(Bench(folder).ledger->recovery().voided, 1U);
}

TEST(IntentLog, ProgressNeedsAnIntent) {
  const TempFolder folder;
  Bench bench(folder);
  EXPECT_EQ(bench.ledger->log_progress(0, id(1), {.completion = 5}).error().code(),
            "ledger_no_intent");
}

}  // namespace
}  // namespace waybill::ledger
