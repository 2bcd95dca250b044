// Where a worker's generations wait for their intents to be in the log.

#pragma once

#include <vector>

#include "waybill/ledger/ledger.hpp"
#include "waybill/net/worker.hpp"

namespace waybill::gateway {

// Writes the intents of one turn of the loop together, and only then lets their
// generations go on: one write(2) for all of them (Rule W), and the requests to the
// providers leave one after the other, so that a provider on the same machine is woken
// once for many.  A request that comes alone waits for nothing.
//
// Thread safety: none; everything on the worker.
class IntentDesk {
 public:
  IntentDesk(net::Worker& worker, ledger::Ledger& ledger) noexcept
      : worker_(worker),
        ledger_(ledger) {}

  // Completes at the end of this turn.  False: it could not be logged, so nothing may be
  // sent.  Never cut short: look afterwards whether the client is still there.
  net::Task<bool> log(const ledger::Intent& intent);

 private:
  struct Pending;

  void write_pending();

  net::Worker& worker_;
  ledger::Ledger& ledger_;
  std::vector<Pending*> pending_;
  std::vector<const ledger::Intent*> intents_;  // theirs, kept for its memory
};

}  // namespace waybill::gateway
