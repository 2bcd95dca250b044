#include "waybill/routing/final_failure.hpp"

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

AttemptOutcome status(int code, std::optional<std::chrono::seconds> retry_after = std::nullopt) {
  return {.kind = OutcomeKind::Status, .status = code, .retry_after = retry_after};
}

AttemptOutcome of(OutcomeKind kind, int code = 0) {
  return {.kind = kind, .status = code};
}

struct Case {
  std::string_view name;
  std::vector<AttemptOutcome> outcomes;
  std::string_view expected;  // status, code, provider_code, Retry-After

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

std::string summary(const FinalFailure& failure) {
  std::string text = std::to_string(failure.status) + " " + std::string(failure.error.code());
  if (!failure.provider_code.empty()) {
    text += " provider_code=" + failure.provider_code;
  }
  if (failure.retry_after) {
    text += " retry_after=" + std::to_string(failure.retry_after->count());
  }
  return text;
}

const std::vector<Case> kCases{
    {"a_final_status_passes", {status(400)}, "400 invalid_request provider_code=400"},
    {"a_final_status_passes_after_others",
     {status(500), status(422)},
     "422 unprocessable provider_code=422"},
    {"too_large", {status(413)}, "413 payload_too_large provider_code=413"},
    {"only_429_is_429",
     {status(429, 9s), status(429, 4s)},
     "429 rate_limit_exceeded provider_code=429 retry_after=4"},
    {"a_missing_hint_means_no_hint",
     {status(429, 9s), status(429)},
     "429 rate_limit_exceeded provider_code=429"},
    {"a_429_inside_a_200_is_one",
     {of(OutcomeKind::ErrorBody, 429)},
     "429 rate_limit_exceeded provider_code=429"},
    {"a_dead_pooled_connection_does_not_hide_a_429",
     {of(OutcomeKind::StaleConnection), status(429, 4s)},
     "429 rate_limit_exceeded provider_code=429 retry_after=4"},
    {"all_busy_is_overloaded",
     {status(429, 9s), status(503, 30s)},
     "503 provider_overloaded provider_code=503 retry_after=9"},
    {"our_own_full_queue_is_busy_too", {of(OutcomeKind::Busy)}, "503 provider_overloaded"},
    {"429_after_another_failure_is_not_429",
     {status(500), status(429, 4s)},
     "502 upstream_error provider_code=429"},
    {"a_providers_broken_key_is_not_the_clients",
     {status(401)},
     "502 upstream_refused_credentials provider_code=401"},
    {"an_unpaid_provider", {status(402)}, "502 upstream_refused_credentials provider_code=402"},
    {"a_forbidden_provider", {status(403)}, "502 upstream_refused_credentials provider_code=403"},
    {"a_missing_upstream_model", {status(404)}, "502 upstream_model_missing provider_code=404"},
    {"a_timeout", {status(500), of(OutcomeKind::Timeout)}, "504 upstream_timeout"},
    {"a_timeout_the_provider_reports", {status(504)}, "504 upstream_timeout provider_code=504"},
    {"a_server_error", {status(500)}, "502 upstream_error provider_code=500"},
    {"unreachable", {of(OutcomeKind::ConnectFailed)}, "502 upstream_unreachable"},
    {"tls", {of(OutcomeKind::TlsFailed)}, "502 upstream_tls_failed"},
    {"html_instead_of_json",
     {of(OutcomeKind::NotJson, 200)},
     "502 upstream_invalid_response provider_code=200"},
    {"a_broken_stream", {of(OutcomeKind::StreamBroken)}, "502 upstream_stream_broken"},
    {"a_gone_client", {of(OutcomeKind::ClientGone)}, "499 client_gone"},
    {"our_own_ledger",
     {status(500), of(OutcomeKind::Unrecorded)},
     "503 ledger_unavailable retry_after=1"},
    {"our_own_stop", {of(OutcomeKind::ShuttingDown)}, "503 shutting_down retry_after=1"},
};

class SummarizeTable : public TestWithParam<Case> {};

TEST_P(SummarizeTable, GivesTheExpectedError) {
  std::vector<FailedAttempt> attempts;
  for (const AttemptOutcome& outcome : GetParam().outcomes) {
    attempts.push_back({"shed", outcome});
  }
  EXPECT_EQ(summary(summarize(attempts)), GetParam().expected);
}

std::string case_name(const TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Rules, SummarizeTable, ValuesIn(kCases), case_name);

TEST(Summarize, NamesTheAttemptsBefore) {
  const std::vector<FailedAttempt> attempts{{"east", status(429)},
                                            {"west", of(OutcomeKind::ConnectFailed)},
                                            {"north", of(OutcomeKind::Timeout)},
                                            {"south", status(500)}};
  const FinalFailure failure = summarize(attempts);
  EXPECT_EQ(failure.provider, "south");
  EXPECT_EQ(failure.previous_errors, (std::vector<PreviousError>{{"east", 429, "status"},
                                                                 {"west", 502, "connect_failed"},
                                                                 {"north", 504, "timeout"}}));
}

TEST(Summarize, KeepsTheProvidersWordsOutOfTheError) {
  const std::vector<FailedAttempt> attempts{
      {"shed",
       {.kind = OutcomeKind::Status,
        .status = 400,
        .provider_code = "invalid_image",
        .provider_message = "no image in 'my prompt', key sk-abcdefgh"}}};
  const FinalFailure failure = summarize(attempts);
  EXPECT_EQ(failure.provider_code, "invalid_image");
  EXPECT_EQ(failure.provider_message, "no image in 'my prompt', key [redacted]");
  EXPECT_EQ(failure.error.detail(),
            "The provider shed refused the request as invalid. Its own message says what to "
            "change.");
}

}  // namespace
}  // namespace waybill::routing
