// One line a generation: who asked, which model and provider served, what it cost.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "waybill/base/money.hpp"
#include "waybill/base/time.hpp"

namespace waybill::telemetry {

// One upstream call.  `outcome` is empty for the one that served, else the stable name
// of what went wrong ("timeout"); where that was the provider's status, `status` is told instead.
struct AccessAttempt {
  std::string_view provider{};
  std::string_view outcome{};
  unsigned status = 0;
};

// Everything the line says.  The texts are borrowed for the call; all of them
// are cleaned and cut on the way out, whoever chose them.  There is no member
// for a prompt, an answer, a header or a secret, on purpose.
struct AccessRecord {
  WallTime time{};                            // when the generation ended
  std::string_view generation_id{};           // GenerationId::to_string()
  std::string_view key{};                     // the key's name, or its label
  std::string_view model_requested{};         // as the client wrote it
  std::string_view model_served{};            // canonical id; empty if none was resolved
  std::string_view provider{};                // that served; empty if none did
  std::span<const AccessAttempt> attempts{};  // in order
  std::uint64_t prompt_tokens = 0;            // cached ones included
  std::uint64_t completion_tokens = 0;
  std::uint64_t cached_tokens = 0;
  Money cost{};
  std::optional<std::chrono::microseconds> ttft{};  // nothing: no content was sent
  std::chrono::microseconds duration{0};
  unsigned status = 0;            // that the client saw
  std::string_view error_code{};  // stable code; empty: no error
  bool estimated = false;
  bool streamed = false;
  bool cancelled = false;
};

enum class LogFormat : std::uint8_t {
  Human,
  Json
};

// Appends one line with its '\n', as `waybill tail` shows it:
//   22:41:07  laptop     openai/gpt-4o-mini → openai ✗429 → azure   1.1k→90 tok   ttft 0.55 s   1.4
//   s   $0.000219
// The time of day is that of UTC plus `utc_offset`.
void append_human_line(std::string& out,
                       const AccessRecord& record,
                       std::chrono::seconds utc_offset = {});

// Appends one JSON object and '\n'.  Times are UTC (RFC 3339), durations whole
// microseconds, the cost a decimal string in USD.
void append_json_line(std::string& out, const AccessRecord& record);

// Takes whole lines, each ended by '\n'.  Must return at once and may drop them.
// Thread safety: write() is called from every worker.
class LineSink {
 public:
  LineSink() = default;
  LineSink(const LineSink&) = delete;
  LineSink& operator=(const LineSink&) = delete;
  virtual ~LineSink() = default;

  virtual void write_lines(std::string_view lines) noexcept = 0;
};

struct AccessLogOptions {
  LogFormat format = LogFormat::Human;
  std::chrono::seconds utc_offset{0};  // of the human format
  std::size_t flush_bytes = 32UL * 1024;
  std::chrono::milliseconds flush_after{250};
};

// A worker's access lines, handed on in blocks so that a generation costs no
// hand-over to the log thread.
//
// Whole lines only; the rest is handed on by the destructor.
// Thread safety: none; one per worker.
class AccessLog {
 public:
  // `sink` must outlive the log.
  AccessLog(LineSink& sink, AccessLogOptions options);
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;
  ~AccessLog();

  void append(const AccessRecord& record, TimePoint now);

  // Called by the worker's timer, some four times a second.
  void flush_if_due(TimePoint now);
  void flush();

 private:
  LineSink& sink_;
  AccessLogOptions options_;
  std::string buffer_;
  TimePoint oldest_{};  // when the first line of the buffer came
};

}  // namespace waybill::telemetry
