#include "waybill/routing/endpoint_health.hpp"

#include <algorithm>
#include <cassert>

namespace waybill::routing {

void EndpointHealth::succeeded(EndpointIndex endpoint) noexcept {
  assert(endpoint < states_.size());
  states_[endpoint] = State{};
}

void EndpointHealth::failed(EndpointIndex endpoint,
                            const AttemptOutcome& outcome,
                            TimePoint now) noexcept {
  assert(endpoint < states_.size());
  // A dead pooled connection says nothing of the endpoint: it closed an idle one.
  if (classify(outcome) == Verdict::Final || outcome.kind == OutcomeKind::StaleConnection) {
    return;
  }
  State& state = states_[endpoint];
  std::chrono::milliseconds cool_down{0};
  if (is_busy(outcome)) {
    cool_down = policy_.first_cool_down;
  } else if (now >= state.cooling_until) {
    cool_down = policy_.first_cool_down;
    for (std::uint32_t i = 0; i < state.failures && cool_down < policy_.longest_cool_down; ++i) {
      cool_down *= 2;
    }
    cool_down = std::min(cool_down, policy_.longest_cool_down);
    ++state.failures;
  }
  if (outcome.retry_after) {
    cool_down = std::max<std::chrono::milliseconds>(cool_down, *outcome.retry_after);
  }
  state.cooling_until = std::max(state.cooling_until, now + cool_down);
}

TimePoint EndpointHealth::cooling_until(EndpointIndex endpoint) const noexcept {
  assert(endpoint < states_.size());
  return states_[endpoint].cooling_until;
}

std::uint32_t EndpointHealth::failures_in_a_row(EndpointIndex endpoint) const noexcept {
  assert(endpoint < states_.size());
  return states_[endpoint].failures;
}

void EndpointHealth::remap(std::span<const EndpointIndex> previous) {
  std::vector<State> states(previous.size());
  for (std::size_t i = 0; i < previous.size(); ++i) {
    if (previous[i] < states_.size()) {
      states[i] = states_[previous[i]];
    }
  }
  states_ = std::move(states);
}

}  // namespace waybill::routing
