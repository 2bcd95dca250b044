// The log's end: one thread writes finished lines to a descriptor.

#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <spdlog/sinks/sink.h>

#include "waybill/base/result.hpp"
#include "waybill/base/time.hpp"

namespace waybill::telemetry {

// Writes messages that are already whole lines; adds nothing.
//
// A full pipe makes it wait, and the queue before it drop its oldest; a failed
// write is counted and forgotten.  Neither ends the service.
//
// Thread safety: log() and flush() are called by the log's one thread, the
// others by any.
class LogSink final : public spdlog::sinks::sink {
 public:
  // An empty `file` is standard error.  Fails with "log_file_unwritable".
  static Result<std::shared_ptr<LogSink>> open(std::string file);
  LogSink(std::string file, int descriptor) noexcept;
  LogSink(const LogSink&) = delete;
  LogSink& operator=(const LogSink&) = delete;
  ~LogSink() override;

  void log(const spdlog::details::log_msg& message) override;
  void flush() override;
  void set_pattern(const std::string& /*pattern*/) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}

  void reopen() noexcept { reopen_wanted_.store(true, std::memory_order_relaxed); }
  // From here on a reader that does not read is waited for until `until` at most.
  void stop_waiting(TimePoint until) noexcept;
  [[nodiscard]] std::uint64_t failed() const noexcept {
    return failed_.load(std::memory_order_relaxed);
  }

  // How many flushes came through, and waiting for the next.
  [[nodiscard]] std::uint64_t flushes();
  void wait_for_flush(std::uint64_t count, std::chrono::milliseconds limit);

 private:
  void open_again() noexcept;
  [[nodiscard]] bool write_all(std::string_view text) noexcept;
  [[nodiscard]] bool wait_writable() const noexcept;

  const std::string file_;
  int descriptor_;
  std::size_t piece_;      // what one write may hold without blocking
  bool line_cut_ = false;  // the last write ended inside a line
  std::atomic<bool> reopen_wanted_{false};
  std::atomic<TimePoint::rep> wait_until_;
  std::atomic<std::uint64_t> failed_{0};

  std::mutex mutex_;
  std::condition_variable flushed_;
  std::uint64_t flushes_ = 0;  // guarded by mutex_
};

}  // namespace waybill::telemetry
