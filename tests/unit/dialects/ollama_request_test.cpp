// Ollama's routes: requests both ways.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;

const Dialect& ollama_route(std::string_view name) {
  const Dialect* const found = find_dialect(name);
  EXPECT_NE(found, nullptr) << name;
  return *found;
}
const Dialect& ollama_chat() {
  return ollama_route("ollama_chat");
}
const Dialect& ollama_generate() {
  return ollama_route("ollama_generate");
}

Conversation decoded_chat(const std::string& body) {
  const auto found = ollama_chat().decode_request(body);
  EXPECT_TRUE(found) << body << (found ? "" : found.error().detail());
  return found ? *found : Conversation{};
}

struct Sent {
  Json body;
  Losses losses;
};
Sent sent(const Conversation& conversation, EncodeTarget target = {.upstream_model = "m"}) {
  const auto found = ollama_chat().encode_request(conversation, target);
  EXPECT_TRUE(found);
  return found ? Sent{Json::parse(found->body), found->losses} : Sent{};
}

std::vector<std::string> changed(const Losses& losses) {
  std::vector<std::string> out;
  for (const auto& change : losses.changed()) {
    out.push_back(change.member);
  }
  return out;
}

TEST(OllamaDecode, ReadsEveryMember) {
  const Conversation request = decoded_chat(R"({
    "model": "q", "stream": false, "keep_alive": "5m", "format": {"type": "object"},
    "think": "high", "logprobs": true, "top_logprobs": 3,
    "options": {"temperature": 0.5, "top_p": 0.9, "top_k": 40, "min_p": 0.05, "seed": 42,
                "stop": ["a", "b"], "num_predict": 24, "repeat_penalty": 1.1,
                "presence_penalty": -1, "frequency_penalty": 0.25, "num_ctx": 8192,
                "mirostat": 1},
    "tools": [{"type": "function", "function": {"name": "f", "description": "d",
               "parameters": {"type": "object", "properties": {}}}}],
    "messages": [
      {"role": "system", "content": "be brief"},
      {"role": "user", "content": "look", "images": ["iVBORw0KGgoAAA==", "/9j/4AAQ"]},
      {"role": "assistant", "content": "ok", "thinking": "hm",
       "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1.0}}}]},
      {"role": "tool", "tool_name": "f", "content": "done"}]})");
  EXPECT_EQ(request.model, "q");
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(request.format.kind, ResponseFormat::Kind::JsonSchema);
  EXPECT_EQ(request.format.schema_json, R"({"type": "object"})");
  EXPECT_EQ(request.reasoning.effort, Effort::High);
  EXPECT_EQ(request.max_output_tokens, 24U);
  const Sampling& sampling = request.sampling;
  EXPECT_EQ(sampling.temperature, 0.5);
  EXPECT_EQ(sampling.top_p, 0.9);
  EXPECT_EQ(sampling.top_k, 40U);
  EXPECT_EQ(sampling.min_p, 0.05);
  EXPECT_EQ(sampling.seed, 42);
  EXPECT_EQ(sampling.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(sampling.repetition_penalty, 1.1);
  EXPECT_EQ(sampling.presence_penalty, -1);
  EXPECT_EQ(sampling.frequency_penalty, 0.25);
  EXPECT_EQ(sampling.logprobs, true);
  EXPECT_EQ(sampling.top_logprobs, 3U);
  EXPECT_EQ(request.unknown,
            (std::vector<std::string>{"keep_alive", "options.num_ctx", "options.mirostat"}));
  ASSERT_EQ(request.tools.size(), 1U);
  EXPECT_EQ(request.tools[0].schema_json, R"({"type": "object", "properties": {}})");
  ASSERT_EQ(request.messages.size(), 4U);
  const auto& image = std::get<MediaPart>(request.messages[1].parts[1].value);
  EXPECT_EQ(image.media_type, "image/png");
  EXPECT_EQ(std::get<MediaPart>(request.messages[1].parts[2].value).media_type, "image/jpeg");
  EXPECT_EQ(std::get<ReasoningPart>(request.messages[2].parts[0].value).text, "hm");
  const auto& call = std::get<ToolCallPart>(request.messages[2].parts[2].value);
  EXPECT_EQ(call.arguments, R"({"a": 1.0})");
  const auto& result = std::get<ToolResultPart>(request.messages[3].parts[0].value);
  EXPECT_EQ(result.call_id, call.id);
  EXPECT_EQ(result.name, "f");
}

TEST(OllamaDecode, StreamsUnlessToldNotTo) {
  EXPECT_TRUE(decoded_chat(R"({"model":"m","messages":[{"role":"user","content":"x"}]})").stream);
  const auto generate = ollama_generate().decode_request(R"({"model":"m","prompt":"x"})");
  ASSERT_TRUE(generate);
  EXPECT_TRUE(generate->stream);
}

TEST(OllamaDecode, MatchesResultsByIdNameAndOrder) {
  const Conversation request = decoded_chat(R"({"model":"m","messages":[
    {"role":"user","content":"x"},
    {"role":"assistant","tool_calls":[
      {"function":{"name":"a","arguments":{}}},
      {"function":{"name":"b","arguments":{}}},
      {"function":{"name":"a","arguments":{"n":2}}},
      {"id":"own","function":{"name":"c"}}]},
    {"role":"tool","tool_name":"b","content":"1"},
    {"role":"tool","content":"2"},
    {"role":"tool","tool_call_id":"own","content":"3"},
    {"role":"tool","tool_name":"a","content":"4"},
    {"role":"tool","content":"nobody's"}]})");
  std::vector<std::string> calls;
  for (const Part& part : request.messages[1].parts) {
    calls.push_back(std::get<ToolCallPart>(part.value).id);
  }
  EXPECT_EQ(calls, (std::vector<std::string>{"call00000", "call00001", "call00002", "own"}));
  std::vector<std::string> answers;
  for (std::size_t i = 2; i < request.messages.size(); ++i) {
    answers.push_back(std::get<ToolResultPart>(request.messages[i].parts[0].value).call_id);
  }
  EXPECT_EQ(answers,
            (std::vector<std::string>{"call00001", "call00000", "own", "call00002", "call00004"}));
  EXPECT_EQ(std::get<ToolResultPart>(request.messages[4].parts[0].value).name, "c");
}

TEST(OllamaDecode, TakesZeroValuesForNothing) {
  const Conversation request = decoded_chat(
      R"({"model":"m","format":"","keep_alive":null,"tools":[],"options":{"seed":-1,
          "num_predict":-1,"stop":"end"},"messages":[{"role":"user","content":"x"}]})");
  EXPECT_TRUE(request.unknown.empty());
  EXPECT_EQ(request.format.kind, ResponseFormat::Kind::Text);
  EXPECT_FALSE(request.sampling.seed);
  EXPECT_FALSE(request.max_output_tokens);
  EXPECT_EQ(request.sampling.stop, std::vector<std::string>{"end"});
  const auto generate = ollama_generate().decode_request(
      R"({"model":"m","prompt":"x","system":"","template":"","context":[],"raw":false,
          "images":[],"suffix":"","format":"","options":{},"keep_alive":null})");
  ASSERT_TRUE(generate);
  EXPECT_TRUE(generate->unknown.empty());
  EXPECT_EQ(generate->messages.size(), 1U);
}

TEST(OllamaDecode, ReadsGenerate) {
  const auto request = ollama_generate().decode_request(
      R"({"model":"m","prompt":"x","system":"s","template":"t","context":[1],"raw":true,
          "images":["R0lGODdh"],"think":false,"stream":false,"format":"json"})");
  ASSERT_TRUE(request) << request.error().detail();
  ASSERT_EQ(request->messages.size(), 2U);
  EXPECT_EQ(request->messages[0].role, Role::System);
  EXPECT_EQ(std::get<MediaPart>(request->messages[1].parts[1].value).media_type, "image/gif");
  EXPECT_EQ(request->unknown, (std::vector<std::string>{"template", "context", "raw"}));
  EXPECT_TRUE(request->reasoning.refused());
  EXPECT_EQ(request->format.kind, ResponseFormat::Kind::JsonObject);
}

struct BadCase {
  const char* body;
  const char* says;  // the sentence holds it
};

TEST(OllamaDecode, SaysWhatIsWrongAndWhere) {
  const std::vector<BadCase> cases{
      {"[]", "must be a JSON object"},
      {"{", "not valid JSON"},
      {R"({"model":"m"})", "\"messages\" is missing"},
      {R"({"model":"m","messages":[]})", "\"messages\" must be a list of at least one message"},
      {R"({"model":"m","messages":{}})", "\"messages\" must be a list"},
      {R"({"model":"m","messages":[1]})", "\"messages[0]\" must be an object"},
      {R"({"model":"m","messages":[{"content":"x"}]})", "\"messages[0].role\" is missing"},
      {R"({"model":"m","messages":[{"role":"bot"}]})", "\"messages[0].role\" must be one of"},
      {R"({"model":"m","messages":[{"role":"user","content":[]}]})",
       "\"messages[0].content\" must be a string"},
      {R"({"model":"m","messages":[{"role":"user","images":["http://x/y.png"]}]})",
       "\"messages[0].images[0]\" must be the bytes of an image in base64"},
      {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":{}}]}]})",
       "\"messages[0].tool_calls[0].function.name\" is missing"},
      {R"({"model":"m","messages":[{"role":"assistant","tool_calls":[{"function":
          {"name":"f","arguments":"{}"}}]}]})",
       "\"messages[0].tool_calls[0].function.arguments\" must be an object"},
      {R"({"model":"m","messages":[{"role":"user"}],"tools":[{"type":"function"}]})",
       "\"tools[0].function\" is missing"},
      {R"({"model":"m","messages":[{"role":"user"}],"format":"xml"})", "\"format\" must be"},
      {R"({"model":"m","messages":[{"role":"user"}],"think":1})", "\"think\" must be"},
      {R"({"model":"m","messages":[{"role":"user"}],"think":"much"})", "\"think\" must be"},
      {R"({"model":"m","messages":[{"role":"user"}],"options":{"temperature":3}})",
       "\"options.temperature\" must be a number from 0 to 2"},
      {R"({"model":"m","messages":[{"role":"user"}],"options":{"seed":"x"}})",
       "\"options.seed\" must be a whole number"},
      {R"({"model":"m","messages":[{"role":"user"}],"stream":"no"})",
       "\"stream\" must be true or false"},
      {R"({"model":"m","messages":[{"role":"user"}],"model":"n"})", "\"model\" is given twice"},
  };
  for (const BadCase& each : cases) {
    const auto found = ollama_chat().decode_request(each.body);
    ASSERT_FALSE(found) << each.body;
    EXPECT_NE(found.error().detail().find(each.says), std::string::npos) << each.body << "\n"
                                                                         << found.error().detail();
  }
  for (const BadCase& each : std::vector<BadCase>{
           {R"({"model":"m"})", "\"prompt\" is missing"},
           {R"({"model":"m","prompt":""})", "\"prompt\" must be"},
           {R"({"model":"m","prompt":"x","suffix":"y"})", "\"suffix\" must be left out"}}) {
    const auto found = ollama_generate().decode_request(each.body);
    ASSERT_FALSE(found) << each.body;
    EXPECT_NE(found.error().detail().find(each.says), std::string::npos) << found.error().detail();
  }
}

TEST(OllamaEncode, SaysAllItCan) {
  Conversation request = decoded_chat(R"({"model":"x","stream":true,"format":"json",
    "options":{"temperature":0.5,"seed":7,"stop":["z"],"num_predict":100},
    "messages":[{"role":"developer","content":"s"},
                {"role":"user","content":"u","images":["/9j/4AAQ"]},
                {"role":"assistant","thinking":"t","content":"c",
                 "tool_calls":[{"id":"i","function":{"name":"f","arguments":{"a": 1.0}}}]},
                {"role":"tool","tool_call_id":"i","content":"r"}]})");
  const Sent out = sent(request, {.upstream_model = "up", .stream = true, .output_cap = 50});
  EXPECT_EQ(out.body, Json::parse(R"({"model":"up","stream":true,"format":"json",
    "options":{"num_predict":50,"temperature":0.5,"seed":7,"stop":["z"]},
    "messages":[{"role":"system","content":"s"},
                {"role":"user","content":"u","images":["/9j/4AAQ"]},
                {"role":"assistant","thinking":"t","content":"c",
                 "tool_calls":[{"id":"i","function":{"name":"f","arguments":{"a":1.0}}}]},
                {"role":"tool","tool_name":"f","tool_call_id":"i","content":"r"}]})"));
  EXPECT_TRUE(out.losses.empty());
}

TEST(OllamaEncode, NamesWhatItLeavesOut) {
  Conversation request =
      decoded_chat(R"({"model":"x","keep_alive":"1m","messages":[{"role":"user","content":"u"}]})");
  request.sampling.logit_bias_json = "{}";
  request.sampling.top_a = 0.5;
  request.user = "u";
  request.tool_choice.mode = ToolChoice::Mode::Required;
  request.messages[0].name = "n";
  request.reasoning.budget = 30'000;
  const Sent out = sent(request);
  EXPECT_EQ(out.losses.dropped(),
            (std::vector<std::string>{
                std::string(name(Feature::ToolChoice)), std::string(name(Feature::TopA)),
                std::string(name(Feature::LogitBias)), std::string(name(Feature::Names)),
                std::string(name(Feature::User)), "keep_alive"}));
  EXPECT_EQ(changed(out.losses), std::vector<std::string>{"reasoning_budget"});
  EXPECT_EQ(out.body.at("think"), "high");
}

TEST(OllamaEncode, ThinksAsMuchAsAsked) {
  struct Case {
    ReasoningWish wish;
    Json think;  // null: absent
    bool changes = false;
  };
  const std::vector<Case> cases{
      {{}, nullptr},
      {{.enabled = true}, true},
      {{.enabled = false}, false},
      {{.effort = Effort::None}, false},
      {{.effort = Effort::Minimal}, "low", true},
      {{.effort = Effort::Low}, "low"},
      {{.effort = Effort::Medium}, "medium"},
      {{.effort = Effort::High}, "high"},
      {{.effort = Effort::XHigh}, "high", true},
      {{.budget = 0}, false},
      {{.budget = 2'000}, "low", true},
  };
  for (const Case& each : cases) {
    Conversation request;
    request.messages.push_back({.parts = {{TextPart{"x", {}}}}});
    request.reasoning = each.wish;
    const Sent out = sent(request);
    EXPECT_EQ(out.body.value("think", Json()), each.think) << each.think;
    EXPECT_EQ(!out.losses.changed().empty(), each.changes) << each.think;
  }
}

TEST(OllamaEncode, OffersOnlyWhatMayBeCalled) {
  Conversation request;
  request.messages.push_back({.parts = {{TextPart{"x", {}}}}});
  request.tools = {{.name = "a"}, {.name = "b"}};
  request.tool_choice = {.mode = ToolChoice::Mode::Auto, .allowed = {"b"}};
  Sent out = sent(request);
  ASSERT_EQ(out.body.at("tools").size(), 1U);
  EXPECT_EQ(out.body.at("tools")[0].at("function").at("name"), "b");
  EXPECT_EQ(changed(out.losses), std::vector<std::string>{"allowed_tools"});
  EXPECT_TRUE(out.losses.dropped().empty());
  request.tool_choice = {.mode = ToolChoice::Mode::None};
  out = sent(request);
  EXPECT_FALSE(out.body.contains("tools"));
  EXPECT_EQ(changed(out.losses), std::vector<std::string>{"tool_choice"});
  EXPECT_TRUE(out.losses.dropped().empty());
}

TEST(OllamaEncode, GenerateTakesOneQuestion) {
  Conversation request;
  request.messages = {{.role = Role::System, .parts = {{TextPart{"s", {}}}}},
                      {.role = Role::User, .parts = {{TextPart{"x", {}}}}}};
  const auto good = ollama_generate().encode_request(request, {.upstream_model = "m"});
  ASSERT_TRUE(good);
  EXPECT_EQ(Json::parse(good->body),
            Json::parse(R"({"model":"m","system":"s","prompt":"x","stream":false,"options":{}})"));
  request.messages.push_back({.role = Role::Assistant, .parts = {{TextPart{"y", {}}}}});
  EXPECT_FALSE(ollama_generate().encode_request(request, {.upstream_model = "m"}));
}

// What a client says comes to a provider of the same dialect unchanged.
TEST(OllamaRecordings, RequestsPassThroughBothCodecs) {
  const auto recordings = test::recordings_of("ollama-chat");
  if (recordings.empty()) {
    GTEST_SKIP() << "no fixtures";
  }
  for (const auto& recording : recordings) {
    const Conversation request = decoded_chat(recording.request.dump());
    const Sent out = sent(request, {.upstream_model = request.model, .stream = request.stream});
    EXPECT_TRUE(out.losses.empty()) << recording.id << Json(out.losses.dropped());
    const Conversation again = decoded_chat(out.body.dump());
    EXPECT_EQ(again, request) << recording.id;
    Json asked = recording.request;
    EXPECT_EQ(asked.value("stream", true), out.body.at("stream")) << recording.id;
    EXPECT_EQ(asked.value("think", Json()), out.body.value("think", Json())) << recording.id;
    EXPECT_EQ(asked.value("options", Json::object()), out.body.at("options")) << recording.id;
    if (asked.contains("format") && asked.at("format") != "") {
      EXPECT_EQ(asked.at("format"), out.body.at("format")) << recording.id;
    }
  }
}

}  // namespace
}  // namespace waybill::dialects
