#include "waybill/gateway/error_reply.hpp"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace waybill::gateway {
namespace {

using Json = nlohmann::json;
using routing::AttemptOutcome;
using routing::FailedAttempt;
using routing::OutcomeKind;
using testing::HasSubstr;
using testing::Not;

// OpenRouter's API reference, values of metadata.error_type.
const std::set<std::string> kErrorTypes{"invalid_request",
                                        "authentication",
                                        "payment_required",
                                        "permission_denied",
                                        "not_found",
                                        "timeout",
                                        "precondition_failed",
                                        "payload_too_large",
                                        "unprocessable",
                                        "rate_limit_exceeded",
                                        "provider_unavailable",
                                        "provider_overloaded",
                                        "server",
                                        "context_length_exceeded",
                                        "max_tokens_exceeded"};

struct KindCase {
  ErrorKind kind;
  std::string_view code;
  unsigned status;
  std::string_view error_type;
};

TEST(ErrorReply, StatusAndTypeOfEveryKindAndCode) {
  using enum ErrorKind;
  const std::vector<KindCase> cases{
      {InvalidRequest, "invalid_json", 400, "invalid_request"},
      {InvalidRequest, "ambiguous_credentials", 400, "invalid_request"},
      {InvalidRequest, "context_length_exceeded", 400, "context_length_exceeded"},
      {InvalidRequest, "max_tokens_exceeded", 400, "max_tokens_exceeded"},
      {InvalidRequest, "payload_too_large", 413, "payload_too_large"},
      {InvalidRequest, "body_too_large", 413, "payload_too_large"},
      {InvalidRequest, "unsupported_media_type", 415, "invalid_request"},
      {InvalidRequest, "unsupported_content_encoding", 415, "invalid_request"},
      {InvalidRequest, "method_not_allowed", 405, "invalid_request"},
      {InvalidRequest, "idempotency_key_invalid", 400, "invalid_request"},
      {InvalidRequest, "idempotency_in_flight", 409, "invalid_request"},
      {InvalidRequest, "idempotency_repeated", 409, "invalid_request"},
      {InvalidRequest, "idempotency_conflict", 422, "unprocessable"},
      {Unavailable, "idempotency_keys_full", 503, "provider_overloaded"},
      {Timeout, "request_timeout", 408, "timeout"},
      {Unauthenticated, "invalid_api_key", 401, "authentication"},
      {Forbidden, "model_not_allowed", 403, "permission_denied"},
      {NotFound, "model_not_found", 404, "not_found"},
      {QuotaExhausted, "key_limit", 429, "rate_limit_exceeded"},
      {UpstreamBusy, "provider_overloaded", 503, "provider_overloaded"},
      {UpstreamBusy, "pool_exhausted", 503, "provider_overloaded"},
      {UpstreamFailed, "upstream_error", 502, "provider_unavailable"},
      {Timeout, "upstream_timeout", 504, "timeout"},
      {Cancelled, "client_gone", 499, "invalid_request"},
      {Unavailable, "ledger_unavailable", 503, "provider_overloaded"},
      {Internal, "internal", 500, "server"},
  };
  for (const auto& [kind, code, status, error_type] : cases) {
    const Error error(kind, code, "It went wrong.");
    EXPECT_EQ(status_of(error), status) << code;
    EXPECT_EQ(error_type_of(error), error_type) << code;
    EXPECT_TRUE(kErrorTypes.contains(std::string(error_type))) << error_type;
    const Json body = Json::parse(error_body(status, error));
    EXPECT_EQ(body, (Json{{"error",
                           {{"code", status},
                            {"message", "It went wrong."},
                            {"type", code},
                            {"param", nullptr},
                            {"metadata", {{"error_type", error_type}}}}}}))
        << code;
    EXPECT_TRUE(body["error"]["code"].is_number_integer());
  }
}

TEST(ErrorReply, AnyStatusHasATypeOfTheVocabulary) {
  for (unsigned status = 400; status < 600; ++status) {
    const Json body = Json::parse(error_body(status, Error(ErrorKind::InvalidRequest, "odd", "x")));
    EXPECT_EQ(body["error"]["code"], status);
    EXPECT_TRUE(kErrorTypes.contains(body["error"]["metadata"]["error_type"].get<std::string>()))
        << body.dump();
  }
}

TEST(ErrorReply, WhatCannotStandInJsonIsEscaped) {
  const std::string hostile = std::string("a\"b\\c\n\r\x01\x7F\xFF\xC3") + '\0' + "é</script>";
  const Error error(ErrorKind::InvalidRequest, "invalid_request", hostile);
  const std::string body = error_body(400, error);
  EXPECT_EQ(body.find('\n'), std::string::npos);
  const Json parsed = Json::parse(body);  // throws on what is not UTF-8
  EXPECT_THAT(parsed["error"]["message"].get<std::string>(), HasSubstr("é</script>"));
}

AttemptOutcome status_outcome(int status, std::string code = "", std::string message = "") {
  AttemptOutcome outcome;
  outcome.kind = OutcomeKind::Status;
  outcome.status = status;
  outcome.provider_code = std::move(code);
  outcome.provider_message = std::move(message);
  return outcome;
}

Json told(const std::vector<FailedAttempt>& attempts) {
  const auto failure = routing::summarize(attempts);
  Json body = Json::parse(
      failure_body(*dialects::find_dialect("openai_chat"), failure, "Provider One", "gen-1"));
  EXPECT_EQ(body["error"]["code"], failure.status);
  return body["error"];
}

// U13: whose key is broken must never be in doubt.
TEST(FailureBody, AnUpstreamsBrokenKeyIsNeverShownAsTheClients) {
  for (const int status : {401, 402, 403, 404}) {
    const Json error = told({{"one", status_outcome(status, "", "Incorrect API key provided.")}});
    EXPECT_EQ(error["code"], 502) << status;
    EXPECT_EQ(error["metadata"]["error_type"], "provider_unavailable") << status;
    EXPECT_EQ(error["metadata"]["provider_code"], std::to_string(status));
    EXPECT_EQ(error["metadata"]["provider_name"], "Provider One");
    EXPECT_NE(error["type"], "invalid_api_key");
    EXPECT_NE(error["type"], "model_not_found");
  }
}

TEST(FailureBody, AKeyThatTheProviderRepeatsIsRedacted) {
  const std::string key = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz";
  for (const int status : {400, 401, 500}) {
    const Json error = told({{"one", status_outcome(status, "", "Incorrect API key: " + key)}});
    EXPECT_THAT(error.dump(), Not(HasSubstr("0123456789abcdef"))) << status;
    EXPECT_THAT(error["metadata"]["raw"].get<std::string>(), HasSubstr("[redacted]"));
  }
}

TEST(FailureBody, TheProvidersSentenceFollowsOurs) {
  const Json error = told({{"one", status_outcome(400, "bad_tool", "tools[0] has no name")}});
  EXPECT_EQ(error["code"], 400);
  EXPECT_EQ(error["type"], "invalid_request");
  EXPECT_THAT(error["message"].get<std::string>(),
              HasSubstr("The provider says: tools[0] has no name"));
  EXPECT_EQ(error["metadata"], (Json{{"error_type", "invalid_request"},
                                     {"provider_name", "Provider One"},
                                     {"provider_code", "bad_tool"},
                                     {"raw", "tools[0] has no name"}}));
  EXPECT_TRUE(error["param"].is_null());
}

TEST(FailureBody, AProviderThatSaidNothingLeavesNoEmptyMembers) {
  AttemptOutcome refused;
  refused.kind = OutcomeKind::ConnectFailed;
  const Json error = told({{"one", refused}});
  EXPECT_EQ(error["code"], 502);
  EXPECT_EQ(error["metadata"],
            (Json{{"error_type", "provider_unavailable"}, {"provider_name", "Provider One"}}));
}

TEST(FailureBody, TheAttemptsBeforeAreListedInTheirOrder) {
  AttemptOutcome slow;
  slow.kind = OutcomeKind::Timeout;
  const Json error =
      told({{"one", status_outcome(401)}, {"two", slow}, {"three", status_outcome(500)}});
  EXPECT_EQ(error["metadata"]["previous_errors"],
            Json::parse(R"([{"provider":"one","code":401,"status":401,"reason":"status"},)"
                        R"({"provider":"two","code":504,"status":504,"reason":"timeout"}])"));
}

TEST(FailureBody, OnlyAllRateLimitedIsA429) {
  EXPECT_EQ(told({{"one", status_outcome(429)}, {"two", status_outcome(429)}})["code"], 429);
  const Json mixed = told({{"one", status_outcome(429)}, {"two", status_outcome(503)}});
  EXPECT_EQ(mixed["code"], 503);
  EXPECT_EQ(mixed["metadata"]["error_type"], "provider_overloaded");
}

TEST(FailureBody, EveryOutcomeGivesABodyOfTheVocabulary) {
  for (int kind = 0; kind <= static_cast<int>(OutcomeKind::ShuttingDown); ++kind) {
    for (const int status : {0, 200, 400, 401, 404, 413, 418, 422, 429, 500, 503, 529, 599}) {
      AttemptOutcome outcome = status_outcome(status, "c\"\x01", "m\xFF");
      outcome.kind = static_cast<OutcomeKind>(kind);
      const Json error = told({{"one", outcome}});
      EXPECT_TRUE(kErrorTypes.contains(error["metadata"]["error_type"].get<std::string>()))
          << error.dump();
      EXPECT_GE(error["code"].get<int>(), 400);
      EXPECT_FALSE(error["message"].get<std::string>().empty());
    }
  }
}

}  // namespace
}  // namespace waybill::gateway
