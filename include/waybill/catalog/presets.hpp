// The provider presets that are compiled in, and a folder that may override them.

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/config/sources.hpp"

namespace waybill::catalog {

// config/providers/*.yaml as they were when the program was built, so that an
// installed binary needs no files beside it.  Overrides win over them.
//
// Thread safety: const after construction.
class Presets final : public config::PresetSource {
 public:
  Presets() = default;

  // Requires: keys are preset names, values the text of their files.
  explicit Presets(std::map<std::string, std::string, std::less<>> overrides);

  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const override;
  [[nodiscard]] std::vector<std::string_view> names() const override;  // sorted

 private:
  std::map<std::string, std::string, std::less<>> overrides_;
};

}  // namespace waybill::catalog
