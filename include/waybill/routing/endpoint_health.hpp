// Which endpoints to leave alone for a while.

#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
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

// Cool-downs of the endpoints of one snapshot, known to all workers at once.
//
//   event                                   cool-down
//   succeeded                               ends; failures in a row: 0
//   succeeded, begun before the failure     unchanged: it says nothing of the time since
//   failed, a fault of the endpoint         1, 2, 4 … 30 s by failures in a row
//   failed while cooling                    unchanged: many requests fail of one cause at once
//   failed with Retry-After                 at least that long
//   429/503/529 without Retry-After         1 s, and no failure is counted
//   400, 413, 415, 422, client gone         none: the endpoint did nothing wrong
//
// A cool-down orders endpoints and never removes one: where all are cooling, the
// one that is ready first is tried.
//
// Sans-I/O: the time is an argument.
// Thread safety: any number of threads; each figure is read and written by itself,
// without a lock, and a success of an endpoint that had none to forget writes nothing.
class EndpointHealth {
 public:
  explicit EndpointHealth(std::size_t endpoints = 0, HealthPolicy policy = {});

  // Of the next snapshot: endpoint i of it was `previous[i]` of `before`, or
  // kNoEndpoint if it is new.  What is kept is shared: a request that began with
  // the older snapshot tells both.
  EndpointHealth(const EndpointHealth& before, std::span<const EndpointIndex> previous);

  // Requires, for all: `endpoint` is below the number of endpoints.
  // `began`: when the attempt did.
  void succeeded(EndpointIndex endpoint, TimePoint began) noexcept;
  void failed(EndpointIndex endpoint, const AttemptOutcome& outcome, TimePoint now) noexcept;

  // The end of the cool-down; a time that is not after `now` if there is none.
  [[nodiscard]] TimePoint cooling_until(EndpointIndex endpoint) const noexcept;
  [[nodiscard]] bool is_cooling(EndpointIndex endpoint, TimePoint now) const noexcept {
    return now < cooling_until(endpoint);
  }
  [[nodiscard]] std::uint32_t failures_in_a_row(EndpointIndex endpoint) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return states_.size(); }

 private:
  // Apart from its neighbours: they change together only by accident.
  struct alignas(64) State {
    std::atomic<TimePoint> cooling_until{TimePoint::min()};
    std::atomic<TimePoint> last_failure{TimePoint::min()};
    std::atomic<std::uint32_t> failures{0};
    static_assert(std::atomic<TimePoint>::is_always_lock_free);
  };

  static void extend(State& state, TimePoint until) noexcept;

  HealthPolicy policy_;
  std::vector<std::shared_ptr<State>> states_;
};

}  // namespace waybill::routing
