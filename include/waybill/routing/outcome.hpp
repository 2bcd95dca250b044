// What came of one upstream attempt, and whether another endpoint may be tried.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "waybill/base/time.hpp"

namespace waybill::routing {

// Everything an attempt can end in, short of success.  The gateway names what it
// saw; what follows from it is decided here.
enum class OutcomeKind : std::uint8_t {
  ConnectFailed,    // no address, refused, unreachable, reset before any response byte
  TlsFailed,        // handshake or certificate check
  StaleConnection,  // a pooled connection was dead: no byte of a response was read
  Timeout,          // connect, first token, between events, or the attempt's deadline
  Busy,             // our own limit of connections to the provider, queue included, is full
  Status,           // a status that is no success; `status` has it
  EmptyBody,        // 2xx without a body
  NotJson,          // 2xx with something else, e.g. a gateway's HTML page
  NoChoices,        // 2xx with JSON that holds no answer
  ErrorBody,        // 2xx, or an event, with an error object; `status` has its code if it is one
  ProtocolError,    // not HTTP, or HTTP that the strict checks refuse
  StreamBroken,     // the body was cut, or an event was malformed
  ClientGone,       // the client went away: nobody is left to answer
  ShuttingDown,     // we stop and called it off; no news about the provider
  Unrecorded,       // the ledger did not take the intent: nobody was asked
  Unsayable,        // the provider's dialect has no words for the request: nobody was asked
};

// Stable lower_snake_case name, for records and metric labels.
[[nodiscard]] std::string_view name(OutcomeKind kind) noexcept;

struct AttemptOutcome {
  OutcomeKind kind = OutcomeKind::ConnectFailed;
  int status = 0;                                     // 0: none was read
  std::optional<std::chrono::seconds> retry_after{};  // within 1..60 s, see parse_retry_after
  std::string provider_code{};  // the provider's own error code, if it gave one
  // The provider's own sentence.  It goes to the client, scrubbed, and nowhere
  // else: a provider may quote the prompt in it.
  std::string provider_message{};

  friend bool operator==(const AttemptOutcome&, const AttemptOutcome&) = default;
};

// Statuses that one provider uses in its own way (data of its preset).  Both
// override the common rules; `client_fault` wins where a status is in both.
struct StatusRules {
  std::span<const std::uint16_t> move_on{};
  std::span<const std::uint16_t> client_fault{};
};

enum class Verdict : std::uint8_t {
  MoveOn,  // another endpoint may do better
  Final,   // every endpoint would say the same: answer the client
};

// The common rules (docs/errors.md has them as a table): 400, 413, 415 and 422 are
// the client's own and final; every other failing status moves on, a provider's
// 401, 402, 403 and 404 included, because they are about our credentials or
// settings there.  All that never reached an answer moves on.  ClientGone is final.
[[nodiscard]] Verdict classify(const AttemptOutcome& outcome,
                               const StatusRules& rules = {}) noexcept;

// Whether the endpoint is merely loaded (429, 503, 529, or our own limit).
[[nodiscard]] bool is_busy(const AttemptOutcome& outcome) noexcept;

// Whether a deadline passed: ours, or one that the provider reports (408, 504, 524).
[[nodiscard]] bool is_timeout(const AttemptOutcome& outcome) noexcept;

// The wish of a Retry-After field, RFC 9110 §10.2.3: seconds (fractions are
// rounded up) or an IMF-fixdate, clamped to 1..60 s.  Nothing if it is neither.
// `now` is what a date is compared with.
[[nodiscard]] std::optional<std::chrono::seconds> parse_retry_after(std::string_view field,
                                                                    WallTime now) noexcept;

// A provider's sentence made fit for a client: at most 500 bytes, no control
// characters, and whatever looks like a credential replaced by "[redacted]".
[[nodiscard]] std::string scrub(std::string_view provider_message);

}  // namespace waybill::routing
