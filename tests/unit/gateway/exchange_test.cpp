// Whole exchanges: what the client is told, what the provider is sent, what is booked.

#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench.hpp"

namespace waybill::gateway {
namespace {

using test::Answer;
using test::Bench;
using test::Json;
using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

const Json kUsage{{"prompt_tokens", 100},
                  {"completion_tokens", 20},
                  {"total_tokens", 120},
                  {"prompt_tokens_details", {{"cached_tokens", 40}}},
                  {"completion_tokens_details", {{"reasoning_tokens", 5}}}};

TEST(Exchange, AnIdHasItsFormAndIsTheSameEverywhere) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  const Answer answer = bench.post(Bench::chat("a/one"));
  ASSERT_EQ(answer.status(), 200U) << answer.body;
  const std::string id = answer.json()["id"];
  EXPECT_THAT(id, MatchesRegex("gen-[0-9]{10}-[0-9a-z]{20}"));
  EXPECT_EQ(answer.head.header("X-Generation-Id"), id);
  EXPECT_EQ(bench.booked(answer).upstream_id, "chatcmpl-1");
  const Answer second = bench.post(Bench::chat("a/one"));
  EXPECT_NE(second.json()["id"], id);
}

TEST(Exchange, ErrorsCarryAnIdTooButAreNotBookedBeforeAnythingWasSent) {
  Bench bench;
  const Answer unknown = bench.post(Bench::chat("nobody/knows"));
  EXPECT_EQ(unknown.status(), 404U);
  EXPECT_THAT(std::string(unknown.head.header("X-Generation-Id")), MatchesRegex("gen-.{31}"));
  const Answer no_key = bench.send(bench.port, "{}", "");
  EXPECT_EQ(no_key.status(), 401U);
  EXPECT_EQ(no_key.json()["error"]["type"], "missing_api_key");
  EXPECT_EQ(bench.rows(), 0U);
  EXPECT_TRUE(bench.one.calls.empty());
}

TEST(Exchange, APlainAnswerIsBookedAsItIsTold) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  const Answer answer = bench.post(Bench::chat("a/one"));
  const ledger::Settlement row = bench.booked(answer);
  // 60 fresh and 40 cached prompt tokens, 15 plain and 5 reasoning ones.
  EXPECT_EQ(row.cost.total,
            Money::picodollars(60 * 150'000 + 40 * 75'000 + 15 * 600'000 + 5 * 700'001));
  EXPECT_THAT(answer.body, HasSubstr("\"cost\":" + to_decimal(row.cost.total) + ","));
  EXPECT_EQ(row.outcome, ledger::Outcome::Ok);
  EXPECT_EQ(row.provider, "one");
  EXPECT_EQ(row.upstream_model, "upstream-one");
  EXPECT_EQ(row.finish_reason, "stop");
  EXPECT_EQ(Json::parse(bench.one.calls.at(0))["model"], "upstream-one");
}

TEST(Exchange, AStreamTellsItsUsageOnceAndLast) {
  Bench bench;
  bench.one.stream({test::content_event("Hel"), test::content_event("lo"), test::finish_event(),
                    test::usage_event(kUsage), std::string(test::kDone)});
  const Answer answer = bench.post(Bench::chat("a/one", {{"stream", true}}));
  ASSERT_EQ(answer.status(), 200U);
  EXPECT_TRUE(answer.whole);
  const std::vector<std::string> events = test::events_of(answer.body);
  ASSERT_EQ(events.size(), 5U) << answer.body;
  EXPECT_EQ(events.back(), "[DONE]");
  const Json last = Json::parse(events[3]);
  EXPECT_EQ(last["choices"].size(), 1U);
  EXPECT_EQ(last["usage"]["prompt_tokens"], 100);
  const ledger::Settlement row = bench.booked(answer);
  EXPECT_THAT(events[3], HasSubstr("\"cost\":" + to_decimal(row.cost.total) + ","));
  EXPECT_TRUE(row.streamed);
  EXPECT_TRUE(row.first_token);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(Json::parse(events[i]).contains("usage")) << events[i];
    EXPECT_EQ(Json::parse(events[i])["id"], last["id"]);
  }
}

// E19
TEST(Exchange, AStreamThatCountsNoTokensForItsTextIsEstimated) {
  Bench bench;
  bench.one.stream({test::content_event("123456789"), test::finish_event(),
                    test::usage_event({{"prompt_tokens", 0}, {"completion_tokens", 0}}),
                    std::string(test::kDone)});
  const Answer answer = bench.post(Bench::chat("a/one", {{"stream", true}}));
  const ledger::Settlement row = bench.booked(answer);
  EXPECT_EQ(row.usage_source, ledger::UsageSource::Estimate);
  EXPECT_TRUE(row.anomaly);
  EXPECT_EQ(row.counts.completion, 3U);
  const std::vector<std::string> events = test::events_of(answer.body);
  EXPECT_EQ(Json::parse(events.at(events.size() - 2))["usage"]["completion_tokens"], 3);
}

// Any usage, believable or not, plain or streamed: one truth for client and books.
TEST(Exchange, WhatTheClientIsToldIsInTheBooksForAnyUsage) {
  Bench bench;
  std::mt19937_64 random(3);
  const auto count = [&random]() -> Json {
    switch (random() % 12) {
      case 0: return nullptr;
      case 1: return -1;
      case 2: return "7";
      case 3: return 1.5;
      case 4: return 5'000'000'000;
      default: return random() % 2'000;
    }
  };
  for (int i = 0; i < 150; ++i) {
    Json usage{
        {"prompt_tokens", count()},
        {"completion_tokens", count()},
        {"prompt_tokens_details", {{"cached_tokens", count()}, {"audio_tokens", random() % 50}}},
        {"completion_tokens_details", {{"reasoning_tokens", count()}}}};
    if (random() % 6 == 0) {
      usage = nullptr;
    }
    const bool stream = i % 2 == 0;
    if (stream) {
      bench.one.stream({test::content_event("x"), test::finish_event(), test::usage_event(usage),
                        std::string(test::kDone)});
    } else {
      bench.one.answer(200, test::reply(usage));
    }
    const Answer answer = bench.post(Bench::chat("a/one", {{"stream", stream}}));
    ASSERT_EQ(answer.status(), 200U) << usage;
    const std::vector<std::string> events = test::events_of(answer.body);
    const std::string body = stream ? events.at(events.size() - 2) : answer.body;
    const ledger::Settlement row = bench.booked(answer);
    ASSERT_THAT(body, HasSubstr("\"cost\":" + to_decimal(row.cost.total) + ",")) << usage << "\n"
                                                                                 << body;
    const Json told = Json::parse(body)["usage"];
    ASSERT_EQ(told["prompt_tokens"], row.counts.prompt) << usage << "\n" << body;
    ASSERT_EQ(told["completion_tokens"], row.counts.completion) << usage << "\n" << body;
  }
  const auto verified = bench.ledger->reader().verify();
  EXPECT_TRUE(verified) << verified.error().detail();
}

TEST(Exchange, UsageIsToldOnlyWhereTheSettingsSay) {
  Bench bench(
      [](config::Settings& settings) { settings.defaults.usage = config::UsageReport::Asked; });
  bench.one.stream({test::content_event("x"), test::finish_event(), test::usage_event(kUsage),
                    std::string(test::kDone)});
  const Answer unasked = bench.post(Bench::chat("a/one", {{"stream", true}}));
  EXPECT_THAT(unasked.body, Not(HasSubstr("\"usage\"")));
  EXPECT_EQ(bench.booked(unasked).counts.prompt, 100U);
  const Answer asked = bench.post(
      Bench::chat("a/one", {{"stream", true}, {"stream_options", {{"include_usage", true}}}}));
  EXPECT_THAT(asked.body, HasSubstr("\"usage\""));
}

TEST(Exchange, TheNextModelAnswersAndTheBooksKnowWhoFailed) {
  Bench bench;
  bench.one.answer(401, R"({"error":{"message":"Incorrect API key: sk-canary-0123456789abcdef"}})");
  bench.two.answer(200, test::reply(kUsage));
  const Answer answer =
      bench.post(Bench::chat("a/one", {{"models", {"a/one", "nobody/knows", "b/two"}}}));
  ASSERT_EQ(answer.status(), 200U) << answer.body;
  EXPECT_EQ(answer.json()["model"], "b/two");
  EXPECT_EQ(answer.head.header("X-Provider-Name"), "Provider Two");
  const ledger::Settlement row = bench.booked(answer);
  ASSERT_EQ(row.failed_attempts.size(), 1U);
  EXPECT_EQ(row.failed_attempts[0].provider, "one");
  EXPECT_EQ(row.failed_attempts[0].status, 401U);
  EXPECT_TRUE(row.failed_attempts[0].provider_cost.is_zero());
  EXPECT_EQ(row.attempt, 2U);
}

TEST(Exchange, AllFailedIsOneRowThatCostsNothing) {
  Bench bench;
  bench.one.answer(500, "{}");
  bench.two.answer(403, R"({"error":{"message":"account closed"}})");
  const Answer answer = bench.post(Bench::chat("a/one", {{"models", {"b/two"}}}));
  EXPECT_EQ(answer.status(), 502U);
  const Json error = answer.json()["error"];
  EXPECT_EQ(error["metadata"]["provider_name"], "Provider Two");
  EXPECT_EQ(error["metadata"]["provider_code"], "403");
  EXPECT_EQ(error["metadata"]["previous_errors"][0]["code"], 500);
  const ledger::Settlement row = bench.booked(answer);
  EXPECT_EQ(row.outcome, ledger::Outcome::Failed);
  EXPECT_TRUE(row.cost.total.is_zero());
  EXPECT_EQ(row.counts.requests, 0U);
  EXPECT_EQ(row.failed_attempts.size(), 1U);
  EXPECT_EQ(row.provider, "two");
}

TEST(Exchange, RetryAfterIsToldWhereWaitingWouldTakeTooLong) {
  Bench bench([](config::Settings& settings) {
    settings.defaults.timeouts.total = std::chrono::seconds(3);
  });
  bench.one.answer(429, "{}", "Retry-After: 17\r\n");
  const Answer answer = bench.post(Bench::chat("a/one"));
  EXPECT_EQ(answer.status(), 429U);
  EXPECT_EQ(answer.head.header("Retry-After"), "17");
}

TEST(Exchange, AnAnswerThatIsNoneIsNeverPassedOn) {
  Bench bench;
  for (const std::string body : {"", "<html>answer-canary</html>", "[]", "null", "{}",
                                 R"({"choices":[]})", R"({"error":{"message":"x"}})",
                                 R"({"choices":[{"message":{"content":"answer-canary"}}])"}) {
    bench.one.answer(200, body);
    const Answer answer = bench.post(Bench::chat("a/one"));
    EXPECT_EQ(answer.status(), 502U) << body;
    EXPECT_THAT(answer.body, Not(HasSubstr("answer-canary")));
    EXPECT_TRUE(bench.booked(answer).cost.total.is_zero());
  }
}

TEST(Exchange, AfterContentAFailureIsOneErrorEventAndDone) {
  const std::vector<std::string> ends{
      test::event({{"error", {{"message", "provider-sentence"}, {"code", 503}}}}),
      "data: {\"choices\":nonsense\n\n", "data: <html>\n\n",
      "",  // the stream ends without a finish reason
  };
  for (const std::string& end : ends) {
    Bench bench;
    bench.one.stream({test::content_event("123"), end, test::content_event("never")});
    if (end.empty()) {
      bench.one.stream({test::content_event("123")});
    }
    bench.two.answer(200, test::reply(kUsage));
    const Answer answer =
        bench.post(Bench::chat("a/one", {{"stream", true}, {"models", {"b/two"}}}));
    EXPECT_EQ(answer.status(), 200U);
    const std::vector<std::string> events = test::events_of(answer.body);
    ASSERT_EQ(events.size(), 3U) << answer.body;
    const Json error = Json::parse(events[1]);
    EXPECT_EQ(error["choices"][0]["finish_reason"], "error");
    EXPECT_TRUE(error["error"]["code"].is_number_integer());
    EXPECT_TRUE(error["error"]["metadata"].contains("error_type"));
    EXPECT_EQ(events[2], "[DONE]");
    EXPECT_THAT(answer.body, Not(HasSubstr("never")));
    EXPECT_TRUE(bench.two.calls.empty());
    const ledger::Settlement row = bench.booked(answer);
    EXPECT_EQ(row.outcome, ledger::Outcome::Partial);
    EXPECT_EQ(row.usage_source, ledger::UsageSource::Partial);
    EXPECT_EQ(row.counts.completion, 1U);
    const telemetry::WorkerMetrics& metrics = bench.gateway->metrics();
    EXPECT_EQ(metrics.settlements.estimated, 1U);  // what is booked is counted
    Int128 counted = 0;
    for (const telemetry::EndpointMetrics& endpoint : metrics.endpoints) {
      counted += endpoint.cost_picodollars;
    }
    EXPECT_TRUE(counted == row.cost.total.count());
  }
}

// A provider may say that all went well.
TEST(Exchange, AnAnswerBesideAMessageIsAnAnswer) {
  Bench bench;
  Json body = Json::parse(test::reply(kUsage));
  body["code"] = 0;
  body["message"] = "Success";
  bench.one.answer(200, body.dump());
  EXPECT_EQ(bench.post(Bench::chat("a/one")).status(), 200U);
  body["error"] = {{"code", 502}};
  bench.one.answer(200, body.dump());
  EXPECT_EQ(bench.post(Bench::chat("a/one")).status(), 502U);
}

TEST(Exchange, ADefaultKeyServesItsOwnListenerOnly) {
  Bench bench;
  bench.gateway->set_default_keys({{5, "laptop"}});
  bench.one.answer(200, test::reply(kUsage));
  const std::string body = Bench::chat("a/one").dump();
  EXPECT_EQ(bench.send(bench.tagged_port, body, "").status(), 200U);
  EXPECT_EQ(bench.send(bench.port, body, "").status(), 401U);
  // A wrong key is not replaced by the default one.
  EXPECT_EQ(bench.send(bench.tagged_port, body, "x-api-key: sk-wb-wrong\r\n").status(), 401U);
}

TEST(Exchange, CorsAndSafetyFieldsStandOnAnswersAndErrors) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  for (const Answer& answer : {bench.post(Bench::chat("a/one")), bench.post(Bench::chat("x"))}) {
    EXPECT_EQ(answer.head.header("Access-Control-Allow-Origin"), "*");
    EXPECT_THAT(std::string(answer.head.header("Access-Control-Expose-Headers")),
                AllOf(HasSubstr("X-Generation-Id"), HasSubstr("Retry-After")));
    EXPECT_EQ(answer.head.header("X-Content-Type-Options"), "nosniff");
  }
  Bench closed([](config::Settings& settings) { settings.cors.allowed_origins.clear(); });
  const Answer none = closed.post(Bench::chat("x"));
  EXPECT_EQ(none.head.header("Access-Control-Allow-Origin"), "");
  EXPECT_EQ(none.head.header("X-Content-Type-Options"), "nosniff");
}

TEST(Exchange, WhereSeveralOriginsAreAllowedEachIsToldItsOwn) {
  Bench bench([](config::Settings& settings) {
    settings.cors.allowed_origins = {"https://a.test", "https://b.test"};
  });
  for (const std::string origin : {"https://a.test", "https://b.test", "https://evil.test", ""}) {
    const Answer answer =
        bench.post(Bench::chat("x"), origin.empty() ? "" : "Origin: " + origin + "\r\n");
    const bool known = origin == "https://a.test" || origin == "https://b.test";
    EXPECT_EQ(answer.head.header("Access-Control-Allow-Origin"), known ? origin : "") << origin;
    EXPECT_EQ(answer.head.header("Vary"), "Origin") << origin;
  }
}

TEST(Exchange, TheAccessLogHoldsNeitherPromptNorAnswerNorKeyNorAnInventedModel) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  const Answer good = bench.post(Bench::chat("a/one"));
  const Answer bad = bench.post(Bench::chat("model-canary"));
  const std::string logged = bench.logged();
  EXPECT_THAT(logged, Not(HasSubstr("canary")));
  EXPECT_THAT(logged, Not(HasSubstr(bench.key)));
  EXPECT_THAT(logged, HasSubstr(std::string(good.head.header("X-Generation-Id"))));
  EXPECT_EQ(test::count_lines(logged), 2);
}

TEST(Exchange, TheCountersAddUp) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  bench.two.answer(500, "{}");
  bench.post(Bench::chat("a/one"));
  bench.post(Bench::chat("b/two"));
  bench.post(Bench::chat("nobody/knows"));
  const telemetry::WorkerMetrics& metrics = bench.gateway->metrics();
  const auto& chat =
      metrics.requests.at(static_cast<std::size_t>(telemetry::Route::ChatCompletions));
  EXPECT_EQ(chat[1], 1U);  // 2xx
  EXPECT_EQ(chat[3], 1U);  // 4xx
  EXPECT_EQ(chat[4], 1U);  // 5xx
  EXPECT_EQ(metrics.settlements.settled, 2U);
  EXPECT_EQ(metrics.settlements.anomalies, 0U);
  EXPECT_EQ(metrics.streams_open, 0);
}

TEST(Exchange, ANewSnapshotKeepsConnectionsAndForgetsWhatIsGone) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  EXPECT_EQ(bench.post(Bench::chat("a/one")).status(), 200U);
  config::Settings changed = bench.settings;
  changed.models[0].id = "a/renamed";
  changed.providers[0].display_name = "Renamed";
  const LiveSnapshotPtr live = test::live_of(changed, bench.slots);
  bench.gateway->adopt(live);
  EXPECT_EQ(bench.post(Bench::chat("a/one")).status(), 404U);
  const Answer answer = bench.post(Bench::chat("a/renamed"));
  EXPECT_EQ(answer.json()["provider"], "Renamed");
  EXPECT_EQ(bench.one.server().counters().accepted, 1U);  // the connection was kept
}

TEST(Exchange, CountersOfConnectionsNeverGoBack) {
  Bench bench;
  bench.one.answer(200, test::reply(kUsage));
  bench.post(Bench::chat("a/one"));
  bench.post(Bench::chat("a/one"));
  const auto upstream = [&bench] {
    bench.gateway->collect_counters({});
    return bench.gateway->metrics().upstream;
  };
  EXPECT_EQ(upstream().created, 1U);
  EXPECT_EQ(upstream().reused, 1U);
  config::Settings changed = bench.settings;
  changed.providers[0].base_url = bench.two.url();  // another place: another pool
  bench.gateway->adopt(test::live_of(changed, bench.slots));
  EXPECT_EQ(upstream().created, 1U);
  EXPECT_EQ(upstream().reused, 1U);
}

// A request that is under way sees nothing change.
TEST(Exchange, AStreamEndsWithTheSnapshotItBeganWith) {
  Bench bench;
  bench.one.script = [&bench](http::ServerExchange& exchange, std::string_view) -> net::Task<> {
    exchange.begin_stream(200, "Content-Type: text/event-stream\r\n");
    bool sent = co_await exchange.send(test::content_event("before"));
    config::Settings none = bench.settings;
    none.models.erase(none.models.begin());
    bench.gateway->adopt(test::live_of(none, bench.slots));
    sent = co_await exchange.send(test::content_event("after") + test::finish_event() +
                                  test::usage_event(kUsage));
    sent = co_await exchange.end_stream(test::kDone);
    static_cast<void>(sent);
  };
  const Answer answer = bench.post(Bench::chat("a/one", {{"stream", true}}));
  EXPECT_THAT(answer.body, AllOf(HasSubstr("before"), HasSubstr("after"), HasSubstr("[DONE]")));
  EXPECT_EQ(bench.booked(answer).model, "a/one");
  EXPECT_EQ(bench.post(Bench::chat("a/one")).status(), 404U);
}

}  // namespace
}  // namespace waybill::gateway
