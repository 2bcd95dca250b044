// The commands that change a ledger, from a control socket or from the command
// line itself.

#pragma once

#include <string>
#include <string_view>

#include "waybill/ledger/ledger.hpp"

namespace waybill::app {

// Performs one request line and gives the response line (control_socket.hpp has
// the grammar).  Blocks until the change is durable.
//
//   keys.create   name, expires?, models?   -> key, hash, label, name
//   keys.disable  hash or name              -> hash, name, disabled
//   keys.enable   hash or name
//   keys.delete   hash or name
//   ledger.adjust generation, id, reason, refund_usd?  -> what was booked
std::string run_control(ledger::Ledger& ledger, std::string_view line);

}  // namespace waybill::app
