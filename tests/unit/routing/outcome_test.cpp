#include "waybill/routing/outcome.hpp"

#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::routing {
namespace {

using namespace std::chrono_literals;
using ::testing::TestParamInfo;
using ::testing::TestWithParam;
using ::testing::ValuesIn;

TEST(Classify, TheCommonRulesForStatuses) {
  const auto verdict = [](int status) {
    return classify({.kind = OutcomeKind::Status, .status = status});
  };
  for (const int status : {400, 413, 415, 422}) {
    EXPECT_EQ(verdict(status), Verdict::Final) << status;
  }
  for (const int status :
       {301, 401, 402, 403, 404, 405, 408, 409, 425, 429, 500, 502, 503, 504, 520, 524, 529, 599}) {
    EXPECT_EQ(verdict(status), Verdict::MoveOn) << status;
  }
}

TEST(Classify, WhatNeverBecameAnAnswerMovesOn) {
  for (const OutcomeKind kind :
       {OutcomeKind::ConnectFailed, OutcomeKind::TlsFailed, OutcomeKind::StaleConnection,
        OutcomeKind::Timeout, OutcomeKind::Busy, OutcomeKind::EmptyBody, OutcomeKind::NotJson,
        OutcomeKind::NoChoices, OutcomeKind::ProtocolError, OutcomeKind::StreamBroken}) {
    EXPECT_EQ(classify({.kind = kind}), Verdict::MoveOn) << name(kind);
  }
  EXPECT_EQ(classify({.kind = OutcomeKind::ClientGone}), Verdict::Final);
  EXPECT_EQ(classify({.kind = OutcomeKind::ShuttingDown}), Verdict::Final);
  EXPECT_EQ(classify({.kind = OutcomeKind::Unrecorded}), Verdict::Final);
}

TEST(Classify, AnErrorInsideA200CountsByItsOwnCode) {
  EXPECT_EQ(classify({.kind = OutcomeKind::ErrorBody}), Verdict::MoveOn);
  EXPECT_EQ(classify({.kind = OutcomeKind::ErrorBody, .status = 503}), Verdict::MoveOn);
  EXPECT_EQ(classify({.kind = OutcomeKind::ErrorBody, .status = 400}), Verdict::Final);
}

TEST(Classify, AProvidersDataOverridesTheCommonRules) {
  constexpr std::uint16_t kMoveOn[] = {400, 422};
  constexpr std::uint16_t kClientFault[] = {404, 422};
  const StatusRules rules{.move_on = kMoveOn, .client_fault = kClientFault};
  const auto verdict = [&rules](int status) {
    return classify({.kind = OutcomeKind::Status, .status = status}, rules);
  };
  EXPECT_EQ(verdict(400), Verdict::MoveOn);
  EXPECT_EQ(verdict(404), Verdict::Final);
  EXPECT_EQ(verdict(422), Verdict::Final);  // in both
  EXPECT_EQ(verdict(500), Verdict::MoveOn);
}

struct RetryAfterCase {
  std::string_view name;
  std::string_view field;
  std::optional<std::chrono::seconds> expected;

  friend void PrintTo(const RetryAfterCase& self, std::ostream* os) { *os << self.name; }
};

// Row E30 of the attack list: whatever a provider says is within 1..60 s, or nothing.
const std::vector<RetryAfterCase> kRetryAfterCases{
    {"seconds", "7", 7s},
    {"blanks_around", " 7\t", 7s},
    {"fractions_round_up", "1.2", 2s},
    {"zero_is_the_least", "0", 1s},
    {"an_hour_is_the_most", "3600", 60s},
    {"digits_without_end", "100000000000000000000000000", 60s},
    {"negative", "-5", 1s},
    {"not_a_number", "NaN", std::nullopt},
    {"empty", "", std::nullopt},
    {"exponent", "1e3", std::nullopt},
    {"a_sign_alone", "-", std::nullopt},
    {"two_values", "3, 5", std::nullopt},
    {"a_date_ahead", "Sun, 06 Nov 1994 08:49:57 GMT", 20s},
    {"a_date_far_ahead", "Fri, 31 Dec 9999 23:59:59 GMT", 60s},
    {"a_date_in_the_past", "Sun, 06 Nov 1994 08:00:00 GMT", 1s},
    {"no_such_day", "Sun, 31 Feb 1994 08:49:37 GMT", std::nullopt},
    {"no_such_month", "Sun, 06 Nox 1994 08:49:37 GMT", std::nullopt},
    {"another_zone", "Sun, 06 Nov 1994 08:49:37 CET", std::nullopt},
};

class RetryAfterTable : public TestWithParam<RetryAfterCase> {};

TEST_P(RetryAfterTable, E30IsClamped) {
  const WallTime now = std::chrono::sys_days(std::chrono::year(1994) / 11 / 6) + 8h + 49min + 37s;
  EXPECT_EQ(parse_retry_after(GetParam().field, now), GetParam().expected);
}

std::string case_name(const TestParamInfo<RetryAfterCase>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Fields, RetryAfterTable, ValuesIn(kRetryAfterCases), case_name);

TEST(Scrub, CredentialsInAProvidersSentenceAreHidden) {
  EXPECT_EQ(scrub("Incorrect API key provided: sk-abcde***wxyz. See the docs."),
            "Incorrect API key provided: [redacted] See the docs.");
  EXPECT_EQ(scrub("token 0123456789abcdef0123456789abcdef is revoked"),
            "token [redacted] is revoked");
  EXPECT_EQ(scrub("Bearer eyJhbGciOiJIUzI1NiJ9"), "Bearer [redacted]");
}

TEST(Scrub, OrdinarySentencesStay) {
  constexpr std::string_view kSentence =
      "The model `llama-3.3-70b-instruct` does not exist, see https://example.com/docs/models.";
  EXPECT_EQ(scrub(kSentence), kSentence);
}

TEST(Scrub, LengthAndControlCharactersAreBounded) {
  EXPECT_LE(scrub(std::string(100'000, 'a')).size(), 503U);
  EXPECT_EQ(scrub("a\r\nb"), "a??b");
}

}  // namespace
}  // namespace waybill::routing
