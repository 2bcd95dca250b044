// Where a worker's generations wait for their settlements to be durable.

#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "waybill/ledger/ledger.hpp"
#include "waybill/net/waiter.hpp"

namespace waybill::gateway {

// Hands settlements to the ledger and wakes their coroutines once their commit
// has returned; a whole commit wakes the worker once.
//
// Thread safety: deliver() is called on the ledger's thread; all else on the
// worker.
class SettlementDesk final : public ledger::CompletionSink {
 public:
  SettlementDesk(net::Worker& worker, ledger::Ledger& ledger);

  // Completes when the settlement is durable, or is known not to become so.
  // Never cut short: the ledger's answer is waited for even if the client is gone.
  // `mark` as for Ledger::settle(); it outlives the wait.
  net::Task<ledger::SettleStatus> settle(ledger::Settlement settlement,
                                         const ledger::IdempotencyMark* mark = nullptr);

  // Settlements handed over and not yet answered.
  [[nodiscard]] std::size_t pending() const noexcept { return pending_; }

 private:
  struct Pending;

  void deliver(std::span<const ledger::Settled> batch) noexcept override;
  void wake_delivered();

  net::Worker& worker_;
  ledger::Ledger& ledger_;
  std::size_t pending_ = 0;

  std::mutex mutex_;                        // guards the next two
  std::vector<ledger::Settled> delivered_;  // not yet woken
  bool wake_posted_ = false;
};

}  // namespace waybill::gateway
