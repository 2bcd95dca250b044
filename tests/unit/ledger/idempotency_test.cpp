// What is known of an Idempotency-Key after restarts, crashes and full disks.

#include <atomic>
#include <string>
#include <variant>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "fault_vfs.hpp"
#include "intent_codec.hpp"
#include "posting.hpp"
#include "settlement_codec.hpp"
#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests
using State = IdempotencyIndex::State;
using std::chrono::hours;

IdempotencyMark mark(std::string_view key, WallTime expires = kNow + hours(24)) {
  return {.key = sha256(key), .body = sha256("body"), .expires = expires};
}

IdempotencyIndex::Answer ask(Bench& bench, std::string_view key, WallTime now = kNow) {
  return bench.ledger->idempotency().claim(
      {.tenant = 1, .mark = mark(key, now + hours(24)), .generation = id(999)}, now);
}

Settlement failed(std::uint32_t n) {
  Settlement s = settlement(n);
  s.outcome = Outcome::Failed;
  s.usage_source = UsageSource::None;
  s.error_code = "upstream_error";
  s.counts = {};
  s.counts.requests = 0;
  s.cost = {};
  s.provider_cost = {};
  return s;
}

std::int64_t rows(const TempFolder& folder) {
  sqlite3* db = nullptr;
  sqlite3_open_v2(folder.database().c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
  sqlite3_stmt* count = nullptr;
  sqlite3_prepare_v2(db, "SELECT count(*) FROM idempotency", -1, &count, nullptr);
  const std::int64_t out = sqlite3_step(count) == SQLITE_ROW ? sqlite3_column_int64(count, 0) : -1;
  sqlite3_finalize(count);
  sqlite3_close(db);
  return out;
}

TEST(Idempotency, WhatStandsForRepeats) {
  struct Case {
    const char* name;
    Outcome outcome;
    std::uint64_t completion;
    std::int64_t cost;
    bool stands;
  };
  for (const Case& c : std::vector<Case>{
           {"an answer", Outcome::Ok, 5, 7, true},
           {"a free one", Outcome::Ok, 0, 0, true},
           {"a broken stream", Outcome::Partial, 5, 7, true},
           {"a broken free stream of which nothing was counted", Outcome::Partial, 0, 0, true},
           {"a client that left during the answer", Outcome::Cancelled, 5, 7, true},
           {"a client that left a free answer", Outcome::Cancelled, 5, 0, true},
           {"a client that left before it", Outcome::Cancelled, 0, 0, false},
           {"a failure", Outcome::Failed, 0, 0, false},
           {"a failure that was charged", Outcome::Failed, 0, 7, true},
           {"open at a crash, no output", Outcome::Voided, 0, 0, false},
       }) {
    Settlement s;
    s.outcome = c.outcome;
    s.counts.completion = c.completion;
    s.cost.total = Money::picodollars(c.cost);
    EXPECT_EQ(stands_for_repeats(s), c.stands) << c.name;
  }
}

TEST(Idempotency, B11ASettledRequestIsKnownAfterARestart) {
  const TempFolder folder;
  const IdempotencyMark key = mark("key");
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(settlement(1), &key), SettleStatus::Recorded);
    ASSERT_EQ(bench.settle(settlement(2)), SettleStatus::Recorded);
  }
  EXPECT_EQ(rows(folder), 1);
  Bench bench(folder);
  const auto answer = ask(bench, "key");
  EXPECT_EQ(answer.state, State::Remembered);
  EXPECT_EQ(answer.earlier, id(1));
  EXPECT_EQ(ask(bench, "other").state, State::Claimed);
  EXPECT_TRUE(bench.ledger->reader().verify());
}

TEST(Idempotency, AFailureThatCostNothingIsNotKept) {
  const TempFolder folder;
  const IdempotencyMark key = mark("key");
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(failed(1), &key), SettleStatus::Recorded);
  }
  EXPECT_EQ(rows(folder), 0);
  Bench bench(folder);
  EXPECT_EQ(ask(bench, "key").state, State::Claimed);
}

// Killed between the intent and the settlement, at the stations of the table (W2 to W7).
TEST(Idempotency, B11AfterACrashTheRecoveredStateIsKnown) {
  const TempFolder folder;
  const std::string version = prices().version;
  const auto intent_with = [&](std::uint32_t n, std::string_view key, std::uint32_t attempt = 1) {
    Intent out = intent(n, version, attempt);
    out.mark = mark(key);
    return out;
  };
  live_and_die(folder, [&](Bench& bench) {
    Ledger& ledger = *bench.ledger;
    ASSERT_TRUE(log_intent(ledger, intent_with(1, "delivered")));
    ASSERT_TRUE(ledger.log_progress(0, id(1), {.completion = 100}));
    ASSERT_TRUE(log_intent(ledger, intent_with(2, "silent")));
    ASSERT_TRUE(log_intent(ledger, intent_with(3, "second attempt", 1)));
    ASSERT_TRUE(log_intent(ledger, intent_with(3, "second attempt", 2)));
    ASSERT_TRUE(ledger.log_progress(0, id(3), {.completion = 5}));
    ASSERT_TRUE(log_intent(ledger, intent_with(4, "settled")));
    const IdempotencyMark settled = mark("settled");
    ASSERT_EQ(bench.settle(settlement(4), &settled), SettleStatus::Recorded);
    ASSERT_TRUE(log_intent(ledger, intent(5, version)));
    ASSERT_TRUE(ledger.log_progress(0, id(5), {.completion = 5}));
  });
  for (int start = 0; start < 2; ++start) {  // and after another restart still
    Bench bench(folder);
    EXPECT_EQ(bench.ledger->recovery().voided, start == 0 ? 1U : 0U);
    EXPECT_EQ(ask(bench, "delivered").state, State::Remembered);
    EXPECT_EQ(ask(bench, "delivered").earlier, id(1));
    EXPECT_EQ(ask(bench, "second attempt").earlier, id(3));
    EXPECT_EQ(ask(bench, "settled").earlier, id(4));
    EXPECT_EQ(ask(bench, "silent").state, State::Claimed);  // void: it may come again
    const auto row = bench.ledger->reader().find_generation(id(1));
    ASSERT_TRUE(row && *row);
    EXPECT_EQ((*row)->settlement.outcome, Outcome::Partial);
    EXPECT_EQ((*row)->settlement.cost.total.count(), 40 * 150'000 + 100 * 600'000);
    EXPECT_EQ(rows(folder), 3);
    EXPECT_TRUE(bench.ledger->reader().verify());
  }
}

TEST(Idempotency, OfTwoForOneKeyTheLaterStays) {
  for (const bool later_first : {false, true}) {
    const TempFolder folder;
    const IdempotencyMark early = mark("key", kNow + hours(1));
    const IdempotencyMark late = mark("key", kNow + hours(2));
    {
      Bench bench(folder);
      ASSERT_EQ(bench.settle(settlement(1), later_first ? &late : &early), SettleStatus::Recorded);
      ASSERT_EQ(bench.settle(settlement(2), later_first ? &early : &late), SettleStatus::Recorded);
    }
    Bench bench(folder);
    EXPECT_EQ(ask(bench, "key").earlier, id(later_first ? 1 : 2));
  }
}

TEST(Idempotency, TheWriterDeletesWhatHasExpired) {
  const TempFolder folder;
  constexpr std::uint32_t kKeys = 2500;  // more than one round deletes
  {
    Bench bench(folder);
    for (std::uint32_t n = 1; n <= kKeys; ++n) {
      const IdempotencyMark key = mark(std::to_string(n), kNow + hours(n % 2 == 0 ? 1 : 24));
      ASSERT_TRUE(eventually([&] { return bench.ledger->settle(0, settlement(n), n, &key); }));
    }
    ASSERT_EQ(bench.sink.wait(kKeys).size(), kKeys);
  }
  EXPECT_EQ(rows(folder), kKeys);
  Options later = options(folder);
  later.clock = [] { return kNow + hours(2); };
  Bench bench(later);
  EXPECT_TRUE(eventually([&] { return rows(folder) == kKeys / 2; })) << rows(folder);
  EXPECT_EQ(ask(bench, "2", kNow + hours(2)).state, State::Claimed);
  EXPECT_EQ(ask(bench, "1", kNow + hours(2)).state, State::Remembered);
  EXPECT_EQ(bench.ledger->reader().verify()->rows, kKeys);  // the generations stay
}

TEST(Idempotency, WhileItRunsExpiredRowsGoToo) {
  const TempFolder folder;
  std::atomic<int> hour{0};
  Options wanted = options(folder);
  wanted.clock = [&hour] { return kNow + hours(hour.load()); };
  Bench bench(wanted);
  ASSERT_EQ(ask(bench, "key").state, State::Claimed);
  const IdempotencyMark key = mark("key");
  ASSERT_EQ(bench.settle(settlement(1), &key), SettleStatus::Recorded);
  bench.ledger->idempotency().finish({.tenant = 1, .mark = key, .generation = id(999)});
  EXPECT_EQ(rows(folder), 1);
  hour = 25;
  // A settlement a round keeps the writer busy, so that its rounds come fast; a row with a
  // later key shows that only what has expired goes.
  std::uint32_t n = 2;
  EXPECT_TRUE(eventually([&] {
    const IdempotencyMark fresh = mark("fresh", kNow + hours(48));
    EXPECT_EQ(bench.settle(settlement(n++), &fresh), SettleStatus::Recorded);
    return bench.ledger->idempotency().size() == 0;
  }));
  EXPECT_TRUE(eventually([&] { return rows(folder) == 1; }));
}

TEST(Idempotency, B11TheSpillFileKeepsItToo) {
  const TempFolder folder;
  FaultVfs vfs;
  Options wanted = options(folder);
  wanted.vfs = vfs.name();
  wanted.busy_timeout = std::chrono::milliseconds(20);
  const IdempotencyMark first = mark("first");
  const IdempotencyMark second = mark("second");
  {
    Bench bench(wanted);
    vfs.full = true;
    ASSERT_EQ(bench.settle(settlement(1), &first), SettleStatus::Recorded);
    vfs.full = false;
    // A batch tries the spill file first, once a second.
    ASSERT_TRUE(eventually([&] {
      EXPECT_NE(bench.settle(settlement(9)), SettleStatus::Lost);
      return bench.ledger->stats().spilled == 0;
    }));
    EXPECT_EQ(rows(folder), 1);
    vfs.full = true;
    ASSERT_EQ(bench.settle(settlement(2), &second), SettleStatus::Recorded);
    ASSERT_EQ(bench.settle(settlement(3)), SettleStatus::Recorded);
  }
  vfs.full = false;
  Bench bench(wanted);
  EXPECT_EQ(bench.ledger->recovery().from_spill, 2U);
  EXPECT_EQ(ask(bench, "first").earlier, id(1));
  EXPECT_EQ(ask(bench, "second").earlier, id(2));
}

TEST(Idempotency, D4WhatAFailingFlushTookIsNotRemembered) {
  const TempFolder folder;
  FaultVfs vfs;
  Options wanted = options(folder);
  wanted.vfs = vfs.name();
  const IdempotencyMark key = mark("key");
  {
    Bench bench(wanted);
    vfs.fail_sync = true;
    EXPECT_EQ(bench.settle(settlement(1), &key), SettleStatus::Lost);
    vfs.fail_sync = false;
  }
  Bench bench(wanted);
  // Row and key are there both, or neither is: they are of one commit.
  EXPECT_EQ(bench.has(1), ask(bench, "key").state == State::Remembered);
}

TEST(Idempotency, ALedgerOfTheFirstSchemaIsMigrated) {
  const TempFolder folder;
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  }
  back_to_second_schema(folder);
  RawSqlite(folder.database()).run("DROP TABLE idempotency; PRAGMA user_version = 1");
  EXPECT_EQ(LedgerReader::open(folder.database()).error().code(), "ledger_older_schema");
  const IdempotencyMark key = mark("key");
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(settlement(2), &key), SettleStatus::Recorded);
  }
  Bench bench(folder);
  EXPECT_EQ(ask(bench, "key").earlier, id(2));
  EXPECT_EQ(bench.ledger->reader().verify()->rows, 2);
}

// ------------------------------------------------------------------ bytes

TEST(IntentCodec, AMarkRoundTripsAndAnIntentWithoutOneKeepsItsBytes) {
  Intent wanted = intent(7, "v1");
  std::string plain;
  encode_intent(wanted, plain);
  EXPECT_FALSE(std::get<Intent>(*decode_intent_entry(plain)).mark);
  wanted.mark = mark("key");
  std::string marked;
  encode_intent(wanted, marked);
  const auto entry = decode_intent_entry(marked);
  ASSERT_TRUE(entry);
  EXPECT_EQ(std::get<Intent>(*entry).mark, wanted.mark);
  EXPECT_EQ(marked.substr(1, plain.size() - 1), plain.substr(1));  // the type, and the mark behind
  for (std::size_t size = 0; size < marked.size(); ++size) {
    EXPECT_FALSE(decode_intent_entry(marked.substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_intent_entry(marked + '\0'));
}

TEST(PostingCodec, RoundTripsAndReadsWhatOlderSpillFilesHold) {
  const Posting plain{.settlement = settlement(3), .mark = {}};
  const Posting marked{.settlement = settlement(3), .mark = mark("key")};
  std::string older;
  encode_settlement(plain.settlement, older);
  EXPECT_EQ(decode_posting(older), plain);
  for (const Posting& posting : {plain, marked}) {
    std::string bytes;
    encode_posting(posting, bytes);
    EXPECT_EQ(decode_posting(bytes), posting);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_posting(bytes.substr(0, size))) << size;
    }
    EXPECT_FALSE(decode_posting(bytes + '\0'));
  }
}

}  // namespace
}  // namespace waybill::ledger
