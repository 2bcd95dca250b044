// Reads a settings file and everything it includes into a Settings value, or says
// everything that is wrong with it at once.

#pragma once

#include <string>
#include <vector>

#include "waybill/config/fault.hpp"
#include "waybill/config/settings.hpp"
#include "waybill/config/sources.hpp"

namespace waybill::config {

// `settings` is whole and valid if and only if there are no faults; otherwise it
// holds what could be understood and must not be used to start anything.
struct Loaded {
  Settings settings;
  std::vector<Fault> faults;    // by file in the order read, then by place
  std::vector<Fault> warnings;  // worth a line in the log, no reason to refuse

  [[nodiscard]] bool ok() const noexcept { return faults.empty(); }
};

// Strict: an unknown key, a wrong type, a key given twice, a reference to
// nothing, anchors, aliases and a second document are faults.  At most 2 MiB a
// file, 1,000 files and 64 levels; never throws.
//
// Scalars may hold ${env:NAME} and ${file:PATH} (the file's text without its
// last newline), whole or in part, expanded once; `$${` stands for `${`.
[[nodiscard]] Loaded load(const std::string& path, const Inputs& inputs);

// One preset alone, as `load` would merge it into a provider that names it.
// For tests and for finding providers at first use; `api_key_env` and `docs` are the
// preset's own members.
struct Preset {
  ProviderSettings provider;
  std::string api_key_env;  // the variable that usually holds the key; "" for none
  std::string docs;         // where the provider documents its API
};
struct LoadedPreset {
  Preset preset;
  std::vector<Fault> faults;
};
[[nodiscard]] LoadedPreset load_preset(const std::string& name, const Inputs& inputs);

// docs/settings.md, rendered from the schema that the parser checks against.
[[nodiscard]] std::string settings_reference();

}  // namespace waybill::config
