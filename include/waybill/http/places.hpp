// The places for connections to one origin, where several pools share them.

#pragma once

#include <atomic>
#include <cstddef>
#include <list>
#include <mutex>
#include <vector>

namespace waybill::http {

// A bound on connections, kept over the pools of all workers that take from it.
//
// Taking and giving back a free place is one atomic step.  Once none is free, whoever
// wants one stands in line, pool by pool; a place that is given back goes to the first
// in line and to nobody who comes later, and pools that hold idle connections are
// asked for one.
//
// Lifetime: shared by the pools.  Thread safety: everything from any thread.
class Places {
 public:
  // A pool that takes from here.  Both calls come on whatever thread has the news,
  // under a lock of Places: pass them on to the pool's own worker and return.
  class Taker {
   public:
    Taker() noexcept = default;
    Taker(const Taker&) = delete;
    Taker& operator=(const Taker&) = delete;
    virtual ~Taker() = default;
    // A place is yours now, and you are in line no more.
    virtual void on_place_given() = 0;
    // Another pool lacks a place: close an idle connection if it still does.
    virtual void on_place_wanted() = 0;
  };

  explicit Places(std::size_t bound) noexcept : bound_(bound) {}
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;
  ~Places() = default;

  void join(Taker& taker);
  // No call comes to `taker` after this has returned.
  void leave(Taker& taker);

  // Takes a free place; false where there is none, or others wait already.
  [[nodiscard]] bool take() noexcept;
  void give_back();

  // Gets in line, unless a place is free or `taker` is in line already.  True if it
  // has taken a place instead.
  [[nodiscard]] bool wait_in_line(Taker& taker);
  void leave_line(Taker& taker);

  [[nodiscard]] bool wanted() const noexcept { return waiting_.load() != 0; }

  // For who could use its place again at once although others may want it: true if it
  // may keep it.  Otherwise the place has gone to the first in line.  `taker` must
  // get in line again if it lacks more.
  [[nodiscard]] bool keep_or_pass(Taker& taker);

 private:
  bool take_free() noexcept;
  void serve_line();
  void drop_from_line(Taker& taker);

  const std::size_t bound_;
  std::atomic<std::size_t> used_{0};
  std::atomic<std::size_t> waiting_{0};  // pools in line; changed under the lock
  std::mutex mutex_;
  std::vector<Taker*> takers_;
  std::list<Taker*> line_;  // who waits longest is first
};

}  // namespace waybill::http
