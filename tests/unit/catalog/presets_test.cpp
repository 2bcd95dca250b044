// Every preset that is shipped, and the settings files beside them.

#include "waybill/catalog/presets.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/base/url.hpp"
#include "waybill/catalog/snapshot.hpp"
#include "waybill/config/load.hpp"

namespace waybill::catalog {
namespace {

// The disk, and an environment in which every variable is set.
class Everything final : public config::FileSource, public config::Environment {
 public:
  Result<config::FileText> read(const std::string& path, std::size_t /*limit*/) override {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
      return Error(ErrorKind::NotFound, "no_such_file", "no such file");
    }
    return config::FileText{.bytes = {std::istreambuf_iterator<char>(file), {}}};
  }
  Result<std::vector<std::string>> glob(const std::string& /*pattern*/) override {
    return std::vector<std::string>{};
  }
  [[nodiscard]] std::optional<std::string> get(const std::string& name) const override {
    return name.ends_with("_HOST")    ? "https://host.test"
           : name.ends_with("_STATE") ? "/state"
           : name.ends_with("_PORT")  ? ""
                                      : "value";
  }
};

std::filesystem::path config_folder() {
  return std::filesystem::path(WAYBILL_SOURCE_DIR) / "config";
}

TEST(Presets, AllFilesAreEmbedded) {
  const Presets presets;
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(config_folder() / "providers")) {
    files.push_back(entry.path().stem().string());
  }
  EXPECT_THAT(presets.names(), testing::UnorderedElementsAreArray(files));
  EXPECT_GE(files.size(), 38U);
  EXPECT_FALSE(presets.find("no-such-preset"));
}

TEST(Presets, EachOneLoadsAndIsWhole) {
  const Presets presets;
  Everything everything;
  for (const std::string_view name : presets.names()) {
    const auto loaded = config::load_preset(std::string(name), {everything, everything, presets});
    EXPECT_EQ(config::render(loaded.faults), "") << name;
    const config::ProviderSettings& provider = loaded.preset.provider;
    EXPECT_FALSE(provider.display_name.empty() || provider.display_name == "preset") << name;
    EXPECT_EQ(provider.dialect, name == "anthropic" ? "anthropic_messages" : "openai_chat") << name;
    const auto url = parse_base_url(provider.base_url);
    ASSERT_TRUE(url) << name;
    const bool local = url->host == "127.0.0.1";
    EXPECT_EQ(url->scheme, local ? UrlScheme::Http : UrlScheme::Https) << name;
    EXPECT_EQ(loaded.preset.api_key_env.empty(), local)
        << name << ": a key's variable, unless local";
    EXPECT_TRUE(loaded.preset.docs.starts_with("https://") || name == "simulator") << name;
    EXPECT_EQ(provider.api_key.empty(), local) << name;
  }
}

TEST(Presets, AnOverrideWinsAndANewOneIsAdded) {
  const Presets presets({{"openai", "base_url: https://proxy.test/v1\n"},
                         {"mine", "base_url: https://mine.test/v1\n"}});
  EXPECT_EQ(presets.find("openai"), "base_url: https://proxy.test/v1\n");
  EXPECT_EQ(presets.find("mine"), "base_url: https://mine.test/v1\n");
  const auto names = presets.names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  EXPECT_EQ(std::set(names.begin(), names.end()).size(), names.size());
}

TEST(ShippedSettings, TheExampleAndTheQuickstartAreFreeOfFaults) {
  const Presets presets;
  Everything everything;
  for (const std::string file : {"example.yaml", "quickstart.yaml"}) {
    const LoadedSnapshot loaded =
        load_snapshot((config_folder() / file).string(), {everything, everything, presets}, 1);
    EXPECT_EQ(config::render(loaded.faults), "") << file;
    EXPECT_EQ(config::render(loaded.warnings), "") << file;
    ASSERT_TRUE(loaded.snapshot) << file;
    EXPECT_EQ(loaded.snapshot->version, 1U);
  }
}

TEST(ShippedSettings, TheQuickstartKeepsItsLedgerInTheStateFolder) {
  const Presets presets;
  Everything everything;
  const LoadedSnapshot loaded = load_snapshot((config_folder() / "quickstart.yaml").string(),
                                              {everything, everything, presets}, 1);
  ASSERT_TRUE(loaded.snapshot);
  EXPECT_EQ(loaded.snapshot->settings.ledger.sqlite_path, "/state/ledger.db");
}

}  // namespace
}  // namespace waybill::catalog
