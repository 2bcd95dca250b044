#include "waybill/ledger/ledger.hpp"

#include <algorithm>
#include <random>
#include <thread>

#include <sys/stat.h>

#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

TEST(Ledger, ASettlementIsReadBackAsItWas) {
  const TempFolder folder;
  Bench bench(folder);
  Settlement s = settlement(1);
  s.failed_attempts.push_back({.number = 1,
                               .provider = "shed",
                               .endpoint = "e",
                               .upstream_model = "m",
                               .status = 503,
                               .error_code = "upstream_unavailable",
                               .latency = microseconds(1200),
                               .provider_cost = Money::picodollars(5)});
  s.failed_attempts.push_back({.number = 2,
                               .provider = "openai",
                               .endpoint = "",
                               .upstream_model = "",
                               .error_code = "timeout",
                               .provider_cost = {}});
  s.attempt = 3;
  s.first_token.reset();
  const Settlement expected = s;
  EXPECT_EQ(bench.settle(std::move(s)), SettleStatus::Recorded);
  const auto found = bench.ledger->reader().find_generation(id(1));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->settlement, expected);
  EXPECT_EQ((*found)->seq, 1);
  EXPECT_FALSE(*bench.ledger->reader().find_generation(id(2)));
  const auto report = bench.ledger->reader().verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->provider_total.count(), expected.cost.total.count() + 5);
}

TEST(Ledger, CompletionsCarryTheCallersToken) {
  const TempFolder folder;
  Bench bench(folder);
  ASSERT_TRUE(bench.ledger->settle(0, settlement(1), 4711));
  const auto settled = bench.sink.wait(1);
  ASSERT_EQ(settled.size(), 1U);
  EXPECT_EQ(settled[0].token, 4711U);
  EXPECT_EQ(settled[0].generation, id(1));
}

TEST(Ledger, B10TheSameSettlementAgainExistsAndAnotherConflicts) {
  const TempFolder folder;
  Bench bench(folder);
  EXPECT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  EXPECT_EQ(bench.settle(settlement(1)), SettleStatus::Exists);
  Settlement other = settlement(1);
  other.outcome = Outcome::Cancelled;
  EXPECT_EQ(bench.settle(std::move(other)), SettleStatus::Conflict);
  const auto found = bench.ledger->reader().find_generation(id(1));
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->settlement, settlement(1));
  EXPECT_EQ(bench.ledger->reader().verify()->rows, 1);
  EXPECT_EQ(bench.ledger->stats().conflicts, 1U);
}

TEST(Ledger, B10RepeatsInOneBatchAreRecordedOnce) {
  const TempFolder folder;
  Bench bench(folder);
  for (std::uint64_t i = 0; i < 100; ++i) {
    ASSERT_TRUE(bench.ledger->settle(0, settlement(7), i));
  }
  const auto settled = bench.sink.wait(100);
  EXPECT_EQ(std::ranges::count(settled, SettleStatus::Recorded, &Settled::status), 1);
  EXPECT_EQ(std::ranges::count(settled, SettleStatus::Exists, &Settled::status), 99);
}

TEST(Ledger, ASettlementThatContradictsItselfIsRefused) {
  const TempFolder folder;
  Bench bench(folder);
  const auto broken = [](auto change) {
    Settlement s = settlement(1);
    change(s);
    return s;
  };
  EXPECT_EQ(bench.settle(broken([](Settlement& s) { s.price_version = "unheard-of"; })),
            SettleStatus::Refused);
  EXPECT_EQ(bench.settle(broken([](Settlement& s) { s.cost.total = Money::picodollars(1); })),
            SettleStatus::Refused);
  EXPECT_EQ(bench.settle(broken([](Settlement& s) { ++s.counts.completion; })),
            SettleStatus::Refused);
  EXPECT_EQ(bench.settle(broken([](Settlement& s) { s.counts.cached_read = 1'000'000; })),
            SettleStatus::Refused);
  EXPECT_EQ(bench.settle(broken([](Settlement& s) { s.provider_cost = {}; })),
            SettleStatus::Refused);
  EXPECT_EQ(bench.settle(broken([](Settlement& s) { s.provider_cost = Money::picodollars(-1); })),
            SettleStatus::Refused);
  EXPECT_FALSE(bench.has(1));
  EXPECT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
}

// Property: the account balances are the sum of the generations, whatever the mix.
TEST(Ledger, SumOfGenerationsIsTheAccountsBalance) {
  const TempFolder folder;
  Bench bench(folder);
  std::mt19937 random(20261125);  // NOLINT(bugprone-random-generator-seed): repeatable on purpose
  Int128 customer = 0;
  Int128 provider = 0;
  std::vector<std::int64_t> by_key(4);
  constexpr std::uint32_t kCount = 3000;
  for (std::uint32_t n = 1; n <= kCount; ++n) {
    Settlement s = settlement(n, 1 + static_cast<KeyId>(random() % 3));
    s.counts = catalog::clamp_parts({.prompt = random() % 100'000,
                                     .cached_read = random() % 100'000,
                                     .completion = random() % 5000});
    s.cost = *catalog::compute_cost(prices(), s.counts);
    s.provider_cost = s.cost.total;
    for (std::uint32_t attempt = 0; attempt < random() % 3; ++attempt) {
      s.failed_attempts.push_back(
          {.number = attempt,
           .provider = "p" + std::to_string(random() % 5),
           .endpoint = {},
           .upstream_model = {},
           .error_code = {},
           .provider_cost = Money::picodollars(static_cast<std::int64_t>(random() % 1000))});
      provider += s.failed_attempts.back().provider_cost.count();
    }
    customer += s.cost.total.count();
    provider += s.cost.total.count();
    by_key[static_cast<std::size_t>(s.key)] += s.cost.total.count();
    ASSERT_TRUE(bench.ledger->settle(0, std::move(s), n));
  }
  ASSERT_EQ(bench.sink.wait(kCount).size(), kCount);
  const auto report = bench.ledger->reader().verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->customer_total.count(), customer);
  EXPECT_EQ(report->provider_total.count(), provider);
  for (KeyId key = 1; key <= 3; ++key) {
    const auto usage = bench.ledger->reader().key_usage(key, kNow);
    ASSERT_TRUE(usage);
    EXPECT_EQ(usage->total.count(), by_key[static_cast<std::size_t>(key)]);
    EXPECT_EQ(usage->today, usage->total);
  }
}

TEST(Ledger, ManyThreadsSettleWithoutLosingOrDoublingAny) {
  const TempFolder folder;
  Options wanted = options(folder);
  wanted.workers = 4;
  auto ledger = *Ledger::open(wanted);
  const catalog::PriceTable table = prices();
  ASSERT_TRUE(ledger->register_prices({&table, 1}));
  std::vector<WaitingSink> sinks(4);
  std::vector<std::thread> threads;
  constexpr std::uint32_t kEach = 500;
  for (std::size_t worker = 0; worker < 4; ++worker) {
    ledger->set_sink(worker, sinks[worker]);
    threads.emplace_back([&, worker] {
      for (std::uint32_t n = 0; n < kEach; ++n) {
        const auto number = static_cast<std::uint32_t>(worker) * kEach + n;
        EXPECT_TRUE(log_intent(*ledger, intent(number, table.version), worker));
        EXPECT_TRUE(eventually([&] { return ledger->settle(worker, settlement(number), n); }));
      }
    });
  }
  for (auto& thread : threads) {
    thread.join();
  }
  for (auto& sink : sinks) {
    EXPECT_EQ(sink.wait(kEach).size(), kEach);
  }
  ASSERT_TRUE(ledger->stop());
  EXPECT_EQ(ledger->stats().settlements, 4 * kEach);
  EXPECT_EQ(ledger->reader().verify()->rows, 4 * kEach);
}

TEST(Ledger, AFullQueueRefusesAtOnceAndLeavesTheSettlementAlone) {
  const TempFolder folder;
  Options wanted = options(folder);
  wanted.queue_capacity = 2;
  Bench bench(wanted);
  std::uint64_t accepted = 0;
  bool refused = false;
  for (std::uint32_t n = 1; n <= 10'000 && !refused; ++n) {
    Settlement s = settlement(n);
    refused = !bench.ledger->settle(0, std::move(s), n);
    accepted += refused ? 0 : 1;
    if (refused) {
      EXPECT_EQ(s, settlement(n));  // NOLINT(bugprone-use-after-move): untouched by contract
    }
  }
  EXPECT_TRUE(refused);
  EXPECT_EQ(bench.sink.wait(accepted).size(), accepted);
}

TEST(Ledger, StopCommitsWhatIsQueuedAndThenRefuses) {
  const TempFolder folder;
  Bench bench(folder);
  for (std::uint32_t n = 1; n <= 1000; ++n) {
    ASSERT_TRUE(bench.ledger->settle(0, settlement(n), n));
  }
  ASSERT_TRUE(bench.ledger->stop());
  EXPECT_EQ(bench.sink.now().size(), 1000U);
  EXPECT_FALSE(bench.ledger->settle(0, settlement(2000), 1));
  EXPECT_FALSE(bench.ledger->has_room());
  EXPECT_EQ(bench.ledger->create_key({.name = "late", .expires = {}, .allowed_models = {}})
                .error()
                .code(),
            "ledger_stopped");
  EXPECT_TRUE(bench.ledger->stop());
  EXPECT_EQ(bench.ledger->reader().verify()->checkpoints, 2U);  // the first row's and the last's
}

TEST(Ledger, ARestartContinuesTheChain) {
  const TempFolder folder;
  for (std::uint32_t run = 0; run < 3; ++run) {
    Bench bench(folder);
    EXPECT_EQ(bench.ledger->recovery().epoch, run + 1);
    EXPECT_EQ(bench.ledger->recovery().head_seq, 2 * run);
    EXPECT_EQ(bench.settle(settlement(2 * run)), SettleStatus::Recorded);
    EXPECT_EQ(bench.settle(settlement(2 * run + 1)), SettleStatus::Recorded);
  }
  EXPECT_EQ((*LedgerReader::open(folder.database()))->verify()->rows, 6);
}

TEST(Ledger, RelaxedDurabilityKeepsTheSameBooks) {
  const TempFolder folder;
  Options wanted = options(folder);
  wanted.durability = Durability::Relaxed;
  {
    Bench bench(wanted);
    for (std::uint32_t n = 1; n <= 100; ++n) {
      EXPECT_EQ(bench.settle(settlement(n)), SettleStatus::Recorded);
    }
  }
  EXPECT_EQ(Bench(wanted).ledger->reader().verify()->rows, 100);
}

TEST(Ledger, LedgerTimeNeverGoesBack) {
  const TempFolder folder;
  Options wanted = options(folder);
  auto now = std::make_shared<std::atomic<std::int64_t>>(kNow.time_since_epoch().count());
  wanted.clock = [now] { return WallTime(microseconds(now->load())); };
  Bench bench(wanted);
  EXPECT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  *now -= 3'600'000'000;
  EXPECT_EQ(bench.settle(settlement(2)), SettleStatus::Recorded);
  EXPECT_EQ((*bench.ledger->reader().find_generation(id(2)))->settled, kNow);
}

// ------------------------------------------------------------------ queries

TEST(LedgerReader, ListsNewestFirstAndFilters) {
  const TempFolder folder;
  Bench bench(folder);
  for (std::uint32_t n = 1; n <= 9; ++n) {
    Settlement s = settlement(n, n <= 3 ? 1 : 2);
    s.model = n % 2 == 0 ? "a/even" : "a/odd";
    EXPECT_EQ(bench.settle(std::move(s)), SettleStatus::Recorded);
  }
  LedgerReader& reader = bench.ledger->reader();
  const auto all =
      reader.list_generations({.key = {}, .model = {}, .from = {}, .until = {}, .limit = 4});
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 4U);
  EXPECT_EQ(all->front().settlement.generation, id(9));
  const auto filtered =
      reader.list_generations({.key = 2, .model = "a/even", .from = {}, .until = {}});
  EXPECT_EQ(filtered->size(), 3U);
  EXPECT_EQ(reader.list_generations({.key = {}, .model = {}, .from = kNow, .until = {}})->size(),
            9U);
  EXPECT_EQ(reader.list_generations({.key = {}, .model = {}, .from = {}, .until = kNow})->size(),
            0U);
}

TEST(LedgerReader, ReportsByEveryGroup) {
  const TempFolder folder;
  Bench bench(folder);
  const auto key = bench.ledger->create_key({.name = "ci", .expires = {}, .allowed_models = {}});
  ASSERT_TRUE(key);
  std::int64_t sum = 0;
  for (std::uint32_t n = 1; n <= 6; ++n) {
    Settlement s = settlement(n, key->record.id);
    sum += s.cost.total.count();
    EXPECT_EQ(bench.settle(std::move(s)), SettleStatus::Recorded);
  }
  LedgerReader& reader = bench.ledger->reader();
  const WallTime until = kNow + std::chrono::hours(1);
  const auto by_provider = reader.report(ReportGroup::Provider, kNow, until);
  ASSERT_TRUE(by_provider);
  ASSERT_EQ(by_provider->size(), 2U);
  EXPECT_EQ((*by_provider)[0].group, "openai");
  EXPECT_EQ((*by_provider)[0].generations, 4U);
  const auto by_key = reader.report(ReportGroup::Key, kNow, until);
  ASSERT_EQ(by_key->size(), 1U);
  EXPECT_EQ((*by_key)[0].group, key->record.label);
  EXPECT_EQ((*by_key)[0].cost.count(), sum);
  EXPECT_EQ((*reader.report(ReportGroup::Day, kNow, until))[0].group, "2026-11-25");
  EXPECT_EQ((*reader.report(ReportGroup::Model, kNow, until))[0].group, "openai/gpt-4o-mini");
}

// A clock in seconds of 32 bits wraps in 2106; the ends of all time must not.
TEST(LedgerReader, AReportOfAllTimeHoldsTheLastSecond) {
  const TempFolder folder;
  Bench bench(folder);
  Settlement late = settlement(1);
  GenerationId::Bytes bytes{};
  bytes.fill(0xFE);
  late.generation = GenerationId(bytes);
  ASSERT_EQ(bench.settle(std::move(late)), SettleStatus::Recorded);
  ASSERT_EQ(bench.settle(settlement(2)), SettleStatus::Recorded);
  const auto all =
      bench.ledger->reader().report(ReportGroup::Model, WallTime::min(), WallTime::max());
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 1U);
  EXPECT_EQ((*all)[0].generations, 2U);
}

TEST(LedgerReader, B3AReportOverTheLargestEntriesDoesNotWrap) {
  const TempFolder folder;
  Bench bench(folder);
  catalog::UnitPrices dear;
  dear.prompt = Money::largest_entry();
  dear.completion = Money{};
  const catalog::PriceTable table = *catalog::make_price_table(dear);
  ASSERT_TRUE(bench.ledger->register_prices({&table, 1}));
  for (std::uint32_t n = 1; n <= 10; ++n) {
    Settlement s = settlement(n);
    s.price_version = table.version;
    s.counts = {.prompt = 1};
    s.cost = *catalog::compute_cost(table, s.counts);
    s.provider_cost = s.cost.total;
    EXPECT_EQ(bench.settle(std::move(s)), SettleStatus::Recorded);
  }
  // Ten million USD: more than one amount holds.
  LedgerReader& reader = bench.ledger->reader();
  const auto rows = reader.report(ReportGroup::Model, kNow, kNow + std::chrono::hours(1));
  ASSERT_TRUE(rows);
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(to_decimal((*rows)[0].cost), "10000000");
  EXPECT_EQ(to_decimal((*rows)[0].provider_cost), "10000000");
  const auto usage = reader.key_usage(1, kNow);
  ASSERT_TRUE(usage);
  EXPECT_EQ(to_decimal(usage->total), "10000000");
  const auto report = reader.verify();
  ASSERT_TRUE(report);
  EXPECT_EQ(to_decimal(report->customer_total), "10000000");
}

TEST(LedgerReader, UsageFallsIntoTheDayWeekAndMonthOfItsStart) {
  const TempFolder folder;
  Bench bench(folder);
  using std::chrono::days;
  // 2026-11-25 is a Wednesday.
  const std::vector<WallTime> starts{
      kNow, kNow - days(1), kNow - days(3), kNow - days(24), kNow - days(25), kNow - days(400)};
  std::uint32_t n = 0;
  for (const WallTime start : starts) {
    Settlement s = settlement(++n);
    s.counts = {.prompt = 1, .requests = 0};
    s.cost = *catalog::compute_cost(prices(), s.counts);
    s.provider_cost = s.cost.total;
    s.created = start;
    EXPECT_EQ(bench.settle(std::move(s)), SettleStatus::Recorded);
  }
  const auto usage = bench.ledger->reader().key_usage(1, kNow);
  ASSERT_TRUE(usage);
  EXPECT_EQ(usage->today.count(), 150'000);
  EXPECT_EQ(usage->this_week.count(), 2 * 150'000);
  EXPECT_EQ(usage->this_month.count(), 4 * 150'000);
  EXPECT_EQ(usage->total.count(), 6 * 150'000);
  EXPECT_EQ(usage->generations, 6U);
  EXPECT_EQ(bench.ledger->reader().key_usage(99, kNow)->generations, 0U);
}

TEST(LedgerReader, D14ABackupIsConsistentWhileSettlementsGoOn) {
  const TempFolder folder;
  Bench bench(folder);
  for (std::uint32_t n = 1; n <= 200; ++n) {
    ASSERT_TRUE(bench.ledger->settle(0, settlement(n), n));
  }
  bench.sink.wait(100);
  const std::string copy = folder.path() + "/copy.db";
  const auto done = bench.ledger->reader().backup(copy);
  ASSERT_TRUE(done) << done.error().detail();
  EXPECT_EQ(bench.ledger->reader().backup(copy).error().code(), "backup_exists");
  struct stat info{};
  ASSERT_EQ(::stat(copy.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_FALSE(bench.ledger->reader().backup(folder.path() + "/nowhere/copy.db"));
  const auto report = (*LedgerReader::open(copy))->verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_GE(report->rows, 100);
  EXPECT_TRUE((*LedgerReader::open(copy))->quick_check());
  const auto stopped = LedgerReader::open(copy);
  (*stopped)->stop_quick_check();
  EXPECT_EQ((*stopped)->quick_check().error().code(), "cancelled");
}

}  // namespace
}  // namespace waybill::ledger
