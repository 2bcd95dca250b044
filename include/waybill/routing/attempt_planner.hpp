// What to do next for one generation: try, wait, or give up.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "waybill/base/time.hpp"
#include "waybill/routing/outcome.hpp"

namespace waybill::routing {

struct AttemptPolicy {
  std::size_t max_attempts = 8;                        // resends and tries after a wait included
  std::chrono::milliseconds attempt_timeout{900'000};  // of one attempt, whole
  std::size_t max_waits = 1;                           // for a Retry-After, in one generation
};

enum class AttemptKind : std::uint8_t {
  First,      // of this candidate
  Resend,     // the pooled connection was dead: again, on a new connection
  AfterWait,  // its Retry-After has passed
};

[[nodiscard]] std::string_view name(AttemptKind kind) noexcept;

// Send the request to the plan's attempt number `candidate`, and cut it off at the
// deadline.  Each is an attempt of its own, with its own intent.  A Resend must
// not use a pooled connection.
struct Attempt {
  std::size_t candidate = 0;
  TimePoint deadline;
  AttemptKind kind = AttemptKind::First;
  friend bool operator==(const Attempt&, const Attempt&) = default;
};

// Sleep, then call resume().
struct Pause {
  TimePoint until;
  friend bool operator==(const Pause&, const Pause&) = default;
};

enum class GiveUpReason : std::uint8_t {
  Final,      // no endpoint would answer otherwise
  Exhausted,  // every endpoint was tried
  Deadline,   // the request's time is over
  Committed,  // a part of the answer has reached the client
};

[[nodiscard]] std::string_view name(GiveUpReason reason) noexcept;

// Answer the client with what summarize() makes of the attempts.
struct GiveUp {
  GiveUpReason reason;
  friend bool operator==(const GiveUp&, const GiveUp&) = default;
};

using Action = std::variant<Attempt, Pause, GiveUp>;

// The retry and fallback policy of one generation, as a state machine.  Nothing
// else in Waybill retries: pools and clients report.
//
// Sans-I/O: the gateway performs an action and reports what came of it; the time
// is an argument.
//
//   state    event                                  next state
//   trying   failed, connection was stale, once     trying the same candidate again, fresh
//   trying   failed, moves on, untried left         trying the next candidate
//   trying   failed, moves on, all tried            waiting for the earliest Retry-After, or done
//   trying   failed, final                          done
//   trying   failed, after commit()                 done
//   waiting  resume                                 trying the candidate that asked for the wait
//
// A wait that would end at or after the request's deadline is not begun; max_attempts
// and max_waits bound the whole.
//
// Thread safety: none; owned by the coroutine that serves the request.
class AttemptPlanner {
 public:
  // Requires: candidates > 0, policy.max_attempts > 0.
  AttemptPlanner(AttemptPolicy policy, std::size_t candidates, TimePoint request_deadline);

  // The first action.  Called once, before anything else.
  [[nodiscard]] Action start(TimePoint now);

  // The current attempt failed; `rules` are those of its provider.
  [[nodiscard]] Action failed(TimePoint now,
                              const AttemptOutcome& outcome,
                              const StatusRules& rules = {});

  // The pause is over.
  [[nodiscard]] Action resume(TimePoint now);

  // A content byte of the response has reached the client: from here on a retry
  // would show it two answers, so there is none.
  void commit() noexcept { committed_ = true; }

  [[nodiscard]] bool is_committed() const noexcept { return committed_; }
  [[nodiscard]] std::size_t attempts_made() const noexcept { return attempts_; }

 private:
  struct Candidate {
    bool resent = false;
    std::optional<TimePoint> ready_at{};  // its Retry-After, not waited for yet
  };

  Action attempt(TimePoint now, std::size_t candidate, AttemptKind kind);
  Action wait_or_give_up(TimePoint now);

  AttemptPolicy policy_;
  std::vector<Candidate> candidates_;
  TimePoint request_deadline_;

  std::size_t current_ = 0;
  std::size_t next_untried_ = 0;
  std::size_t attempts_ = 0;  // made so far, over all candidates
  std::size_t waits_ = 0;
  bool committed_ = false;
};

}  // namespace waybill::routing
