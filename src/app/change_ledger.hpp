// Commands that change the ledger: through the daemon that has it, else directly.

#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "waybill/base/result.hpp"

namespace waybill::app {

// Sends the command to the daemon that holds the ledger, or performs it here where none
// runs; the answer without its "ok".  Fails with "settings_refused", "invalid_request",
// "command_failed" (nothing was changed), "daemon_silent" (nobody knows), or as opening the
// ledger does.
Result<nlohmann::json> change_ledger(const std::string& config, const nlohmann::json& request);

}  // namespace waybill::app
