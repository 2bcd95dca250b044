// How the settings say to open the ledger: for the daemon, and for commands where none
// runs.

#pragma once

#include "waybill/config/settings.hpp"
#include "waybill/ledger/ledger.hpp"

namespace waybill::app {

[[nodiscard]] ledger::Options ledger_options(const config::LedgerSettings& settings);

[[nodiscard]] ledger::CheckpointFiles checkpoint_files(const config::LedgerSettings& settings);

}  // namespace waybill::app
