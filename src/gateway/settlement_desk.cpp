#include "waybill/gateway/settlement_desk.hpp"

#include <utility>

namespace waybill::gateway {

// Lives in the frame of the coroutine that waits; its address is the token.
struct SettlementDesk::Pending {
  explicit Pending(net::Worker& worker) noexcept : waiter(worker) {}
  net::Waiter waiter;
  ledger::SettleStatus status = ledger::SettleStatus::Lost;
  bool answered = false;
};

SettlementDesk::SettlementDesk(net::Worker& worker, ledger::Ledger& ledger)
    : worker_(worker),
      ledger_(ledger) {
  ledger_.set_sink(worker_.index(), *this);
}

net::Task<ledger::SettleStatus> SettlementDesk::settle(ledger::Settlement settlement,
                                                       const ledger::IdempotencyMark* mark) {
  Pending pending(worker_);
  const auto token = reinterpret_cast<std::uintptr_t>(&pending);
  if (!ledger_.settle(worker_.index(), std::move(settlement), token, mark)) {
    co_return ledger::SettleStatus::Lost;
  }
  ++pending_;
  while (!pending.answered) {
    const net::Wake wake = co_await pending.waiter.wait(TimePoint::max());
    static_cast<void>(wake);
  }
  --pending_;
  co_return pending.status;
}

void SettlementDesk::deliver(std::span<const ledger::Settled> batch) noexcept {
  bool post = false;
  {
    const std::scoped_lock lock(mutex_);
    delivered_.insert(delivered_.end(), batch.begin(), batch.end());
    post = !std::exchange(wake_posted_, true);
  }
  if (post) {
    worker_.post([this] { wake_delivered(); });
  }
}

void SettlementDesk::wake_delivered() {
  std::vector<ledger::Settled> batch;
  {
    const std::scoped_lock lock(mutex_);
    batch.swap(delivered_);
    wake_posted_ = false;
  }
  for (const ledger::Settled& settled : batch) {
    // The token is the address that settle() handed over.
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    auto* const pending = reinterpret_cast<Pending*>(static_cast<std::uintptr_t>(settled.token));
    pending->status = settled.status;
    pending->answered = true;
    pending->waiter.wake(net::Wake::Ready);
  }
}

}  // namespace waybill::gateway
