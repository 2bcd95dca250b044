#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/management/bodies.hpp"

namespace waybill::management {
namespace {

TEST(EntityTag, IsQuotedAndFollowsTheBody) {
  const std::string tag = entity_tag("{}");
  EXPECT_EQ(tag.size(), 34U);
  EXPECT_TRUE(tag.starts_with('"') && tag.ends_with('"'));
  EXPECT_EQ(tag, entity_tag("{}"));
  EXPECT_NE(tag, entity_tag("{ }"));
}

struct MatchCase {
  std::string field;
  bool matches;
};

TEST(EntityTag, IfNoneMatchComparesWeakly) {
  const std::vector<MatchCase> cases{
      {"", false},
      {"*", true},
      {" * ", true},
      {"\"abc\"", true},
      {"W/\"abc\"", true},
      {"\"x\", \"abc\"", true},
      {"\"x\",W/\"abc\"\t", true},
      {"\"x\"", false},
      {"abc", false},
      {"\"abc", false},
      {",,,", false},
      {"w/\"abc\"", false},
  };
  for (const auto& [field, matches] : cases) {
    EXPECT_EQ(none_match_names(field, "\"abc\""), matches) << field;
  }
}

}  // namespace
}  // namespace waybill::management
