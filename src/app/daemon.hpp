// The daemon: settings, ledger, workers and signals put together.

#pragma once

#include <string>

namespace waybill::app {

struct ServeOptions {
  std::string config;
  std::string ready_file;        // written once everything listens; empty for none
  bool accept_restored = false;  // go on with a ledger that is an older copy
};

// Runs until SIGTERM or SIGINT.  Exit code: 0 drained and settled, 1 something
// failed while running, 2 the settings are wrong or a port or the ledger is not
// to be had.
int serve(const ServeOptions& options);

}  // namespace waybill::app
