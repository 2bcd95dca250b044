#include "waybill/routing/attempt_planner.hpp"

#include <algorithm>
#include <cassert>

namespace waybill::routing {

std::string_view name(AttemptKind kind) noexcept {
  switch (kind) {
    case AttemptKind::First: return "first";
    case AttemptKind::Resend: return "resend";
    case AttemptKind::AfterWait: return "after_wait";
  }
  return "unknown";
}

std::string_view name(GiveUpReason reason) noexcept {
  switch (reason) {
    case GiveUpReason::Final: return "final";
    case GiveUpReason::Exhausted: return "exhausted";
    case GiveUpReason::Deadline: return "deadline";
    case GiveUpReason::Committed: return "committed";
  }
  return "unknown";
}

AttemptPlanner::AttemptPlanner(AttemptPolicy policy,
                               std::size_t candidates,
                               TimePoint request_deadline)
    : policy_(policy),
      candidates_(candidates),
      request_deadline_(request_deadline) {
  assert(candidates > 0);
  assert(policy.max_attempts > 0);
}

Action AttemptPlanner::start(TimePoint now) {
  assert(attempts_ == 0);
  next_untried_ = 1;
  return attempt(now, 0, AttemptKind::First);
}

Action AttemptPlanner::failed(TimePoint now,
                              const AttemptOutcome& outcome,
                              const StatusRules& rules) {
  assert(attempts_ > 0);
  if (committed_) {
    return GiveUp{GiveUpReason::Committed};
  }
  if (classify(outcome, rules) == Verdict::Final) {
    return GiveUp{GiveUpReason::Final};
  }
  if (now >= request_deadline_) {
    return GiveUp{GiveUpReason::Deadline};
  }
  if (attempts_ >= policy_.max_attempts) {
    return GiveUp{GiveUpReason::Exhausted};
  }
  Candidate& candidate = candidates_[current_];
  if (outcome.kind == OutcomeKind::StaleConnection && !candidate.resent) {
    candidate.resent = true;
    return attempt(now, current_, AttemptKind::Resend);
  }
  if (outcome.retry_after) {
    candidate.ready_at = now + *outcome.retry_after;
  }
  if (next_untried_ < candidates_.size()) {
    return attempt(now, next_untried_++, AttemptKind::First);
  }
  return wait_or_give_up(now);
}

Action AttemptPlanner::resume(TimePoint now) {
  if (now >= request_deadline_) {
    return GiveUp{GiveUpReason::Deadline};
  }
  return attempt(now, current_, AttemptKind::AfterWait);
}

Action AttemptPlanner::attempt(TimePoint now, std::size_t candidate, AttemptKind kind) {
  current_ = candidate;
  ++attempts_;
  return Attempt{candidate, std::min(now + policy_.attempt_timeout, request_deadline_), kind};
}

Action AttemptPlanner::wait_or_give_up(TimePoint now) {
  if (waits_ >= policy_.max_waits) {
    return GiveUp{GiveUpReason::Exhausted};
  }
  // Equal times keep the plan's order: the first in it is taken.
  Candidate* earliest = nullptr;
  for (Candidate& candidate : candidates_) {
    if (candidate.ready_at && (!earliest || *candidate.ready_at < *earliest->ready_at)) {
      earliest = &candidate;
    }
  }
  if (earliest == nullptr || *earliest->ready_at >= request_deadline_) {
    return GiveUp{GiveUpReason::Exhausted};
  }
  ++waits_;
  current_ = static_cast<std::size_t>(earliest - candidates_.data());
  const TimePoint until = std::max(now, *earliest->ready_at);
  earliest->ready_at.reset();
  return Pause{until};
}

}  // namespace waybill::routing
