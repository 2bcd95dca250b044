// One immutable, validated whole of settings and catalog.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "waybill/catalog/catalog.hpp"
#include "waybill/config/load.hpp"
#include "waybill/config/settings.hpp"

namespace waybill::catalog {

// A request pins one with its shared pointer and sees nothing change; a reload
// publishes the next one.
struct Snapshot {
  std::uint64_t version = 0;  // counts up with each successful reload of this process
  config::Settings settings;
  Catalog catalog;
};

using SnapshotPtr = std::shared_ptr<const Snapshot>;

// `snapshot` is null if and only if there are faults.
struct LoadedSnapshot {
  SnapshotPtr snapshot;
  std::vector<config::Fault> faults;
  std::vector<config::Fault> warnings;
};

// Loads the settings, then builds the catalog.  Start-up, reload and `waybill
// check` all go through here, so they agree on what is a fault.
[[nodiscard]] LoadedSnapshot load_snapshot(const std::string& path,
                                           const config::Inputs& inputs,
                                           std::uint64_t version);

}  // namespace waybill::catalog
