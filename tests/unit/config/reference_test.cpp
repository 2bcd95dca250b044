#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "waybill/config/load.hpp"

#include "schema.hpp"

namespace waybill::config {
namespace {

// WAYBILL_UPDATE_DOCS=1 writes the file instead of comparing.
TEST(SettingsReference, TheDocumentIsWhatTheSchemaSays) {
  const std::string path = WAYBILL_SOURCE_DIR "/docs/settings.md";
  if (std::getenv("WAYBILL_UPDATE_DOCS") != nullptr) {
    std::ofstream(path, std::ios::binary) << settings_reference();
  }
  std::ifstream file(path, std::ios::binary);
  const std::string written{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(written, settings_reference())
      << "run config_test with WAYBILL_UPDATE_DOCS=1 to write docs/settings.md anew";
}

TEST(Schema, EveryMemberHasAMeaningAndAParent) {
  const SchemaIndex index;
  for (const Member& member : schema()) {
    EXPECT_FALSE(member.help.empty()) << member.path;
    EXPECT_TRUE(member.help.ends_with('.')) << member.path;
    const auto siblings = index.members_of(member.parent());
    EXPECT_EQ(std::count_if(siblings.begin(), siblings.end(),
                            [&](const Member* other) { return other->key() == member.key(); }),
              1)
        << member.path;
  }
}

}  // namespace
}  // namespace waybill::config
