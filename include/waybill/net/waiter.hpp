// One coroutine waiting for one event of its own worker.

#pragma once

#include <utility>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/deferred.hpp>

#include "waybill/net/worker.hpp"

namespace waybill::net {

// How a wait ended.
enum class Wake : unsigned char {
  Ready,      // the event came
  TimedOut,   // the deadline came first
  Cancelled,  // somebody called off the wait
};

// The meeting point of a coroutine and what wakes it.
//
//   const Wake wake = co_await waiter.wait(deadline);     // in the coroutine
//   waiter.wake(Wake::Ready);                             // in whoever has news
//
// wake() resumes the coroutine at once, on the caller's stack; wake_later() does
// so from the worker's loop and is the one to call from another coroutine.
// Waking when nobody waits does nothing: keep the state the event is about
// beside the waiter, and look at it before waiting.
//
// Requires: at most one wait at a time; not destroyed while somebody waits,
// unless its io_context will never run again.
// Thread safety: none; everything happens on the worker.
class Waiter final : private TimerWheel::Entry {
 public:
  explicit Waiter(Worker& worker) noexcept : worker_(&worker) {}

  // An operation to co_await; it begins when awaited.
  [[nodiscard]] auto wait(TimePoint deadline) {
    auto begin = [this, deadline](auto handler) { start(std::move(handler), deadline); };
    return asio::async_initiate<const asio::deferred_t, void(Wake)>(std::move(begin),
                                                                    asio::deferred);
  }

  [[nodiscard]] bool waiting() const noexcept { return static_cast<bool>(handler_); }
  void wake(Wake wake);
  void wake_later(Wake wake);

 private:
  using Handler = asio::any_completion_handler<void(Wake)>;

  void start(Handler handler, TimePoint deadline);
  void on_deadline() override { wake(Wake::TimedOut); }

  Worker* worker_;
  Handler handler_;
};

}  // namespace waybill::net
