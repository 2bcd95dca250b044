// The hostile corpora (attacks.md J, C, E19) through the readers.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/openai_request.hpp"

#include "fixtures.hpp"
#include "json_walk.hpp"

namespace waybill::dialects {
namespace {

// "accept" means: read as JSON, whatever the schema says to it.
void expect_verdict(const nlohmann::json& entry) {
  const std::string body = test::hostile_bytes(entry);
  const auto facts = read_request(RequestKind::Chat, body);
  const std::string expected = entry.at("expect");
  if (expected == "accept") {
    EXPECT_TRUE(facts || facts.error().code() != "invalid_json")
        << entry.at("file") << ": " << (facts ? "" : facts.error().detail());
  } else if (expected == "reject-4xx") {
    ASSERT_FALSE(facts) << entry.at("file");
    EXPECT_EQ(facts.error().kind(), ErrorKind::InvalidRequest);
  }
}

TEST(Corpora, J1ToJ11EveryJsonCaseGetsItsVerdict) {
  const auto cases = test::hostile_cases("json");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  for (const auto& entry : cases) {
    expect_verdict(entry);
  }
}

TEST(Corpora, J1TheGrammarAloneIsExactOnJsonTestSuite) {
  const auto cases = test::hostile_cases("json");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  std::size_t checked = 0;
  for (const auto& entry : cases) {
    const std::string expected = entry.at("expect");
    if (entry.at("origin") != "jsontestsuite" || expected == "either") {
      continue;
    }
    const std::string body = test::hostile_bytes(entry);
    for (const JsonOrigin origin : {JsonOrigin::Client, JsonOrigin::Upstream}) {
      JsonWalker walker(body, origin);
      const bool good = walker.begin() && walker.take_value() && walker.finish();
      EXPECT_EQ(good, expected == "accept") << entry.at("file") << ": " << walker.fault().what;
    }
    ++checked;
  }
  EXPECT_GT(checked, 100U);
}

TEST(Corpora, C1ToC9EveryChatRequestGetsItsVerdict) {
  const auto cases = test::hostile_cases("chat-request");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  for (const auto& entry : cases) {
    expect_verdict(entry);
    const auto facts = read_request(RequestKind::Chat, test::hostile_bytes(entry));
    if (!facts) {
      EXPECT_EQ(facts.error().code(), "invalid_request") << entry.at("file");
    }
  }
}

TEST(Corpora, E19EveryUpstreamUsageIsBilledAsExpected) {
  const auto cases = test::hostile_cases("upstream-usage");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  for (const auto& entry : cases) {
    const std::string body = test::hostile_bytes(entry);
    if (body.find("\"input_tokens\"") != std::string::npos) {
      continue;  // Anthropic's shape: another dialect's reader
    }
    const auto facts = read_reply(RequestKind::Chat, body);
    ASSERT_TRUE(facts) << entry.at("file") << facts.error().detail();
    const auto& expected = entry.at("expect");
    const std::string bill = expected.at("bill");
    const BillBy by = bill_by(facts->usage_fault);
    EXPECT_EQ(by == BillBy::Usage ? "usage"
              : by == BillBy::Cap ? "cap"
                                  : "estimate",
              bill)
        << entry.at("file");
    const bool anomaly =
        facts->usage_fault != UsageFault::None && facts->usage_fault != UsageFault::Missing;
    EXPECT_EQ(anomaly, expected.value("anomaly", false)) << entry.at("file");
    EXPECT_EQ(facts->usage.has_value(), by != BillBy::Estimate) << entry.at("file");
    if (facts->usage) {
      EXPECT_LE(facts->usage->cached_read, facts->usage->prompt);
      EXPECT_LE(facts->usage->reasoning, facts->usage->completion);
    }
  }
}

}  // namespace
}  // namespace waybill::dialects
