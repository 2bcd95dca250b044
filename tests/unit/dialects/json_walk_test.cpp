#include "json_walk.hpp"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::dialects {
namespace {

using ::testing::TestParamInfo;
using ::testing::ValuesIn;

struct Case {
  std::string_view name;
  std::string input;
  std::string_view fault;  // "" for valid
  std::uint32_t offset = 0;

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

const std::vector<Case> kCases{
    {"scalars", R"([0,-0,1.5,-2e10,1E-2,"",true,false,null,{},[]])", ""},
    {"blanks_everywhere", " {\t\"a\" :\r\n[ 1 , 2 ] } ", ""},
    {"escapes", R"("\"\\\/\b\f\n\r\t\u0041\ud83d\ude00")", ""},
    {"nul_escape_J7", R"("\u0000")", ""},
    {"depth_64_J2", nested(64), ""},
    {"depth_65_J2", nested(65), "objects and arrays nest too deeply", 64},
    {"depth_100000_J2", nested(100'000), "objects and arrays nest too deeply", 64},
    {"underflow_is_zero_J3", "1e-9999", ""},
    {"many_digits_J3", "0." + std::string(400, '0') + "1", ""},
    {"overflow_J3", "1e400", "a number is too large for a double"},
    {"overflow_by_digits_and_exponent_J3", std::string(250, '9') + "e99",
     "a number is too large for a double"},
    {"overflow_by_digits_J3", std::string(200'000, '9'), "a number is too large for a double"},
    {"overflow_huge_exponent_J3", "1e99999999999999999999", "a number is too large for a double"},
    {"leading_zero_J3", "01", "a number is not written as JSON wants it"},
    {"no_fraction_J3", "1.", "a number is not written as JSON wants it"},
    {"no_exponent_J3", "1e+", "a number is not written as JSON wants it"},
    {"minus_only_J3", "-", "a number is not written as JSON wants it"},
    {"hexadecimal_J3", "0x10", "something follows the value", 1},
    {"nan_J3", "NaN", "a value is expected"},
    {"infinity_J3", "-Infinity", "a number is not written as JSON wants it"},
    {"plus_J3", "+1", "a value is expected"},
    {"capital_word", "True", "a value is expected"},
    {"cut_word", "tru", "a value is expected"},
    {"invalid_utf8_J5", "\"ab\xFF\"", "it is not UTF-8", 3},
    {"overlong_J5", "\"\xC0\xAF\"", "it is not UTF-8", 1},
    {"raw_surrogate_J5", "\"\xED\xA0\x80\"", "it is not UTF-8", 1},
    {"truncated_utf8_J5", "\"\xE2\x82", "it is not UTF-8", 1},
    {"lone_lead_J6", R"("\ud83d")", "an escape names half of a surrogate pair", 1},
    {"lone_tail_J6", R"("x\ude00")", "an escape names half of a surrogate pair", 2},
    {"reversed_pair_J6", R"("\ude00\ud83d")", "an escape names half of a surrogate pair", 1},
    {"byte_order_mark_J8", "\xEF\xBB\xBF{}", "it begins with a byte order mark"},
    {"utf16_J8", std::string("{\0}\0", 4), "a member name in quotes is expected", 1},
    {"empty_J9", "", "it is empty"},
    {"blank_J9", " \n", "it is empty", 2},
    {"two_documents_J9", "{} {}", "something follows the value", 3},
    {"trailing_comma_J9", "[1,]", "a value is expected", 3},
    {"trailing_comma_in_object_J9", R"({"a":1,})", "a member name in quotes is expected", 7},
    {"comment_J9", "/**/{}", "a value is expected"},
    {"control_byte", "\"a\nb\"", "a control byte stands in a string", 2},
    {"bad_escape", R"("\x")", "a backslash begins no known escape", 1},
    {"short_unicode_escape", R"("\u12")", "\\u is not followed by four hexadecimal digits", 1},
    {"signed_unicode_escape", R"("\u-123")", "\\u is not followed by four hexadecimal digits", 1},
    {"backslash_tail", "\"\\", "it ends in the middle of a string", 2},
    {"open_string", "\"abc", "it ends in the middle of a string", 4},
    {"open_object", R"({"a":1)", "it ends in the middle of a value", 6},
    {"wrong_bracket", R"({"a":1])", "a comma or a closing brace is expected", 6},
    {"no_colon", R"({"a" 1})", "a colon is expected", 5},
    {"bare_name", "{a:1}", "a member name in quotes is expected", 1},
    {"lone_comma", "[,1]", "a value is expected", 1},
};

class JsonWalkTable : public ::testing::TestWithParam<Case> {};

void expect_outcome(const JsonWalker& walker, bool good, const Case& expected) {
  EXPECT_EQ(good, expected.fault.empty());
  EXPECT_EQ(walker.fault().what, expected.fault);
  EXPECT_EQ(walker.fault().offset, expected.offset);
}

TEST_P(JsonWalkTable, TakenWhole) {
  JsonWalker walker(GetParam().input, JsonOrigin::Client);
  const bool good = walker.begin() && walker.take_value() && walker.finish();
  expect_outcome(walker, good, GetParam());
}

// The caller-steered way must say the same; recursion is the test's, not ours.
bool enter_all(JsonWalker& walker) {
  switch (walker.peek()) {
    case JsonType::None: return false;
    case JsonType::Object: {
      ObjectWalk object(walker);
      JsonText name;
      while (object.next(name)) {
        if (!enter_all(walker)) {
          return false;
        }
      }
      return walker.ok();
    }
    case JsonType::Array: {
      ArrayWalk array(walker);
      while (array.next()) {
        if (!enter_all(walker)) {
          return false;
        }
      }
      return walker.ok();
    }
    case JsonType::String: {
      JsonText text;
      return walker.take_string(text);
    }
    case JsonType::Number:
    case JsonType::True:
    case JsonType::False:
    case JsonType::Null: break;
  }
  return walker.take_value();
}

TEST_P(JsonWalkTable, EnteredEverywhere) {
  JsonWalker walker(GetParam().input, JsonOrigin::Client);
  const bool good = walker.begin() && enter_all(walker) && walker.finish();
  expect_outcome(walker, good, GetParam());
}

std::string case_name(const TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}
INSTANTIATE_TEST_SUITE_P(Grammar, JsonWalkTable, ValuesIn(kCases), case_name);

TEST(JsonWalk, UpstreamsMaySplitASurrogatePairOverTwoChunks) {  // E10
  JsonWalker walker(R"("a\ud83d")", JsonOrigin::Upstream);
  ASSERT_TRUE(walker.begin());
  ASSERT_EQ(walker.peek(), JsonType::String);
  JsonText text;
  ASSERT_TRUE(walker.take_string(text));
  EXPECT_EQ(walker.decode(text), "a\xEF\xBF\xBD");
  EXPECT_EQ(text.decoded_size, 4U);
}

TEST(JsonWalk, DecodesEscapesAndKnowsTheirSize) {
  const std::string input = R"("\"\\\/\b\f\n\r\t A\u00e9\u20AC\ud83d\ude00z")";
  JsonWalker walker(input, JsonOrigin::Client);
  ASSERT_EQ(walker.peek(), JsonType::String);
  JsonText text;
  ASSERT_TRUE(walker.take_string(text));
  const std::string_view decoded = walker.decode(text);
  EXPECT_EQ(decoded, "\"\\/\b\f\n\r\t A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80z");
  EXPECT_EQ(text.decoded_size, decoded.size());
  EXPECT_EQ(walker.string_bytes(), decoded.size());
}

TEST(JsonWalk, FindsSpecialBytesAtEveryOffset) {
  for (std::size_t length = 0; length < 40; ++length) {
    for (const char special : {'\n', '\0', '\x1F'}) {
      const std::string input = '"' + std::string(length, '\x7F') + special + "aaaaaaaaaaaaaaaa\"";
      JsonWalker walker(input, JsonOrigin::Client);
      EXPECT_FALSE(walker.take_value());
      EXPECT_EQ(walker.fault().offset, length + 1);
    }
    const std::string fine = '"' + std::string(length, '!') + "\xC3\xA9\"";
    JsonWalker walker(fine, JsonOrigin::Client);
    EXPECT_TRUE(walker.begin() && walker.take_value() && walker.finish());
  }
}

}  // namespace
}  // namespace waybill::dialects
