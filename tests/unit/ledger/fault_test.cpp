// Disks that fail, fill up and lose power; strangers who lock the file.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>

#include "fault_vfs.hpp"
#include "frames.hpp"
#include "posting.hpp"
#include "settlement_codec.hpp"
#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

Options on(const FaultVfs& vfs, const TempFolder& folder) {
  Options wanted = options(folder);
  wanted.vfs = vfs.name();
  wanted.busy_timeout = std::chrono::milliseconds(20);
  return wanted;
}

TEST(Faults, D4AFailingFlushStopsTheLedgerForGood) {
  const TempFolder folder;
  const std::string version = prices().version;
  FaultVfs vfs;
  {
    Bench bench(on(vfs, folder));
    ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
    ASSERT_TRUE(log_intent(*bench.ledger, intent(2, version)));
    ASSERT_TRUE(bench.ledger->log_progress(0, id(2), {.completion = 3}));
    vfs.fail_sync = true;
    EXPECT_EQ(bench.settle(settlement(2)), SettleStatus::Lost);
    vfs.fail_sync = false;  // the disk may say what it likes now: never tried again
    const int syncs = vfs.syncs;
    ASSERT_TRUE(bench.ledger->failure());
    EXPECT_EQ(bench.ledger->failure()->code(), "store_failed");
    EXPECT_FALSE(bench.ledger->has_room());
    EXPECT_EQ(bench.settle(settlement(3)), SettleStatus::Lost);
    EXPECT_EQ(
        bench.ledger->create_key({.name = "k", .expires = {}, .allowed_models = {}}).error().code(),
        "store_failed");
    EXPECT_FALSE(bench.ledger->stop());
    EXPECT_EQ(vfs.syncs, syncs);
  }
  // Generation 2 is settled once, from the log of the database or from the intent log.
  Bench bench(on(vfs, folder));
  EXPECT_TRUE(bench.has(1));
  EXPECT_TRUE(bench.has(2));
  EXPECT_FALSE(bench.has(3));
  EXPECT_EQ(bench.ledger->reader().verify()->rows, 2);
  EXPECT_EQ(bench.settle(settlement(4)), SettleStatus::Recorded);
}

TEST(Faults, D5AFullDiskSpillsClosesAdmissionAtHalfOfTheSpillFileAndHeals) {
  const TempFolder folder;
  FaultVfs vfs;
  Options wanted = on(vfs, folder);
  wanted.spill_bytes = 4096;
  std::size_t each = 0;  // bytes of one in the spill file, to within a few
  {
    std::string bytes;
    encode_settlement(settlement(2), bytes);
    each = bytes.size() + kFrameHead;
  }
  ASSERT_GT(wanted.spill_bytes / each, 12U);
  Bench bench(wanted);
  ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  EXPECT_TRUE(bench.ledger->has_room());
  vfs.full = true;
  for (std::uint32_t n = 2; n <= 12; ++n) {
    EXPECT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded)
        << n;  // durable, in the spill file
    const std::size_t used = (n - 1) * each;
    if (used + each < wanted.spill_bytes / 2) {
      EXPECT_TRUE(bench.ledger->has_room()) << n;
    } else if (used > wanted.spill_bytes / 2 + each) {
      EXPECT_FALSE(bench.ledger->has_room()) << n;
    }
  }
  EXPECT_FALSE(bench.ledger->has_room());
  EXPECT_EQ(bench.ledger->stats().spilled, 11U);
  EXPECT_FALSE(bench.has(2));
  EXPECT_FALSE(bench.ledger->create_key({.name = "k", .expires = {}, .allowed_models = {}}));
  vfs.full = false;
  EXPECT_TRUE(eventually([&] { return bench.ledger->has_room(); }));
  EXPECT_EQ(bench.ledger->stats().spilled, 0U);
  EXPECT_EQ(bench.settle(settlement(12)), SettleStatus::Exists);
  EXPECT_TRUE(bench.ledger->create_key({.name = "k", .expires = {}, .allowed_models = {}}));
  const auto report = bench.ledger->reader().verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->rows, 12);
}

TEST(Faults, D5ASpillSurvivesARestartAndIsReplayedOnce) {
  const TempFolder folder;
  FaultVfs vfs;
  {
    Bench bench(on(vfs, folder));
    vfs.full = true;
    for (std::uint32_t n = 1; n <= 10; ++n) {
      EXPECT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
    }
  }
  vfs.full = false;
  {
    Bench bench(on(vfs, folder));
    EXPECT_EQ(bench.ledger->recovery().from_spill, 10U);
    EXPECT_EQ(bench.ledger->reader().verify()->rows, 10);
  }
  EXPECT_EQ(Bench(on(vfs, folder)).ledger->recovery().from_spill, 0U);
}

// A restored copy may lack the prices of what was spilled since; a bad block may hide the rest.
TEST(Faults, D5WhatTheSpillFileCannotGiveIsKeptAndSaid) {
  for (const bool damaged : {true, false}) {
    const TempFolder folder;
    FaultVfs vfs;
    const std::string spill = folder.database() + ".spill";
    {
      Bench bench(on(vfs, folder));
      vfs.full = true;
      for (std::uint32_t n = 1; n <= 10; ++n) {
        EXPECT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
      }
    }
    vfs.full = false;
    std::fstream file(spill, std::ios::in | std::ios::out | std::ios::binary);
    if (damaged) {
      std::string first;
      encode_posting({.settlement = settlement(1), .mark = {}}, first);
      file.seekp(static_cast<std::streamoff>(5 * (first.size() + kFrameHead) + kFrameHead + 4));
      file.put('\xFF');
    } else {
      Settlement unknown = settlement(11);
      unknown.price_version = "of another copy";
      std::string frame;
      const std::size_t start = begin_frame(frame);
      encode_posting({.settlement = unknown, .mark = {}}, frame);
      end_frame(frame, start);
      frame.append(kFrameHead, '\0');
      file.write(frame.data(), static_cast<std::streamsize>(frame.size()));
    }
    file.close();
    Bench bench(on(vfs, folder));
    const RecoveryReport& recovery = bench.ledger->recovery();
    EXPECT_EQ(recovery.from_spill, damaged ? 5U : 0U);
    EXPECT_EQ(recovery.spill_set_aside, spill + ".epoch-" + std::to_string(recovery.epoch));
    EXPECT_TRUE(std::filesystem::exists(recovery.spill_set_aside));
    EXPECT_TRUE(bench.ledger->reader().verify());
    vfs.full = true;  // the new one works
    EXPECT_EQ(bench.settle(settlement(20)), SettleStatus::Recorded);
    vfs.full = false;
  }
}

TEST(Faults, D5AFullSpillFileLosesLoudly) {
  const TempFolder folder;
  FaultVfs vfs;
  Options wanted = on(vfs, folder);
  wanted.spill_bytes = 4096;
  Bench bench(wanted);
  vfs.full = true;
  SettleStatus last = SettleStatus::Recorded;
  std::uint32_t n = 0;
  while (last == SettleStatus::Recorded && n < 100) {
    last = bench.settle(settlement(++n));
  }
  EXPECT_EQ(last, SettleStatus::Lost);
  EXPECT_GT(n, 3U);
  EXPECT_EQ(bench.ledger->failure()->code(), "ledger_spill_full");
}

TEST(Faults, D5AnAlmostFullDiskClosesAdmission) {
  const TempFolder folder;
  Options wanted = options(folder);
  wanted.least_free_bytes = ~std::uint64_t{0};
  Bench bench(wanted);
  EXPECT_FALSE(bench.ledger->has_room());
  EXPECT_EQ(bench.settle(settlement(1)),
            SettleStatus::Recorded);  // what is under way still ends well
}

TEST(Faults, D7AForeignWriteTransactionLosesNothing) {
  const TempFolder folder;
  FaultVfs vfs;
  Bench bench(on(vfs, folder));
  {
    RawSqlite stranger(folder.database());
    stranger.run("BEGIN IMMEDIATE");
    for (std::uint32_t n = 1; n <= 5; ++n) {
      EXPECT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
    }
    EXPECT_TRUE(bench.ledger->has_room());  // a mere fraction of the spill file
    EXPECT_EQ(bench.ledger->stats().spilled, 5U);
    stranger.run("ROLLBACK");
  }
  EXPECT_TRUE(eventually([&] { return bench.ledger->stats().spilled == 0; }));
  EXPECT_EQ(bench.ledger->reader().verify()->rows, 5);
}

TEST(Faults, D7ALongReaderBlocksOnlyTheCheckpoint) {
  const TempFolder folder;
  Bench bench(folder);
  ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  RawSqlite reader(folder.database());
  reader.run("BEGIN; SELECT count(*) FROM generation");
  for (std::uint32_t n = 2; n <= 3000; ++n) {
    ASSERT_TRUE(eventually([&] { return bench.ledger->settle(0, settlement(n), n); }));
  }
  EXPECT_EQ(bench.sink.wait(3000).size(), 3000U);
  EXPECT_TRUE(bench.ledger->has_room());
  ASSERT_TRUE(bench.ledger->stop());
  EXPECT_EQ(bench.ledger->reader().verify()->rows, 3000);
}

// Power goes at a random moment: what was not flushed is lost, torn at sectors and out
// of order.  What was acknowledged is there, once.
TEST(Faults, D2PowerLossKeepsWhatWasAcknowledged) {
  const TempFolder folder;
  FaultVfs vfs;
  Bench bench(on(vfs, folder));
  std::uint32_t n = 0;
  for (std::uint32_t round = 0; round < 25; ++round) {
    for (std::uint32_t i = 0; i < 40 + round * 7; ++i) {
      ASSERT_TRUE(eventually([&] { return bench.ledger->settle(0, settlement(n), n); }));
      ++n;
    }
    bench.sink.wait(n - 20);
    const auto acknowledged = bench.sink.now();  // before the power goes
    const TempFolder after;
    vfs.lose_power(after.path(), round);
    Bench restarted(after);
    ASSERT_TRUE(restarted.ledger) << "round " << round;
    const auto rows = restarted.ledger->reader().list_generations(
        {.key = {}, .model = {}, .from = {}, .until = {}, .limit = 100'000});
    ASSERT_TRUE(rows) << rows.error().detail();
    std::set<GenerationId> present;
    for (const auto& row : *rows) {
      EXPECT_TRUE(present.insert(row.settlement.generation).second);
    }
    const auto missing = std::ranges::count_if(acknowledged, [&](const Settled& settled) {
      return !present.contains(settled.generation);
    });
    EXPECT_EQ(missing, 0) << "of " << acknowledged.size() << " in round " << round;
    const auto report = restarted.ledger->reader().verify();
    EXPECT_TRUE(report) << report.error().detail();
  }
}

}  // namespace
}  // namespace waybill::ledger
