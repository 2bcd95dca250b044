// What the ledger's tests share: a folder, a clock, settlements, a waiting sink.

#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include <gtest/gtest.h>
#include <sqlite3.h>

#include "waybill/ledger/ledger.hpp"

namespace waybill::ledger::test {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "waybill-ledger-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data()) != nullptr ? pattern : std::string();
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string path() const { return path_; }
  [[nodiscard]] std::string database() const { return path_ + "/ledger.db"; }

 private:
  std::string path_;
};

inline constexpr WallTime kNow{std::chrono::sys_days{std::chrono::year{2026} / 11 / 25} +
                               std::chrono::hours{10}};

inline catalog::PriceTable prices() {
  catalog::UnitPrices unit;
  unit.prompt = Money::picodollars(150'000);
  unit.completion = Money::picodollars(600'000);
  unit.cache_read = Money::picodollars(75'000);
  return *catalog::make_price_table(unit);
}

// Deterministic: number n is always the same id.
inline GenerationId id(std::uint32_t n) {
  GenerationId::Bytes bytes{};
  const auto seconds = static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::seconds>(kNow).time_since_epoch().count());
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[i] = static_cast<std::uint8_t>(seconds >> (24 - 8 * i));
    bytes[12 + i] = static_cast<std::uint8_t>(n >> (24 - 8 * i));
  }
  return GenerationId(bytes);
}

inline Settlement settlement(std::uint32_t n, KeyId key = 1) {
  Settlement s;
  s.generation = id(n);
  s.key = key;
  s.streamed = true;
  s.model = "openai/gpt-4o-mini";
  s.provider = n % 3 == 0 ? "azure" : "openai";
  s.endpoint = "openai/gpt-4o-mini@" + s.provider;
  s.upstream_model = "gpt-4o-mini-2024-07-18";
  s.upstream_id = "chatcmpl-0123456789";
  s.price_version = prices().version;
  s.finish_reason = "stop";
  s.native_finish_reason = "stop";
  s.counts = {.prompt = 100 + n % 50, .cached_read = n % 20, .completion = 10 + n % 7};
  s.cost = *catalog::compute_cost(prices(), s.counts);
  s.provider_cost = s.cost.total;
  s.status = 200;
  s.created = kNow;
  s.first_token = microseconds(250'000);
  s.upstream_latency = microseconds(240'000);
  s.duration = microseconds(900'000);
  return s;
}

// Views into static storage and `version`.
inline Intent intent(std::uint32_t n, std::string_view version, std::uint32_t attempt = 1) {
  return {.generation = id(n),
          .attempt = attempt,
          .key = 1,
          .streamed = true,
          .model = "openai/gpt-4o-mini",
          .provider = attempt == 1 ? "openai" : "azure",
          .endpoint = "openai/gpt-4o-mini@openai",
          .upstream_model = "gpt-4o-mini",
          .price_version = version,
          .prompt_estimate = 40,
          .started = kNow,
          .mark = {}};
}

inline Result<void> log_intent(Ledger& ledger, const Intent& one, std::size_t worker = 0) {
  const Intent* const logged = &one;
  return ledger.log_intents(worker, {&logged, 1});
}

// Of generation n; no amount: all that is left.
inline NewAdjustment refund(std::uint32_t n,
                            std::optional<std::int64_t> amount,
                            std::string adjustment_id = "a",
                            std::string reason = "the answer was cut") {
  NewAdjustment out;
  out.id = std::move(adjustment_id);
  out.generation = id(n);
  if (amount) {
    out.refund = Money::picodollars(*amount);
  }
  out.reason = std::move(reason);
  return out;
}

inline std::int64_t charge(std::uint32_t n) {
  return settlement(n).cost.total.count();
}

class WaitingSink final : public CompletionSink {
 public:
  void deliver(std::span<const Settled> batch) noexcept override {
    const std::scoped_lock lock(mutex_);
    settled_.insert(settled_.end(), batch.begin(), batch.end());
    changed_.notify_all();
  }
  // The first `count` completions; fewer when they do not come.
  std::vector<Settled> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, std::chrono::seconds(20), [&] { return settled_.size() >= count; });
    return settled_;
  }
  std::vector<Settled> now() {
    const std::scoped_lock lock(mutex_);
    return settled_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Settled> settled_;
};

inline Options options(const TempFolder& folder) {
  Options out;
  out.path = folder.database();
  out.queue_capacity = 4096;
  out.spill_bytes = std::size_t{1} << 20U;
  out.least_free_bytes = 0;
  out.clock = [] { return kNow; };
  return out;
}

// An open ledger with one worker's sink and registered prices.
struct Bench {
  explicit Bench(Options wanted) {
    auto opened = Ledger::open(std::move(wanted));
    if (!opened) {
      ADD_FAILURE() << opened.error().detail();
      return;
    }
    ledger = std::move(*opened);
    for (std::size_t worker = 0; worker < 1; ++worker) {
      ledger->set_sink(worker, sink);
    }
    const catalog::PriceTable table = prices();
    const auto registered = ledger->register_prices({&table, 1});
    EXPECT_TRUE(registered) << registered.error().detail();
  }
  explicit Bench(const TempFolder& folder) : Bench(options(folder)) {}

  // Settles and waits for its completion.
  SettleStatus settle(Settlement s, const IdempotencyMark* mark = nullptr) {
    const std::uint64_t token = ++token_;
    if (!ledger->settle(0, std::move(s), token, mark)) {
      return SettleStatus::Lost;
    }
    const auto all = sink.wait(token);
    EXPECT_GE(all.size(), token);
    return all.size() >= token ? all[token - 1].status : SettleStatus::Lost;
  }
  [[nodiscard]] bool has(std::uint32_t n) const {
    const auto found = ledger->reader().find_generation(id(n));
    return found && found->has_value();
  }

  WaitingSink sink;
  std::unique_ptr<Ledger> ledger;

 private:
  std::uint64_t token_ = 0;
};

// Runs `life` on an open ledger in a child that then dies without any clean-up, as by
// kill -9.
template <class Life>
void live_and_die(const TempFolder& folder, Life life) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Bench bench(folder);
    life(bench);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// Runs `work` in a child with the pipe's writing end; it works until it is killed.  The
// parent runs `listen` with the reading end and the child's pid: it kills, and reads on
// until the pipe closes.
template <class Work, class Listen>
void live_until_killed(Work work, Listen listen) {
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::close(ends[0]);
    work(ends[1]);
    ::_exit(2);  // it gave up
  }
  ::close(ends[1]);
  listen(ends[0], child);
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child gave up: " << WEXITSTATUS(status);
}

// A second, raw connection: the tamperer, the operator's shell.
class RawSqlite {
 public:
  explicit RawSqlite(const std::string& path) { sqlite3_open(path.c_str(), &db_); }
  RawSqlite(const RawSqlite&) = delete;
  RawSqlite& operator=(const RawSqlite&) = delete;
  ~RawSqlite() { sqlite3_close(db_); }

  void run(const std::string& sql) {
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << sql << ": " << message;
    sqlite3_free(message);
  }
  // Calls `visit` with the texts of each row.
  void each(const std::string& sql, std::function<void(char**)> visit) {
    const auto call = [](void* self, int, char** values, char**) {
      (*static_cast<std::function<void(char**)>*>(self))(values);
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(db_, sql.c_str(), call, &visit, nullptr), SQLITE_OK) << sql;
  }
  int try_run(const std::string& sql) {
    return sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  }

 private:
  sqlite3* db_ = nullptr;
};

// A stopped ledger as the program before signed checkpoints and adjustments left it.
inline void back_to_second_schema(const TempFolder& folder) {
  RawSqlite(folder.database())
      .run(
          "DELETE FROM meta WHERE name = 'balances_at'; DROP TABLE adjustment; ALTER TABLE "
          "checkpoint DROP COLUMN debits;"
          "ALTER TABLE checkpoint DROP COLUMN credits; ALTER TABLE checkpoint DROP COLUMN "
          "signature; ALTER TABLE checkpoint DROP COLUMN public_key; PRAGMA user_version = 2");
  for (const char* const end : {".signing-key", ".signing-key.pub", ".checkpoints"}) {
    std::filesystem::remove(folder.database() + end);
  }
}

// True as soon as `condition` holds, false after twenty seconds.
template <class Condition>
bool eventually(Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

}  // namespace waybill::ledger::test
