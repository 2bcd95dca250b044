// What start-up refuses, and with which words.

#include <filesystem>
#include <fstream>

#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests
namespace fs = std::filesystem;

void fill(const TempFolder& folder, std::uint32_t rows = 5) {
  Bench bench(folder);
  for (std::uint32_t n = 1; n <= rows; ++n) {
    ASSERT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
  }
}

std::string refusal(const Options& wanted) {
  const auto opened = Ledger::open(wanted);
  return opened ? "opened" : std::string(opened.error().code());
}

TEST(StartUp, D8ASecondOwnerIsRefused) {
  const TempFolder folder;
  {
    Bench bench(folder);
    const auto second = Ledger::open(options(folder));
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), "ledger_locked");
    EXPECT_NE(second.error().detail().find("Another Waybill process"), std::string::npos);
    EXPECT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  }
  EXPECT_EQ(refusal(options(folder)), "opened");
}

TEST(StartUp, D13ANewerSchemaIsRefusedByWriterAndReader) {
  const TempFolder folder;
  fill(folder);
  RawSqlite(folder.database()).run("PRAGMA user_version = 99");
  EXPECT_EQ(refusal(options(folder)), "ledger_newer_schema");
  EXPECT_EQ(LedgerReader::open(folder.database()).error().code(), "ledger_newer_schema");
}

TEST(StartUp, D13AnInterruptedMigrationIsDoneAgain) {
  const TempFolder folder;
  {
    std::ofstream(folder.database()).flush();
  }  // created, never migrated
  EXPECT_EQ(refusal(options(folder)), "opened");
}

TEST(StartUp, AForeignDatabaseIsLeftAlone) {
  const TempFolder folder;
  RawSqlite(folder.database()).run("CREATE TABLE mine (x)");
  EXPECT_EQ(refusal(options(folder)), "ledger_foreign");
  EXPECT_EQ(LedgerReader::open(folder.database()).error().code(), "ledger_foreign");
}

TEST(StartUp, D6ADeletedDatabaseIsNotReplacedByAnEmptyOne) {
  const TempFolder folder;
  fill(folder);
  fs::remove(folder.database());
  EXPECT_EQ(refusal(options(folder)), "ledger_missing");
  fs::remove(folder.database() + ".lock");  // what the sentence says
  EXPECT_EQ(refusal(options(folder)), "opened");
}

TEST(StartUp, D6AnotherLedgersFileIsRefused) {
  const TempFolder folder;
  const TempFolder other;
  fill(folder);
  fill(other);
  fs::copy_file(other.database(), folder.database(), fs::copy_options::overwrite_existing);
  EXPECT_EQ(refusal(options(folder)), "ledger_replaced");
}

TEST(StartUp, D6D14AnOlderCopyIsRefusedUntilAccepted) {
  const TempFolder folder;
  fill(folder, 3);
  fs::copy_file(folder.database(), folder.path() + "/old.db");
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(settlement(10)), SettleStatus::Recorded);
  }
  fs::copy_file(folder.path() + "/old.db", folder.database(), fs::copy_options::overwrite_existing);
  EXPECT_EQ(refusal(options(folder)), "ledger_rolled_back");
  Options accepting = options(folder);
  accepting.after_restore = AfterRestore::Accept;
  {
    Bench bench(accepting);
    EXPECT_EQ(bench.settle(settlement(11)), SettleStatus::Recorded);
    EXPECT_EQ(bench.ledger->reader().verify()->rows, 4);
  }
  EXPECT_EQ(refusal(options(folder)), "opened");
}

TEST(StartUp, D6ATruncatedWriteAheadLogIsNoticed) {
  const TempFolder folder;
  const TempFolder copy;
  {
    Bench bench(folder);
    for (std::uint32_t n = 1; n <= 5; ++n) {
      ASSERT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
    }
    // A reader keeps the log from being emptied; the lock file already knows of row 5.
    RawSqlite reader(folder.database());
    reader.run("BEGIN; SELECT count(*) FROM generation");
    ASSERT_EQ(bench.settle(settlement(6)), SettleStatus::Recorded);
    ASSERT_TRUE(bench.ledger->stop());
    for (const char* part : {"", "-wal", ".lock"}) {
      fs::copy_file(folder.database() + part, copy.database() + part);
    }
  }
  ASSERT_GT(fs::file_size(copy.database() + "-wal"), 0U);
  fs::resize_file(copy.database() + "-wal", 0);
  EXPECT_EQ(refusal(options(copy)), "ledger_rolled_back");
}

TEST(StartUp, D6BitFlipsAreFoundByVerifyAtTheLatest) {
  const TempFolder folder;
  fill(folder, 200);
  const auto size = fs::file_size(folder.database());
  std::string whole(size, '\0');
  std::ifstream(folder.database(), std::ios::binary)
      .read(whole.data(), static_cast<std::streamsize>(size));
  const std::string needle = "chatcmpl-0123456789";
  std::size_t tried = 0;
  for (std::size_t at = whole.find(needle); at != std::string::npos && tried < 20;
       at = whole.find(needle, at + 5000), ++tried) {
    const TempFolder copy;
    std::string flipped = whole;
    flipped[at + 3] = static_cast<char>(flipped[at + 3] ^ 4);
    std::ofstream(copy.database(), std::ios::binary)
        .write(flipped.data(), static_cast<std::streamsize>(size));
    const auto reader = LedgerReader::open(copy.database());
    ASSERT_TRUE(reader);
    EXPECT_EQ((*reader)->verify().error().code(), "ledger_corrupt");
  }
  EXPECT_GT(tried, 3U);
}

TEST(StartUp, D6ADamagedHeaderIsRefused) {
  const TempFolder folder;
  fill(folder);
  std::fstream(folder.database(), std::ios::binary | std::ios::in | std::ios::out)
      .write("damaged header!!", 16);
  EXPECT_EQ(refusal(options(folder)), "ledger_corrupt");
}

TEST(StartUp, D6AFolderThatCannotBeWrittenIsNamed) {
  Options wanted;
  wanted.path = "/nonexistent/folder/ledger.db";
  const auto opened = Ledger::open(wanted);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), "ledger_unwritable");
  EXPECT_NE(opened.error().detail().find("/nonexistent/folder"), std::string::npos);
  EXPECT_EQ(LedgerReader::open(wanted.path).error().code(), "ledger_missing");
}

// What was committed since the last checkpoint stands in the log alone.
TEST(StartUp, D6ARemovedLogStopsTheLedger) {
  const TempFolder folder;
  Bench bench(folder);
  ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  ASSERT_TRUE(fs::remove(folder.database() + "-wal"));
  std::uint32_t n = 1;
  EXPECT_TRUE(eventually([&] {  // noticed within a second
    (void)bench.settle(settlement(++n));
    return bench.ledger->failure().has_value();
  }));
  EXPECT_EQ(bench.ledger->failure()->code(), "ledger_replaced");
}

TEST(StartUp, D6ADamagedListOfAccountsIsRefused) {
  for (const char* damage : {"DELETE FROM account WHERE id = 1", "DELETE FROM account WHERE id = 2",
                             "UPDATE account SET name = 'x' WHERE id = 2"}) {
    const TempFolder folder;
    fill(folder, 3);
    RawSqlite(folder.database()).run(damage);
    EXPECT_EQ(refusal(options(folder)), "ledger_corrupt") << damage;
  }
}

// Acceptance is for copies that lack the end, not for another history.
TEST(StartUp, D6AForkIsRefusedEvenWhereCopiesAreAccepted) {
  const TempFolder folder;
  const TempFolder other;
  fill(folder, 3);
  fs::copy_file(folder.database(), other.database());
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(settlement(10)), SettleStatus::Recorded);
  }
  {
    Bench bench(other);
    ASSERT_EQ(bench.settle(settlement(20)), SettleStatus::Recorded);
    ASSERT_EQ(bench.settle(settlement(21)), SettleStatus::Recorded);
  }
  fs::copy_file(other.database(), folder.database(), fs::copy_options::overwrite_existing);
  Options accepting = options(folder);
  accepting.after_restore = AfterRestore::Accept;
  EXPECT_EQ(refusal(accepting), "ledger_corrupt");
}

TEST(StartUp, D6AReplacedFileStopsTheLedger) {
  const TempFolder folder;
  Bench bench(folder);
  ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  fs::rename(folder.database(), folder.path() + "/moved.db");
  std::uint32_t n = 1;
  EXPECT_TRUE(eventually([&] {  // noticed within a second
    (void)bench.settle(settlement(++n));
    return bench.ledger->failure().has_value();
  }));
  EXPECT_EQ(bench.ledger->failure()->code(), "ledger_replaced");
  EXPECT_FALSE(bench.ledger->has_room());
  EXPECT_EQ(bench.settle(settlement(++n)), SettleStatus::Lost);
}

TEST(StartUp, FilesAreForTheirOwnerOnly) {
  const TempFolder folder;
  Bench bench(folder);
  ASSERT_TRUE(log_intent(*bench.ledger, intent(1, prices().version)));
  for (const char* part : {"", "-wal", "-shm", ".lock", ".spill"}) {
    const auto mode = fs::status(folder.database() + part).permissions();
    EXPECT_EQ(mode & (fs::perms::group_all | fs::perms::others_all), fs::perms::none) << part;
  }
  EXPECT_EQ(fs::status(folder.database() + ".intents").permissions(), fs::perms::owner_all);
}

TEST(StartUp, OptionsThatMakeNoSenseAreRefused) {
  const TempFolder folder;
  Options wanted = options(folder);
  wanted.queue_capacity = 1000;
  EXPECT_EQ(refusal(wanted), "ledger_options_invalid");
}

}  // namespace
}  // namespace waybill::ledger
