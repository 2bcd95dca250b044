// One path segment, decoded once (attacks.md H17).

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/http/head.hpp"

namespace waybill::http {
namespace {

struct Case {
  std::string_view name;
  std::string segment;
  std::optional<std::string> decoded;

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Case> kCases{
    {"empty", "", ""},
    {"plain", "gpt-4.1", "gpt-4.1"},
    {"colon", "a%3Afree", "a:free"},
    {"lower_case_digits", "a%3afree", "a:free"},
    {"H17_slash_stays_one_segment", "openai%2Fgpt", "openai/gpt"},
    {"H17_dots", "%2e%2e", ".."},
    {"H17_decoded_once_only", "%252F", "%2F"},
    {"utf8", "%C3%A9", "\xC3\xA9"},
    {"percent_last", "abc%25", "abc%"},
    {"H17_nul", "a%00b", std::nullopt},
    {"H17_crlf", "a%0D%0Ab", std::nullopt},
    {"H17_del", "%7F", std::nullopt},
    {"H17_overlong_slash", "%C0%AF", std::nullopt},
    {"H17_half_a_sequence", "%E2%82", std::nullopt},
    {"H17_surrogate", "%ED%A0%80", std::nullopt},
    {"percent_alone", "%", std::nullopt},
    {"one_digit", "a%4", std::nullopt},
    {"no_digits", "%zz", std::nullopt},
    {"sign_is_no_digit", "%+1", std::nullopt},
};

class SegmentTable : public ::testing::TestWithParam<Case> {};

TEST_P(SegmentTable, IsDecodedOrRefused) {
  EXPECT_EQ(decode_segment(GetParam().segment), GetParam().decoded);
}

INSTANTIATE_TEST_SUITE_P(Segments, SegmentTable, ::testing::ValuesIn(kCases), [](const auto& info) {
  return std::string(info.param.name);
});

}  // namespace
}  // namespace waybill::http
