// Failure vocabulary shared by every layer.
//
// A function that can fail for reasons outside the program returns Result<T>
// (base/result.hpp).  Exceptions are reserved for running out of memory.  A
// broken invariant is an assertion.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace waybill {

// What a caller can do about a failure.  The set is closed and small on
// purpose: retry policy, metric label and log level are functions of the kind,
// each written once as an exhaustive switch.
enum class ErrorKind : std::uint8_t {
  InvalidRequest,   // the caller must change the request (or the settings)
  Unauthenticated,  // missing or unknown API key
  Forbidden,        // known key, not allowed to do this
  NotFound,         // no such model, route or record
  QuotaExhausted,   // a budget or rate limit of ours said no
  UpstreamBusy,     // upstream answered 429, 503 or 529
  UpstreamFailed,   // upstream answered with another error, or with garbage
  Timeout,          // a deadline of ours passed, whoever was slow
  Cancelled,        // the client went away, or we are shutting down
  Unavailable,      // we cannot do it now (queue full, disk full, draining)
  Internal,         // a bug of ours; always logged at error level
};

// Stable lower_snake_case name; used as a metric label.
[[nodiscard]] std::string_view name(ErrorKind kind) noexcept;

// A failure: its kind for the program, a stable code, a sentence for people.
//
// `code` is a string literal in lower_snake_case (docs/errors.md lists all) and
// never changes meaning.  `detail` is one English sentence that says what
// happened and, where somebody can act on it, what to do.  Neither ever holds a
// secret, a prompt or an answer, so both are always safe to log.
class [[nodiscard]] Error {
 public:
  // Requires: `code` refers to static storage.
  Error(ErrorKind kind, std::string_view code, std::string detail) noexcept
      : kind_(kind),
        code_(code),
        detail_(std::move(detail)) {}

  [[nodiscard]] ErrorKind kind() const noexcept { return kind_; }
  [[nodiscard]] std::string_view code() const noexcept { return code_; }
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }

  friend bool operator==(const Error&, const Error&) = default;

 private:
  ErrorKind kind_;
  std::string_view code_;
  std::string detail_;
};

}  // namespace waybill
