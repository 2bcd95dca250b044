#include "waybill/routing/endpoint_health.hpp"

#include <algorithm>
#include <cassert>

namespace waybill::routing {

EndpointHealth::EndpointHealth(std::size_t endpoints, HealthPolicy policy) : policy_(policy) {
  states_.reserve(endpoints);
  for (std::size_t i = 0; i < endpoints; ++i) {
    states_.push_back(std::make_shared<State>());
  }
}

EndpointHealth::EndpointHealth(const EndpointHealth& before,
                               std::span<const EndpointIndex> previous)
    : policy_(before.policy_) {
  states_.reserve(previous.size());
  for (const EndpointIndex index : previous) {
    states_.push_back(index < before.states_.size() ? before.states_[index]
                                                    : std::make_shared<State>());
  }
}

void EndpointHealth::succeeded(EndpointIndex endpoint, TimePoint began) noexcept {
  assert(endpoint < states_.size());
  State& state = *states_[endpoint];
  if (began < state.last_failure.load(std::memory_order_relaxed)) {
    return;
  }
  // A store would take the line from every other worker's cache, once a request.
  if (state.failures.load(std::memory_order_relaxed) != 0) {
    state.failures.store(0, std::memory_order_relaxed);
  }
  if (state.cooling_until.load(std::memory_order_relaxed) != TimePoint::min()) {
    state.cooling_until.store(TimePoint::min(), std::memory_order_relaxed);
  }
}

void EndpointHealth::failed(EndpointIndex endpoint,
                            const AttemptOutcome& outcome,
                            TimePoint now) noexcept {
  assert(endpoint < states_.size());
  // A dead pooled connection says nothing of the endpoint: it closed an idle one.
  if (classify(outcome) == Verdict::Final || outcome.kind == OutcomeKind::StaleConnection ||
      outcome.kind == OutcomeKind::Unsayable) {
    return;
  }
  State& state = *states_[endpoint];
  state.last_failure.store(now, std::memory_order_relaxed);
  TimePoint until = state.cooling_until.load(std::memory_order_relaxed);
  if (is_busy(outcome)) {
    extend(state, now + policy_.first_cool_down);
  } else if (now >= until) {
    const std::uint32_t failures = state.failures.load(std::memory_order_relaxed);
    std::chrono::milliseconds cool_down = policy_.first_cool_down;
    for (std::uint32_t i = 0; i < failures && cool_down < policy_.longest_cool_down; ++i) {
      cool_down *= 2;
    }
    cool_down = std::min(cool_down, policy_.longest_cool_down);
    // Of workers that fail at the same moment one counts: theirs is one cause.
    if (state.cooling_until.compare_exchange_strong(until, now + cool_down,
                                                    std::memory_order_relaxed)) {
      state.failures.fetch_add(1, std::memory_order_relaxed);
    }
  }
  if (outcome.retry_after) {
    extend(state, now + *outcome.retry_after);
  }
}

void EndpointHealth::extend(State& state, TimePoint until) noexcept {
  TimePoint known = state.cooling_until.load(std::memory_order_relaxed);
  while (known < until &&
         !state.cooling_until.compare_exchange_weak(known, until, std::memory_order_relaxed)) {
  }
}

TimePoint EndpointHealth::cooling_until(EndpointIndex endpoint) const noexcept {
  assert(endpoint < states_.size());
  return states_[endpoint]->cooling_until.load(std::memory_order_relaxed);
}

std::uint32_t EndpointHealth::failures_in_a_row(EndpointIndex endpoint) const noexcept {
  assert(endpoint < states_.size());
  return states_[endpoint]->failures.load(std::memory_order_relaxed);
}

}  // namespace waybill::routing
