#include "intent_log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "frames.hpp"
#include "intent_codec.hpp"

namespace waybill::ledger {
namespace {

constexpr std::uint64_t kSegmentSize = std::uint64_t{1} << 20U;
constexpr std::size_t kMostSpareNodes = 4096;

Error unavailable(int error_number) {
  return {ErrorKind::Unavailable, "ledger_unavailable",
          std::string("The intent log cannot be written (") +
              std::generic_category().message(error_number) +
              "), so nothing may be sent to a provider; check the ledger's disk."};
}

}  // namespace

// ------------------------------------------------------------------ IntentLog

IntentLog::IntentLog(std::string database_path, std::uint64_t epoch)
    : folder_(std::move(database_path) + ".intents"),
      epoch_(epoch) {}

IntentLog::~IntentLog() = default;  // files with open generations stay for the next start

Result<IntentSegment*> IntentLog::start_segment(std::size_t worker) {
  const std::scoped_lock lock(mutex_);
  if (::mkdir(folder_.c_str(), 0700) != 0 && errno != EEXIST) {
    return file_error("Making the folder", folder_, errno);
  }
  std::array<char, 64> name{};
  std::snprintf(name.data(), name.size(), "/%010" PRIu64 "-%03zu-%010" PRIu64 ".log", epoch_,
                worker, started_);
  auto segment = std::make_unique<IntentSegment>();
  segment->path = folder_ + name.data();
  auto file = File::open(segment->path, O_WRONLY | O_CREAT | O_EXCL);
  if (!file) {
    return file.error();
  }
  ++started_;
  segment->file = std::move(*file);
  segments_.push_back(std::move(segment));
  return segments_.back().get();
}

void IntentLog::release(IntentSegment* segment) noexcept {
  if (segment->holders.fetch_sub(1, std::memory_order_acq_rel) != 1) {
    return;
  }
  const std::scoped_lock lock(mutex_);
  ::unlink(segment->path.c_str());  // one that stays only costs the next start some reading
  std::erase_if(segments_, [&](const auto& owned) { return owned.get() == segment; });
}

void IntentLog::release(const IntentTrace& trace) noexcept {
  if (trace.first != nullptr) {
    release(trace.first);
  }
  for (IntentSegment* segment : trace.more) {
    release(segment);
  }
}

std::size_t IntentLog::segments() const noexcept {
  const std::scoped_lock lock(mutex_);
  return segments_.size();
}

// ------------------------------------------------------------------ IntentWriter

std::size_t IntentWriter::IdHash::operator()(const GenerationId& id) const noexcept {
  std::size_t random = 0;  // the last bytes of an id are random
  std::memcpy(&random, id.bytes().data() + id.bytes().size() - sizeof(random), sizeof(random));
  return random;
}

IntentWriter::~IntentWriter() {
  if (current_ != nullptr) {
    log_.release(current_);
  }
}

Result<void> IntentWriter::log(std::span<const Intent* const> intents) {
  buffer_.clear();
  for (const Intent* const intent : intents) {
    const std::size_t start = begin_frame(buffer_);
    encode_intent(*intent, buffer_);
    end_frame(buffer_, start);
  }
  if (auto done = append_frames(); !done) {
    return done;
  }
  for (const Intent* const intent : intents) {
    hold(intent->generation);
  }
  return {};
}

Result<void> IntentWriter::log_progress(const GenerationId& generation,
                                        const catalog::UsageCounts& delivered) {
  if (!open_.contains(generation)) {
    return Error(ErrorKind::Internal, "ledger_no_intent",
                 "Progress was reported for a generation without an intent.");
  }
  buffer_.clear();
  const std::size_t start = begin_frame(buffer_);
  encode_progress(generation, delivered, buffer_);
  end_frame(buffer_, start);
  if (auto done = append_frames(); !done) {
    return done;
  }
  hold(generation);
  return {};
}

Result<void> IntentWriter::rotate() {
  auto next = log_.start_segment(worker_);
  if (!next) {
    return Error(ErrorKind::Unavailable, "ledger_unavailable", next.error().detail());
  }
  if (current_ != nullptr) {
    log_.release(current_);
  }
  current_ = *next;
  return {};
}

Result<void> IntentWriter::append_frames() {
  if (current_ == nullptr || current_->size >= kSegmentSize) {
    if (auto done = rotate(); !done) {
      return done;
    }
  }
  const int failed = current_->file.write_at(buffer_, current_->size);
  if (failed == 0) {
    current_->size += buffer_.size();
    return {};
  }
  // Part of it may be there, even whole frames of attempts that will not be sent now; cut
  // it off, or leave the segment for good: a generation that is closed without output
  // (W2) is what such a frame means at the next start.
  if (::ftruncate(current_->file.fd(), static_cast<off_t>(current_->size)) != 0) {
    log_.release(std::exchange(current_, nullptr));
  }
  return unavailable(failed);
}

IntentWriter::Open::iterator IntentWriter::find_or_add(const GenerationId& generation) {
  const auto found = open_.find(generation);
  if (found != open_.end()) {
    return found;
  }
  if (spare_.empty()) {
    return open_.emplace(generation, IntentTrace{}).first;
  }
  auto node = std::move(spare_.back());
  spare_.pop_back();
  node.key() = generation;
  node.mapped() = {};
  return open_.insert(std::move(node)).position;
}

void IntentWriter::hold(const GenerationId& generation) {
  IntentTrace& trace = find_or_add(generation)->second;
  const IntentSegment* const last = trace.more.empty() ? trace.first : trace.more.back();
  if (last == current_) {
    return;
  }
  // The writer's own hold keeps the count above zero here.
  current_->holders.fetch_add(1, std::memory_order_relaxed);
  if (trace.first == nullptr) {
    trace.first = current_;
  } else {
    trace.more.push_back(current_);
  }
}

IntentTrace IntentWriter::take(const GenerationId& generation) {
  auto node = open_.extract(generation);
  if (node.empty()) {
    return {};
  }
  IntentTrace trace = std::move(node.mapped());
  if (spare_.size() < kMostSpareNodes) {
    spare_.push_back(std::move(node));
  }
  return trace;
}

void IntentWriter::put_back(const GenerationId& generation, IntentTrace trace) {
  if (trace.first != nullptr) {
    find_or_add(generation)->second = std::move(trace);
  }
}

}  // namespace waybill::ledger
