#include "waybill/gateway/intent_desk.hpp"

namespace waybill::gateway {

// Lives in the frame of the coroutine that waits.
struct IntentDesk::Pending {
  const ledger::Intent* intent = nullptr;
  bool decided = false;
  bool written = false;
};

net::Task<bool> IntentDesk::log(const ledger::Intent& intent) {
  Pending pending{&intent};
  pending_.push_back(&pending);
  co_await worker_.end_of_turn();
  if (!pending.decided) {  // the first of a turn writes for all
    write_pending();
  }
  co_return pending.written;
}

void IntentDesk::write_pending() {
  intents_.clear();
  for (const Pending* const pending : pending_) {
    intents_.push_back(pending->intent);
  }
  const bool written = ledger_.log_intents(worker_.index(), intents_).has_value();
  for (Pending* const pending : pending_) {
    pending->decided = true;
    pending->written = written;
  }
  pending_.clear();
}

}  // namespace waybill::gateway
