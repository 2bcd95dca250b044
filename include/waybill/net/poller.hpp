// Readiness of a worker's connections, by edges.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <sys/epoll.h>

namespace waybill::net {

// An epoll set in which each connection is registered once, for its whole life and
// edge-triggered (epoll(7)), so that waiting for it costs no system call.  Asio, which
// registers anew at each async_wait, only tells the worker that the set has events.
//
// An edge comes when something becomes ready, not while it is: who is told reads until
// the kernel has no more (or gives less than was asked for) before waiting again.
//
// Thread safety: none; everything happens on the worker.
class Poller {
 public:
  class Watched {
   public:
    Watched() = default;
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    virtual ~Watched() = default;
    // `events` as epoll gives them: EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLHUP, EPOLLERR.
    virtual void on_events(std::uint32_t events) = 0;
  };

  Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;
  ~Poller();

  [[nodiscard]] int fd() const noexcept { return fd_; }

  // False when the kernel has no room.  What is ready already is told as the first edge.
  // Closing `fd` ends the registration; call forget() then.
  [[nodiscard]] bool add(int fd, Watched& watched) const noexcept;
  // No event that was fetched already reaches `watched` any more.
  void forget(const Watched& watched) noexcept;

  // Fetches what has happened and tells it, without waiting.  True where there may be more.
  bool dispatch();

 private:
  // A batch ends so that what was posted meanwhile has its turn.
  static constexpr std::size_t kBatch = 256;

  int fd_;
  std::array<epoll_event, kBatch> events_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
};

}  // namespace waybill::net
