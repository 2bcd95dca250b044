// Rule W's log: what is about to be sent, written before it is.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "waybill/ledger/records.hpp"

#include "file.hpp"

namespace waybill::ledger {

// One file of the log.  It stays until nobody holds it: its writer while it is the
// current one, and each generation with a frame in it until that is settled.
struct IntentSegment {
  std::string path;
  File file;
  std::uint64_t size = 0;  // the writer's
  std::atomic<std::int64_t> holders{1};
};

// The segments that hold frames of one generation: nearly always one.
struct IntentTrace {
  IntentSegment* first = nullptr;
  std::vector<IntentSegment*> more;
};

// The folder `<database>.intents` and the segments of this run.
//
// Thread safety: every method may be called from any thread; the mutex is taken when
// a segment begins or ends, once in thousands of intents.
class IntentLog {
 public:
  // `epoch` makes this run's names differ from those of every run before.
  IntentLog(std::string database_path, std::uint64_t epoch);
  IntentLog(const IntentLog&) = delete;
  IntentLog& operator=(const IntentLog&) = delete;
  ~IntentLog();

  // Fails with "ledger_unwritable".
  Result<IntentSegment*> start_segment(std::size_t worker);

  // The last holder removes the file.
  void release(IntentSegment* segment) noexcept;
  void release(const IntentTrace& trace) noexcept;

  [[nodiscard]] std::size_t segments() const noexcept;

 private:
  std::string folder_;
  std::uint64_t epoch_;
  mutable std::mutex mutex_;
  std::uint64_t started_ = 0;
  std::vector<std::unique_ptr<IntentSegment>> segments_;
};

// One worker's end of the log.  In its steady state it allocates nothing and makes
// one system call for what is logged together.
//
// Thread safety: none; one thread at a time.
class IntentWriter {
 public:
  // Requires: `log` outlives the writer.
  IntentWriter(IntentLog& log, std::size_t worker) noexcept : log_(log), worker_(worker) {}
  IntentWriter(const IntentWriter&) = delete;
  IntentWriter& operator=(const IntentWriter&) = delete;
  ~IntentWriter();

  // Fail with "ledger_unavailable"; then the log ends where it ended before.
  Result<void> log(std::span<const Intent* const> intents);
  Result<void> log_progress(const GenerationId& generation, const catalog::UsageCounts& delivered);

  // What to release once the generation's settlement is durable.  Forgets it here.
  IntentTrace take(const GenerationId& generation);
  // For a settlement that could not be handed over after all.
  void put_back(const GenerationId& generation, IntentTrace trace);

 private:
  struct IdHash {
    std::size_t operator()(const GenerationId& id) const noexcept;
  };
  using Open = std::unordered_map<GenerationId, IntentTrace, IdHash>;

  Result<void> append_frames();
  Result<void> rotate();
  Open::iterator find_or_add(const GenerationId& generation);
  void hold(const GenerationId& generation);

  IntentLog& log_;
  std::size_t worker_;
  IntentSegment* current_ = nullptr;
  std::string buffer_;
  Open open_;
  std::vector<Open::node_type> spare_;  // nodes of settled generations, used again
};

}  // namespace waybill::ledger
