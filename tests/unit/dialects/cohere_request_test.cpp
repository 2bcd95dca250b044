// Cohere's chat: requests to it.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;
using Mode = ToolChoice::Mode;

const Dialect& cohere_chat() {
  return *find_dialect("cohere_chat");
}

struct CohereSent {
  Json body;
  Losses losses;
};
CohereSent to_cohere(const Conversation& conversation,
                     EncodeTarget target = {.upstream_model = "m"}) {
  const auto found = cohere_chat().encode_request(conversation, target);
  EXPECT_TRUE(found);
  return found ? CohereSent{Json::parse(found->body), found->losses} : CohereSent{};
}

Conversation question(std::string text = "x") {
  Conversation request;
  request.messages.push_back({.parts = {{TextPart{std::move(text), {}}}}});
  return request;
}

std::vector<std::string> changes(const Losses& losses) {
  std::vector<std::string> out;
  for (const auto& change : losses.changed()) {
    out.push_back(change.member + ": " + change.what);
  }
  return out;
}

TEST(CohereEncode, SaysAllItCan) {
  Conversation request = question("u");
  request.messages.insert(request.messages.begin(),
                          {.role = Role::Developer, .parts = {{TextPart{"s", {}}}}});
  request.messages.back().parts.push_back(
      {MediaPart{.media_type = "image/png", .data = "AAAA", .detail = "low"}});
  request.messages.back().parts.push_back(
      {MediaPart{.source = MediaPart::Source::Url, .data = "https://h/i.png"}});
  request.messages.push_back({.role = Role::Assistant,
                              .parts = {{ReasoningPart{.text = "plan", .id = "tool_plan"}},
                                        {ReasoningPart{.text = "thought"}},
                                        {TextPart{"said", {}}},
                                        {ToolCallPart{"c1", "f", "{\"a\": 1}"}}}});
  request.messages.push_back(
      {.role = Role::Tool, .parts = {{ToolResultPart{"c1", "", {{TextPart{"r", {}}}}}}}});
  request.tools = {
      {.name = "f", .description = "d", .schema_json = "{\"type\": \"object\"}", .strict = true},
      {.name = "g"}};
  request.tool_choice.mode = Mode::Required;
  request.max_output_tokens = 10'000;
  request.reasoning.effort = Effort::Medium;
  request.format = {.kind = ResponseFormat::Kind::JsonSchema,
                    .schema_json = "{\"type\":\"object\"}"};
  Sampling& sampling = request.sampling;
  sampling.temperature = 0.5;
  sampling.top_p = 0.9;
  sampling.top_k = 40;
  sampling.seed = 7;
  sampling.frequency_penalty = 0.25;
  sampling.presence_penalty = 0.5;
  sampling.stop = {"z"};
  sampling.logprobs = true;
  const CohereSent out = to_cohere(request, {.upstream_model = "up", .stream = true});
  EXPECT_EQ(out.body, Json::parse(R"({"model":"up","stream":true,"messages":[
    {"role":"system","content":"s"},
    {"role":"user","content":[{"type":"text","text":"u"},
      {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},
      {"type":"image_url","image_url":{"url":"https://h/i.png"}}]},
    {"role":"assistant","content":[{"type":"thinking","thinking":"thought"},
      {"type":"text","text":"said"}],"tool_plan":"plan",
      "tool_calls":[{"id":"c1","type":"function",
                     "function":{"name":"f","arguments":"{\"a\": 1}"}}]},
    {"role":"tool","tool_call_id":"c1","content":"r"}],
    "tools":[{"type":"function","function":{"name":"f","description":"d",
                                            "parameters":{"type":"object"}}},
             {"type":"function","function":{"name":"g",
                                            "parameters":{"type":"object","properties":{}}}}],
    "strict_tools":true,"tool_choice":"REQUIRED",
    "response_format":{"type":"json_object","json_schema":{"type":"object"}},
    "thinking":{"type":"enabled","token_budget":5000},"max_tokens":10000,
    "temperature":0.5,"p":0.9,"frequency_penalty":0.25,"presence_penalty":0.5,"k":40,
    "seed":7,"stop_sequences":["z"],"logprobs":true})"));
  EXPECT_TRUE(out.losses.dropped().empty());
  EXPECT_EQ(changes(out.losses),
            std::vector<std::string>{"strict_tools: all tools became strict, because some are: "
                                     "Cohere knows no single ones"});
}

TEST(CohereEncode, ClampsAndSaysSo) {
  Conversation request = question();
  request.sampling.temperature = 1.5;
  request.sampling.top_p = 1;
  request.sampling.frequency_penalty = -1;
  request.sampling.presence_penalty = 2;
  request.sampling.top_k = 501;
  request.sampling.stop = {"1", "2", "3", "4", "5", "6"};
  request.sampling.seed = -1;
  const CohereSent out = to_cohere(request);
  EXPECT_EQ(out.body.at("temperature"), 1);
  EXPECT_EQ(out.body.at("p"), 0.99);
  EXPECT_EQ(out.body.at("frequency_penalty"), 0);
  EXPECT_EQ(out.body.at("presence_penalty"), 1);
  EXPECT_EQ(out.body.at("k"), 500);
  EXPECT_EQ(out.body.at("stop_sequences").size(), 5U);
  EXPECT_FALSE(out.body.contains("seed"));
  EXPECT_EQ(
      changes(out.losses),
      (std::vector<std::string>{
          "temperature: 1.5 was lowered to 1", "top_p: 1 was lowered to 0.99",
          "frequency_penalty: -1 was raised to 0", "presence_penalty: 2 was lowered to 1",
          "top_k: 501 was lowered to 500", "stop: only the first 5 stop sequences were sent"}));
  EXPECT_EQ(out.losses.dropped(), std::vector<std::string>{"seed"});
}

TEST(CohereEncode, ChoosesTools) {
  struct Case {
    ToolChoice choice;
    Json word;
    std::size_t tools;
    std::size_t changed;
  };
  for (const Case& each :
       std::vector<Case>{{{}, nullptr, 2, 0},
                         {{.mode = Mode::Auto}, nullptr, 2, 0},
                         {{.mode = Mode::None}, "NONE", 2, 0},
                         {{.mode = Mode::Required}, "REQUIRED", 2, 0},
                         {{.mode = Mode::Named, .name = "g"}, "REQUIRED", 1, 1},
                         {{.mode = Mode::Auto, .allowed = {"f"}}, nullptr, 1, 1},
                         {{.mode = Mode::Required, .allowed = {"f"}}, "REQUIRED", 1, 1}}) {
    Conversation request = question();
    request.tools = {{.name = "f"}, {.name = "g"}};
    request.tool_choice = each.choice;
    const CohereSent out = to_cohere(request);
    EXPECT_EQ(out.body.value("tool_choice", Json()), each.word);
    EXPECT_EQ(out.body.at("tools").size(), each.tools);
    EXPECT_EQ(out.losses.changed().size(), each.changed);
    EXPECT_TRUE(out.losses.dropped().empty());
  }
}

TEST(CohereEncode, ThinksAsMuchAsAsked) {
  struct Case {
    ReasoningWish wish;
    Json thinking;
  };
  for (const Case& each : std::vector<Case>{
           {{}, nullptr},
           {{.enabled = true}, {{"type", "enabled"}}},
           {{.enabled = false}, {{"type", "disabled"}}},
           {{.effort = Effort::None}, {{"type", "disabled"}}},
           {{.effort = Effort::High}, {{"type", "enabled"}, {"token_budget", 25'600}}},
           {{.budget = 77}, {{"type", "enabled"}, {"token_budget", 77}}}}) {
    Conversation request = question();
    request.reasoning = each.wish;
    const CohereSent out = to_cohere(request);
    EXPECT_EQ(out.body.value("thinking", Json()), each.thinking);
    EXPECT_TRUE(out.losses.empty());
  }
}

TEST(CohereEncode, NamesWhatItLeavesOut) {
  Conversation request = question();
  request.sampling.min_p = 0.1;
  request.sampling.choices = 2;
  request.user = "u";
  request.unknown = {"safety", "x[0].y"};
  request.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{ReasoningPart{.kind = ReasoningPart::Kind::Encrypted, .data = "x"}}}});
  const CohereSent out = to_cohere(request, {.upstream_model = "m", .output_cap = 9});
  EXPECT_EQ(out.losses.dropped(),
            (std::vector<std::string>{"min_p", std::string(name(Feature::Choices)),
                                      std::string(name(Feature::User)), "safety", "x[0].y",
                                      std::string(name(Feature::ReasoningReplay))}));
  EXPECT_EQ(out.body.at("max_tokens"), 9);
}

TEST(CohereAnswer, PlansAreThoughtsThatGoBackAsPlans) {
  const std::string body = R"({"id":"i","finish_reason":"TOOL_CALL","message":{
    "tool_plan":"first this","tool_calls":[{"id":"c","type":"function",
    "function":{"name":"f","arguments":"{}"}}]}})";
  std::optional<UpstreamFault> fault;
  const auto answer = cohere_chat().decode_response(body, {}, fault);
  ASSERT_TRUE(answer);
  Conversation request = question();
  request.messages.push_back({.role = Role::Assistant, .parts = answer->choices[0].parts});
  const CohereSent out = to_cohere(request);
  EXPECT_EQ(out.body.at("messages")[1].at("tool_plan"), "first this");
  EXPECT_FALSE(out.body.at("messages")[1].contains("content"));
}

}  // namespace
}  // namespace waybill::dialects
