#include "waybill/catalog/presets.hpp"

#include <algorithm>
#include <utility>

#include "embedded_presets.hpp"

namespace waybill::catalog {

Presets::Presets(std::map<std::string, std::string, std::less<>> overrides)
    : overrides_(std::move(overrides)) {}

std::optional<std::string_view> Presets::find(std::string_view name) const {
  if (const auto it = overrides_.find(name); it != overrides_.end()) {
    return it->second;
  }
  const auto embedded = embedded_presets();
  const auto it = std::lower_bound(
      embedded.begin(), embedded.end(), name,
      [](const EmbeddedPreset& preset, std::string_view wanted) { return preset.name < wanted; });
  if (it == embedded.end() || it->name != name) {
    return std::nullopt;
  }
  return it->text;
}

std::vector<std::string_view> Presets::names() const {
  std::vector<std::string_view> out;
  for (const EmbeddedPreset& preset : embedded_presets()) {
    out.push_back(preset.name);
  }
  for (const auto& [name, text] : overrides_) {
    out.emplace_back(name);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

}  // namespace waybill::catalog
