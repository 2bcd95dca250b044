// Looks for damaged pages of the ledger once all is served.

#pragma once

#include <memory>
#include <string>
#include <thread>

#include "waybill/ledger/ledger.hpp"
#include "waybill/ledger/reader.hpp"
#include "waybill/telemetry/log.hpp"

namespace waybill::app {

// The start looks at the end of the chain alone, so that it is quick; this reads the rest,
// on a thread of its own.  Damage is logged as "ledger_damaged", and the ledger then takes
// nothing new; a check that could not be made is logged as "ledger_unchecked".
//
// Thread safety: made and destroyed on one thread.  `ledger` and `log` must outlive it.
class LedgerCheck {
 public:
  LedgerCheck(const std::string& path, ledger::Ledger& ledger, telemetry::Log& log);
  LedgerCheck(const LedgerCheck&) = delete;
  LedgerCheck& operator=(const LedgerCheck&) = delete;
  // Ends a check that is under way, of which nothing is told.
  ~LedgerCheck();

 private:
  std::unique_ptr<ledger::LedgerReader> reader_;
  std::thread thread_;
};

}  // namespace waybill::app
