#include "actor.hpp"

#include <utility>

#include <pthread.h>
#include <sched.h>

namespace waybill::ledger {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t kLargestBatch = 2048;
constexpr std::chrono::seconds kReplayPause{1};

Error stopped() {
  return {ErrorKind::Unavailable, "ledger_stopped", "The ledger has stopped; nothing was changed."};
}

}  // namespace

Actor::Actor(WriterParts parts)
    : parts_(std::move(parts)),
      queue_(parts_.options.queue_capacity),
      sinks_(parts_.options.workers),
      outbox_(parts_.options.workers) {
  batch_.reserve(kLargestBatch);
  statuses_.reserve(kLargestBatch);
}

Actor::~Actor() = default;

void Actor::start() {
  keep_house_by_time();
  thread_ = std::thread([this] { loop(); });
  pthread_setname_np(thread_.native_handle(), "wb-ledger");  // shows in top and in profiles
  // On a core that it shares with a worker, the writer must not cut into the worker's
  // turn: the turn ends sooner, and its settlements go into one commit.  Where a core is
  // free it runs at once all the same.
  const sched_param no_priority{};
  pthread_setschedparam(thread_.native_handle(), SCHED_BATCH, &no_priority);
}

Result<void> Actor::stop() {
  accepting_.store(false);
  room_.store(false);
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    work_.notify_one();
  }
  if (thread_.joinable()) {
    thread_.join();
  }
  if (const auto failed = failure()) {
    return *failed;
  }
  return {};
}

void Actor::set_sink(std::size_t worker, CompletionSink& sink) noexcept {
  sinks_[worker].store(&sink);
}

bool Actor::has_room() const noexcept {
  // The other half is for the generations that are under way already.
  return room_.load(std::memory_order_relaxed) && !refusing_.load(std::memory_order_relaxed) &&
         queue_.depth() <= queue_.capacity() / 2;
}

void Actor::refuse_new(const Error& reason) {
  const std::scoped_lock lock(mutex_);
  refusal_ = reason;
  refusing_.store(true, std::memory_order_relaxed);
}

std::optional<Error> Actor::refusal() const {
  const std::scoped_lock lock(mutex_);
  return refusal_;
}

bool Actor::push(std::unique_ptr<QueuedSettlement>& item) noexcept {
  if (!accepting_.load(std::memory_order_relaxed) || !queue_.push(item)) {
    return false;
  }
  wake();
  return true;
}

// The queue's cell was stored before `sleeping_` is loaded here, and wait() stores
// `sleeping_` before it loads the cell, all sequentially consistent: one of the two
// sees the other.
void Actor::wake() noexcept {
  if (sleeping_.load() && sleeping_.exchange(false)) {
    const std::scoped_lock lock(mutex_);
    work_.notify_one();
  }
}

Result<void> Actor::run(const std::function<Result<void>()>& action) {
  Command command{.action = &action, .result = {}};
  std::unique_lock lock(mutex_);
  if (stopping_ || !thread_.joinable()) {
    return stopped();
  }
  commands_.push_back(&command);
  work_.notify_one();
  done_.wait(lock, [&] { return command.result.has_value(); });
  return *command.result;
}

std::optional<Error> Actor::failure() const {
  const std::scoped_lock lock(mutex_);
  return failure_;
}

LedgerStats Actor::stats() const noexcept {
  LedgerStats stats;
  stats.settlements = counters_.settlements.load(std::memory_order_relaxed);
  stats.commits = counters_.commits.load(std::memory_order_relaxed);
  stats.queue_depth = queue_.depth();
  stats.largest_batch = counters_.largest_batch.load(std::memory_order_relaxed);
  stats.conflicts = counters_.conflicts.load(std::memory_order_relaxed);
  stats.refused = counters_.refused.load(std::memory_order_relaxed);
  stats.wal_pages = counters_.wal_pages.load(std::memory_order_relaxed);
  stats.spilled = counters_.spilled.load(std::memory_order_relaxed);
  stats.last_commit = microseconds(counters_.last_commit.load(std::memory_order_relaxed));
  stats.intent_segments = parts_.intents->segments();
  return stats;
}

// ------------------------------------------------------------------ the loop

void Actor::loop() {
  for (;;) {
    run_commands();
    take_batch();
    if (!batch_.empty()) {
      settle_batch();
    } else {
      const std::scoped_lock lock(mutex_);
      if (stopping_ && commands_.empty()) {
        break;
      }
    }
    keep_house();
    wait();
  }
  finish();
}

bool Actor::has_work() const noexcept {
  return stopping_ || !commands_.empty() || !queue_.empty();
}

void Actor::wait() {
  if (!queue_.empty()) {
    return;
  }
  std::unique_lock lock(mutex_);
  sleeping_.store(true);
  if (!has_work()) {
    work_.wait_until(lock, next_house_keeping_);
  }
  sleeping_.store(false);
}

void Actor::run_commands() {
  for (;;) {
    Command* command = nullptr;
    {
      const std::scoped_lock lock(mutex_);
      if (commands_.empty()) {
        return;
      }
      command = commands_.front();
      commands_.pop_front();
    }
    const auto failed = failure();
    const Result<void> result = failed ? Result<void>(*failed) : (*command->action)();
    tidy_ = false;  // nearly every command writes
    if (!failed && !result && result.error().kind() == ErrorKind::Internal &&
        result.error().code() != "price_version_invalid") {
      fail(result.error());
    }
    const std::scoped_lock lock(mutex_);
    command->result = result;
    done_.notify_all();
  }
}

void Actor::take_batch() {
  batch_.clear();
  while (batch_.size() < kLargestBatch) {
    auto item = queue_.pop();
    if (!item) {
      break;
    }
    batch_.push_back(std::move(item));
  }
}

// ------------------------------------------------------------------ settling

void Actor::settle_batch() {
  statuses_.assign(batch_.size(), SettleStatus::Lost);
  if (spilled_ > 0) {
    replay_spill();
  }
  if (!failed_ && spilled_ == 0) {
    const auto start = steady_clock::now();
    const auto done = post_batch();
    if (done) {
      const auto took = std::chrono::duration_cast<microseconds>(steady_clock::now() - start);
      counters_.last_commit.store(took.count(), std::memory_order_relaxed);
      counters_.commits.fetch_add(1, std::memory_order_relaxed);
      tidy_ = false;
    } else {
      parts_.journal->rollback();
      // post_batch() has noted what would have been so; nothing of it is.
      statuses_.assign(batch_.size(), SettleStatus::Lost);
      note(done);
      if (!failed_) {
        spill_batch();
      }
    }
  } else if (!failed_) {
    spill_batch();
  }
  complete_batch();
}

Result<void> Actor::post_batch() {
  Journal& journal = *parts_.journal;
  if (auto begun = journal.begin(); !begun) {
    return begun;
  }
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    const auto status = journal.post(*batch_[i]);
    if (!status) {
      return status.error();
    }
    statuses_[i] = *status;
  }
  return journal.commit();
}

void Actor::spill_batch() {
  statuses_.assign(batch_.size(), SettleStatus::Refused);
  std::vector<const Posting*> accepted;
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    if (parts_.journal->acceptable(batch_[i]->settlement)) {
      accepted.push_back(batch_[i].get());
      statuses_[i] = SettleStatus::Recorded;
    }
  }
  if (spilled_ == 0) {
    next_replay_ = steady_clock::now() + kReplayPause;
  }
  if (auto done = parts_.spill.append(accepted); !done) {
    statuses_.assign(batch_.size(), SettleStatus::Lost);
    fail(done.error());
    return;
  }
  spilled_ += accepted.size();
  update_room();
}

void Actor::replay_spill() {
  if (failed_ || steady_clock::now() < next_replay_) {
    return;
  }
  next_replay_ = steady_clock::now() + kReplayPause;
  const auto content = parts_.spill.read();
  if (!content) {
    fail(content.error());
    return;
  }
  const std::vector<Posting>& postings = content->postings;
  if (postings.size() != spilled_) {  // the next start books what it can, and keeps the file
    fail(Error(ErrorKind::Internal, "ledger_corrupt",
               "The spill file beside the ledger does not hold what was written to it."));
    return;
  }
  Journal& journal = *parts_.journal;
  Result<void> done = journal.begin();
  for (auto posting = postings.begin(); done && posting != postings.end(); ++posting) {
    const auto status = journal.post(*posting);
    if (!status) {
      done = status.error();
    } else if (*status == SettleStatus::Conflict) {
      counters_.conflicts.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (done) {
    done = journal.commit();
  }
  if (!done) {
    journal.rollback();
    note(done);
    return;
  }
  if (auto cleared = parts_.spill.clear(); !cleared) {
    fail(cleared.error());
    return;
  }
  tidy_ = false;
  spilled_ = 0;
  update_room();
}

void Actor::complete_batch() {
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    const QueuedSettlement& item = *batch_[i];
    outbox_[item.worker].push_back(
        {.generation = item.settlement.generation, .token = item.token, .status = statuses_[i]});
    counters_.settlements.fetch_add(statuses_[i] == SettleStatus::Recorded ? 1 : 0,
                                    std::memory_order_relaxed);
    counters_.conflicts.fetch_add(statuses_[i] == SettleStatus::Conflict ? 1 : 0,
                                  std::memory_order_relaxed);
    counters_.refused.fetch_add(statuses_[i] == SettleStatus::Refused ? 1 : 0,
                                std::memory_order_relaxed);
  }
  for (std::size_t worker = 0; worker < outbox_.size(); ++worker) {
    CompletionSink* const sink = sinks_[worker].load();
    if (sink != nullptr && !outbox_[worker].empty()) {
      sink->deliver(outbox_[worker]);
    }
    outbox_[worker].clear();
  }
  for (std::size_t i = 0; i < batch_.size(); ++i) {
    // A conflict is settled as well; what was refused or lost is closed at the next start.
    if (statuses_[i] != SettleStatus::Lost && statuses_[i] != SettleStatus::Refused) {
      parts_.intents->release(batch_[i]->trace);
    }
  }
  if (batch_.size() > counters_.largest_batch.load(std::memory_order_relaxed)) {
    counters_.largest_batch.store(batch_.size(), std::memory_order_relaxed);
  }
  batch_.clear();
}

}  // namespace waybill::ledger
