// Requests towards Bedrock's Converse.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "bedrock_converse/request_parts.hpp"
#include "codec_facts.hpp"
#include "fixtures.hpp"

namespace waybill::dialects::test {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kClaude = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
constexpr std::string_view kNova = "us.amazon.nova-2-lite-v1:0";

const Dialect& converse() {
  return *find_dialect("bedrock_converse");
}

Conversation decode(std::string_view dialect, std::string_view body) {
  auto conversation = find_dialect(dialect)->decode_request(body);
  EXPECT_TRUE(conversation.has_value()) << body;
  return conversation ? *std::move(conversation) : Conversation();
}

Conversation chat(std::string_view body) {
  return decode("openai_chat", body);
}

struct Encoded {
  Json body;
  std::string text;
  Losses losses;
};

Encoded encode(const Conversation& conversation,
               EncodeTarget target = {.upstream_model = kClaude}) {
  auto encoded = converse().encode_request(conversation, target);
  if (!encoded) {
    ADD_FAILURE() << encoded.error().detail();
    return {};
  }
  return {Json::parse(encoded->body), encoded->body, encoded->losses};
}

// Of what was changed, by its member.
std::string change_of(const Encoded& encoded, std::string_view member) {
  for (const auto& change : encoded.losses.changed()) {
    if (change.member == member) {
      return change.what;
    }
  }
  return "";
}

// A conversation of one question.
Conversation question() {
  return {.messages = {{.role = Role::User, .parts = {{TextPart{"Hi", {}}}}}}};
}

TEST(BedrockRequest, SaysWhatWasAsked) {
  const Encoded encoded = encode(chat(R"({
    "model": "m", "max_tokens": 100, "temperature": 0.5, "top_p": 0.9, "stop": ["END", "STOP"],
    "messages": [
      {"role": "system", "content": "Be brief."},
      {"role": "user", "content": [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]},
      {"role": "assistant", "content": "Let me look.", "tool_calls": [
        {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{\"x\":1.0}"}},
        {"id": "functions.look:2", "type": "function", "function": {"name": "look", "arguments": ""}}]},
      {"role": "tool", "tool_call_id": "call_1", "content": "a cat"},
      {"role": "tool", "tool_call_id": "functions.look:2", "content": "a dog"},
      {"role": "user", "content": "So?"}],
    "tools": [{"type": "function", "function": {"name": "look", "description": "Looks",
               "strict": true, "parameters": {"type": "object", "properties": {"x": {"type": "number"}}}}}],
    "tool_choice": "required",
    "response_format": {"type": "json_schema", "json_schema": {"name": "animal", "strict": true,
        "description": "An animal", "schema": {"type":  "object"}}}
  })"));
  const std::string second = bedrock::tool_use_id("functions.look:2");
  const Json wanted{
      {"system", {{{"text", "Be brief."}}}},
      {"messages",
       {{{"role", "user"},
         {"content",
          {{{"text", "What is this?"}},
           {{"image", {{"format", "png"}, {"source", {{"bytes", "iVBORw0KGgo="}}}}}}}}},
        {{"role", "assistant"},
         {"content",
          {{{"text", "Let me look."}},
           {{"toolUse", {{"toolUseId", "call_1"}, {"name", "look"}, {"input", {{"x", 1.0}}}}}},
           {{"toolUse", {{"toolUseId", second}, {"name", "look"}, {"input", Json::object()}}}}}}},
        {{"role", "user"},
         {"content",
          {{{"toolResult", {{"toolUseId", "call_1"}, {"content", {{{"text", "a cat"}}}}}}},
           {{"toolResult", {{"toolUseId", second}, {"content", {{{"text", "a dog"}}}}}}},
           {{"text", "So?"}}}}}}},
      {"inferenceConfig",
       {{"maxTokens", 100},
        {"temperature", 0.5},
        {"topP", 0.9},
        {"stopSequences", {"END", "STOP"}}}},
      {"toolConfig",
       {{"tools",
         {{{"toolSpec",
            {{"name", "look"},
             {"description", "Looks"},
             {"strict", true},
             {"inputSchema",
              {{"json", {{"type", "object"}, {"properties", {{"x", {{"type", "number"}}}}}}}}}}}}}},
        {"toolChoice", {{"any", Json::object()}}}}},
      {"outputConfig",
       {{"textFormat",
         {{"type", "json_schema"},
          {"structure",
           {{"jsonSchema",
             {{"schema", R"({"type":  "object"})"},
              {"name", "animal"},
              {"description", "An animal"}}}}}}}}},
      {"additionalModelResponseFieldPaths", {"/stop_sequence", "/delta/stop_sequence"}}};
  EXPECT_EQ(encoded.body, wanted);
  EXPECT_TRUE(encoded.losses.empty());
  EXPECT_NE(encoded.text.find(R"({"x":1.0})"), std::string::npos);  // as it was written
}

TEST(BedrockRequest, TakesTheLimitThatHolds) {
  const auto limit = [](std::optional<std::uint64_t> asked, std::optional<std::uint64_t> cap) {
    Conversation conversation = question();
    conversation.max_output_tokens = asked;
    return encode(conversation,
                  {.upstream_model = kClaude, .max_output = 64'000, .output_cap = cap})
        .body.at("inferenceConfig")
        .value("maxTokens", 0);
  };
  EXPECT_EQ(limit(std::nullopt, std::nullopt), 0);  // the model's own
  EXPECT_EQ(limit(50, std::nullopt), 50);
  EXPECT_EQ(limit(50, 20), 20);
  EXPECT_EQ(limit(20, 50), 20);
  EXPECT_EQ(limit(std::nullopt, 20), 20);
}

TEST(BedrockRequest, ReportsWhatItHasNoPlaceFor) {
  const Encoded encoded = encode(chat(R"({"model":"m","messages":[{"role":"user","content":"Hi"}],
    "seed":7,"frequency_penalty":0.5,"logit_bias":{"1":2},"parallel_tool_calls":false,"user":"u",
    "temperature":1.5,"prompt_cache_key":"k","n":1})"));
  EXPECT_EQ(encoded.losses.dropped(),
            (std::vector<std::string>{"parallel_tool_calls", "frequency_penalty", "seed",
                                      "logit_bias", "prompt_cache_key", "user"}));
  EXPECT_EQ(change_of(encoded, "temperature"), "was lowered to 1, the provider's most");
  EXPECT_EQ(encoded.body.at("inferenceConfig"), Json({{"temperature", 1.0}}));
  Conversation unknown = question();
  unknown.unknown = {"a", "messages[0].b"};
  unknown.parallel_tool_calls = true;  // which is how it is
  EXPECT_EQ(encode(unknown).losses.dropped(), unknown.unknown);
}

TEST(BedrockRequest, MovesInstructionsToTheBegin) {
  Conversation conversation = question();
  conversation.messages.push_back({.role = Role::Developer, .parts = {{TextPart{"Be kind", {}}}}});
  const Encoded encoded = encode(conversation);
  EXPECT_EQ(encoded.body.at("system"), Json::parse(R"([{"text":"Be kind"}])"));
  EXPECT_FALSE(change_of(encoded, "messages").empty());
}

TEST(BedrockRequest, NeedsAMessage) {
  for (const Role role : {Role::System, Role::User}) {
    Conversation conversation{.messages = {{.role = role, .parts = {{TextPart{" \n", {}}}}}}};
    const auto encoded = converse().encode_request(conversation, {.upstream_model = kClaude});
    ASSERT_FALSE(encoded.has_value());
    EXPECT_EQ(encoded.error().kind(), ErrorKind::InvalidRequest);
  }
}

TEST(BedrockRequest, LeavesOutBlankText) {
  Conversation conversation = question();
  conversation.messages.front().parts.push_back({TextPart{" \n\t", {}}});
  conversation.messages.push_back({.role = Role::Assistant, .parts = {{TextPart{"", {}}}}});
  conversation.messages.push_back({.role = Role::User, .parts = {{TextPart{"there?", {}}}}});
  conversation.messages.push_back({.role = Role::Assistant, .parts = {{TextPart{"Yes, \n", {}}}}});
  EXPECT_EQ(encode(conversation).body.at("messages"),
            Json::parse(R"([{"role":"user","content":[{"text":"Hi"},{"text":"there?"}]},
                            {"role":"assistant","content":[{"text":"Yes,"}]}])"));
}

TEST(BedrockRequest, ResultsOfToolsMayBeEmptyFailedOrMedia) {
  Conversation conversation = question();
  conversation.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{ToolCallPart{.id = "a", .name = "f", .arguments = "["}}}});
  const Part image{MediaPart{.media_type = "image/webp", .data = "UklGRg=="}};
  const Part url{MediaPart{.source = MediaPart::Source::Url, .data = "https://h.org/a.png"}};
  conversation.messages.push_back(
      {.role = Role::Tool,
       .parts = {
           {ToolResultPart{"a", "", {{TextPart{"x", {}}, CacheMark::OneHour}, image, url}, true}},
           {ToolResultPart{"b", "", {{TextPart{" ", {}}}}, false}}}});
  const Encoded encoded = encode(conversation);
  EXPECT_EQ(encoded.body.at("messages").at(1).at("content"), Json::parse(R"([
      {"toolUse":{"toolUseId":"a","name":"f","input":{"raw_arguments":"["}}}])"));
  EXPECT_EQ(encoded.body.at("messages").at(2).at("content"), Json::parse(R"x([
      {"toolResult":{"toolUseId":"a","status":"error","content":[{"text":"x"},
          {"image":{"format":"webp","source":{"bytes":"UklGRg=="}}}]}},
      {"cachePoint":{"type":"default","ttl":"1h"}},
      {"toolResult":{"toolUseId":"b","content":[{"text":"(no output)"}]}}])x"));
  EXPECT_EQ(encoded.losses.dropped(), (std::vector<std::string>{"tool_result_media"}));
  EXPECT_FALSE(change_of(encoded, "messages").empty());
}

TEST(BedrockRequest, ConversationsWithCallsAlwaysNameTools) {
  Conversation conversation = question();
  conversation.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{ToolCallPart{.id = "a", .name = "f", .arguments = "{}"}}}});
  conversation.messages.push_back(
      {.role = Role::Tool, .parts = {{ToolResultPart{"a", "f", {{TextPart{"x", {}}}}, false}}}});
  const Encoded none = encode(conversation);
  EXPECT_EQ(none.body.at("toolConfig"), Json::parse(R"({"tools":[{"toolSpec":{"name":"f",
      "inputSchema":{"json":{"type":"object","properties":{}}}}}]})"));
  EXPECT_FALSE(change_of(none, "tools").empty());
  conversation.tools = {{.name = "g"}};
  conversation.tool_choice.mode = ToolChoice::Mode::None;
  const Encoded withheld = encode(conversation);
  EXPECT_EQ(withheld.body.at("toolConfig").at("tools").at(0).at("toolSpec").at("name"), "g");
  EXPECT_FALSE(withheld.body.at("toolConfig").contains("toolChoice"));
  EXPECT_FALSE(change_of(withheld, "tool_choice").empty());
}

TEST(BedrockRequest, ChoosesTools) {
  using Mode = ToolChoice::Mode;
  Conversation conversation = question();
  conversation.tools = {{.name = "f", .description = " "}};
  const auto config = [&](ToolChoice choice) {
    conversation.tool_choice = std::move(choice);
    const Encoded encoded = encode(conversation);
    EXPECT_TRUE(encoded.losses.empty());
    return encoded.body.value("toolConfig", Json());
  };
  const Json tools = Json::parse(
      R"([{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}}])");
  EXPECT_EQ(config({}), Json({{"tools", tools}}));
  EXPECT_EQ(config({.mode = Mode::Auto}), Json({{"tools", tools}}));
  EXPECT_EQ(config({.mode = Mode::None}), Json());  // none are offered
  EXPECT_EQ(config({.mode = Mode::Required}),
            Json({{"tools", tools}, {"toolChoice", {{"any", Json::object()}}}}));
  EXPECT_EQ(config({.mode = Mode::Named, .name = "f"}),
            Json({{"tools", tools}, {"toolChoice", {{"tool", {{"name", "f"}}}}}}));
}

TEST(BedrockRequest, SendsThoughtsBack) {
  using Kind = ReasoningPart::Kind;
  Conversation conversation = question();
  const std::string claude = "anthropic-claude-v1";
  conversation.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{ReasoningPart{.text = "hm", .signature = "sig", .format = claude}},
                 {ReasoningPart{.kind = Kind::Encrypted, .data = "EqQCKg==", .format = claude}},
                 {ReasoningPart{.kind = Kind::Encrypted, .data = "AAEC/w=="}},
                 {ReasoningPart{.text = "not signed"}},
                 {ReasoningPart{.text = "x", .signature = "y", .format = "google-gemini-v1"}},
                 {TextPart{"Ah", {}}}}});
  const Encoded encoded = encode(conversation);
  EXPECT_EQ(encoded.body.at("messages").at(1).at("content"), Json::parse(R"([
      {"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig"}}},
      {"reasoningContent":{"redactedContent":"RXFRQ0tnPT0="}},
      {"reasoningContent":{"redactedContent":"AAEC/w=="}},
      {"text":"Ah"}])"));
  EXPECT_EQ(encoded.losses.dropped(), (std::vector<std::string>{"reasoning_details"}));
}

TEST(BedrockRequest, SendsItsOwnAnswersBack) {
  const std::string blocks =
      R"([{"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig"}}},)"
      R"({"citationsContent":{"content":[{"text":"It is"}],"citations":[{"title":"t",)"
      R"("location":{"documentPage":{"documentIndex":0,"start":1,"end":2}}}]}},)"
      R"({"toolUse":{"toolUseId":"s","name":"n","type":"server_tool_use","input":{"q":1}}},)"
      R"({"toolResult":{"toolUseId":"s","content":[{"json":{"x":1}}]}},)"
      R"({"text":"so"},{"toolUse":{"toolUseId":"t","name":"f","input":{"a":[1.0,2]}}}])";
  std::optional<UpstreamFault> fault;
  auto answer = converse().decode_response(
      R"({"output":{"message":{"content":)" + blocks + R"(}},"stopReason":"tool_use"})", {}, fault);
  ASSERT_TRUE(answer.has_value());
  Conversation conversation = question();
  conversation.messages.push_back({.role = Role::Assistant, .parts = answer->choices.at(0).parts});
  conversation.tools = {{.name = "f"}};
  const Encoded encoded = encode(conversation);
  EXPECT_EQ(encoded.body.at("messages").at(1).at("content"), Json::parse(blocks));
  EXPECT_TRUE(encoded.losses.empty());
}

struct ThinkingCase {
  std::string name;
  ReasoningWish wish;
  EncodeTarget target;
  std::string fields;  // additionalModelRequestFields
  std::optional<std::uint64_t> limit;
  std::optional<std::uint64_t> max_tokens{};  // that are sent
  bool changed = false;
};

const std::vector<ThinkingCase> kThinking{
    {"nothing_said", {}, {.upstream_model = kClaude}, "null", 4'096, 4'096},
    {"effort",
     {.effort = Effort::Medium},
     {.upstream_model = kClaude},
     R"({"thinking":{"type":"enabled","budget_tokens":2048}})",
     4'096,
     4'096},
    {"on",
     {.enabled = true},
     {.upstream_model = kClaude},
     R"({"thinking":{"type":"enabled","budget_tokens":2048}})",
     4'096,
     4'096},
    {"budget",
     {.budget = 3'000},
     {.upstream_model = kClaude},
     R"({"thinking":{"type":"enabled","budget_tokens":3000}})",
     4'096,
     4'096},
    {"small_budget",
     {.budget = 5},
     {.upstream_model = kClaude},
     R"({"thinking":{"type":"enabled","budget_tokens":1024}})",
     4'096,
     4'096},
    {"budget_beyond_the_limit",
     {.budget = 9'000},
     {.upstream_model = kClaude},
     R"({"thinking":{"type":"enabled","budget_tokens":3892}})",
     4'096,
     4'096,
     true},
    {"budget_without_a_limit",
     {.budget = 9'000},
     {.upstream_model = kClaude},
     R"({"thinking":{"type":"enabled","budget_tokens":9000}})",
     std::nullopt,
     13'096},
    {"effort_without_a_limit",
     {.effort = Effort::High},
     {.upstream_model = kClaude, .max_output = 64'000},
     R"({"thinking":{"type":"enabled","budget_tokens":51200}})",
     std::nullopt,
     64'000},
    {"no_room", {.effort = Effort::High}, {.upstream_model = kClaude}, "null", 1'024, 1'024, true},
    {"no_room_in_the_model",
     {.effort = Effort::High},
     {.upstream_model = kClaude, .max_output = 1'000},
     "null",
     std::nullopt,
     1'000,
     true},
    {"off",
     {.effort = Effort::None},
     {.upstream_model = kClaude},
     R"({"thinking":{"type":"disabled"}})",
     std::nullopt},
    {"adaptive",
     {.effort = Effort::XHigh},
     {.upstream_model = kClaude, .adaptive_reasoning = true},
     R"({"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"xhigh"}})",
     std::nullopt},
    {"adaptive_hidden",
     {.enabled = true, .exclude = true},
     {.upstream_model = kClaude, .adaptive_reasoning = true},
     R"({"thinking":{"type":"adaptive","display":"omitted"}})",
     std::nullopt},
    {"adaptive_by_budget",
     {.budget = 8'000},
     {.upstream_model = kClaude, .adaptive_reasoning = true},
     R"({"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"high"}})",
     10'000,
     10'000},
    {"a_profile_names_no_maker",
     {.effort = Effort::Medium},
     {.upstream_model = "arn:aws:bedrock:us-east-1:1:application-inference-profile/abc"},
     R"({"thinking":{"type":"enabled","budget_tokens":2048}})",
     4'096,
     4'096},
    {"nova",
     {.effort = Effort::Minimal},
     {.upstream_model = kNova},
     R"({"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}})",
     100,
     100},
    {"nova_high",
     {.effort = Effort::Max},
     {.upstream_model = kNova},
     R"({"reasoningConfig":{"type":"enabled","maxReasoningEffort":"high"}})",
     std::nullopt},
    {"nova_high_with_a_limit",
     {.effort = Effort::Max},
     {.upstream_model = kNova},
     R"({"reasoningConfig":{"type":"enabled","maxReasoningEffort":"medium"}})",
     100,
     100,
     true},
    {"nova_off", {.effort = Effort::None}, {.upstream_model = kNova}, "null", std::nullopt},
    {"gpt_oss",
     {.effort = Effort::High},
     {.upstream_model = "openai.gpt-oss-120b-1:0"},
     R"({"reasoning_effort":"high"})",
     std::nullopt},
    {"gpt_oss_off",
     {.enabled = false},
     {.upstream_model = "openai.gpt-oss-120b-1:0"},
     R"({"reasoning_effort":"low"})",
     std::nullopt,
     std::nullopt,
     true},
    {"openai",
     {.effort = Effort::Low},
     {.upstream_model = "us.openai.gpt-5.6"},
     R"({"reasoning":{"effort":"low"}})",
     std::nullopt},
};

TEST(BedrockRequest, AsksForThinkingInTheMakersWords) {
  for (const ThinkingCase& each : kThinking) {
    SCOPED_TRACE(each.name);
    Conversation conversation = question();
    conversation.reasoning = each.wish;
    conversation.max_output_tokens = each.limit;
    const Encoded encoded = encode(conversation, each.target);
    EXPECT_EQ(encoded.body.value("additionalModelRequestFields", Json()), Json::parse(each.fields));
    const Json config = encoded.body.at("inferenceConfig");
    EXPECT_EQ(config.value("maxTokens", 0U), each.max_tokens.value_or(0));
    EXPECT_EQ(!change_of(encoded, "reasoning").empty(), each.changed);
    EXPECT_TRUE(encoded.losses.dropped().empty());
  }
}

TEST(BedrockRequest, ThinkingHasItsConditions) {
  Conversation conversation = question();
  conversation.max_output_tokens = 4'096;
  conversation.reasoning.effort = Effort::Medium;
  conversation.sampling = {.temperature = 0.5, .top_p = 0.5, .top_k = 5};
  const Encoded sampling = encode(conversation);
  EXPECT_EQ(sampling.body.at("inferenceConfig"), Json({{"maxTokens", 4'096}}));
  for (const std::string_view member : {"temperature", "top_p", "top_k"}) {
    EXPECT_FALSE(change_of(sampling, member).empty()) << member;
  }
  conversation.sampling = {.temperature = 1, .top_p = 0.95};
  EXPECT_TRUE(encode(conversation).losses.empty());
  conversation.tools = {{.name = "f"}};
  conversation.tool_choice.mode = ToolChoice::Mode::Required;
  const Encoded forced = encode(conversation);
  EXPECT_FALSE(forced.body.contains("additionalModelRequestFields"));
  EXPECT_FALSE(change_of(forced, "reasoning").empty());
  conversation.tool_choice = {};
  conversation.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{ToolCallPart{.id = "a", .name = "f", .arguments = "{}"}}}});
  conversation.messages.push_back(
      {.role = Role::Tool, .parts = {{ToolResultPart{"a", "f", {{TextPart{"x", {}}}}, false}}}});
  EXPECT_FALSE(change_of(encode(conversation), "reasoning").empty());
  auto& parts = conversation.messages[1].parts;
  parts.insert(parts.begin(), {ReasoningPart{.text = "hm", .signature = "sig"}});
  EXPECT_TRUE(encode(conversation).losses.empty());
  const Encoded other = encode(conversation, {.upstream_model = "minimax.minimax-m2"});
  EXPECT_EQ(other.losses.dropped(), (std::vector<std::string>{"reasoning"}));
}

TEST(BedrockRequest, NamesTopKAsTheMakerDoes) {
  const std::vector<std::pair<std::string_view, std::string>> cases{
      {kClaude, R"({"top_k":5})"},
      {kNova, R"({"inferenceConfig":{"topK":5}})"},
      {"mistral.mistral-large-3-675b-instruct", R"({"top_k":5})"},
      {"cohere.command-r-plus-v1:0", R"({"k":5})"},
      {"ai21.jamba-1-5-mini-v1:0", "null"},
  };
  for (const auto& [model, fields] : cases) {
    Conversation conversation = question();
    conversation.sampling.top_k = 5;
    const Encoded encoded = encode(conversation, {.upstream_model = model});
    EXPECT_EQ(encoded.body.value("additionalModelRequestFields", Json()), Json::parse(fields))
        << model;
    EXPECT_EQ(encoded.losses.dropped().empty(), fields != "null") << model;
  }
}

TEST(BedrockRequest, SetsBreakpoints) {
  const std::string body = R"({"model":"m","max_tokens":10,
    "tools":[{"name":"f","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral"}}],
    "system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],
    "messages":[{"role":"user","content":[
      {"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"5m"}},
      {"type":"text","text":"b"}]}],
    "cache_control":{"type":"ephemeral"}})";
  const auto point = [](const char* ttl) {
    Json out{{"cachePoint", {{"type", "default"}}}};
    if (*ttl != '\0') {
      out["cachePoint"]["ttl"] = ttl;
    }
    return out;
  };
  const Conversation conversation = decode("anthropic_messages", body);
  const Encoded claude = encode(conversation);
  EXPECT_EQ(claude.body.at("toolConfig").at("tools").at(1), point(""));
  EXPECT_EQ(claude.body.at("system"), Json({{{"text", "s"}}, point("1h")}));
  EXPECT_EQ(claude.body.at("messages").at(0).at("content"),
            Json({{{"text", "a"}}, point("5m"), {{"text", "b"}}, point("")}));
  EXPECT_TRUE(claude.losses.empty());
  const Encoded nova = encode(conversation, {.upstream_model = kNova});
  EXPECT_EQ(nova.body.at("toolConfig").at("tools").size(), 1U);
  EXPECT_FALSE(change_of(nova, "cache_control").empty());
  EXPECT_EQ(nova.body.at("system").size(), 2U);
  const Encoded other = encode(conversation, {.upstream_model = "minimax.minimax-m2"});
  EXPECT_EQ(other.text.find("cachePoint"), std::string::npos);
  EXPECT_EQ(other.losses.dropped(), (std::vector<std::string>{"cache_control"}));
}

TEST(BedrockRequest, KeepsTheLastFourBreakpoints) {
  Conversation conversation = question();
  conversation.messages.front().parts.clear();
  for (char c = 'a'; c <= 'f'; ++c) {
    conversation.messages.front().parts.push_back(
        {TextPart{std::string(1, c), {}}, CacheMark::Default});
  }
  conversation.cache = CacheMark::Default;  // the last part has one already
  const Encoded encoded = encode(conversation);
  const Json content = encoded.body.at("messages").at(0).at("content");
  std::string order;
  for (const Json& each : content) {
    order += each.value("text", "|");
  }
  EXPECT_EQ(order, "abc|d|e|f|");
  EXPECT_FALSE(change_of(encoded, "cache_control").empty());
}

TEST(BedrockRequest, SendsMediaByTheirFormats) {
  using Kind = MediaPart::Kind;
  using Source = MediaPart::Source;
  struct Case {
    MediaPart media;
    std::string block;
  };
  const std::vector<Case> cases{
      {{.media_type = "image/jpeg", .data = "/9j/"},
       R"({"image":{"format":"jpeg","source":{"bytes":"/9j/"}}})"},
      {{.media_type = "IMAGE/JPG; q=1", .data = "x"},
       R"({"image":{"format":"jpeg","source":{"bytes":"x"}}})"},
      {{.data = "R0lGODlh"}, R"({"image":{"format":"gif","source":{"bytes":"R0lGODlh"}}})"},
      {{.kind = Kind::Video, .media_type = "video/quicktime", .data = "x"},
       R"({"video":{"format":"mov","source":{"bytes":"x"}}})"},
      {{.kind = Kind::Video, .data = "x", .name = "a.b.MKV"},
       R"({"video":{"format":"mkv","source":{"bytes":"x"}}})"},
      {{.kind = Kind::Audio, .media_type = "audio/wav", .data = "x"},
       R"({"audio":{"format":"wav","source":{"bytes":"x"}}})"},
      {{.kind = Kind::File, .media_type = "application/pdf", .data = "x", .name = "a  b_c.v2.pdf"},
       R"({"document":{"format":"pdf","name":"a b-c-v2","source":{"bytes":"x"}}})"},
      {{.kind = Kind::File, .data = "JVBERi0x"},
       R"({"document":{"format":"pdf","name":"document","source":{"bytes":"JVBERi0x"}}})"},
      {{.kind = Kind::File,
        .source = Source::Text,
        .media_type = "text/plain",
        .data = "abc",
        .name = "notes [1] (é)"},
       R"x({"document":{"format":"txt","name":"notes [1] (--)","source":{"bytes":"YWJj"}}})x"},
      {{.kind = Kind::File, .media_type = "text/x-python", .data = "x", .name = "a.py"},
       R"({"document":{"format":"txt","name":"a-py","source":{"bytes":"x"}}})"},
      {{.kind = Kind::File,
        .media_type = "application/octet-stream",
        .data = "x",
        .name = "a.xlsx"},
       R"({"document":{"format":"xlsx","name":"a","source":{"bytes":"x"}}})"},
  };
  for (const Case& each : cases) {
    Conversation conversation = question();
    conversation.messages.front().parts.push_back({each.media});
    const Encoded encoded = encode(conversation);
    EXPECT_EQ(encoded.body.at("messages").at(0).at("content").at(1), Json::parse(each.block));
    EXPECT_TRUE(encoded.losses.empty());
  }
}

TEST(BedrockRequest, RefusesMediaThatItHasNoFormatFor) {
  using Kind = MediaPart::Kind;
  for (const MediaPart& media :
       {MediaPart{.media_type = "image/tiff", .data = "x"}, MediaPart{.data = "x"},
        MediaPart{.kind = Kind::Audio, .media_type = "audio/midi", .data = "x"},
        MediaPart{.kind = Kind::File, .media_type = "application/zip", .data = "x"},
        MediaPart{.source = MediaPart::Source::Url, .data = "https://h.org/a.png"}}) {
    Conversation conversation = question();
    conversation.messages.front().parts.push_back({media});
    const auto encoded = converse().encode_request(conversation, {.upstream_model = kClaude});
    ASSERT_FALSE(encoded.has_value());
    EXPECT_EQ(encoded.error().kind(), ErrorKind::InvalidRequest);
    EXPECT_NE(encoded.error().detail().find(media.media_type), std::string::npos);
  }
}

TEST(BedrockRequest, DocumentsHaveNamesOfTheirOwnAndTextBesideThem) {
  const Part file{MediaPart{
      .kind = MediaPart::Kind::File, .media_type = "text/csv", .data = "x", .name = "a.csv"}};
  Conversation conversation{.messages = {{.role = Role::User, .parts = {file, file, file}}}};
  const Encoded encoded = encode(conversation);
  const Json content = encoded.body.at("messages").at(0).at("content");
  ASSERT_EQ(content.size(), 4U);
  EXPECT_EQ(content.at(0).at("document").at("name"), "a");
  EXPECT_EQ(content.at(1).at("document").at("name"), "a (2)");
  EXPECT_EQ(content.at(2).at("document").at("name"), "a (3)");
  EXPECT_EQ(content.at(3).at("text"), "(see the document)");
  EXPECT_FALSE(change_of(encoded, "messages").empty());
}

TEST(BedrockRequest, AssistantsSpeakInWordsOnly) {
  Conversation conversation = question();
  conversation.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{MediaPart{.kind = MediaPart::Kind::Audio, .data = "x", .transcript = "Hello"}},
                 {MediaPart{.data = "x"}},
                 {RefusalPart{"No."}},
                 {NativePart{"anthropic_messages", R"({"type":"x"})", "x"}}}});
  const Encoded encoded = encode(conversation);
  EXPECT_EQ(encoded.body.at("messages").at(1).at("content"),
            Json::parse(R"([{"text":"Hello"},{"text":"No."}])"));
  EXPECT_EQ(encoded.losses.dropped(), (std::vector<std::string>{"images", "provider_content"}));
}

TEST(BedrockRequest, ToolIdsStayApart) {
  EXPECT_EQ(bedrock::tool_use_id("tooluse_k5WHQ-_1"), "tooluse_k5WHQ-_1");
  EXPECT_EQ(bedrock::tool_use_id(std::string(64, 'a')), std::string(64, 'a'));
  std::set<std::string> seen;
  for (const std::string& id :
       {std::string(), std::string("a.b"), std::string("a:b"), std::string("a_b"), std::string("é"),
        std::string(65, 'a'), std::string(66, 'a'), std::string(1'000, '|')}) {
    const std::string mapped = bedrock::tool_use_id(id);
    EXPECT_TRUE(seen.insert(mapped).second) << id;
    EXPECT_EQ(bedrock::tool_use_id(id), mapped);
    EXPECT_FALSE(mapped.empty());
    EXPECT_LE(mapped.size(), 64U);
    EXPECT_EQ(mapped.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789_-"),
              std::string::npos);
  }
}

TEST(BedrockRequest, SendsMetadataAndTier) {
  Conversation conversation = question();
  conversation.metadata = {{"team", "a b"}, {"bad|key", "x"}, {"k", "né"}};
  conversation.service_tier = "flex";
  const Encoded encoded = encode(conversation);
  EXPECT_EQ(encoded.body.at("requestMetadata"), Json({{"team", "a b"}}));
  EXPECT_EQ(encoded.body.at("serviceTier"), Json({{"type", "flex"}}));
  EXPECT_FALSE(change_of(encoded, "metadata").empty());
  conversation.metadata.clear();
  for (int i = 0; i < 20; ++i) {
    conversation.metadata.emplace_back("k" + std::to_string(i), "v");
  }
  conversation.service_tier = "scale";
  const Encoded many = encode(conversation);
  EXPECT_EQ(many.body.at("requestMetadata").size(), 16U);
  EXPECT_EQ(many.losses.dropped(), (std::vector<std::string>{"service_tier"}));
  conversation.service_tier = "auto";
  EXPECT_TRUE(encode(conversation).losses.dropped().empty());
}

// --- lingua's translations of the same requests

// Where lingua says less, or otherwise: instructions become a user's message that begins with
// "System: "; breakpoints, formats and choices of tools are left out.
Json without_what_lingua_leaves_out(Json body) {
  Json system = Json::array();
  for (const Json& block : body.value("system", Json::array())) {
    if (block.contains("text")) {
      system.push_back({{"text", "System: " + block.at("text").get<std::string>()}});
    }
  }
  Json messages = Json::array();
  if (!system.empty()) {
    messages.push_back({{"role", "user"}, {"content", system}});
  }
  for (Json message : body.at("messages")) {
    std::erase_if(message.at("content").get_ref<Json::array_t&>(),
                  [](const Json& block) { return block.contains("cachePoint"); });
    messages.push_back(message);
  }
  body["messages"] = messages;
  for (const char* const member :
       {"system", "outputConfig", "modelId", "serviceTier", "additionalModelResponseFieldPaths"}) {
    body.erase(member);
  }
  if (body.contains("toolConfig")) {
    body["toolConfig"].erase("toolChoice");
  }
  if (body.value("inferenceConfig", Json::object()).empty()) {
    body.erase("inferenceConfig");
  }
  return body;
}

TEST(BedrockPairs, AreTranslatedAsLinguaDoes) {
  const auto root = fixtures() / "public" / "pairs";
  if (!std::filesystem::exists(root)) {
    GTEST_SKIP() << "no pairs on this machine";
  }
  std::size_t seen = 0;
  for (const auto& folder : std::filesystem::directory_iterator(root)) {
    const auto file = folder.path() / "translate" / "chat-completions__to__bedrock.json";
    if (!std::filesystem::exists(file)) {
      continue;
    }
    const Json pair = Json::parse(read_file(file));
    // Of an image by its URL lingua made data, which the service refused.
    if (pair.contains("refused") || !pair.contains("request_translated")) {
      continue;
    }
    SCOPED_TRACE(folder.path().filename().string());
    const Json wanted = pair.at("request_translated");
    const std::string model = wanted.at("modelId");
    const Encoded encoded =
        encode(chat(read_file(folder.path() / "native" / "chat-completions" / "request.json")),
               {.upstream_model = model});
    Json ours = without_what_lingua_leaves_out(encoded.body);
    Json theirs = without_what_lingua_leaves_out(wanted);
    if (model.find("opus-4-8") != std::string::npos) {
      // It knows of this model that it takes no sampling.
      ours.erase("inferenceConfig");
    }
    EXPECT_EQ(ours, theirs);
    ++seen;
  }
  EXPECT_GT(seen, 20U);
}

}  // namespace
}  // namespace waybill::dialects::test
