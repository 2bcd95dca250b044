// B20: whatever is done to the file behind the ledger's back, verify says where.

#include <functional>

#include "adjustment_row.hpp"
#include "chain.hpp"
#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

constexpr std::uint32_t kRows = 20;
// What a tamperer does first.
constexpr const char* kDropGuards =
    "DROP TRIGGER generation_stands; DROP TRIGGER generation_stays; DROP TRIGGER attempt_stands;"
    "DROP TRIGGER attempt_stays; DROP TRIGGER checkpoint_stands; DROP TRIGGER checkpoint_stays;"
    "DROP TRIGGER price_stands; DROP TRIGGER price_stays; DROP TRIGGER adjustment_stands;"
    "DROP TRIGGER adjustment_stays; PRAGMA foreign_keys = OFF;";

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

// Five generations, and adjustments at rows 5 and 7.
void fill_with_refunds(const TempFolder& folder) {
  Bench bench(folder);
  for (std::uint32_t n = 1; n <= 4; ++n) {
    ASSERT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
  }
  ASSERT_TRUE(bench.ledger->adjust(refund(2, 1'000, "first")));
  ASSERT_EQ(bench.settle(settlement(5)), SettleStatus::Recorded);
  ASSERT_TRUE(bench.ledger->adjust(refund(3, std::nullopt, "second")));
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
      {"balances_of_an_earlier_row", "UPDATE meta SET value = 19 WHERE name = 'balances_at'",
       "balance of account"},
      {"balances_of_no_row", "UPDATE meta SET value = 99 WHERE name = 'balances_at'", "row 99"},
      {"balances_of_nothing", "DELETE FROM meta WHERE name = 'balances_at'", "balance of account"},
      {"lane_changed", "UPDATE meta SET value = randomblob(16) WHERE name = 'lane'", "row 1 "},
  };
  return all;
}

const std::vector<Tampering>& tamperings_with_refunds() {
  static const std::vector<Tampering> all{
      {"refund_changed", "UPDATE adjustment SET refund = 999 WHERE seq = 5", "row 5 (adjustment"},
      {"reason_changed", "UPDATE adjustment SET reason = 'x' WHERE seq = 5", "row 5 (adjustment"},
      {"generation_changed",
       "UPDATE adjustment SET gen_id = (SELECT gen_id FROM generation WHERE seq = 1) WHERE seq = 5",
       "row 5 (adjustment"},
      {"time_changed", "UPDATE adjustment SET booked = booked + 1 WHERE seq = 7", "row 7 "},
      {"id_changed", "UPDATE adjustment SET id = 'x' WHERE seq = 7", "row 7 "},
      {"accounts_changed", "UPDATE adjustment SET credit = 2 WHERE seq = 7", "row 7 "},
      {"kind_out_of_range", "UPDATE adjustment SET whole = 7 WHERE seq = 7", "Row 7 "},
      {"deleted", "DELETE FROM adjustment WHERE seq = 5", "lacks row 5"},
      {"last_deleted", "DELETE FROM adjustment WHERE seq = 7", "ends at row 6"},
      {"moved_over_a_generation", "UPDATE adjustment SET seq = 4 WHERE seq = 5", "row 4 "},
      {"balance_changed", "UPDATE account SET debits = zeroblob(16) WHERE name = 'goodwill'",
       "goodwill"},
  };
  return all;
}

using Fill = void (*)(const TempFolder&);
class TamperedLedger : public testing::TestWithParam<std::pair<Fill, Tampering>> {};

TEST_P(TamperedLedger, B20VerifyNamesTheFirstBadRow) {
  const auto& [filled, tampering] = GetParam();
  const TempFolder folder;
  filled(folder);
  {
    RawSqlite raw(folder.database());
    raw.run(kDropGuards);
    raw.run(tampering.sql);
  }
  const auto report = (*LedgerReader::open(folder.database()))->verify();
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code(), "ledger_corrupt");
  EXPECT_NE(report.error().detail().find(tampering.named), std::string::npos)
      << report.error().detail();
}

std::vector<std::pair<Fill, Tampering>> filled_by(Fill filled,
                                                  const std::vector<Tampering>& tampered) {
  std::vector<std::pair<Fill, Tampering>> out;
  for (const Tampering& each : tampered) {
    out.emplace_back(filled, each);
  }
  return out;
}

std::string case_name(const testing::TestParamInfo<std::pair<Fill, Tampering>>& info) {
  return info.param.second.name;
}
INSTANTIATE_TEST_SUITE_P(Generations,
                         TamperedLedger,
                         testing::ValuesIn(filled_by(fill, tamperings())),
                         case_name);
INSTANTIATE_TEST_SUITE_P(Adjustments,
                         TamperedLedger,
                         testing::ValuesIn(filled_by(fill_with_refunds, tamperings_with_refunds())),
                         case_name);

// A row that fits the chain and gives back too much is found by what it says.
TEST(Verify, I11VerifyFindsMoreGivenBackThanWasCharged) {
  for (const auto& [generation, named] :
       {std::pair{id(2), "more is given back"}, std::pair{id(77), "no generation before it"}}) {
    const TempFolder folder;
    fill_with_refunds(folder);
    RawSqlite raw(folder.database());
    StoredAdjustment row;
    row.seq = 8;
    row.booked = kNow;
    row.adjustment = {.id = "third",
                      .generation = generation,
                      .refund = Money::picodollars(charge(2) - 999),
                      .whole = false,
                      .reason = "x"};
    std::string head;
    raw.each(
        "SELECT hex(hash), (SELECT id FROM account WHERE name = 'goodwill'),"
        " (SELECT id FROM account WHERE name = 'customer/default') FROM adjustment WHERE seq = 7",
        [&](char** values) {
          head = values[0];
          row.debit = std::stoll(values[1]);
          row.credit = std::stoll(values[2]);
        });
    row.hash = ChainHasher{}.next(*parse_sha256_hex(head), row);
    raw.run("INSERT INTO adjustment VALUES (8, 'third', x'" + to_hex(generation.bytes()) + "', " +
            std::to_string(row.booked.time_since_epoch().count()) + ", " +
            std::to_string(row.debit) + ", " + std::to_string(row.credit) + ", " +
            std::to_string(row.adjustment.refund.count()) + ", 0, 'x', x'" + to_hex(row.hash) +
            "')");
    const auto report = (*LedgerReader::open(folder.database()))->verify();
    ASSERT_FALSE(report);
    EXPECT_NE(report.error().detail().find(named), std::string::npos) << report.error().detail();
    EXPECT_NE(report.error().detail().find("row 8 (adjustment third"), std::string::npos);
  }
}

TEST(Verify, RowsAreGuardedAgainstUpdateAndDelete) {
  const TempFolder folder;
  fill(folder);
  ASSERT_TRUE(Bench(folder).ledger->adjust(refund(2, 1'000)));
  RawSqlite raw(folder.database());
  for (const char* sql :
       {"UPDATE generation SET cost = 0", "DELETE FROM generation WHERE seq = 20",
        "UPDATE attempt SET latency = 0", "DELETE FROM attempt", "UPDATE price SET text = ''",
        "DELETE FROM price", "UPDATE checkpoint SET seq = 0", "DELETE FROM checkpoint",
        "UPDATE adjustment SET refund = 1", "DELETE FROM adjustment"}) {
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

TEST(StartUp, D6BalancesOfAnotherRowThanTheyAreSaidToBeOfAreRefused) {
  for (const char* const row : {"0", "19", "'twenty'"}) {
    const TempFolder folder;
    fill(folder);
    RawSqlite(folder.database())
        .run(std::string("DROP TRIGGER checkpoint_stays; DELETE FROM checkpoint;"
                         "UPDATE meta SET value = ") +
             row + " WHERE name = 'balances_at'");
    const auto opened = Ledger::open(options(folder));
    ASSERT_FALSE(opened) << row;
    EXPECT_EQ(opened.error().code(), "ledger_corrupt");
  }
}

}  // namespace
}  // namespace waybill::ledger
