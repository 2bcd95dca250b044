#include "waybill/net/poller.hpp"

#include <cerrno>

#include <unistd.h>

namespace waybill::net {

Poller::Poller() : fd_(::epoll_create1(EPOLL_CLOEXEC)) {}

Poller::~Poller() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

bool Poller::add(int fd, Watched& watched) const noexcept {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = &watched;
  return ::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

void Poller::forget(const Watched& watched) noexcept {
  for (std::size_t i = next_; i < count_; ++i) {
    if (events_[i].data.ptr == &watched) {
      events_[i].data.ptr = nullptr;
    }
  }
}

bool Poller::dispatch() {
  const int found = ::epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), 0);
  count_ = found > 0 ? static_cast<std::size_t>(found) : 0;
  for (next_ = 0; next_ < count_;) {
    const epoll_event event = events_[next_++];
    if (event.data.ptr != nullptr) {
      static_cast<Watched*>(event.data.ptr)->on_events(event.events);
    }
  }
  count_ = next_ = 0;
  return found == static_cast<int>(events_.size());
}

}  // namespace waybill::net
