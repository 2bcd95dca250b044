// The daemon's own log: structured, asynchronous, never in the way of a request.

#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "waybill/base/error.hpp"
#include "waybill/base/money.hpp"
#include "waybill/base/result.hpp"
#include "waybill/base/secret.hpp"
#include "waybill/telemetry/access_log.hpp"

namespace waybill::telemetry {

enum class LogLevel : std::uint8_t {
  Debug,
  Info,
  Warning,
  Error,
  Off
};

// "debug", "info", "warning", "error", "off".
[[nodiscard]] std::string_view name(LogLevel level) noexcept;

// One named value of a log line.  Borrows its texts for the call.  A Secret as
// a value does not compile; texts are cut at 500 bytes and cleaned of control
// characters, so that a value never starts a second line.
struct Field {
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  // Requires: `field_name` is a literal in lower_snake_case.
  Field(std::string_view field_name, std::string_view text) : name(field_name), value(text) {}
  Field(std::string_view field_name, const std::string& text)
      : name(field_name),
        value(std::string_view(text)) {}
  Field(std::string_view field_name, const char* text)
      : name(field_name),
        value(std::string_view(text)) {}
  Field(std::string_view field_name, bool flag) : name(field_name), value(flag) {}
  Field(std::string_view field_name, double number) : name(field_name), value(number) {}
  template <std::signed_integral T>
  Field(std::string_view field_name, T number) : name(field_name),
                                                 value(std::int64_t{number}) {}
  template <std::unsigned_integral T>
  requires(!std::same_as<T, bool>)
  Field(std::string_view field_name, T number) : name(field_name),
                                                 value(std::uint64_t{number}) {}
  Field(std::string_view field_name, const Secret& secret) = delete;

  std::string_view name;
  Value value;
};

struct LogOptions {
  LogLevel level = LogLevel::Info;
  LogFormat format = LogFormat::Human;
  std::string file{};  // empty: standard error
  // Messages that may wait for a slow disk or a full pipe; past it the oldest
  // are dropped and counted.  A block of access lines (32 KiB) is one message.
  std::size_t queue_messages = 1024;
  std::chrono::seconds utc_offset{0};  // of the human format
};

// Where every layer logs to; passed by reference, never global.
//
//   log.info("listening", {{"address", address}, {"port", port}});
//   log.failure(LogLevel::Warning, "reload_failed", error);
//
// A call formats and queues; one thread of the log's own writes.  When nobody
// reads the other end the oldest messages are dropped; a failed write (disk
// full, closed pipe) is counted and forgotten.  The destructor writes what is
// queued, but never waits for a blocked reader longer than a second.
//
// Thread safety: all members but the destructor may be called by any thread.
class Log final : public LineSink {
 public:
  // Fails with "log_file_unwritable" where the file cannot be opened.
  static Result<std::unique_ptr<Log>> open(LogOptions options);
  ~Log() override;

  void debug(std::string_view event, std::initializer_list<Field> fields = {});
  void info(std::string_view event, std::initializer_list<Field> fields = {});
  void warning(std::string_view event, std::initializer_list<Field> fields = {});
  void error(std::string_view event, std::initializer_list<Field> fields = {});

  // `error` as the fields "code" and "detail", before the others.
  void failure(LogLevel level,
               std::string_view event,
               const Error& error,
               std::initializer_list<Field> fields = {});

  [[nodiscard]] bool enabled(LogLevel level) const noexcept;
  void set_level(LogLevel level) noexcept;

  // Opens the file anew before the next write (log rotation by renaming); keeps
  // the old one where that fails.  For standard error: nothing.
  void reopen() noexcept;

  // Access lines, already formatted; not subject to the level.
  void write_lines(std::string_view lines) noexcept override;

  // Messages that were dropped or could not be written since the start.
  [[nodiscard]] std::uint64_t dropped() const noexcept;

  // Waits until what was logged before is written, a second at most.  For tests
  // and for the last words of a process; not for a worker.
  void flush() noexcept;

 private:
  struct Impl;
  explicit Log(std::unique_ptr<Impl> impl);

  void log(LogLevel level,
           std::string_view event,
           std::initializer_list<Field> fields,
           const Error* error);

  std::unique_ptr<Impl> impl_;
};

}  // namespace waybill::telemetry
