// The ledger fails at the worst moment: nothing is given that could not be recorded.

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench.hpp"

namespace waybill::gateway {
namespace {

using test::Answer;
using test::Bench;
using test::Json;
using testing::HasSubstr;
using testing::Not;

const Json kUsage{{"prompt_tokens", 10}, {"completion_tokens", 2}};

void stop(ledger::Ledger& ledger) {
  const auto stopped = ledger.stop();
  EXPECT_TRUE(stopped);
}

TEST(LedgerLoss, WithoutALedgerNoProviderIsAsked) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  stop(*bench.ledger);
  const Answer answer = bench.post(Bench::chat("a/one"));
  EXPECT_EQ(answer.status(), 503U);
  EXPECT_EQ(answer.json()["error"]["type"], "ledger_unavailable");
  EXPECT_EQ(answer.head.header("Retry-After"), "1");
  EXPECT_TRUE(bench.one.calls.empty());
}

TEST(LedgerLoss, AnAnswerThatCannotBeRecordedIsNotGiven) {
  Bench bench;
  const std::string body = test::reply(kUsage);
  bench.one.script = [&](http::ServerExchange& exchange, std::string_view) -> net::Task<> {
    stop(*bench.ledger);
    const bool sent = co_await exchange.respond(200, "Content-Type: application/json\r\n", body);
    static_cast<void>(sent);
  };
  const Answer answer = bench.post(Bench::chat("a/one"));
  EXPECT_EQ(answer.status(), 503U);
  EXPECT_EQ(answer.json()["error"]["type"], "ledger_unavailable");
  EXPECT_THAT(answer.body, Not(HasSubstr("answer-canary")));
  EXPECT_EQ(bench.gateway->metrics().settlements.settled, 0U);
}

TEST(LedgerLoss, AStreamThatCannotBeRecordedEndsInAnErrorWithoutUsage) {
  Bench bench;
  bench.one.script = [&](http::ServerExchange& exchange, std::string_view) -> net::Task<> {
    exchange.begin_stream(200, "Content-Type: text/event-stream\r\n");
    bool sent = co_await exchange.send(test::content_event("text"));
    stop(*bench.ledger);
    sent = co_await exchange.end_stream(test::finish_event() + test::usage_event(kUsage) +
                                        std::string(test::kDone));
    static_cast<void>(sent);
  };
  const Answer answer = bench.post(Bench::chat("a/one", {{"stream", true}}));
  EXPECT_TRUE(answer.whole);
  const std::vector<std::string> events = test::events_of(answer.body);
  ASSERT_GE(events.size(), 3U) << answer.body;
  EXPECT_EQ(events.back(), "[DONE]");
  const Json error = Json::parse(events[events.size() - 2]);
  EXPECT_EQ(error["error"]["code"], 503);
  EXPECT_EQ(error["choices"][0]["finish_reason"], "error");
  EXPECT_THAT(answer.body, Not(HasSubstr("\"usage\"")));
}

// The ledger's own trouble is not the provider's: nobody else is tried, nobody cools down.
TEST(LedgerLoss, AnIntentThatIsNotTakenIsNobodysFailure) {
  Bench bench;
  bench.one.answer(500, "{}");
  bench.two.answer(200, test::reply(kUsage));
  bench.one.script = [&](http::ServerExchange& exchange, std::string_view) -> net::Task<> {
    stop(*bench.ledger);  // after the first intent, before the second
    const bool sent = co_await exchange.respond(500, "", "{}");
    static_cast<void>(sent);
  };
  const Answer answer = bench.post(Bench::chat("a/one", {{"models", {"b/two"}}}));
  EXPECT_EQ(answer.status(), 503U);
  EXPECT_EQ(answer.json()["error"]["type"], "ledger_unavailable");
  EXPECT_EQ(answer.head.header("Retry-After"), "1");
  EXPECT_TRUE(bench.two.calls.empty());
  EXPECT_FALSE(bench.gateway->live().health->is_cooling(1, Clock::now()));
}

TEST(LedgerLoss, AFailureThatCannotBeRecordedIsStillTold) {
  Bench bench;
  bench.one.script = [&](http::ServerExchange& exchange, std::string_view) -> net::Task<> {
    stop(*bench.ledger);
    const bool sent = co_await exchange.respond(500, "", "{}");
    static_cast<void>(sent);
  };
  const Answer answer = bench.post(Bench::chat("a/one"));
  EXPECT_EQ(answer.status(), 502U);
  EXPECT_EQ(bench.gateway->metrics().settlements.settled, 0U);
  EXPECT_EQ(bench.gateway->metrics().settlements.anomalies, 0U);  // of usage: there was none
}

TEST(LedgerLoss, TheNextModelsAnswerIsNotGivenEither) {
  Bench bench;
  bench.two.answer(200, test::reply(kUsage));
  bench.one.script = [&](http::ServerExchange& exchange, std::string_view) -> net::Task<> {
    stop(*bench.ledger);
    const bool sent = co_await exchange.respond(500, "", "{}");
    static_cast<void>(sent);
  };
  const Answer answer = bench.post(Bench::chat("a/one", {{"models", {"b/two"}}}));
  EXPECT_GE(answer.status(), 500U);
  EXPECT_THAT(answer.body, Not(HasSubstr("answer-canary")));
}

}  // namespace
}  // namespace waybill::gateway
