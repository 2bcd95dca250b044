// Property: any bytes end in settings or in faults, and every fault has a place
// in the file, a sentence, and no secret.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/config/load.hpp"

namespace {

using waybill::Result;
namespace config = waybill::config;

constexpr std::string_view kSecret = "sk-never-shown";

class OneFile final : public config::FileSource,
                      public config::Environment,
                      public config::PresetSource {
 public:
  explicit OneFile(std::string_view bytes) : bytes_(bytes) {}

  Result<config::FileText> read(const std::string& path, std::size_t /*limit*/) override {
    return config::FileText{.bytes = path == "w.yaml" ? bytes_ : std::string(kSecret)};
  }
  Result<std::vector<std::string>> glob(const std::string& /*pattern*/) override {
    return std::vector<std::string>{"more.yaml"};
  }
  [[nodiscard]] std::optional<std::string> get(const std::string& name) const override {
    return name.size() < 8 ? std::optional(std::string(kSecret)) : std::nullopt;
  }
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const override {
    return name == "p"
               ? std::optional<std::string_view>("base_url: https://p.test\napi_key_env: K\n")
               : std::nullopt;
  }
  [[nodiscard]] std::vector<std::string_view> names() const override { return {"p"}; }

 private:
  std::string bytes_;
};

void check(const config::Fault& fault) {
  if (fault.at.line == 0 || fault.at.column == 0 || fault.at.file.empty() ||
      fault.sentence.empty() || fault.sentence.find(kSecret) != std::string::npos ||
      fault.suggestion.find(kSecret) != std::string::npos) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  OneFile file(std::string_view(reinterpret_cast<const char*>(data), size));
  const bool holds_secret =
      std::string_view(reinterpret_cast<const char*>(data), size).find(kSecret) !=
      std::string_view::npos;
  const config::Loaded loaded = config::load("w.yaml", {file, file, file});
  if (!holds_secret) {
    for (const config::Fault& fault : loaded.faults) {
      check(fault);
    }
  }
  if (loaded.ok() && loaded.settings.listen.empty()) {
    std::abort();
  }
  for (const config::ModelSettings& model : loaded.settings.models) {
    for (const config::EndpointSettings& endpoint : model.endpoints) {
      if (loaded.ok() && endpoint.provider_index >= loaded.settings.providers.size()) {
        std::abort();
      }
    }
  }
  return 0;
}
