// D1: kill -9 at a random instant, again and again, on one ledger.

#include <algorithm>
#include <chrono>
#include <csignal>
#include <random>
#include <set>

#include <poll.h>
#include <unistd.h>

#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

// What the child tells the parent: one pipe write each, so that it is told or it is not.
struct News {
  enum class What : std::uint32_t {
    Intent,
    Acknowledged
  };
  What what;
  std::uint32_t number;
};

// Writes the numbers it hears of straight to the pipe, from the ledger's thread.
class PipeSink final : public CompletionSink {
 public:
  explicit PipeSink(int fd) : fd_(fd) {}
  void deliver(std::span<const Settled> batch) noexcept override {
    for (const Settled& settled : batch) {
      if (is_durable(settled.status)) {
        tell({News::What::Acknowledged, static_cast<std::uint32_t>(settled.token)});
      }
    }
  }
  void tell(News news) const noexcept {
    if (::write(fd_, &news, sizeof(news)) != sizeof(news)) {
      ::_exit(3);
    }
  }

 private:
  int fd_;
};

// Returns only where something failed.
void work(const TempFolder& folder, int pipe, std::uint32_t first) {
  PipeSink sink(pipe);
  auto opened = Ledger::open(options(folder));
  const catalog::PriceTable table = prices();
  if (!opened || !(*opened)->register_prices({&table, 1})) {
    return;
  }
  Ledger& ledger = **opened;
  ledger.set_sink(0, sink);
  for (std::uint32_t n = first;; ++n) {
    if (!log_intent(ledger, intent(n, table.version))) {
      return;
    }
    sink.tell({News::What::Intent, n});
    if (n % 5 == 0) {
      (void)ledger.log_progress(0, id(n), {.completion = 9});
    }
    if (n % 7 == 0) {
      continue;  // a long answer: open until the end
    }
    while (!ledger.settle(0, settlement(n), n)) {
      std::this_thread::yield();
    }
  }
}

struct Told {
  std::set<std::uint32_t> intents;
  std::set<std::uint32_t> acknowledged;
};

// Reads until the pipe closes; kills `child` after `life` from its first news.
void listen_and_kill(int pipe, pid_t child, std::chrono::microseconds life, Told& told) {
  auto deadline = std::chrono::steady_clock::time_point::max();
  News news{};
  for (;;) {
    pollfd waiting{.fd = pipe, .events = POLLIN, .revents = 0};
    const auto now = std::chrono::steady_clock::now();
    const auto left =
        deadline == std::chrono::steady_clock::time_point::max()
            ? std::chrono::milliseconds(20'000)
            : std::chrono::ceil<std::chrono::milliseconds>(std::max(deadline - now, {}));
    if (now >= deadline || ::poll(&waiting, 1, static_cast<int>(left.count())) == 0) {
      ::kill(child, SIGKILL);
      deadline = std::chrono::steady_clock::time_point::max();
    }
    if (::poll(&waiting, 1, 0) == 0) {
      continue;
    }
    if (::read(pipe, &news, sizeof(news)) != sizeof(news)) {
      return;
    }
    if (deadline == std::chrono::steady_clock::time_point::max() && told.intents.empty()) {
      deadline = std::chrono::steady_clock::now() + life;
    }
    (news.what == News::What::Intent ? told.intents : told.acknowledged).insert(news.number);
  }
}

TEST(Crash, D1KillAtARandomInstantLosesNothingThatWasAcknowledged) {
  const TempFolder folder;
  std::mt19937 random(std::random_device{}());
  std::set<std::uint32_t> ever;
  std::uint32_t next = 1;
  for (int round = 0; round < 30; ++round) {
    Told told;
    const std::chrono::microseconds life(random() % 40'000);
    ASSERT_NO_FATAL_FAILURE(live_until_killed(
        [&](int pipe) { work(folder, pipe, next); },
        [&](int pipe, pid_t child) { listen_and_kill(pipe, child, life, told); }));

    Bench bench(folder);
    ASSERT_TRUE(bench.ledger);
    ever.insert(told.intents.begin(), told.intents.end());
    for (const std::uint32_t n : told.acknowledged) {
      const auto row = bench.ledger->reader().find_generation(id(n));
      ASSERT_TRUE(row && *row) << "acknowledged and lost: " << n;
      EXPECT_EQ((*row)->settlement, settlement(n));
    }
    for (const std::uint32_t n : told.intents) {
      EXPECT_TRUE(bench.has(n)) << "left open: " << n;
    }
    next = (ever.empty() ? 0 : *ever.rbegin()) + 2;  // one may have been logged and not told
  }
  const auto report = (*LedgerReader::open(folder.database()))->verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_GE(report->rows, static_cast<std::int64_t>(ever.size()));
  EXPECT_LE(report->rows, static_cast<std::int64_t>(ever.size()) + 30);
  EXPECT_GT(ever.size(), 100U);
}

}  // namespace
}  // namespace waybill::ledger
