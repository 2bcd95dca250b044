// The writer thread's housekeeping: checkpoints, free space, failure, the end.

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <sys/statvfs.h>

#include "actor.hpp"

namespace waybill::ledger {
namespace {

using std::chrono::steady_clock;

// 64 MiB.  A checkpoint's flush holds up every settlement that waits, so it must be rare;
// the log must be read before the ledger is open again after a crash, so it must be short.
constexpr std::uint64_t kPagesBeforeCheckpoint = 16'000;
// A few milliseconds' work, and many more a second than a ledger takes new.
constexpr std::size_t kExpiredAtOnce = 1000;
constexpr std::chrono::seconds kBusyPause{1};
constexpr std::chrono::seconds kIdlePause{10};

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

std::uint64_t size_of(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

bool is_disk_low(const Options& options, std::uint64_t growth) {
  struct statvfs info{};
  return ::statvfs(folder_of(options.path).c_str(), &info) == 0 &&
         std::uint64_t{info.f_bavail} * info.f_frsize < std::max(options.least_free_bytes, growth);
}

}  // namespace

void Actor::keep_house() {
  if (failed_) {
    next_house_keeping_ = steady_clock::now() + kIdlePause;
    return;
  }
  most_pages_ = std::max(most_pages_, parts_.store->untidy_pages());
  counters_.wal_pages.store(parts_.store->untidy_pages(), std::memory_order_relaxed);
  if (is_checkpoint_due()) {
    const auto done = parts_.store->tidy(Store::Effort::Passive);
    if (!done) {
      fail(done.error());
    } else if (*done) {
      after_checkpoint();
    }
    const bool blocked = done && !*done;
    blocked_pages_ = blocked ? parts_.store->untidy_pages() : 0;
    blocked_until_ = steady_clock::now() + kBusyPause;
  }
  if (steady_clock::now() >= next_house_keeping_) {
    keep_house_by_time();
  }
}

// While a reader is in the way each attempt looks through the whole log for nothing.
bool Actor::is_checkpoint_due() const {
  const std::uint64_t pages = parts_.store->untidy_pages();
  const bool waited = blocked_pages_ == 0 || pages >= blocked_pages_ + kPagesBeforeCheckpoint ||
                      steady_clock::now() >= blocked_until_;
  return pages >= kPagesBeforeCheckpoint && waited;
}

void Actor::keep_house_by_time() {
  growth_.observe(steady_clock::now(), size_of(parts_.options.path));
  disk_low_ = is_disk_low(parts_.options, growth_.bytes());
  note(parts_.store->still_there());
  if (spilled_ > 0) {
    replay_spill();
  }
  if (!failed_ && spilled_ == 0) {
    const auto before = parts_.journal->last_checkpoint();
    note(parts_.journal->checkpoint(Journal::Due::ByTime));
    tidy_ = tidy_ && parts_.journal->last_checkpoint() == before;
    if (parts_.options.durability == Durability::Strict) {
      after_checkpoint();
    }
    forget_expired();
  }
  if (!failed_ && !tidy_ && is_quiet()) {
    // The log keeps its length, so that the commits to come write over it: a flush of a
    // file that grows waits for the file system's own journal as well.
    const bool swollen = most_pages_ > 2 * kPagesBeforeCheckpoint;
    const auto done =
        parts_.store->tidy(swollen ? Store::Effort::Truncate : Store::Effort::Passive);
    if (!done) {
      fail(done.error());
    } else if (*done) {
      tidy_ = true;
      most_pages_ = swollen ? 0 : most_pages_;
      after_checkpoint();
    }
  }
  update_room();
  const bool idle = tidy_ && !expired_ && spilled_ == 0 &&
                    parts_.journal->last_checkpoint() == parts_.journal->anchor().seq;
  next_house_keeping_ = steady_clock::now() + (idle || failed_ ? kIdlePause : kBusyPause);
}

// A moment at which a checkpoint holds up nobody: no commit since the last time.  Relaxed
// commits are flushed by checkpoints alone, so those cannot wait for it.
bool Actor::is_quiet() noexcept {
  const std::uint64_t commits = counters_.commits.load(std::memory_order_relaxed);
  const bool idle = std::exchange(commits_seen_, commits) == commits;
  return queue_.empty() && (idle || parts_.options.durability == Durability::Relaxed);
}

// A part at a time: what one round leaves, the next ones take.
void Actor::forget_expired() {
  const WallTime now = parts_.options.clock();
  expired_ = parts_.idempotency->drop_expired(now) > 0 || expired_;
  if (failed_ || !expired_) {
    return;
  }
  const auto dropped = parts_.store->drop_idempotency(now, kExpiredAtOnce);
  if (!dropped) {
    note(dropped.error());
    return;
  }
  tidy_ = tidy_ && *dropped == 0;
  expired_ = *dropped == kExpiredAtOnce;
}

void Actor::finish() {
  if (!failed_ && spilled_ > 0) {
    next_replay_ = {};
    replay_spill();
  }
  if (!failed_ && spilled_ == 0) {
    note(parts_.journal->checkpoint(Journal::Due::Now));
  }
  if (!failed_) {
    const auto done = parts_.store->tidy(Store::Effort::Truncate);
    if (!done) {
      fail(done.error());
    } else if (*done || parts_.options.durability == Durability::Strict) {
      after_checkpoint();
    }
  }
  const std::scoped_lock lock(mutex_);
  for (Command* command : std::exchange(commands_, {})) {
    command->result = Error(ErrorKind::Unavailable, "ledger_stopped",
                            "The ledger has stopped; nothing was changed.");
  }
  done_.notify_all();
}

// Called only when everything up to the chain's head is flushed: an anchor must never
// promise what power loss can take.
void Actor::after_checkpoint() {
  parts_.lock.write_anchor(parts_.journal->anchor());
  publish_checkpoints();
}

// The same promise as an anchor's: a line that outlived the rows it was signed for would
// accuse whoever lost them.
void Actor::publish_checkpoints() {
  const std::vector<std::string> lines = parts_.journal->take_lines();
  if (parts_.options.on_checkpoint) {
    for (const std::string& line : lines) {
      parts_.options.on_checkpoint(line);
    }
  }
  const auto written = parts_.checkpoints.append(lines);
  if (!written && !lines_unwritten_ && parts_.options.on_checkpoints_unwritable) {
    parts_.options.on_checkpoints_unwritable(written.error());
  }
  lines_unwritten_ = !written;
}

void Actor::fail(const Error& error) {
  const bool first = !std::exchange(failed_, true);
  broken_.store(true, std::memory_order_relaxed);
  {
    const std::scoped_lock lock(mutex_);
    if (!failure_) {
      failure_ = error;
    }
  }
  update_room();
  if (first && parts_.options.on_failure) {
    parts_.options.on_failure(error);
  }
}

void Actor::note(const Result<void>& done) {
  if (!done && done.error().kind() != ErrorKind::Unavailable) {
    fail(done.error());
  }
}

void Actor::update_room() noexcept {
  counters_.spilled.store(spilled_, std::memory_order_relaxed);
  room_.store(!failed_ && !disk_low_ && !parts_.spill.is_half_full() && accepting_.load(),
              std::memory_order_relaxed);
}

}  // namespace waybill::ledger
