// The daemon stops and waits no longer: every client hears the truth.

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/net/waiter.hpp"

#include "bench.hpp"

namespace waybill::gateway {
namespace {

using test::Answer;
using test::Bench;
using test::Json;

// Says `first` (nothing: not even a head), has the gateway cut off what is under
// way, and then only waits for the connection to be closed.
test::Provider::Script cutting(Bench& bench, std::string first) {
  return [&bench, first = std::move(first)](http::ServerExchange& exchange,
                                            std::string_view) -> net::Task<> {
    net::Waiter closed(exchange.worker());
    bool gone = false;
    exchange.watch_client([&] {
      gone = true;
      closed.wake_later(net::Wake::Ready);
    });
    if (!first.empty()) {
      exchange.begin_stream(200, "Content-Type: text/event-stream\r\n");
      const bool sent = co_await exchange.send(first);
      EXPECT_TRUE(sent);
    }
    // Once what was sent has been relayed.
    net::Waiter turn(exchange.worker());
    while (!first.empty() && bench.gateway->metrics().streams_open == 1 && !bench.relayed()) {
      exchange.worker().post([&turn] { turn.wake(net::Wake::Ready); });
      const net::Wake wake = co_await turn.wait(TimePoint::max());
      static_cast<void>(wake);
    }
    bench.gateway->cut_off();
    while (!gone) {
      const net::Wake wake = co_await closed.wait(Clock::now() + std::chrono::seconds(20));
      EXPECT_EQ(wake, net::Wake::Ready);
      gone = gone || wake != net::Wake::Ready;
    }
    exchange.unwatch_client();
    exchange.abort_stream();
  };
}

TEST(CutOff, AStreamEndsInAnErrorChunkAndIsBilledForWhatWasDelivered) {
  Bench bench;
  bench.one.script = cutting(bench, test::content_event("123456"));
  const Answer answer = bench.post(Bench::chat("a/one", {{"stream", true}}));
  EXPECT_TRUE(answer.whole);
  const std::vector<std::string> events = test::events_of(answer.body);
  ASSERT_EQ(events.size(), 3U) << answer.body;
  EXPECT_EQ(Json::parse(events[1])["choices"][0]["finish_reason"], "error");
  EXPECT_EQ(events[2], "[DONE]");
  const ledger::Settlement row = bench.booked(answer);
  EXPECT_EQ(row.outcome, ledger::Outcome::Partial);
  EXPECT_EQ(row.usage_source, ledger::UsageSource::Partial);
  EXPECT_EQ(row.counts.completion, 2U);
  EXPECT_FALSE(row.cancelled);
}

TEST(CutOff, AnAnswerThatHasNotBegunIsAStatusAndCostsNothing) {
  for (const bool stream : {false, true}) {
    Bench bench;
    bench.one.script = cutting(bench, "");
    bench.two.answer(200, test::reply({{"prompt_tokens", 1}, {"completion_tokens", 1}}));
    const Answer answer =
        bench.post(Bench::chat("a/one", {{"stream", stream}, {"models", {"b/two"}}}));
    EXPECT_EQ(answer.status(), 503U) << answer.body;
    EXPECT_TRUE(answer.json()["error"]["code"].is_number_integer());
    const ledger::Settlement row = bench.booked(answer);
    EXPECT_EQ(row.outcome, ledger::Outcome::Failed);
    EXPECT_TRUE(row.cost.total.is_zero());
    EXPECT_TRUE(bench.two.calls.empty());  // nobody else is tried
  }
}

TEST(CutOff, WithNothingUnderWayNothingHappens) {
  Bench bench;
  bench.gateway->cut_off();
  bench.one.answer(200, test::reply({{"prompt_tokens", 1}, {"completion_tokens", 1}}));
  EXPECT_EQ(bench.post(Bench::chat("a/one")).status(), 200U);
}

}  // namespace
}  // namespace waybill::gateway
