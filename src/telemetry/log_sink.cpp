#include "log_sink.hpp"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <limits>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "waybill/base/text.hpp"

namespace waybill::telemetry {
namespace {

constexpr std::size_t kWholeFile = 1U << 20U;

int open_for_append(const std::string& file) noexcept {
  // Nothing for the world: model names and costs are nobody else's business.
  return ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
}

// poll(2) promises PIPE_BUF bytes of room in a pipe; a regular file never blocks.
std::size_t piece_size(int descriptor) noexcept {
  struct stat status{};
  const bool regular = ::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  return regular ? kWholeFile : std::size_t{PIPE_BUF};
}

}  // namespace

Result<std::shared_ptr<LogSink>> LogSink::open(std::string file) {
  int descriptor = STDERR_FILENO;
  if (!file.empty()) {
    descriptor = open_for_append(file);
    if (descriptor < 0) {
      return Error(ErrorKind::InvalidRequest, "log_file_unwritable",
                   "The log file '" + printable(file, 200) + "' cannot be opened for writing (" +
                       std::generic_category().message(errno) +
                       "): check its folder and its owner");
    }
  }
  return std::make_shared<LogSink>(std::move(file), descriptor);
}

LogSink::LogSink(std::string file, int descriptor) noexcept
    : file_(std::move(file)),
      descriptor_(descriptor),
      piece_(piece_size(descriptor)),
      wait_until_(std::numeric_limits<TimePoint::rep>::max()) {}

LogSink::~LogSink() {
  if (!file_.empty()) {
    ::close(descriptor_);
  }
}

void LogSink::log(const spdlog::details::log_msg& message) {
  if (reopen_wanted_.exchange(false, std::memory_order_relaxed)) {
    open_again();
  }
  if ((line_cut_ && !write_all("\n")) ||
      !write_all({message.payload.data(), message.payload.size()})) {
    failed_.fetch_add(1, std::memory_order_relaxed);
  }
}

void LogSink::flush() {
  if (reopen_wanted_.exchange(false, std::memory_order_relaxed)) {
    open_again();
  }
  {
    const std::scoped_lock lock(mutex_);
    ++flushes_;
  }
  flushed_.notify_all();
}

void LogSink::stop_waiting(TimePoint until) noexcept {
  wait_until_.store(until.time_since_epoch().count(), std::memory_order_relaxed);
}

std::uint64_t LogSink::flushes() {
  const std::scoped_lock lock(mutex_);
  return flushes_;
}

void LogSink::wait_for_flush(std::uint64_t count, std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  flushed_.wait_for(lock, limit, [&] { return flushes_ >= count; });
}

void LogSink::open_again() noexcept {
  if (file_.empty()) {
    return;
  }
  const int fresh = open_for_append(file_);
  if (fresh < 0) {
    failed_.fetch_add(1, std::memory_order_relaxed);
    return;  // the old file still takes our lines
  }
  ::close(descriptor_);
  descriptor_ = fresh;
  piece_ = piece_size(fresh);
  line_cut_ = false;
}

bool LogSink::wait_writable() const noexcept {
  constexpr int kSliceMs = 50;  // how soon stop_waiting() is noticed
  for (;;) {
    const bool patient =
        Clock::now().time_since_epoch().count() < wait_until_.load(std::memory_order_relaxed);
    pollfd poll_entry{.fd = descriptor_, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&poll_entry, 1, patient ? kSliceMs : 0);
    if (ready > 0) {
      return true;  // or broken, which the write will tell
    }
    if (!patient || (ready < 0 && errno != EINTR)) {
      return false;
    }
  }
}

bool LogSink::write_all(std::string_view text) noexcept {
  while (!text.empty()) {
    if (piece_ != kWholeFile && !wait_writable()) {
      return false;
    }
    const ssize_t written = ::write(descriptor_, text.data(), std::min(text.size(), piece_));
    if (written < 0 && errno != EINTR && errno != EAGAIN) {
      return false;
    }
    if (written > 0) {
      line_cut_ = text[static_cast<std::size_t>(written) - 1] != '\n';
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }
  return true;
}

}  // namespace waybill::telemetry
