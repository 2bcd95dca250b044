#include "waybill/catalog/catalog.hpp"

#include "waybill/base/text.hpp"

namespace waybill::catalog {

const Model* Catalog::resolve(std::string_view id_or_alias) const noexcept {
  const auto it = names_.find(id_or_alias);
  return it == names_.end() ? nullptr : &models_[it->second];
}

std::optional<std::string_view> Catalog::nearest(std::string_view wrong) const {
  std::vector<std::string_view> names;
  names.reserve(names_.size());
  for (const Model& model : models_) {  // in the order of the settings, so that ties are stable
    names.push_back(model.id);
    names.insert(names.end(), model.aliases.begin(), model.aliases.end());
  }
  if (const auto near = closest(wrong, names)) {
    return near;
  }
  // People leave the author out: "gpt-4o-mini" for "openai/gpt-4o-mini".
  for (const std::string_view name : names) {
    const std::size_t slash = name.rfind('/');
    if (slash != std::string_view::npos && iequals(name.substr(slash + 1), wrong)) {
      return name;
    }
  }
  return std::nullopt;
}

}  // namespace waybill::catalog
