#include "waybill/net/waiter.hpp"

#include <cassert>

#include <boost/asio/post.hpp>

namespace waybill::net {

void Waiter::start(Handler handler, TimePoint deadline) {
  assert(!handler_);
  // Boost 1.81's move assignment of any_completion_handler recurses without end.
  handler_.swap(handler);
  worker_->arm(*this, deadline);
}

void Waiter::wake(Wake wake) {
  if (!handler_) {
    return;
  }
  unlink();
  Handler handler;
  handler.swap(handler_);
  std::move(handler)(wake);
}

void Waiter::wake_later(Wake wake) {
  if (!handler_) {
    return;
  }
  unlink();
  Handler handler;
  handler.swap(handler_);
  worker_->post([handler = std::move(handler), wake]() mutable { std::move(handler)(wake); });
}

}  // namespace waybill::net
