#include "waybill/catalog/snapshot.hpp"

#include <utility>

namespace waybill::catalog {

LoadedSnapshot load_snapshot(const std::string& path,
                             const config::Inputs& inputs,
                             std::uint64_t version) {
  config::Loaded loaded = config::load(path, inputs);
  LoadedSnapshot out{.snapshot = nullptr,
                     .faults = std::move(loaded.faults),
                     .warnings = std::move(loaded.warnings)};
  if (!out.faults.empty()) {
    return out;
  }
  auto catalog = Catalog::build(loaded.settings);
  if (!catalog) {
    out.faults.push_back({.at = {.file = path, .line = 1, .column = 1},
                          .sentence = catalog.error().detail(),
                          .suggestion = {}});
    return out;
  }
  out.snapshot = std::make_shared<const Snapshot>(
      Snapshot{version, std::move(loaded.settings), *std::move(catalog)});
  return out;
}

}  // namespace waybill::catalog
