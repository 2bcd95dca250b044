// A thread of the daemon: one io_context, one timer wheel, one read buffer.

#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/wait_traits.hpp>

#include "waybill/net/poller.hpp"
#include "waybill/net/task.hpp"
#include "waybill/net/timer_wheel.hpp"

namespace waybill::net {

// Everything that is shared by the connections of one thread.
//
// Thread safety: post(), spawn() and stop() may be called from any thread; all
// else is for code that runs on this worker.
class Worker {
 public:
  static constexpr std::size_t kReadBufferSize = 64UL * 1024UL;
  // Readable bytes after the read buffer's end, for parsers that look ahead
  // (simdjson wants 32).
  static constexpr std::size_t kReadPadding = 64;

  explicit Worker(std::size_t index);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  // Runs until stop(), or until there is nothing left to do.
  void run();
  void stop();

  [[nodiscard]] std::size_t index() const noexcept { return index_; }
  [[nodiscard]] Executor executor() noexcept { return context_.get_executor(); }
  [[nodiscard]] asio::io_context& context() noexcept { return context_; }

  // Of the worker's streams.
  [[nodiscard]] Poller& poller() noexcept { return poller_; }

  // Shared by every read of this worker: what it holds is good until the next
  // co_await, so an idle connection holds no buffer.
  [[nodiscard]] std::span<char> read_buffer() noexcept { return {buffer_.get(), kReadBufferSize}; }

  // Arms `entry` and makes sure the wheel turns in time.
  void arm(TimerWheel::Entry& entry, TimePoint deadline);

  template <class Function>
  void post(Function&& function) {
    asio::post(context_, std::forward<Function>(function));
  }

  // Completes when all that became ready at the same time has been looked at, as the
  // loop's next act.  What is sent then leaves together: a peer on the same machine is woken once
  // for many, and the code that reads is not driven out of the cache by the kernel's for sending at
  // each request.
  [[nodiscard]] auto end_of_turn() {
    auto begin = [this](auto handler) { wait_for_turn_end(std::move(handler)); };
    return asio::async_initiate<const asio::deferred_t, void()>(std::move(begin), asio::deferred);
  }

  // Starts a task whose end nobody waits for.  An exception that escapes it is
  // a bug: the process ends with its message.
  void spawn(Task<> task);

 private:
  using Timer = asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor>;

  void schedule();
  void turn();
  void watch_poller();
  void end_turn();
  using TurnHandler = asio::any_completion_handler<void()>;
  void wait_for_turn_end(TurnHandler handler);

  std::size_t index_;
  Poller poller_;  // outlives the tasks that the context still holds, and their streams
  asio::io_context context_;
  asio::posix::basic_stream_descriptor<Executor> poller_ready_;  // the poller's own readiness
  TimerWheel wheel_;
  Timer driver_;
  TimePoint scheduled_ = TimePoint::max();  // when the driver fires
  std::unique_ptr<char[]> buffer_;
  std::vector<TurnHandler> at_turn_end_;
  std::vector<TurnHandler> ending_;  // those of the turn that ends
};

}  // namespace waybill::net
