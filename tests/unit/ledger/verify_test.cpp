// B20: whatever is done to the file behind the ledger's back, verify says where.

#include <functional>

#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

constexpr std::uint32_t kRows = 20;
// What a tamperer does first.
constexpr const char* kDropGuards =
    "DROP TRIGGER generation_stands; DROP TRIGGER generation_stays; DROP TRIGGER attempt_stands;"
    "DROP TRIGGER attempt_stays; DROP TRIGGER checkpoint_stands; DROP TRIGGER checkpoint_stays;"
    "DROP TRIGGER price_stands; DROP TRIGGER price_stays; PRAGMA foreign_keys = OFF;";

void fill(const TempFolder& folder) {
  Bench bench(folder);
  for (std::uint32_t n = 1; n <= kRows; ++n) {
    Settlement s = settlement(n);
    if (n == 5) {
      s.failed_attempts.push_back({.number = 1,
                                   .provider = "shed",
                                   .endpoint = {},
                                   .upstream_model = {},
                                   .status = 500,
                                   .error_code = "upstream_failed",
                                   .provider_cost = Money::picodollars(3)});
    }
    ASSERT_EQ(bench.settle(std::move(s)), SettleStatus::Recorded);
  }
  ASSERT_TRUE(bench.ledger->reader().verify());
}

struct Tampering {
  std::string name;
  std::string sql;
  std::string named;  // must be in the sentence

  friend void PrintTo(const Tampering& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Tampering>& tamperings() {
  static const std::vector<Tampering> all{
      {"cost_changed", "UPDATE generation SET cost = 1 WHERE seq = 7", "row 7 "},
      {"every_column_counts", "UPDATE generation SET native_finish_reason = 'x' WHERE seq = 9",
       "row 9 "},
      {"key_changed", "UPDATE generation SET key_id = 2 WHERE seq = 3", "row 3 "},
      {"time_changed", "UPDATE generation SET settled = settled - 1 WHERE seq = 11", "row 11 "},
      {"accounts_changed", "UPDATE generation SET provider_debit = 1 WHERE seq = 4", "row 4 "},
      {"hash_changed", "UPDATE generation SET hash = randomblob(32) WHERE seq = 6", "row 6 "},
      {"value_out_of_range", "UPDATE generation SET outcome = 99 WHERE seq = 8", "Row 8 "},
      {"row_deleted", "DELETE FROM generation WHERE seq = 7", "lacks row 7"},
      {"first_row_deleted", "DELETE FROM generation WHERE seq = 1", "lacks row 1"},
      {"last_rows_deleted", "DELETE FROM generation WHERE seq > 18", "ends at row 18"},
      {"row_inserted",
       "CREATE TEMP TABLE t AS SELECT * FROM generation WHERE seq = 20;"
       "UPDATE t SET seq = 21, gen_id = randomblob(16); INSERT INTO generation SELECT * FROM t",
       "row 21 "},
      {"rows_swapped",
       "UPDATE generation SET seq = -1 WHERE seq = 7; UPDATE generation SET seq = 7 WHERE seq = 8;"
       "UPDATE generation SET seq = 8 WHERE seq = -1",
       "row 7 "},
      {"attempt_changed", "UPDATE attempt SET provider_cost = 4", "row 5 "},
      {"attempt_deleted", "DELETE FROM attempt", "row 5 "},
      {"attempt_added",
       "INSERT INTO attempt SELECT 6, 0, number, provider, endpoint, upstream_model, status, "
       "error_code, latency, provider_cost FROM attempt",
       "failed attempts"},
      {"price_changed",
       "UPDATE price SET text = 'prompt=1 completion=1' WHERE text LIKE 'prompt=150000%'",
       "price table"},
      {"price_deleted", "DELETE FROM price WHERE text LIKE 'prompt=150000%'", "price table"},
      {"balance_changed",
       "UPDATE account SET debits = zeroblob(16) WHERE name = 'customer/default'",
       "customer/default"},
      {"account_deleted", "DELETE FROM account WHERE name = 'cogs/shed'", "account that is gone"},
      {"daily_sum_changed", "UPDATE key_day SET generations = 1", "daily sum of key 1"},
      {"daily_sum_deleted", "DELETE FROM key_day", "daily sum of key 1"},
      {"checkpoint_changed", "UPDATE checkpoint SET hash = randomblob(32) WHERE seq = 20",
       "checkpoint at row 20"},
      {"lane_changed", "UPDATE meta SET value = randomblob(16) WHERE name = 'lane'", "row 1 "},
  };
  return all;
}

class TamperedLedger : public testing::TestWithParam<Tampering> {};

TEST_P(TamperedLedger, B20VerifyNamesTheFirstBadRow) {
  const TempFolder folder;
  fill(folder);
  {
    RawSqlite raw(folder.database());
    raw.run(kDropGuards);
    raw.run(GetParam().sql);
  }
  const auto report = (*LedgerReader::open(folder.database()))->verify();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), "ledger_corrupt");
  EXPECT_NE(report.error().detail().find(GetParam().named), std::string::npos)
      << report.error().detail();
}

std::string case_name(const testing::TestParamInfo<Tampering>& info) {
  return info.param.name;
}
INSTANTIATE_TEST_SUITE_P(Sql, TamperedLedger, testing::ValuesIn(tamperings()), case_name);

TEST(Verify, RowsAreGuardedAgainstUpdateAndDelete) {
  const TempFolder folder;
  fill(folder);
  RawSqlite raw(folder.database());
  for (const char* sql :
       {"UPDATE generation SET cost = 0", "DELETE FROM generation WHERE seq = 20",
        "UPDATE attempt SET latency = 0", "DELETE FROM attempt", "UPDATE price SET text = ''",
        "DELETE FROM price", "UPDATE checkpoint SET seq = 0", "DELETE FROM checkpoint"}) {
    EXPECT_EQ(raw.try_run(sql), SQLITE_CONSTRAINT) << sql;
  }
}

TEST(Verify, ReportsItsProgress) {
  const TempFolder folder;
  Bench bench(folder);
  for (std::uint32_t n = 1; n <= 5000; ++n) {
    ASSERT_TRUE(eventually([&] { return bench.ledger->settle(0, settlement(n), n); }));
  }
  ASSERT_EQ(bench.sink.wait(5000).size(), 5000U);
  std::vector<std::int64_t> rows;
  ASSERT_TRUE(bench.ledger->reader().verify([&](VerifyProgress progress) {
    rows.push_back(progress.row);
    EXPECT_EQ(progress.of, 5000);
  }));
  EXPECT_EQ(rows, (std::vector<std::int64_t>{4096}));
}

TEST(Verify, AnEmptyLedgerIsSound) {
  const TempFolder folder;
  Bench bench(folder);
  const auto report = bench.ledger->reader().verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->rows, 0);
}

// Start-up reads only the tail, but it must see what is wrong there.
TEST(StartUp, D6ATamperedTailIsRefused) {
  const TempFolder folder;
  fill(folder);
  {
    RawSqlite raw(folder.database());
    raw.run(kDropGuards);
    raw.run("DELETE FROM checkpoint; UPDATE generation SET cost_prompt = 1 WHERE seq = 20");
  }
  const auto opened = Ledger::open(options(folder));
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), "ledger_corrupt");
  EXPECT_NE(opened.error().detail().find("row 20 "), std::string::npos) << opened.error().detail();
}

TEST(StartUp, D6TamperedBalancesAreRefused) {
  const TempFolder folder;
  fill(folder);
  RawSqlite(folder.database())
      .run("UPDATE account SET credits = zeroblob(16) WHERE name = 'revenue'");
  EXPECT_EQ(Ledger::open(options(folder)).error().code(), "ledger_corrupt");
}

}  // namespace
}  // namespace waybill::ledger
