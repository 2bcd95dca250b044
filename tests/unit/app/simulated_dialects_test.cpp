// The simulator in the dialects beside OpenAI's chat, read with Waybill's own codecs.

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"
#include "waybill/http/aws_signature.hpp"

#include "simulator/engine.hpp"
#include "simulator/schema_answer.hpp"

namespace waybill::app::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using ::testing::TestParamInfo;
using ::testing::TestWithParam;
using ::testing::ValuesIn;

// How a dialect is asked: {model}, {stream} and {text} are put in.
struct DialectCase {
  std::string_view dialect;
  std::string_view path;
  std::string_view stream_path;  // "": the same
  std::string_view body;

  friend void PrintTo(const DialectCase& self, std::ostream* os) { *os << self.dialect; }
};

constexpr std::string_view kAnthropic =
    R"({"anthropic_version":"x","max_tokens":50,"messages":[{"role":"user","content":"{text}"}]})";

const std::vector<DialectCase> kCases{
    {"openai_responses", "/v1/responses", "",
     R"({"model":"{model}","stream":{stream},"input":"{text}"})"},
    {"anthropic_messages", "/v1/messages", "",
     R"({"model":"{model}","stream":{stream},"max_tokens":50,)"
     R"("messages":[{"role":"user","content":"{text}"}]})"},
    {"anthropic_bedrock", "/model/{model}/invoke", "/model/{model}/invoke-with-response-stream",
     kAnthropic},
    {"anthropic_vertex",
     "/v1/projects/p/locations/l/publishers/anthropic/models/{model}:rawPredict",
     "/v1/projects/p/locations/l/publishers/anthropic/models/{model}:streamRawPredict", kAnthropic},
    {"gemini", "/v1beta/models/{model}:generateContent",
     "/v1beta/models/{model}:streamGenerateContent",
     R"({"contents":[{"role":"user","parts":[{"text":"{text}"}]}]})"},
    {"bedrock_converse", "/model/{model}/converse", "/model/{model}/converse-stream",
     R"({"messages":[{"role":"user","content":[{"text":"{text}"}]}]})"},
    {"cohere_chat", "/v2/chat", "",
     R"({"model":"{model}","stream":{stream},"messages":[{"role":"user","content":"{text}"}]})"},
    {"ollama_chat", "/api/chat", "",
     R"({"model":"{model}","stream":{stream},"messages":[{"role":"user","content":"{text}"}]})"},
    {"ollama_generate", "/api/generate", "",
     R"({"model":"{model}","stream":{stream},"prompt":"{text}"})"},
};

std::string filled(std::string_view pattern, std::string_view slot, std::string_view value) {
  std::string text(pattern);
  if (const std::size_t at = text.find(slot); at != std::string::npos) {
    text.replace(at, slot.size(), value);
  }
  return text;
}

std::string in_path(std::string_view model) {
  std::string out;
  for (const char c : model) {
    out += c == '?' ? "%3F" : std::string(1, c);
  }
  return out;
}

std::string bytes_of(const Script& script) {
  std::string bytes;
  for (const Step& step : script.steps) {
    bytes += step.bytes;
  }
  return bytes;
}

// The body, chunk framing taken off.
std::string body_of(const Script& script) {
  const std::string bytes = bytes_of(script);
  const std::size_t begin = bytes.find("\r\n\r\n") + 4;
  if (bytes.find("Transfer-Encoding: chunked") > begin) {
    return bytes.substr(begin);
  }
  std::string body;
  for (std::size_t at = begin; at < bytes.size();) {
    const std::size_t line = bytes.find("\r\n", at);
    const std::size_t size = std::stoul(bytes.substr(at, line - at), nullptr, 16);
    body += bytes.substr(line + 2, size);
    at = line + 2 + size + 2;
  }
  return body;
}

struct Asking {
  std::string_view model = "counter?tokens=3";
  std::string_view text = "hello";
  bool streams = false;
  std::string_view query{};
};

Script ask(const DialectCase& dialect, const Asking& asking) {
  Engine engine({});
  const bool other = asking.streams && !dialect.stream_path.empty();
  const std::string path =
      filled(other ? dialect.stream_path : dialect.path, "{model}", in_path(asking.model));
  const std::string body = filled(filled(filled(dialect.body, "{model}", asking.model), "{stream}",
                                         asking.streams ? "true" : "false"),
                                  "{text}", asking.text);
  return *engine.answer({.method = "POST",
                         .path = path,
                         .authorization = {},
                         .headers = {},
                         .body = body,
                         .query = asking.query});
}

// What a stream tells, and its error.
struct Told {
  dialects::Answer answer;
  std::optional<dialects::UpstreamFault> fault;
  bool good = false;
  bool ended = false;
};

Told read_stream(const DialectCase& dialect, const Script& script) {
  dialects::StreamDecoder decoder(*dialects::find_dialect(dialect.dialect), {});
  dialects::AnswerBuilder builder;
  Told told;
  told.good = decoder.feed(body_of(script), builder) && decoder.finish(builder);
  told.ended = decoder.ended();
  told.answer = builder.finish();
  told.fault = builder.fault();
  return told;
}

std::string text_in(const dialects::Answer& answer) {
  std::string text;
  for (const dialects::Choice& choice : answer.choices) {
    for (const dialects::Part& part : choice.parts) {
      if (const auto* const piece = std::get_if<dialects::TextPart>(&part.value)) {
        text += piece->text;
      }
    }
  }
  return text;
}

std::string thoughts_in(const dialects::Answer& answer) {
  std::string text;
  for (const dialects::Part& part : answer.choices.at(0).parts) {
    if (const auto* const piece = std::get_if<dialects::ReasoningPart>(&part.value)) {
      text += piece->text;
    }
  }
  return text;
}

class EveryDialect : public TestWithParam<DialectCase> {};

std::string case_name(const TestParamInfo<DialectCase>& info) {
  return std::string(info.param.dialect);
}

INSTANTIATE_TEST_SUITE_P(Simulator, EveryDialect, ValuesIn(kCases), case_name);

TEST_P(EveryDialect, AnswersWhole) {
  std::optional<dialects::UpstreamFault> fault;
  const Script script = ask(GetParam(), {.model = "counter?tokens=3&reasoning=2"});
  const auto answer =
      dialects::find_dialect(GetParam().dialect)->decode_response(body_of(script), {}, fault);
  ASSERT_TRUE(answer) << bytes_of(script);
  ASSERT_FALSE(fault);
  EXPECT_EQ(text_in(*answer), "1 2 3");
  EXPECT_EQ(thoughts_in(*answer), "Let me");
  EXPECT_EQ(answer->choices[0].finish, dialects::FinishReason::Stop);
  ASSERT_TRUE(answer->usage);
  EXPECT_EQ(answer->usage->completion, 5U);
  EXPECT_EQ(answer->usage->prompt, 7U);
}

TEST_P(EveryDialect, Streams) {
  const Script script = ask(GetParam(), {.model = "counter?tokens=3&reasoning=2", .streams = true});
  const Told told = read_stream(GetParam(), script);
  EXPECT_TRUE(told.good && told.ended) << bytes_of(script);
  EXPECT_EQ(text_in(told.answer), "1 2 3");
  EXPECT_EQ(thoughts_in(told.answer), "Let me");
  EXPECT_EQ(told.answer.choices.at(0).finish, dialects::FinishReason::Stop);
  ASSERT_TRUE(told.answer.usage);
  EXPECT_EQ(told.answer.usage->completion, 5U);
  EXPECT_EQ(told.answer.usage->prompt, 7U);
}

TEST_P(EveryDialect, SaysNothingOfWaybill) {
  for (const bool streams : {false, true}) {
    const std::string bytes = bytes_of(ask(GetParam(), {.streams = streams}));
    EXPECT_THAT(bytes, Not(HasSubstr("\"cost\"")));
    EXPECT_THAT(bytes, Not(HasSubstr("\"provider\"")));
    EXPECT_THAT(bytes, Not(HasSubstr("[DONE]")));
  }
}

TEST_P(EveryDialect, BreaksStreamsOffAsTold) {
  const Told error = read_stream(
      GetParam(),
      ask(GetParam(), {.model = "counter?tokens=9&error_event_after=6", .streams = true}));
  ASSERT_TRUE(error.fault);
  EXPECT_THAT(error.fault->message, HasSubstr("in the middle"));
  const Told broken = read_stream(
      GetParam(),
      ask(GetParam(), {.model = "counter?tokens=9&malformed_after=6", .streams = true}));
  EXPECT_FALSE(broken.good && broken.ended);
  const Script cut = ask(GetParam(), {.model = "counter?tokens=9&reset_after=2", .streams = true});
  EXPECT_EQ(cut.steps.back().kind, StepKind::Reset);
  const Told endless = read_stream(
      GetParam(), ask(GetParam(), {.model = "counter?tokens=9&no_done", .streams = true}));
  EXPECT_TRUE(endless.good);
  EXPECT_EQ(text_in(endless.answer), "1 2 3 4 5 6 7 8 9");
}

TEST_P(EveryDialect, RefusesAsTold) {
  const Script script = ask(GetParam(), {.model = "x?status=429&retry_after=7"});
  EXPECT_THAT(bytes_of(script), StartsWith("HTTP/1.1 429 "));
  EXPECT_THAT(bytes_of(script), HasSubstr("\r\nRetry-After: 7\r\n"));
  const dialects::UpstreamFault fault =
      dialects::find_dialect(GetParam().dialect)->decode_error(body_of(script));
  EXPECT_EQ(fault.message, "The simulator was told to answer 429.");
  EXPECT_THAT(bytes_of(ask(GetParam(), {.model = "x?statsu=1"})), StartsWith("HTTP/1.1 400 "));
}

TEST_P(EveryDialect, KeepsTheCountsBackAsTold) {
  std::optional<dialects::UpstreamFault> fault;
  const Script script = ask(GetParam(), {.model = "counter?tokens=3&usage=never"});
  const auto answer =
      dialects::find_dialect(GetParam().dialect)->decode_response(body_of(script), {}, fault);
  ASSERT_TRUE(answer);
  EXPECT_FALSE(answer->usage);
  const Told told = read_stream(
      GetParam(), ask(GetParam(), {.model = "counter?tokens=3&usage=never", .streams = true}));
  EXPECT_FALSE(told.answer.usage);
}

TEST_P(EveryDialect, IsPosted) {
  Engine engine({});
  const std::string path = filled(GetParam().path, "{model}", "x");
  const Script script = *engine.answer(
      {.method = "GET", .path = path, .authorization = {}, .headers = {}, .body = {}});
  EXPECT_THAT(bytes_of(script), StartsWith("HTTP/1.1 405 "));
}

// --- single dialects --------------------------------------------------------------------

Script post(std::string_view path, const Json& body, const EngineOptions& options = {}) {
  Engine engine(options);
  const std::string text = body.dump();
  return *engine.answer(
      {.method = "POST", .path = path, .authorization = {}, .headers = {}, .body = text});
}

const Json kSchema{
    {"type", "object"}, {"properties", {{"city", {{"type", "string"}}}}}, {"required", {"city"}}};

Json said(std::string_view role, const Json& block) {
  return {{"role", role}, {"content", Json::array({block})}};
}

TEST(SimulatedGemini, IsAnArrayUnlessEventsAreAskedFor) {
  const DialectCase& gemini = kCases[4];
  const Script array = ask(gemini, {.streams = true});
  EXPECT_EQ(text_in(read_stream(gemini, array).answer), "1 2 3");
  EXPECT_TRUE(Json::parse(body_of(array)).is_array());
  const Script events = ask(gemini, {.streams = true, .query = "alt=sse"});
  EXPECT_EQ(text_in(read_stream(gemini, events).answer), "1 2 3");
  EXPECT_THAT(body_of(events), StartsWith("data: {"));
}

TEST(SimulatedBedrock, CallsToolsAndTakesTheirResults) {
  const Json tools{
      {"tools",
       Json::array(
           {{{"toolSpec", {{"name", "get_weather"}, {"inputSchema", {{"json", kSchema}}}}}}})}};
  const Json question = said("user", {{"text", "The weather in Paris?"}});
  Json body{{"messages", Json::array({question})}, {"toolConfig", tools}};
  const Json answer = Json::parse(body_of(post("/model/x/converse", body)));
  EXPECT_EQ(answer["stopReason"], "tool_use");
  const Json call = answer["output"]["message"]["content"][0];
  EXPECT_EQ(call["toolUse"]["input"]["city"], "Paris");
  const Json result{{"toolResult",
                     {{"toolUseId", call["toolUse"]["toolUseId"]},
                      {"content", Json::array({{{"text", "18 degrees"}}})}}}};
  body["messages"] = Json::array({question, said("assistant", call), said("user", result)});
  EXPECT_THAT(body_of(post("/model/x/converse", body)), HasSubstr("18 degrees"));
  body.erase("toolConfig");
  EXPECT_THAT(body_of(post("/model/x/converse", body)), HasSubstr("toolConfig field must be"));
}

TEST(SimulatedBedrock, KeepsSchemasAndLimitsAndCountsImages) {
  Json body{{"messages", Json::array({said("user", {{"text", "The weather in Paris?"}})})}};
  const auto prompt_tokens = [&body] {
    return Json::parse(body_of(post("/model/x/converse", body)))["usage"]["inputTokens"].get<int>();
  };
  const int without = prompt_tokens();
  body["messages"][0]["content"].push_back(
      {{"image", {{"format", "png"}, {"source", {{"bytes", "AAAA"}}}}}});
  EXPECT_GT(prompt_tokens(), without);
  body["inferenceConfig"] = {{"maxTokens", 2}};
  EXPECT_THAT(body_of(post("/model/counter/converse", body)), HasSubstr("max_tokens"));
  body["inferenceConfig"]["maxTokens"] = 200;
  body["outputConfig"]["textFormat"]["structure"]["jsonSchema"] = {{"schema", kSchema.dump()}};
  EXPECT_THAT(body_of(post("/model/x/converse", body)), HasSubstr(R"({\"city\":\"Paris\"})"));
}

TEST(SimulatedBedrock, RolesAlternateAndBeginWithTheUser) {
  const Json user = said("user", {{"text", "hi"}});
  const Json assistant = said("assistant", {{"text", "hi"}});
  for (const Json& messages : {Json::array({assistant}), Json::array({user, user})}) {
    const Script script = post("/model/x/converse", {{"messages", messages}});
    EXPECT_THAT(bytes_of(script), HasSubstr("x-amzn-ErrorType: ValidationException\r\n"));
  }
}

TEST(SimulatedAnthropic, SignsItsThoughtsWhenAskedToThink) {
  const Json body{{"model", "counter"},
                  {"max_tokens", 4000},
                  {"thinking", {{"type", "enabled"}, {"budget_tokens", 1024}}},
                  {"messages", Json::array({{{"role", "user"}, {"content", "hi"}}})}};
  const Json content = Json::parse(body_of(post("/v1/messages", body)))["content"];
  EXPECT_EQ(content[0]["type"], "thinking");
  EXPECT_NE(content[0]["signature"], "");
}

TEST(SimulatedAnthropic, OtherCloudsDemandTheirVersion) {
  const Json body{{"max_tokens", 9},
                  {"messages", Json::array({{{"role", "user"}, {"content", "hi"}}})}};
  EXPECT_THAT(body_of(post("/model/x/invoke", body)), HasSubstr("anthropic_version"));
}

// --- keys -------------------------------------------------------------------------------

struct KeyCase {
  std::size_t dialect;  // in kCases
  std::string_view header;
  std::string_view value;
};

TEST(SimulatorKeys, TravelAsTheDialectHasIt) {
  const std::vector<KeyCase> good{{0, "authorization", "Bearer k"},
                                  {0, "api-key", "k"},
                                  {1, "x-api-key", "k"},
                                  {2, "authorization", "Bearer k"},
                                  {3, "authorization", "Bearer k"},
                                  {4, "X-Goog-Api-Key", "k"},
                                  {5, "authorization", "Bearer k"},
                                  {6, "authorization", "Bearer k"},
                                  {7, "authorization", "Bearer k"}};
  for (const KeyCase& one : good) {
    const DialectCase& dialect = kCases[one.dialect];
    const std::string path = filled(dialect.path, "{model}", "counter");
    const std::string body =
        filled(filled(dialect.body, "{model}", "counter"), "{stream}", "false");
    for (const bool right : {true, false}) {
      Engine engine({.behaviour = {}, .api_key = right ? "k" : "other", .canned_body = {}});
      const bool bearer = one.header == "authorization";
      const std::vector<Header> headers{{one.header, one.value}};
      const Script script = *engine.answer({.method = "POST",
                                            .path = path,
                                            .authorization = bearer ? one.value : "",
                                            .headers = headers,
                                            .body = body});
      const bool aws = dialect.dialect.find("bedrock") != std::string_view::npos;
      EXPECT_THAT(bytes_of(script), StartsWith(right ? "HTTP/1.1 200 "
                                               : aws ? "HTTP/1.1 403 "
                                                     : "HTTP/1.1 401 "))
          << dialect.dialect << ' ' << one.header;
    }
  }
}

class Signatures : public ::testing::Test {
 protected:
  static constexpr std::string_view kPath = "/model/counter%3Ftokens=3/converse";

  // Signs with `secret`, sends `sent`, and tells the answer.
  static std::string answer(std::string_view secret,
                            std::string_view sent,
                            std::chrono::minutes late = {},
                            std::string_view token = {}) {
    Engine engine({.behaviour = {},
                   .api_key = {},
                   .canned_body = {},
                   .aws_access_key = "AKID",
                   .aws_secret_key = "secret"});
    const WallTime now = std::chrono::sys_days(std::chrono::year(2026) / 3 / 14);
    const std::vector<http::Fields::Line> lines{{"Host", "bedrock"},
                                                {"Content-Type", "application/json"}};
    const auto added = http::sign_for_aws({.method = "POST",
                                           .path = kPath,
                                           .query = {},
                                           .headers = lines,
                                           .body_hash = sha256(kBody)},
                                          {.region = "eu-west-1", .service = "bedrock"},
                                          {.access_key_id = "AKID",
                                           .secret_key = Secret(std::string(secret)),
                                           .session_token = Secret(std::string(token))},
                                          now - late);
    std::vector<Header> headers{{"Host", "bedrock"}, {"Content-Type", "application/json"}};
    for (const http::AwsHeader& header : added) {
      headers.emplace_back(header.name, header.value.reveal());
    }
    return bytes_of(*engine.answer({.method = "POST",
                                    .path = kPath,
                                    .authorization = added.back().value.reveal(),
                                    .headers = headers,
                                    .body = sent,
                                    .now = now}));
  }

  static constexpr std::string_view kBody =
      R"({"messages":[{"role":"user","content":[{"text":"hi"}]}]})";
};

TEST_F(Signatures, AreTakenWhereTheyAreRight) {
  EXPECT_THAT(answer("secret", kBody), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer("secret", kBody, {}, "token"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(Signatures, AreRefusedWhereTheyAreWrong) {
  const std::string other_key = answer("other", kBody);
  EXPECT_THAT(other_key, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(other_key,
              HasSubstr(R"({"message":"The request signature we calculated does not match)"));
  EXPECT_THAT(answer("secret", R"({"messages":[]})"), HasSubstr("does not match"));
  EXPECT_THAT(answer("secret", kBody, std::chrono::minutes(20)), HasSubstr("Signature expired"));
}

TEST_F(Signatures, AreDemandedOfBedrockOnly) {
  const EngineOptions options{.behaviour = {},
                              .api_key = {},
                              .canned_body = {},
                              .aws_access_key = "AKID",
                              .aws_secret_key = "secret"};
  const Json body{{"model", "counter"},
                  {"messages", Json::array({{{"role", "user"}, {"content", "hi"}}})}};
  EXPECT_THAT(bytes_of(post("/model/x/converse", Json::parse(kBody), options)),
              HasSubstr("Missing Authentication Token"));
  EXPECT_THAT(bytes_of(post("/v2/chat", body, options)), StartsWith("HTTP/1.1 200 "));
}

}  // namespace
}  // namespace waybill::app::simulator
