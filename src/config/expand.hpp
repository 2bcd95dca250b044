// ${env:NAME}, ${env:NAME:-text} and ${file:PATH} in scalars.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/config/sources.hpp"

#include "report.hpp"
#include "schema.hpp"
#include "yaml_tree.hpp"

namespace waybill::config {

// "folder/of/file" for "folder/of/file/name.yaml"; "" for a bare name.
[[nodiscard]] std::string folder_of(std::string_view path);

// `path` if it is absolute, else joined to `folder`.
[[nodiscard]] std::string join_path(std::string_view folder, std::string_view path);

// Replaces the references of one scalar, once: what comes out is not looked at
// again.  Reports what cannot be replaced and marks the node faulty.
class Expander {
 public:
  Expander(const Inputs& inputs, Report& report) : inputs_(inputs), report_(report) {}

  void expand(Node& scalar, Type type);

  // Of a variable, for members that name one.
  [[nodiscard]] const Environment& environment() const noexcept { return inputs_.environment; }

 private:
  bool replace(Node& scalar, std::string_view reference, Type type);
  bool replace_env(Node& scalar,
                   const std::string& name,
                   std::optional<std::string_view> otherwise);
  bool replace_file(Node& scalar, std::string_view path, Type type);
  bool refuse(Node& scalar, std::string sentence, std::string suggestion = {});

  const Inputs& inputs_;
  Report& report_;
};

}  // namespace waybill::config
