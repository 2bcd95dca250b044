// Calling off a piece of work that waits now here, now there.

#pragma once

#include "waybill/net/stream.hpp"
#include "waybill/net/waiter.hpp"

namespace waybill::net {

// Work that somebody may call off: opening a connection, say, which waits for a
// resolver, for a socket and for a handshake in turn.
//
//   CallOff call_off;                      // beside the work's owner
//   ... CallOff::Watch watch(call_off, waiter);   // in the work, around each wait
//   if (call_off.called()) { ... }         // after each wait
//   call_off.call();                       // in whoever has lost interest
//
// Thread safety: none; everything happens on the worker.
class CallOff {
 public:
  // While it lives, a call ends the waits of `waiter` or `stream` with Cancelled.
  // One at a time.
  class Watch {
   public:
    Watch(CallOff& call_off, Waiter& waiter) noexcept : call_off_(call_off) {
      call_off_.waiter_ = &waiter;
    }
    Watch(CallOff& call_off, Stream& stream) noexcept : call_off_(call_off) {
      call_off_.stream_ = &stream;
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() {
      call_off_.waiter_ = nullptr;
      call_off_.stream_ = nullptr;
    }

   private:
    CallOff& call_off_;
  };

  CallOff() noexcept = default;
  CallOff(const CallOff&) = delete;
  CallOff& operator=(const CallOff&) = delete;
  ~CallOff() = default;

  [[nodiscard]] bool called() const noexcept { return called_; }

  // The work may end before this returns, and this object with it.
  void call() {
    called_ = true;
    if (waiter_ != nullptr) {
      waiter_->wake_later(Wake::Cancelled);
    } else if (stream_ != nullptr) {
      stream_->cancel();
    }
  }

 private:
  Waiter* waiter_ = nullptr;
  Stream* stream_ = nullptr;
  bool called_ = false;
};

}  // namespace waybill::net
