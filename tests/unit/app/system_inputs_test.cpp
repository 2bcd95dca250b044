#include "system_inputs.hpp"

#include <filesystem>
#include <string>

#include <stdlib.h>
#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/catalog/presets.hpp"
#include "waybill/catalog/snapshot.hpp"

#include "temp_folder.hpp"

namespace waybill::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SystemFiles, ReadsAFileWholeUpToTheLimit) {
  const test::TempFolder folder;
  const std::string text(100'000, 'x');
  const std::string path = folder.write("a.yaml", text);
  SystemFiles files;
  const auto whole = files.read(path, text.size());
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->bytes, text);
  const auto beyond = files.read(path, text.size() - 1);
  ASSERT_FALSE(beyond);
  EXPECT_THAT(beyond.error().detail(), HasSubstr("larger than 99999 bytes"));
  const auto empty = files.read(folder.write("empty", ""), 0);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->bytes, "");
}

TEST(SystemFiles, SaysWhoElseCanReadIt) {
  const test::TempFolder folder;
  const std::string path = folder.write("key", "secret");
  SystemFiles files;
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  EXPECT_FALSE(files.read(path, 100)->readable_by_others);
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  EXPECT_FALSE(files.read(path, 100)->readable_by_others);
  ASSERT_EQ(::chmod(path.c_str(), 0604), 0);
  EXPECT_TRUE(files.read(path, 100)->readable_by_others);
}

// A named pipe must not hold up the start for ever.
TEST(SystemFiles, TakesOnlyRegularFiles) {
  const test::TempFolder folder;
  const std::string pipe = folder.file("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  SystemFiles files;
  for (const std::string& path :
       {pipe, folder.path(), std::string("/dev/zero"), folder.file("none"), std::string()}) {
    const auto refused = files.read(path, 100);
    ASSERT_FALSE(refused) << path;
    EXPECT_EQ(refused.error().code(), "file_unreadable");
    EXPECT_FALSE(refused.error().detail().empty());
  }
  std::filesystem::create_symlink(folder.write("real", "text"), folder.file("link"));
  ASSERT_TRUE(files.read(folder.file("link"), 100));
}

TEST(SystemFiles, GlobIsSortedAndMayFindNothing) {
  const test::TempFolder folder;
  folder.write("b.yaml", "");
  folder.write("a.yaml", "");
  folder.write("c.txt", "");
  SystemFiles files;
  for (const std::string pattern : {"*.yaml", "*.json", "none/*.yaml", "c.txt/*", "no/ne/*"}) {
    ASSERT_TRUE(files.glob(folder.file(pattern))) << pattern;
  }
  EXPECT_THAT(*files.glob(folder.file("*.yaml")),
              ElementsAre(folder.file("a.yaml"), folder.file("b.yaml")));
  EXPECT_THAT(*files.glob(folder.file("*.json")), IsEmpty());
  EXPECT_THAT(*files.glob(folder.file("none/*.yaml")), IsEmpty());
}

TEST(ProcessEnvironment, IsAsItWasWhenItWasMade) {
  ASSERT_EQ(::setenv("WAYBILL_TEST_VARIABLE", "a=b", 1), 0);
  ASSERT_EQ(::setenv("WAYBILL_TEST_EMPTY", "", 1), 0);
  const ProcessEnvironment environment;
  ASSERT_EQ(::setenv("WAYBILL_TEST_VARIABLE", "changed", 1), 0);
  EXPECT_EQ(environment.get("WAYBILL_TEST_VARIABLE"), "a=b");
  EXPECT_EQ(environment.get("WAYBILL_TEST_EMPTY"), "");
  EXPECT_EQ(environment.get("WAYBILL_TEST_NONE"), std::nullopt);
  EXPECT_EQ(environment.get("WAYBILL_TEST_VARIABLE=a"), std::nullopt);
  ::unsetenv("WAYBILL_TEST_VARIABLE");
  ::unsetenv("WAYBILL_TEST_EMPTY");
}

// What start-up and reload do with real files.
TEST(SettingsFromDisk, ABadFileGivesNoSnapshotAndLeavesTheOldOneAlone) {
  const test::TempFolder folder;
  const std::string good =
      "include: [ \"more/*.yaml\" ]\nproviders:\n  p: { base_url: \"https://p.test/v1\" }\n";
  const std::string path = folder.write("waybill.yaml", good);
  folder.write(
      "more/m.yaml",
      "models:\n  a/m: { endpoints: [ { provider: p, upstream_model: m, price: free } ] }\n");
  SystemFiles files;
  const ProcessEnvironment environment;
  const catalog::Presets presets;
  const config::Inputs inputs{files, environment, presets};
  const catalog::LoadedSnapshot first = catalog::load_snapshot(path, inputs, 1);
  ASSERT_TRUE(first.snapshot) << config::render(first.faults);
  EXPECT_EQ(first.snapshot->settings.ledger.sqlite_path, folder.file("waybill.db"));
  for (
      const std::string bad :
      {"provider: {}\n", "{", "include: [ \"none.yaml\" ]\nproviders: 7\n", "\xFF\n",
       R"(providers: { p: { base_url: "https://p.test/v1", api_key: "${env:WAYBILL_TEST_NONE}" } })"}) {
    folder.write("waybill.yaml", bad);
    const catalog::LoadedSnapshot second = catalog::load_snapshot(path, inputs, 2);
    EXPECT_FALSE(second.snapshot) << bad;
    EXPECT_FALSE(second.faults.empty()) << bad;
  }
  EXPECT_NE(first.snapshot->catalog.resolve("a/m"), nullptr);
  folder.write("waybill.yaml", good);
  EXPECT_TRUE(catalog::load_snapshot(path, inputs, 2).snapshot);
}

}  // namespace
}  // namespace waybill::app
