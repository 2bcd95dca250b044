#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench.hpp"
#include "idempotency.hpp"

namespace waybill::gateway {
namespace {

using test::Answer;
using test::Bench;
using test::Json;
using testing::HasSubstr;
using State = ledger::IdempotencyIndex::State;

const Json kUsage{{"prompt_tokens", 10}, {"completion_tokens", 2}};
const std::string kField = "Idempotency-Key: order-1\r\n";

TEST(PresentedIdempotencyKey, IsSentOnceInVisibleCharacters) {
  struct Case {
    const char* name;
    std::vector<std::string> values;
    bool good;
  };
  const std::string longest(255, 'k');
  for (const Case& c : std::vector<Case>{
           {"none", {}, true},
           {"short", {"k"}, true},
           {"every visible character", {"!\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~"}, true},
           {"the longest", {longest}, true},
           {"too long", {longest + "k"}, false},
           {"empty", {""}, false},
           {"a blank", {"a b"}, false},
           {"a tab", {"a\tb"}, false},
           {"DEL", {"a\x7f"}, false},
           {"not ASCII", {"schl\xc3\xbcssel"}, false},
           {"two", {"a", "b"}, false},
           {"two that are equal", {"a", "a"}, false},
       }) {
    http::RequestHead head;
    for (const std::string& value : c.values) {
      head.fields.add(c.values.size() > 1 ? "idempotency-key" : "Idempotency-Key", value);
    }
    const auto key = presented_idempotency_key(head);
    ASSERT_EQ(key.has_value(), c.good) << c.name;
    if (!key) {
      EXPECT_EQ(key.error().code(), "idempotency_key_invalid");
      EXPECT_THAT(key.error().detail(), HasSubstr("Idempotency-Key"));
    } else {
      ASSERT_EQ(key->has_value(), !c.values.empty()) << c.name;
      EXPECT_EQ(key->value_or(""), c.values.empty() ? "" : c.values.front());
    }
  }
}

TEST(Fingerprint, DependsOnTheEndpointAndEveryByte) {
  using enum Api;
  EXPECT_EQ(fingerprint(ChatCompletions, "body"), fingerprint(ChatCompletions, "body"));
  EXPECT_NE(fingerprint(ChatCompletions, "body"), fingerprint(Completions, "body"));
  EXPECT_NE(fingerprint(ChatCompletions, "body"), fingerprint(ChatCompletions, "body "));
  EXPECT_NE(fingerprint(ChatCompletions, ""), fingerprint(Messages, ""));
}

TEST(RepeatMetadata, TellsOutcomeUsageAndCost) {
  ledger::Settlement settled;
  settled.outcome = ledger::Outcome::Partial;
  settled.counts.prompt = 11;
  settled.counts.completion = 7;
  settled.counts.cached_read = 3;
  settled.cost.total = Money::picodollars(5'850'000);
  const Json said = Json::parse("{\"x\":0" + repeat_metadata(settled) + "}");
  EXPECT_EQ(said["generation_id"], settled.generation.to_string());
  EXPECT_EQ(said["outcome"], "partial");
  EXPECT_EQ(said["status"], 200);
  EXPECT_EQ(said["usage"]["prompt_tokens"], 11);
  EXPECT_EQ(said["usage"]["completion_tokens"], 7);
  EXPECT_EQ(said["usage"]["total_tokens"], 18);
  EXPECT_EQ(said["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
  EXPECT_THAT(repeat_metadata(settled), HasSubstr("\"cost\":0.00000585"));
}

TEST(Repeats, B11OneIsServedAndTheNextIsTold) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  const Answer first = bench.post(Bench::chat("a/one"), kField);
  ASSERT_EQ(first.status(), 200U) << first.body;
  const Answer again = bench.post(Bench::chat("a/one"), kField);
  EXPECT_EQ(again.status(), 409U);
  EXPECT_EQ(again.json()["error"]["type"], "idempotency_repeated");
  EXPECT_EQ(again.json()["error"]["metadata"]["cost"], first.json()["usage"]["cost"]);
  EXPECT_EQ(again.head.header("X-Generation-Id"), first.head.header("X-Generation-Id"));
  const Answer other = bench.post(Bench::chat("a/one", {{"temperature", 1}}), kField);
  EXPECT_EQ(other.status(), 422U);
  EXPECT_EQ(other.json()["error"]["type"], "idempotency_conflict");
  EXPECT_EQ(bench.one.calls.size(), 1U);
  EXPECT_EQ(bench.rows(), 1U);
  EXPECT_THAT(bench.one.calls.front(), testing::Not(HasSubstr("order-1")));
}

// What the ledger knows of the request's key afterwards.
State known(Bench& bench, const Json& body) {
  const auto keys = bench.ledger->keys();
  const ledger::KeyRecord* const key = keys->find(ledger::key_hash(bench.key));
  EXPECT_NE(key, nullptr);
  ledger::IdempotencyRecord wanted;
  wanted.tenant = key != nullptr ? key->id : 0;
  wanted.mark.key = sha256("order-1");
  wanted.mark.body = fingerprint(Api::ChatCompletions, body.dump());
  return bench.ledger->idempotency().claim(wanted, wall_now()).state;
}

test::Provider::Script losing_the_ledger(Bench& bench, bool stream) {
  return [&bench, stream](http::ServerExchange& exchange, std::string_view) -> net::Task<> {
    if (stream) {
      exchange.begin_stream(200, "Content-Type: text/event-stream\r\n");
      bool sent = co_await exchange.send(test::content_event("text"));
      // The content is with the client before the ledger is gone.
      net::Waiter turn(exchange.worker());
      while (!bench.relayed()) {
        exchange.worker().post([&turn] { turn.wake(net::Wake::Ready); });
        const net::Wake wake = co_await turn.wait(TimePoint::max());
        static_cast<void>(wake);
      }
      const auto stopped = bench.ledger->stop();
      EXPECT_TRUE(stopped);
      sent = co_await exchange.end_stream(test::finish_event() + std::string(test::kDone));
      static_cast<void>(sent);
    } else {
      const auto stopped = bench.ledger->stop();
      EXPECT_TRUE(stopped);
      const std::string body = test::reply(kUsage);
      const bool sent = co_await exchange.respond(200, "Content-Type: application/json\r\n", body);
      static_cast<void>(sent);
    }
  };
}

TEST(Repeats, B11AnAnswerThatWasNotGivenMayBeAskedForAgain) {
  Bench bench;
  bench.one.script = losing_the_ledger(bench, false);
  const Json body = Bench::chat("a/one");
  EXPECT_EQ(bench.post(body, kField).status(), 503U);
  EXPECT_EQ(known(bench, body), State::Claimed);
}

// Its text is with the client and the next start will charge for it.
TEST(Repeats, B11AnAnswerThatWasGivenUnrecordedStaysUnderWay) {
  Bench bench;
  bench.one.script = losing_the_ledger(bench, true);
  const Json body = Bench::chat("a/one", {{"stream", true}});
  const Answer answer = bench.post(body, kField);
  EXPECT_THAT(answer.body, HasSubstr("ledger_unavailable"));
  EXPECT_EQ(known(bench, body), State::UnderWay);
}

TEST(Repeats, B11AFailureLeavesTheKeyFree) {
  Bench bench;
  bench.one.answer(500, "{}");
  const Json body = Bench::chat("a/one");
  EXPECT_EQ(bench.post(body, kField).status(), 502U);
  bench.one.answer(200, test::reply(kUsage));
  EXPECT_EQ(bench.post(body, kField).status(), 200U);
  EXPECT_EQ(bench.post(body, kField).status(), 409U);
  EXPECT_EQ(bench.one.calls.size(), 2U);
}

}  // namespace
}  // namespace waybill::gateway
