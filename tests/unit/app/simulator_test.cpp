#include <array>
#include <cmath>
#include <ostream>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "simulator/embedding.hpp"
#include "simulator/engine.hpp"
#include "simulator/options.hpp"
#include "simulator/schema_answer.hpp"
#include "simulator/wording.hpp"

namespace waybill::app::simulator {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::TestParamInfo;
using ::testing::TestWithParam;
using ::testing::ValuesIn;

Json chat(std::string_view model, std::string_view text = "Tell me a story") {
  return {{"model", model}, {"messages", {{{"role", "user"}, {"content", text}}}}};
}

Json streamed(Json body) {
  body["stream"] = true;
  return body;
}

Script post(Engine& engine, const Json& body, std::string_view path = "/v1/chat/completions") {
  const std::string text = body.dump();
  return *engine.answer(
      {.method = "POST", .path = path, .authorization = {}, .headers = {}, .body = text});
}

Script post(const Json& body) {
  Engine engine({});
  return post(engine, body);
}

std::string bytes_of(const Script& script) {
  std::string bytes;
  for (const Step& step : script.steps) {
    bytes += step.bytes;
  }
  return bytes;
}

std::string body_of(const Script& script) {
  const std::string bytes = bytes_of(script);
  return bytes.substr(bytes.find("\r\n\r\n") + 4);
}

Json json_of(const Script& script) {
  return Json::parse(body_of(script));
}

// The data of each event, chunk framing taken off by looking for event lines.
std::vector<std::string> events_of(const Script& script) {
  std::vector<std::string> events;
  const std::string bytes = bytes_of(script);
  for (std::size_t at = bytes.find("data: "); at != std::string::npos;
       at = bytes.find("data: ", at + 1)) {
    events.push_back(bytes.substr(at + 6, bytes.find("\n\n", at) - at - 6));
  }
  return events;
}

std::string content_of(const Script& script) {
  std::string text;
  for (const std::string& event : events_of(script)) {
    const Json chunk = Json::parse(event, nullptr, false);
    if (chunk.is_object() && chunk.contains("choices") && !chunk["choices"].empty() &&
        chunk["choices"][0].contains("delta")) {
      text += chunk["choices"][0]["delta"].value("content", "");
    }
  }
  return text;
}

// "200 12 events done end", "200 2 events reset": what a reader needs of a script.
std::string summary(const Script& script) {
  const std::string bytes = bytes_of(script);
  std::string text = bytes.empty() ? "nothing" : bytes.substr(9, 3);
  if (bytes.find("text/event-stream") != std::string::npos) {
    const std::vector<std::string> events = events_of(script);
    const bool done = !events.empty() && events.back() == "[DONE]";
    text +=
        " " + std::to_string(events.size() - (done ? 1 : 0)) + " events" + (done ? " done" : "");
    text += bytes.ends_with("0\r\n\r\n") ? " end" : "";
  }
  switch (script.steps.back().kind) {
    case StepKind::Send: break;
    case StepKind::Reset: text += " reset"; break;
    case StepKind::Stall: text += " stall"; break;
    case StepKind::Close: text += " close"; break;
  }
  return text;
}

// --- faults ------------------------------------------------------------------------

struct FaultCase {
  std::string_view name;
  std::string_view directives;
  std::string_view streamed;
  std::string_view whole;

  friend void PrintTo(const FaultCase& self, std::ostream* os) { *os << self.name; }
};

// Three tokens make five events: the role, the words, the finish reason.
const std::vector<FaultCase> kFaults{
    {"none", "", "200 5 events done end", "200"},
    {"status", "&status=503", "503", "503"},
    {"retry_after_is_429", "&retry_after=2", "429", "429"},
    {"reset", "&reset", "nothing reset", "nothing reset"},
    {"reset_after", "&reset_after=2", "200 2 events reset", "200 reset"},
    {"stall_after", "&stall_after=3", "200 3 events stall", "200 stall"},
    {"stall_after_the_head", "&stall_after=0", "200 0 events stall", "200 stall"},
    {"truncate_after", "&truncate_after=2", "200 2 events close", "200 close"},
    {"malformed_after", "&malformed_after=2", "200 3 events end", "200"},
    {"error_event_after", "&error_event_after=2", "200 3 events end", "200"},
    {"no_done", "&no_done", "200 5 events end", "200"},
    {"empty_body", "&empty_body", "200 0 events end", "200"},
    {"html_body", "&html_body", "200", "200"},
    {"error_200", "&error_200", "200", "200"},
    {"no_choices", "&no_choices", "200 1 events done end", "200"},
    {"slow_bytes", "&slow_bytes=1ms", "200 5 events done end", "200"},
};

class FaultTable : public TestWithParam<FaultCase> {};

TEST_P(FaultTable, GivesTheExpectedScript) {
  const std::string model = "counter?tokens=3" + std::string(GetParam().directives);
  EXPECT_EQ(summary(post(streamed(chat(model)))), GetParam().streamed);
  EXPECT_EQ(summary(post(chat(model))), GetParam().whole);
}

std::string fault_name(const TestParamInfo<FaultCase>& info) {
  return std::string(info.param.name);
}

INSTANTIATE_TEST_SUITE_P(Simulator, FaultTable, ValuesIn(kFaults), fault_name);

TEST(SimulatorFaults, ErrorsHaveOpenAisShapeAndTheirRetryAfter) {
  const Script script = post(chat("x?status=429&retry_after=7"));
  EXPECT_THAT(bytes_of(script), HasSubstr("\r\nRetry-After: 7\r\n"));
  EXPECT_EQ(json_of(script)["error"]["code"], "rate_limit_exceeded");
}

TEST(SimulatorFaults, BrokenBodiesAreBrokenAsNamed) {
  EXPECT_EQ(body_of(post(chat("x?empty_body"))), "");
  EXPECT_THAT(body_of(post(chat("x?html_body"))), StartsWith("<!doctype html>"));
  EXPECT_TRUE(json_of(post(chat("x?error_200"))).contains("error"));
  EXPECT_EQ(json_of(post(chat("x?no_choices")))["choices"], Json::array());
  EXPECT_TRUE(
      Json::parse(body_of(post(chat("x?malformed_after=0"))), nullptr, false).is_discarded());
  const auto events = events_of(post(streamed(chat("x?malformed_after=2"))));
  EXPECT_TRUE(Json::parse(events.back(), nullptr, false).is_discarded());
}

TEST(SimulatorFaults, SlowBytesLeaveOneByOne) {
  const Script script = post(chat("x?slow_bytes=1ms"));
  for (const Step& step : script.steps) {
    EXPECT_EQ(step.bytes.size(), 1U);
    EXPECT_EQ(step.wait, Duration(1ms));
  }
}

TEST(SimulatorFaults, TimesLetsLaterRequestsThrough) {
  Engine engine({});
  const Json failing = chat("x?status=503&times=2");
  EXPECT_EQ(summary(post(engine, failing)), "503");
  EXPECT_EQ(summary(post(engine, chat("x?status=503&times=1"))), "503");  // another name
  EXPECT_EQ(summary(post(engine, failing)), "503");
  EXPECT_EQ(summary(post(engine, failing)), "200");
}

TEST(SimulatorFaults, ProbabilityIsDrawnBySeed) {
  const auto outcomes = [](std::uint64_t seed) {
    Engine engine({.behaviour = {.seed = seed, .faults = {*parse_fault("status=500@0.3")}},
                   .api_key = {},
                   .canned_body = {}});
    std::string text;
    for (int i = 0; i < 400; ++i) {
      text += summary(post(engine, chat("x"))) == "500" ? 'x' : '.';
    }
    return text;
  };
  EXPECT_EQ(outcomes(1), outcomes(1));
  EXPECT_NE(outcomes(1), outcomes(2));
  const std::string drawn = outcomes(1);
  EXPECT_NEAR(static_cast<double>(std::count(drawn.begin(), drawn.end(), 'x')), 120, 40);
}

TEST(SimulatorFaults, MistakesInTheDirectivesAreNamed) {
  const Script script = post(chat("x?statsu=503"));
  EXPECT_EQ(summary(script), "400");
  EXPECT_THAT(body_of(script), HasSubstr("statsu"));
  EXPECT_EQ(parse_fault("rest").error().detail(),
            "There is no fault `rest`. Did you mean `reset`?");
  EXPECT_FALSE(parse_fault("status=99"));
  EXPECT_FALSE(parse_fault("reset@2"));
  EXPECT_FALSE(parse_fault("stall-after"));
}

TEST(SimulatorFaults, DurationsHaveUnits) {
  EXPECT_EQ(*parse_duration("200ms"), Duration(200ms));
  EXPECT_EQ(*parse_duration("1.5s"), Duration(1500ms));
  EXPECT_EQ(*parse_duration("50us"), Duration(50));
  EXPECT_EQ(*parse_duration("2m"), Duration(2min));
  EXPECT_EQ(*parse_duration("20"), Duration(20ms));
  for (const std::string_view wrong : {"", "s", "-1s", "1h", "nan", "1e99s"}) {
    EXPECT_FALSE(parse_duration(wrong)) << wrong;
  }
}

// --- answers -----------------------------------------------------------------------

TEST(SimulatorAnswers, TheSameSeedGivesTheSameBytes) {
  const auto told = [](std::uint64_t seed) {
    Engine engine({.behaviour = {.seed = seed}, .api_key = {}, .canned_body = {}});
    return bytes_of(post(engine, chat("storyteller"))) +
           bytes_of(post(engine, streamed(chat("storyteller"))));
  };
  EXPECT_EQ(told(1), told(1));
  EXPECT_NE(told(1), told(2));
}

TEST(SimulatorAnswers, IdsOfRequestsHaveNothingInCommon) {
  Engine engine({});
  std::set<std::string> parts;
  for (int i = 0; i < 50; ++i) {
    const std::string id = json_of(post(engine, chat("x")))["id"].get<std::string>();
    EXPECT_TRUE(parts.insert(id.substr(9, 8)).second);
    EXPECT_TRUE(parts.insert(id.substr(17, 8)).second);
  }
}

TEST(SimulatorAnswers, StreamedAndWholeSayTheSame) {
  for (const std::string_view model :
       {"storyteller", "echo", "counter", "lorem", "storyteller?tokens=40"}) {
    EXPECT_EQ(content_of(post(streamed(chat(model)))),
              json_of(post(chat(model)))["choices"][0]["message"]["content"].get<std::string>())
        << model;
  }
}

TEST(SimulatorAnswers, EchoAndCounterDoWhatTheyAreCalled) {
  EXPECT_EQ(content_of(post(streamed(chat("echo", "Grüße,  Welt\n!")))), "Grüße,  Welt\n!");
  EXPECT_EQ(content_of(post(streamed(chat("counter?tokens=4")))), "1 2 3 4");
}

TEST(SimulatorAnswers, StoriesAreWholeSentences) {
  std::string story;
  for (const std::string& piece : write_answer({.voice = "storyteller", .prompt = "A fox"})) {
    story += piece;
  }
  EXPECT_THAT(story, EndsWith("."));
  EXPECT_THAT(story, Not(HasSubstr("{")));
}

TEST(SimulatorAnswers, UsageCountsWhatWasSent) {
  Json body = streamed(chat("counter?tokens=7&cached=5&reasoning=3"));
  body["stream_options"] = {{"include_usage", true}};
  const std::vector<std::string> events = events_of(post(body));
  const Json last = Json::parse(events[events.size() - 2]);
  EXPECT_EQ(last["choices"], Json::array());
  EXPECT_EQ(last["usage"]["completion_tokens"], 10);
  EXPECT_EQ(last["usage"]["completion_tokens_details"]["reasoning_tokens"], 3);
  EXPECT_EQ(last["usage"]["prompt_tokens_details"]["cached_tokens"], 5);
}

TEST(SimulatorAnswers, UsageIsSentAsTold) {
  const auto reports = [](std::string_view usage, bool asked) {
    Json body = streamed(chat("counter?tokens=1&usage=" + std::string(usage)));
    body["stream_options"] = {{"include_usage", asked}};
    return body_of(post(body)).find("\"total_tokens\"") != std::string::npos;
  };
  EXPECT_TRUE(reports("always", false));
  EXPECT_FALSE(reports("asked", false));
  EXPECT_TRUE(reports("asked", true));
  EXPECT_FALSE(reports("never", true));
  EXPECT_FALSE(json_of(post(chat("x?usage=never"))).contains("usage"));
}

TEST(SimulatorAnswers, LimitsOfTheRequestHold) {
  Json body = chat("counter?tokens=20");
  body["max_tokens"] = 5;
  Json choice = json_of(post(body))["choices"][0];
  EXPECT_EQ(choice["message"]["content"], "1 2 3 4 5");
  EXPECT_EQ(choice["finish_reason"], "length");
  body = chat("counter?tokens=20");
  body["stop"] = " 4";
  EXPECT_EQ(json_of(post(body))["choices"][0]["message"]["content"], "1 2 3");
  body["n"] = 3;
  EXPECT_EQ(json_of(post(body))["choices"].size(), 3U);
}

TEST(SimulatorAnswers, PacingFollowsTtftAndRate) {
  const Script script = post(streamed(chat("counter?tokens=3&ttft=100ms&rate=50")));
  std::vector<std::int64_t> waits;
  for (const Step& step : script.steps) {
    waits.push_back(step.wait / 1ms);
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{100, 0, 20, 20, 0, 0}));
  EXPECT_EQ(post(chat("counter?tokens=3&ttft=100ms&rate=50")).steps[0].wait, Duration(160ms));
}

TEST(SimulatorAnswers, OldClientsGetAnUnchunkedStream) {
  Engine engine({});
  const std::string body = streamed(chat("counter?tokens=1")).dump();
  const Script script = *engine.answer({.method = "POST",
                                        .path = "/v1/chat/completions",
                                        .authorization = {},
                                        .headers = {},
                                        .body = body,
                                        .framing = Framing::UntilClose});
  EXPECT_THAT(bytes_of(script), Not(HasSubstr("chunked")));
  EXPECT_EQ(script.steps.back().kind, StepKind::Close);
}

TEST(SimulatorAnswers, EchoOfHeadersAndBodyShowsWhatArrived) {
  Engine engine({});
  const std::string body = chat("x?echo=headers").dump();
  const std::array<Header, 1> headers{{{"X-Test", "1"}}};
  const Script script = *engine.answer({.method = "POST",
                                        .path = "/v1/chat/completions",
                                        .authorization = {},
                                        .headers = headers,
                                        .body = body});
  EXPECT_EQ(json_of(script)["choices"][0]["message"]["content"], R"({"X-Test":"1"})");
  const Json echo_body = chat("x?echo=body");
  EXPECT_EQ(json_of(post(echo_body))["choices"][0]["message"]["content"], echo_body.dump());
}

// --- tools and structured answers ------------------------------------------------------

Json with_tools(Json body) {
  body["tools"] = Json::parse(R"([
    {"type":"function","function":{"name":"get_weather","parameters":{"type":"object",
      "properties":{"city":{"type":"string"},"unit":{"type":"string","enum":["celsius"]}},"required":["city"]}}},
    {"type":"function","function":{"name":"send_mail","parameters":{"type":"object","properties":{}}}}])");
  return body;
}

TEST(SimulatorTools, AMentionedToolIsCalled) {
  const Json message =
      json_of(post(with_tools(chat("x", "How is the weather in Oslo?"))))["choices"][0]["message"];
  ASSERT_EQ(message["tool_calls"].size(), 1U);
  EXPECT_EQ(message["tool_calls"][0]["function"]["name"], "get_weather");
  EXPECT_EQ(message["tool_calls"][0]["function"]["arguments"],
            R"({"city":"Oslo","unit":"celsius"})");
  EXPECT_TRUE(message["content"].is_null());
}

TEST(SimulatorTools, StreamedArgumentsAddUp) {
  std::string arguments;
  for (const std::string& event :
       events_of(post(streamed(with_tools(chat("x", "get_weather in Oslo")))))) {
    const Json chunk = Json::parse(event, nullptr, false);
    if (chunk.is_object() && chunk["choices"][0]["delta"].contains("tool_calls")) {
      arguments += chunk["choices"][0]["delta"]["tool_calls"][0]["function"].value("arguments", "");
    }
  }
  EXPECT_EQ(arguments, R"({"city":"Oslo","unit":"celsius"})");
}

TEST(SimulatorTools, ToolChoiceDecides) {
  const auto calls = [](const Json& choice) {
    Json body = with_tools(chat("x", "Hello"));
    body["tool_choice"] = choice;
    const Json message = json_of(post(body))["choices"][0]["message"];
    return message.contains("tool_calls")
               ? message["tool_calls"][0]["function"]["name"].get<std::string>()
               : "none";
  };
  EXPECT_EQ(calls("auto"), "none");
  EXPECT_EQ(calls("required"), "send_mail");
  EXPECT_EQ(calls({{"type", "function"}, {"function", {{"name", "get_weather"}}}}), "get_weather");
}

TEST(SimulatorTools, AToolsResultIsAnswered) {
  Json body = with_tools(chat("x", "How is the weather in Oslo?"));
  body["messages"].push_back({{"role", "assistant"}, {"tool_calls", Json::array()}});
  body["messages"].push_back({{"role", "tool"}, {"tool_call_id", "c"}, {"content", "4 degrees"}});
  EXPECT_EQ(json_of(post(body))["choices"][0]["message"]["content"],
            "Here is what I found: 4 degrees");
}

TEST(SimulatorStructured, AnswersFitTheSchema) {
  const Json schema =
      Json::parse(R"({"type":"object","required":["steps","score","next"],"properties":{
      "steps":{"type":"array","minItems":3,"items":{"$ref":"#/$defs/step"}},
      "score":{"type":"number","minimum":0,"maximum":1},
      "count":{"type":"integer","exclusiveMinimum":4,"maximum":9},
      "next":{"anyOf":[{"type":"null"},{"type":"string","format":"date"}]},
      "node":{"$ref":"#/$defs/node"}},
    "$defs":{"step":{"type":"object","properties":{"text":{"type":"string","maxLength":3}},"required":["text"]},
             "node":{"type":"object","properties":{"child":{"$ref":"#/$defs/node"}}}}})");
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const Json value = instance_of(schema, "", seed);
    EXPECT_EQ(value["steps"].size(), 3U);
    EXPECT_LE(value["steps"][0]["text"].get<std::string>().size(), 3U);
    EXPECT_TRUE(value["score"] >= 0 && value["score"] <= 1) << value.dump();
    EXPECT_TRUE(value["count"] > 4 && value["count"] <= 9) << value.dump();
    EXPECT_EQ(value["next"], "2026-03-01");
    EXPECT_TRUE(value.contains("node"));
  }
}

TEST(SimulatorStructured, ResponseFormatIsFollowed) {
  Json body = chat("x");
  body["response_format"] = {{"type", "json_object"}};
  EXPECT_TRUE(Json::parse(content_of(post(streamed(body)))).is_object());
  body["response_format"] = Json::parse(
      R"({"type":"json_schema","json_schema":{"name":"a","schema":{"type":"object","properties":{"ok":{"const":true}}}}})");
  EXPECT_EQ(content_of(post(streamed(body))), R"({"ok":true})");
}

// --- the other endpoints -----------------------------------------------------------------

TEST(SimulatorEmbeddings, AreDeterministicUnitVectorsThatKnowSimilarity) {
  const auto dot = [](const std::vector<float>& a, const std::vector<float>& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
      sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    }
    return sum;
  };
  const auto cat = embed("the cat sleeps on the mat", 256);
  EXPECT_EQ(cat, embed("the cat sleeps on the mat", 256));
  EXPECT_NEAR(dot(cat, cat), 1, 1e-5);
  EXPECT_GT(dot(cat, embed("the cat sat on the mat", 256)),
            dot(cat, embed("quarterly revenue grew", 256)));
  EXPECT_NEAR(dot(embed("", 8), embed("", 8)), 1, 1e-5);
}

TEST(SimulatorEmbeddings, HonourDimensionsAndEncoding) {
  Engine engine({});
  Json body{{"model", "embedder"}, {"input", {"a", "b"}}, {"dimensions", 4}};
  const Json numbers = json_of(post(engine, body, "/v1/embeddings"));
  EXPECT_EQ(numbers["data"].size(), 2U);
  EXPECT_EQ(numbers["data"][1]["embedding"].size(), 4U);
  body["encoding_format"] = "base64";
  EXPECT_EQ(json_of(post(engine, body, "/v1/embeddings"))["data"][0]["embedding"],
            to_base64(embed("a", 4)));
  EXPECT_EQ(to_base64({1.0F}), "AACAPw==");
  body["dimensions"] = 0;
  EXPECT_EQ(summary(post(engine, body, "/v1/embeddings")), "400");
}

TEST(SimulatorEndpoints, CompletionsModelsAndUnknownPaths) {
  Engine engine({});
  const Json completion =
      json_of(post(engine, {{"model", "lorem?tokens=4"}, {"prompt", "x"}}, "/v1/completions"));
  EXPECT_EQ(completion["choices"][0]["text"], "Lorem ipsum dolor sit");
  const Script models = *engine.answer(
      {.method = "GET", .path = "/v1/models", .authorization = {}, .headers = {}, .body = {}});
  EXPECT_EQ(json_of(models)["data"][0]["id"], "storyteller");
  EXPECT_EQ(summary(post(engine, chat("x"), "/v1/other")), "404");
  EXPECT_EQ(summary(post(engine, Json::array())), "400");
  EXPECT_EQ(summary(post(engine, {{"model", "x"}})), "400");
}

TEST(SimulatorEndpoints, AKeyIsCheckedOnlyIfThereIsOne) {
  Engine engine({.behaviour = {}, .api_key = "sk-test", .canned_body = {}});
  EXPECT_EQ(summary(post(engine, chat("x"))), "401");
  const std::string body = chat("x").dump();
  EXPECT_EQ(summary(*engine.answer({.method = "POST",
                                    .path = "/v1/chat/completions",
                                    .authorization = "Bearer sk-test",
                                    .headers = {},
                                    .body = body})),
            "200");
}

TEST(SimulatorCanned, AnswersAreMadeOnceAndHaveTheirSize) {
  Engine engine({});
  const std::string body = chat("canned?bytes=900").dump();
  const Request request{.method = "POST",
                        .path = "/v1/chat/completions",
                        .authorization = {},
                        .headers = {},
                        .body = body};
  const ScriptPtr first = engine.answer(request);
  EXPECT_EQ(engine.answer(request), first);
  EXPECT_EQ(body_of(*first).size(), 900U);
  EXPECT_TRUE(json_of(*first).contains("usage"));
  EXPECT_EQ(events_of(post(engine, streamed(chat("canned?tokens=100")))).size(), 104U);
}

TEST(SimulatorCanned, AFileAnswersEverythingThatIsNotStreamed) {
  Engine engine({.behaviour = {}, .api_key = {}, .canned_body = R"({"choices":[1]})"});
  EXPECT_EQ(body_of(post(engine, chat("anything"))), R"({"choices":[1]})");
  EXPECT_EQ(summary(post(engine, streamed(chat("counter?tokens=3")))), "200 5 events done end");
}

}  // namespace
}  // namespace waybill::app::simulator
