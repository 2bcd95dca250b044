// Which endpoints to leave alone for a while.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "waybill/base/time.hpp"
#include "waybill/routing/outcome.hpp"

namespace waybill::routing {

// The position of an endpoint in the catalog of one snapshot: dense, from 0.
using EndpointIndex = std::uint32_t;
inline constexpr EndpointIndex kNoEndpoint = 0xFFFFFFFF;

struct HealthPolicy {
  std::chrono::milliseconds first_cool_down{1'000};  // doubles with every further failure in a row
  std::chrono::milliseconds longest_cool_down{30'000};
};

// Cool-downs of one worker's endpoints.
//
//   event                                   cool-down
//   succeeded                               ends; failures in a row: 0
//   failed, a fault of the endpoint         1, 2, 4 … 30 s by failures in a row
//   failed while cooling                    unchanged: many requests fail of one cause at once
//   failed with Retry-After                 at least that long
//   429/503/529 without Retry-After         1 s, and no failure is counted
//   400, 413, 415, 422, client gone         none: the endpoint did nothing wrong
//
// A cool-down orders endpoints and never removes one: where all are cooling, the
// one that is ready first is tried.
//
// Sans-I/O: the time is an argument.  Thread safety: none; one per worker.
class EndpointHealth {
 public:
  explicit EndpointHealth(std::size_t endpoints = 0, HealthPolicy policy = {})
      : policy_(policy),
        states_(endpoints) {}

  // Requires, for all: `endpoint` is below the number of endpoints.
  void succeeded(EndpointIndex endpoint) noexcept;
  void failed(EndpointIndex endpoint, const AttemptOutcome& outcome, TimePoint now) noexcept;

  // The end of the cool-down; a time that is not after `now` if there is none.
  [[nodiscard]] TimePoint cooling_until(EndpointIndex endpoint) const noexcept;
  [[nodiscard]] bool is_cooling(EndpointIndex endpoint, TimePoint now) const noexcept {
    return now < cooling_until(endpoint);
  }
  [[nodiscard]] std::uint32_t failures_in_a_row(EndpointIndex endpoint) const noexcept;

  // After a reload: endpoint i of the new snapshot was `previous[i]` of the old
  // one, or kNoEndpoint if it is new.
  void remap(std::span<const EndpointIndex> previous);

  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }

 private:
  struct State {
    TimePoint cooling_until = TimePoint::min();
    std::uint32_t failures = 0;
  };

  HealthPolicy policy_;
  std::vector<State> states_;
};

}  // namespace waybill::routing
