#include "ledger_options.hpp"

namespace waybill::app {

ledger::CheckpointFiles checkpoint_files(const config::LedgerSettings& settings) {
  return {.lines = settings.checkpoint_path, .signing_key = settings.signing_key};
}

ledger::Options ledger_options(const config::LedgerSettings& settings) {
  ledger::Options options;
  options.path = settings.sqlite_path;
  options.durability = settings.durability == config::Durability::Strict
                           ? ledger::Durability::Strict
                           : ledger::Durability::Relaxed;
  options.largest_entry = settings.largest_entry;
  options.least_free_bytes = settings.least_free;
  options.checkpoints = checkpoint_files(settings);
  return options;
}

}  // namespace waybill::app
