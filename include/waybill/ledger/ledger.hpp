// The one place that knows what everything cost: intents, settlements, keys.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/base/time.hpp"
#include "waybill/ledger/idempotency_index.hpp"
#include "waybill/ledger/key_index.hpp"
#include "waybill/ledger/reader.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

enum class Durability : std::uint8_t {
  Strict,   // a settlement survives power loss before it is acknowledged
  Relaxed,  // it survives the death of this process; power loss may take the last seconds
};

// What came of one settle() call.
enum class SettleStatus : std::uint8_t {
  Recorded,  // durable now
  Exists,    // the same settlement was durable before
  Conflict,  // another settlement of that generation stands; this one was not recorded
  Refused,   // it contradicts itself (unknown price version, wrong cost): a bug of the caller
  Lost,      // the ledger has failed; start-up closes the generation from the intent log
};

[[nodiscard]] std::string_view name(SettleStatus status) noexcept;
[[nodiscard]] constexpr bool is_durable(SettleStatus status) noexcept {
  return status == SettleStatus::Recorded || status == SettleStatus::Exists;
}

struct Settled {
  GenerationId generation;
  std::uint64_t token = 0;  // the caller's, as given to settle()
  SettleStatus status = SettleStatus::Lost;
};

// Where a worker hears of its settlements: once per commit, with all of its own,
// so that one batch wakes each worker once.
class CompletionSink {
 public:
  CompletionSink() = default;
  CompletionSink(const CompletionSink&) = delete;
  CompletionSink& operator=(const CompletionSink&) = delete;
  virtual ~CompletionSink() = default;

  // Called on the ledger's thread after COMMIT returned; copies what it needs (the
  // span dies with the call), posts it to the worker and returns at once.
  virtual void deliver(std::span<const Settled> batch) noexcept = 0;
};

enum class AfterRestore : std::uint8_t {
  Refuse,  // a file older than what was once acknowledged is refused ("ledger_rolled_back")
  Accept,  // continue it; the chain gets a restore mark
};

struct Options {
  std::string path;  // of the database; the lock, intent log and spill file stand beside it
  Durability durability = Durability::Strict;
  std::size_t workers = 1;             // of settle() and log_intents()
  std::size_t queue_capacity = 16384;  // settlements waiting, over all workers; a power of two
  std::size_t spill_bytes = std::size_t{64} << 20U;  // preallocated for a full disk
  // Free space of the ledger's disk below which has_room() is false; so it is below what
  // the ledger grows by in ten minutes.
  std::uint64_t least_free_bytes = std::uint64_t{1} << 30U;
  // Above this, 1,000 USD, recovery does not believe what was metered and charges nothing.
  Money largest_entry = Money::picodollars(1'000'000'000'000'000);
  std::size_t idempotency_keys = 1'000'000;      // remembered at most, all tenants together
  std::chrono::milliseconds busy_timeout{2000};  // for a foreign process that locks the file
  std::function<WallTime()> clock = wall_now;
  AfterRestore after_restore = AfterRestore::Refuse;
  CheckpointFiles checkpoints;
  // Told each signed checkpoint's line, on the writer's thread, once it is durable.
  std::function<void(std::string_view)> on_checkpoint;
  // Told, on the writer's thread, when lines begin to fail to reach the second file
  // ("checkpoints_unwritable"); they are kept and tried again.
  std::function<void(const Error&)> on_checkpoints_unwritable;
  // Told once, on the writer's thread, when the ledger can write no more: from then on
  // nothing settles, and the process should end so that a restart recovers.
  std::function<void(const Error&)> on_failure;
  std::string vfs;  // SQLite VFS, empty for the system's; tests inject faults with it
};

// What start-up found and did.  The caller logs it.
struct RecoveryReport {
  std::uint64_t epoch = 0;           // counts the starts on this ledger
  std::int64_t head_seq = 0;         // rows in the ledger
  std::size_t rows_checked = 0;      // of the chain, since the last checkpoint row
  std::size_t from_spill = 0;        // settlements taken from the spill file
  std::string spill_set_aside{};     // that file, where not all of it could be booked; "": it was
  std::size_t settled = 0;           // open generations closed with their progress (W4)
  std::size_t voided = 0;            // open generations without evidence of output (W2, W3)
  std::size_t already_settled = 0;   // in the intent log, but settled (W6, W7)
  std::size_t damaged_segments = 0;  // intent log segments with a torn or damaged end
  bool new_voucher = false;          // the last checkpoint was not by this signing key; one is now
  std::string sqlite_version;
};

struct LedgerStats {
  std::uint64_t settlements = 0;  // durable since start
  std::uint64_t commits = 0;
  std::uint64_t queue_depth = 0;
  std::uint64_t largest_batch = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t refused = 0;
  std::uint64_t wal_pages = 0;
  std::uint64_t spilled = 0;          // now in the spill file
  microseconds last_commit{};         // duration
  std::uint64_t intent_segments = 0;  // files of the intent log
};

// One ledger: a writer thread that owns the only writing SQLite connection and all
// account state, fed by a bounded queue; a commit starts as soon as the one before
// has returned, with all that waits.
//
// Threads: log_intents(), log_progress() and settle() of worker i are called by one
// thread at a time (worker i's) and never wait for another worker or for the disk's
// flush.  Everything else may be called from any thread; what changes keys or prices
// waits for its commit, so never from a worker's event loop.
//
// Failure: after an I/O error of a commit nothing is taken any more: failure() has
// the sentence, has_room() is false, settlements complete as Lost, and the daemon
// should exit non-zero; a restart recovers from disk.  The fsync is never retried.
class Ledger {
 public:
  // Takes the lock, migrates, checks the chain's tail, replays the spill file and
  // closes every open generation before it returns.
  //
  // Makes the signing key where there is none.
  //
  // Errors: "ledger_locked" (another daemon or command has it), "ledger_newer_schema",
  // "ledger_corrupt", "ledger_missing" (the file is gone but its lock file knows of a
  // ledger), "ledger_rolled_back", "ledger_unwritable", "ledger_unreadable",
  // "signing_key_invalid", "signing_key_exposed".
  static Result<std::unique_ptr<Ledger>> open(Options options);
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;
  ~Ledger();  // stop()

  [[nodiscard]] const RecoveryReport& recovery() const noexcept;

  // Where worker i's completions go.  Requires: set before its first settle(), and
  // `sink` outlives stop().
  void set_sink(std::size_t worker, CompletionSink& sink) noexcept;

  // False: answer 503 before anything is dispatched (queue nearly full, spill half full,
  // disk nearly full, failed, refuse_new(), stopping).  A few relaxed loads.
  [[nodiscard]] bool has_room() const noexcept;

  // Any thread: from now on has_room() is false, for `reason`, which failure() tells; what
  // is under way still settles.
  void refuse_new(const Error& reason);

  // Rule W: call before the first byte of each attempt goes to its provider.  One
  // write(2) for all of them, no fsync.  Fails with "ledger_unavailable" where the log
  // cannot be written: none of the attempts may be sent.
  Result<void> log_intents(std::size_t worker, std::span<const Intent* const> intents);

  // What was delivered so far, cumulative; every few seconds or thousand tokens of a
  // long answer.  A zero prompt count means the intent's estimate.  A failure may be
  // ignored: the mark before stands.
  Result<void> log_progress(std::size_t worker,
                            const GenerationId& generation,
                            const catalog::UsageCounts& delivered);

  // Hands a settlement over; its completion comes to the worker's sink with `token`.
  // Never blocks.  False when the queue is full or the ledger has stopped: `settlement`
  // is untouched and there will be no completion.  With a `mark` the request is remembered
  // by it, in the same commit, if it stands for repeats.
  bool settle(std::size_t worker,
              Settlement&& settlement,
              std::uint64_t token,
              const IdempotencyMark* mark = nullptr);

  // The requests under way or remembered that came with an Idempotency-Key.
  [[nodiscard]] IdempotencyIndex& idempotency() noexcept;

  // Stores price tables (durable when it returns).  A settlement or intent may name
  // only versions registered in this or an earlier run.
  Result<void> register_prices(std::span<const catalog::PriceTable> tables);

  // Books a correction; durable when it returns.  The same one again, by its id, books
  // nothing.  Fails with "adjustment_invalid", "adjustment_conflict" (another one has the
  // id), "generation_not_found", "nothing_charged" or "refund_too_large" (I11: what is
  // given back never exceeds the charge).
  Result<Adjusted> adjust(const NewAdjustment& wanted);

  // ---- keys: durable and visible to key_version() when they return
  Result<CreatedKey> create_key(const NewKey& key);  // "key_name_invalid", "key_model_invalid"
  // `hash` as in KeyRecord; "key_not_found".
  Result<KeyRecord> disable_key(const Sha256& hash);
  Result<KeyRecord> enable_key(const Sha256& hash);
  Result<KeyRecord> delete_key(const Sha256& hash);

  // Changes whenever keys() would return another index: one relaxed load, for workers
  // that keep their own copy of the pointer.
  [[nodiscard]] std::uint64_t key_version() const noexcept;
  [[nodiscard]] std::shared_ptr<const KeyIndex> keys() const;

  // Queries, on a connection of its own.
  [[nodiscard]] LedgerReader& reader() noexcept;

  [[nodiscard]] std::optional<Error> failure() const;
  [[nodiscard]] LedgerStats stats() const noexcept;

  // Settles what is queued, commits, checkpoints and joins.  Idempotent.  Fails with
  // the failure where there was one.
  Result<void> stop();

 private:
  struct Parts;
  explicit Ledger(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace waybill::ledger
