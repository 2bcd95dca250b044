// The one error that a client gets for a generation whose attempts all failed.

#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/error.hpp"
#include "waybill/routing/outcome.hpp"

namespace waybill::routing {

// One attempt that failed, in the order they were made.
struct FailedAttempt {
  std::string_view provider;  // the name in the settings
  AttemptOutcome outcome;
};

struct PreviousError {
  std::string provider;
  int code;                  // the upstream's status, or 502 or 504 where it gave none
  std::string_view outcome;  // name() of its kind; static storage

  friend bool operator==(const PreviousError&, const PreviousError&) = default;
};

// What the gateway encodes in the client's dialect.
struct FinalFailure {
  int status;                    // of the HTTP response, or the integer code of an error event
  Error error;                   // without anything a provider wrote: safe to log
  std::string_view error_type;   // OpenRouter's name (reference §14): "provider_overloaded"
  std::string provider;          // of the attempt that decided
  std::string provider_code;     // the provider's own code, else its status; empty if neither
  std::string provider_message;  // scrubbed; for the client only
  std::optional<std::chrono::seconds> retry_after;
  std::vector<PreviousError> previous_errors;  // the attempts before the one that decided
};

// The rules, first match; the last attempt decides unless one says otherwise:
//
//   the client has gone                          499, never sent
//   we stop                                      503 shutting_down
//   the ledger took no intent                    503 ledger_unavailable
//   the last one was final (400, 413, 415, 422)  that status, the provider's sentence
//   every attempt was 429                        429; the smallest Retry-After if each gave one
//   every attempt was busy                       503 provider_overloaded; busy is 429, 503, 529
//                                                and our own limit
//   the last one timed out                       504
//   anything else                                502; a provider's 401, 402, 403 or 404 only as
//                                                provider_code: its key is not the client's
//
// Requires: at least one attempt.  `rules` are those of the last attempt's provider.
[[nodiscard]] FinalFailure summarize(std::span<const FailedAttempt> attempts,
                                     const StatusRules& rules = {});

}  // namespace waybill::routing
