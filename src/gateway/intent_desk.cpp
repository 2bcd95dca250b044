#include "waybill/gateway/intent_desk.hpp"

namespace waybill::gateway {

// Lives in the frame of the coroutine that waits.
struct IntentDesk::Pending {
  Pending(net::Worker& worker, const ledger::Intent& logged) noexcept
      : waiter(worker),
        intent(&logged) {}
  net::Waiter waiter;
  const ledger::Intent* intent;
  bool written = false;
};

net::Task<bool> IntentDesk::log(const ledger::Intent& intent) {
  Pending pending(worker_, intent);
  if (pending_.empty()) {
    worker_.call_at_turn_end(*this);
  }
  pending_.push_back(&pending);
  const net::Wake wake = co_await pending.waiter.wait(TimePoint::max());
  static_cast<void>(wake);  // on_turn_end() alone wakes it
  co_return pending.written;
}

void IntentDesk::on_turn_end() {
  // Who is woken may log the next attempt's intent: that one is of the next turn.
  written_.swap(pending_);
  intents_.clear();
  for (const Pending* const pending : written_) {
    intents_.push_back(pending->intent);
  }
  const bool written = ledger_.log_intents(worker_.index(), intents_).has_value();
  for (Pending* const pending : written_) {
    pending->written = written;
    pending->waiter.wake(net::Wake::Ready);
  }
  written_.clear();
}

}  // namespace waybill::gateway
