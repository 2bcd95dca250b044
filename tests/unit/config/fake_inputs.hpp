// Files, environment and presets out of maps.

#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fnmatch.h>

#include "waybill/config/load.hpp"
#include "waybill/config/sources.hpp"

namespace waybill::config {

class FakeInputs final : public FileSource, public Environment, public PresetSource {
 public:
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> open_to_all;  // files that others can read
  std::map<std::string, std::string> variables;
  std::map<std::string, std::string, std::less<>> presets;

  Result<FileText> read(const std::string& path, std::size_t limit) override {
    const auto shared = open_to_all.find(path);
    const auto it = files.find(path);
    if (it == files.end() && shared == open_to_all.end()) {
      return Error(ErrorKind::NotFound, "no_such_file", "no such file");
    }
    const std::string& bytes = it == files.end() ? shared->second : it->second;
    if (bytes.size() > limit) {
      return Error(ErrorKind::InvalidRequest, "file_too_large", "it is too large");
    }
    return FileText{.bytes = bytes, .readable_by_others = it == files.end()};
  }

  Result<std::vector<std::string>> glob(const std::string& pattern) override {
    std::vector<std::string> out;
    for (const auto& [path, bytes] : files) {
      if (fnmatch(pattern.c_str(), path.c_str(), FNM_PATHNAME) == 0) {
        out.push_back(path);
      }
    }
    return out;
  }

  [[nodiscard]] std::optional<std::string> get(const std::string& name) const override {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional(it->second);
  }

  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const override {
    const auto it = presets.find(name);
    return it == presets.end() ? std::nullopt : std::optional<std::string_view>(it->second);
  }

  [[nodiscard]] std::vector<std::string_view> names() const override {
    std::vector<std::string_view> out;
    for (const auto& [name, text] : presets) {
      out.emplace_back(name);
    }
    return out;
  }

  Loaded load_main(std::string bytes, const std::string& path = "w.yaml") {
    files[path] = std::move(bytes);
    return load(path, {*this, *this, *this});
  }
};

// A provider and a model around which a test changes one thing.
inline std::string with_endpoint(const std::string& endpoint_members) {
  return "providers:\n"
         "  p: { base_url: \"https://p.test/v1\" }\n"
         "models:\n"
         "  a/m:\n"
         "    endpoints:\n"
         "      - provider: p\n"
         "        upstream_model: m\n" +
         endpoint_members;
}

}  // namespace waybill::config
