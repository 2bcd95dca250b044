#include "presets.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "waybill/base/text.hpp"

namespace waybill::config {
namespace {

// Lays `over` on `under`.
Node merge(Node under, Node over) {
  if (under.kind != NodeKind::Map || over.kind != NodeKind::Map) {
    return over;
  }
  under.at = over.at;
  for (std::size_t i = 0; i < over.keys.size(); ++i) {
    Key& key = over.keys[i];
    if (Node* known = under.find(key.text)) {
      for (Key& own : under.keys) {
        own = own.text == key.text ? key : own;
      }
      *known = merge(std::move(*known), std::move(over.items[i]));
    } else {
      under.keys.push_back(std::move(key));
      under.items.push_back(std::move(over.items[i]));
    }
  }
  return under;
}

void merge_preset(Node& provider, const PresetSource& presets, Report& report) {
  Node* named = provider.kind == NodeKind::Map ? provider.find("preset") : nullptr;
  if (named == nullptr || named->kind != NodeKind::Scalar) {
    return;  // none, or of a wrong type that will be reported
  }
  const auto bytes = presets.find(named->raw);
  if (!bytes) {
    const auto names = presets.names();
    const auto near = closest(named->raw, names);
    report.fault(named->at, "preset: there is no preset '" + printable(named->raw) + "'",
                 near ? "did you mean '" + std::string(*near) + "'?"
                      : "the presets are the files of config/providers, without .yaml");
    named->faulty = true;
    provider.faulty = true;  // what the preset would have brought is missing: not worth reporting
    return;
  }
  const unsigned file = report.add_stand_in("preset '" + printable(named->raw) + "': ", named->at);
  std::optional<Node> preset = parse_yaml(*bytes, file, report);
  if (preset && preset->kind == NodeKind::Map) {
    provider = merge(*std::move(preset), std::move(provider));
  }
}

}  // namespace

void merge_presets(Node& root, const PresetSource& presets, Report& report) {
  Node* providers = root.kind == NodeKind::Map ? root.find("providers") : nullptr;
  if (providers == nullptr || providers->kind != NodeKind::Map) {
    return;
  }
  for (Node& provider : providers->items) {
    merge_preset(provider, presets, report);
  }
}

}  // namespace waybill::config
