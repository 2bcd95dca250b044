// The writer thread: takes what waits, commits it as one, tells who waits, repeats.

#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "waybill/ledger/idempotency_index.hpp"
#include "waybill/ledger/ledger.hpp"

#include "checkpoint_file.hpp"
#include "growth.hpp"
#include "intent_log.hpp"
#include "journal.hpp"
#include "key_book.hpp"
#include "lock_file.hpp"
#include "posting.hpp"
#include "queue.hpp"
#include "spill_file.hpp"
#include "store.hpp"

namespace waybill::ledger {

struct QueuedSettlement : Posting {
  std::uint64_t token = 0;
  std::size_t worker = 0;
  IntentTrace trace;  // released when the settlement is durable
};

// What start-up made and the writer thread goes on with.  Destroyed in reverse.
struct WriterParts {
  Options options;
  LockFile lock;
  std::unique_ptr<SigningKey> signing;
  CheckpointFile checkpoints;
  std::unique_ptr<Store> store;
  std::unique_ptr<Journal> journal;
  SpillFile spill;
  std::unique_ptr<KeyBook> keys;
  std::unique_ptr<IntentLog> intents;
  std::unique_ptr<IdempotencyIndex> idempotency;
};

// A natural group commit has no timer: while one commit waits for the disk the next
// batch collects itself.
//
//   database       settlements go to            admission
//   works          the database                 open
//   full, locked   the spill file (durable)     closed while that is more than half full
//   I/O error      nowhere: Lost                closed for good
//
// Thread safety: as stated for Ledger.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): members stand by who touches them
class Actor {
 public:
  explicit Actor(WriterParts parts);
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;
  ~Actor();  // Requires: stop() was called, or start() never was

  void start();
  // Idempotent.
  Result<void> stop();

  void set_sink(std::size_t worker, CompletionSink& sink) noexcept;
  [[nodiscard]] bool has_room() const noexcept;
  // From now on has_room() is false; what is under way still settles.
  void refuse_new(const Error& reason);
  // False once nothing will settle any more: stopping, or failed.
  [[nodiscard]] bool can_settle() const noexcept {
    return accepting_.load(std::memory_order_relaxed) && !broken_.load(std::memory_order_relaxed);
  }
  // False, and `item` untouched, when full, stopping or stopped.
  bool push(std::unique_ptr<QueuedSettlement>& item) noexcept;

  // Runs `action` on the writer thread between batches and waits for it.  Fails with
  // "ledger_stopped", or with the failure that stopped the ledger.
  Result<void> run(const std::function<Result<void>()>& action);

  // NOLINTBEGIN(readability-make-member-function-const): what is given may be changed
  [[nodiscard]] Journal& journal() noexcept { return *parts_.journal; }  // inside run() only
  [[nodiscard]] KeyBook& keys() noexcept { return *parts_.keys; }
  [[nodiscard]] IntentLog& intents() noexcept { return *parts_.intents; }
  [[nodiscard]] IdempotencyIndex& idempotency() noexcept { return *parts_.idempotency; }
  // NOLINTEND(readability-make-member-function-const)
  [[nodiscard]] const Options& options() const noexcept { return parts_.options; }

  [[nodiscard]] std::optional<Error> failure() const;
  // Why refuse_new() was called, if it was.
  [[nodiscard]] std::optional<Error> refusal() const;
  [[nodiscard]] LedgerStats stats() const noexcept;

 private:
  struct Command {
    const std::function<Result<void>()>* action = nullptr;
    std::optional<Result<void>> result;
  };
  struct Counters {
    std::atomic<std::uint64_t> settlements{0};
    std::atomic<std::uint64_t> commits{0};
    std::atomic<std::uint64_t> largest_batch{0};
    std::atomic<std::uint64_t> conflicts{0};
    std::atomic<std::uint64_t> refused{0};
    std::atomic<std::uint64_t> wal_pages{0};
    std::atomic<std::uint64_t> spilled{0};
    std::atomic<std::int64_t> last_commit{0};  // microseconds
  };
  using Batch = std::vector<std::unique_ptr<QueuedSettlement>>;

  // --- the writer thread
  void loop();
  void wait();
  void wake() noexcept;
  bool has_work() const noexcept;  // Requires: mutex_ held
  void run_commands();
  void take_batch();

  void settle_batch();
  Result<void> post_batch();
  void spill_batch();
  void replay_spill();
  void complete_batch();

  void keep_house();
  void keep_house_by_time();
  [[nodiscard]] bool is_checkpoint_due() const;
  bool is_quiet() noexcept;
  void forget_expired();
  void finish();
  void after_checkpoint();
  void publish_checkpoints();
  void fail(const Error& error);
  // Fails the ledger on what is not Unavailable.
  void note(const Result<void>& done);
  void update_room() noexcept;

  WriterParts parts_;
  BoundedQueue<QueuedSettlement> queue_;
  std::vector<std::atomic<CompletionSink*>> sinks_;
  std::atomic<bool> room_{true};
  std::atomic<bool> refusing_{false};
  std::atomic<bool> accepting_{true};
  std::atomic<bool> sleeping_{false};
  Counters counters_;

  mutable std::mutex mutex_;  // guards the four below
  std::deque<Command*> commands_;
  std::optional<Error> failure_;
  std::optional<Error> refusal_;
  bool stopping_ = false;
  std::condition_variable work_;  // the writer waits
  std::condition_variable done_;  // callers of run() wait

  // The writer thread's own:
  Batch batch_;
  std::vector<SettleStatus> statuses_;
  std::vector<std::vector<Settled>> outbox_;  // by worker
  std::size_t spilled_ = 0;
  std::chrono::steady_clock::time_point next_house_keeping_;
  std::chrono::steady_clock::time_point next_replay_;
  bool failed_ = false;
  std::atomic<bool> broken_{false};  // `failed_`, for the workers
  Growth growth_;                    // of the database
  bool disk_low_ = false;
  bool tidy_ = false;                // nothing waits for a checkpoint
  std::uint64_t commits_seen_ = 0;   // by the last house-keeping
  std::uint64_t most_pages_ = 0;     // in the write-ahead log since it was last cut
  std::uint64_t blocked_pages_ = 0;  // in it when a reader last was in the way; 0: none was
  std::chrono::steady_clock::time_point blocked_until_;  // the next attempt, unless it grows
  bool expired_ = true;  // rows of expired idempotency keys may be there
  bool lines_unwritten_ = false;

  std::thread thread_;
};

}  // namespace waybill::ledger
