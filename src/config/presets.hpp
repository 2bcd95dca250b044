// Fills in what a provider leaves to its preset.

#pragma once

#include "waybill/config/sources.hpp"

#include "report.hpp"
#include "yaml_tree.hpp"

namespace waybill::config {

// Merges the named preset under each provider of a file, before anything is
// checked: members of the user win, maps are merged, lists replaced.  Faults in
// what the preset brought (a variable that is not set) stand at the user's
// `preset` value.
void merge_presets(Node& root, const PresetSource& presets, Report& report);

}  // namespace waybill::config
