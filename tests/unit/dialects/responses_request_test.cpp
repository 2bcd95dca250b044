// Requests in the Responses dialect: what clients send.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "fixtures.hpp"
#include "responses.hpp"

namespace waybill::dialects {
namespace {

using namespace test::responses;  // NOLINT(google-build-using-namespace)

const std::string& text_of(const Part& part) {
  return std::get<TextPart>(part.value).text;
}

TEST(ResponsesRequest, AStringIsAUsersMessage) {
  const Conversation read_one = read(R"({"model":"a/b","input":"hi","instructions":"be kind"})");
  ASSERT_EQ(read_one.messages.size(), 2U);
  EXPECT_EQ(read_one.model, "a/b");
  EXPECT_EQ(read_one.messages[0].role, Role::System);
  EXPECT_EQ(text_of(read_one.messages[0].parts[0]), "be kind");
  EXPECT_EQ(read_one.messages[1].role, Role::User);
  EXPECT_EQ(text_of(read_one.messages[1].parts[0]), "hi");
  EXPECT_TRUE(read_one.unknown.empty());
}

TEST(ResponsesRequest, ATurnOfTheAssistantIsOneMessage) {
  const Conversation read_one = read(R"({"input":[
    {"role":"developer","content":"d"},
    {"type":"message","role":"user","content":[{"type":"input_text","text":"u"}]},
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"s1"},
      {"type":"summary_text","text":"s2"}],"content":[{"type":"reasoning_text","text":"t"}],
      "encrypted_content":"gA="},
    {"type":"message","id":"msg_1","status":"completed","role":"assistant",
      "content":[{"type":"output_text","text":"o","annotations":[]}]},
    {"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}"},
    {"type":"custom_tool_call","call_id":"c2","name":"g","input":"free"},
    {"type":"function_call_output","call_id":"c1","output":"r1"},
    {"type":"custom_tool_call_output","call_id":"c2","output":[{"type":"input_text","text":"r2"},
      {"type":"input_image","image_url":"data:image/png;base64,AAAA"}]},
    {"role":"assistant","content":"x"},{"role":"assistant","content":"y"}]})");
  ASSERT_EQ(read_one.messages.size(), 6U);
  EXPECT_EQ(read_one.messages[0].role, Role::Developer);
  const std::vector<Part>& turn = read_one.messages[2].parts;
  ASSERT_EQ(turn.size(), 7U);
  const auto& summary = std::get<ReasoningPart>(turn[0].value);
  EXPECT_EQ(summary.kind, ReasoningPart::Kind::Summary);
  EXPECT_EQ(summary.text, "s1");
  EXPECT_EQ(summary.id, "rs_1");
  EXPECT_EQ(summary.format, "openai-responses-v1");
  EXPECT_EQ(std::get<ReasoningPart>(turn[2].value).kind, ReasoningPart::Kind::Text);
  EXPECT_EQ(std::get<ReasoningPart>(turn[3].value).data, "gA=");
  EXPECT_EQ(text_of(turn[4]), "o");
  EXPECT_EQ(std::get<ToolCallPart>(turn[5].value).arguments, "{\"a\":1}");
  EXPECT_TRUE(std::get<ToolCallPart>(turn[6].value).custom);
  ASSERT_EQ(read_one.messages[3].role, Role::Tool);
  ASSERT_EQ(read_one.messages[3].parts.size(), 2U);
  const auto& result = std::get<ToolResultPart>(read_one.messages[3].parts[1].value);
  EXPECT_EQ(result.call_id, "c2");
  EXPECT_EQ(std::get<MediaPart>(result.content[1].value).media_type, "image/png");
  EXPECT_EQ(text_of(read_one.messages[4].parts[0]), "x");
  EXPECT_EQ(text_of(read_one.messages[5].parts[0]), "y");
}

TEST(ResponsesRequest, MediaComeByDataUrlAndId) {
  const Conversation read_one = read(R"({"input":[{"role":"user","content":[
    {"type":"input_image","image_url":"https://example.com/a.png","detail":"low"},
    {"type":"input_image","file_id":"file-1"},
    {"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"},
    {"type":"input_file","filename":"a.pdf","file_data":"QUJD"},
    {"type":"input_file","file_url":"https://example.com/a.pdf"},
    {"type":"input_file","file_id":"file-2"},
    {"type":"input_audio","input_audio":{"data":"UklG","format":"wav"}}]}]})");
  const std::vector<Part>& parts = read_one.messages.at(0).parts;
  ASSERT_EQ(parts.size(), 7U);
  const auto media = [&](std::size_t i) { return std::get<MediaPart>(parts[i].value); };
  EXPECT_EQ(media(0).detail, "low");
  EXPECT_EQ(media(0).source, MediaPart::Source::Url);
  EXPECT_EQ(media(1).source, MediaPart::Source::Id);
  EXPECT_EQ(media(2).media_type, "application/pdf");
  EXPECT_EQ(media(2).name, "a.pdf");
  EXPECT_EQ(media(3).data, "QUJD");
  EXPECT_EQ(media(4).source, MediaPart::Source::Url);
  EXPECT_EQ(media(5).kind, MediaPart::Kind::File);
  EXPECT_EQ(media(6).media_type, "audio/wav");
}

TEST(ResponsesRequest, ParametersAreRead) {
  const Conversation read_one = read(R"({"input":"x","stream":true,"temperature":1.5,"top_p":0.5,
    "max_output_tokens":99,"top_logprobs":2,"parallel_tool_calls":false,"service_tier":"flex",
    "prompt_cache_key":"k","safety_identifier":"s","user":"u","metadata":{"a":"b"},"store":false,
    "background":false,"previous_response_id":null,"truncation":"disabled",
    "include":["reasoning.encrypted_content"],"models":["a/b"],"session_id":"z",
    "reasoning":{"effort":"xhigh","summary":"auto","max_tokens":2048,"enabled":true},
    "text":{"verbosity":"low","format":{"type":"json_schema","name":"n","description":"d",
      "schema":{"type":"object"},"strict":true}},
    "tools":[{"type":"function","name":"f","description":"d","parameters":{"type": "object"},
      "strict":true},{"type":"web_search","search_context_size":"low"},
      {"type":"custom","name":"g"}],
    "tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"f"},
      {"type":"web_search"}]}})");
  EXPECT_TRUE(read_one.unknown.empty()) << read_one.unknown.front();
  EXPECT_TRUE(read_one.stream);
  EXPECT_EQ(read_one.sampling.temperature, 1.5);
  EXPECT_EQ(read_one.sampling.top_logprobs, 2U);
  EXPECT_EQ(read_one.sampling.logprobs, true);
  EXPECT_EQ(read_one.max_output_tokens, 99U);
  EXPECT_EQ(read_one.parallel_tool_calls, false);
  EXPECT_EQ(read_one.service_tier, "flex");
  EXPECT_EQ(read_one.metadata.at(0).second, "b");
  EXPECT_EQ(read_one.reasoning.effort, Effort::XHigh);
  EXPECT_EQ(read_one.reasoning.summary, "auto");
  EXPECT_EQ(read_one.reasoning.budget, 2048U);
  EXPECT_EQ(read_one.verbosity, "low");
  EXPECT_EQ(read_one.format.schema_json, R"({"type":"object"})");
  EXPECT_EQ(read_one.format.strict, true);
  ASSERT_EQ(read_one.tools.size(), 3U);
  EXPECT_EQ(read_one.tools[0].schema_json, R"({"type": "object"})");
  EXPECT_TRUE(read_one.tools[0].native_json.empty());
  EXPECT_EQ(read_one.tools[1].name, "web_search");
  EXPECT_EQ(read_one.tools[2].name, "g");
  EXPECT_EQ(read_one.tools[2].native_dialect, "openai_responses");
  EXPECT_EQ(read_one.tool_choice.mode, ToolChoice::Mode::Required);
  EXPECT_EQ(read_one.tool_choice.allowed, (std::vector<std::string>{"f", "web_search"}));
}

TEST(ResponsesRequest, WhatHasNoMeaningHereIsReportedOnce) {
  Conversation read_one = read(R"({"input":[{"role":"assistant","content":"a","phase":"commentary"},
    {"role":"user","content":[{"type":"input_text","text":"t","weight":1}]},
    {"role":"assistant","content":"b","phase":"final"}],"max_tool_calls":3,"truncation":"auto",
    "include":["file_search_call.results"],"nonsense":1,"stream_options":{"include_obfuscation":true},
    "tools":[{"type":"function","name":"f","parameters":{},"defer_loading":true}],
    "reasoning":{"mode":"pro"}})");
  std::ranges::sort(read_one.unknown);
  EXPECT_EQ(read_one.unknown,
            (std::vector<std::string>{"include", "input[].content[].weight", "input[].phase",
                                      "max_tool_calls", "nonsense", "reasoning.mode",
                                      "stream_options.include_obfuscation", "tools[].defer_loading",
                                      "truncation"}));
  Losses losses;
  write(read_one, {}, &losses);
  for (const std::string& member : read_one.unknown) {
    EXPECT_TRUE(std::ranges::find(losses.dropped(), member) != losses.dropped().end()) << member;
  }
}

TEST(ResponsesRequest, AFunctionThatIsFoundByAProvidersToolStaysAsItIs) {
  const Conversation read_one = read(R"({"input":"x","tools":[{"type":"tool_search"},
    {"type":"function","name":"f","defer_loading":true}]})");
  EXPECT_EQ(read_one.tools[1].native_json,
            R"({"type":"function","name":"f","defer_loading":true})");
  EXPECT_EQ(write(read_one)["tools"][1]["defer_loading"], true);
}

struct BadRequest {
  std::string_view body;
  std::string_view says;  // what the sentence holds
};

TEST(ResponsesRequest, SaysWhatIsWrongAndWhere) {
  const std::vector<BadRequest> cases{
      {R"({"model":"m"})", R"("input" is missing)"},
      {R"({"input":3})", R"("input" must be a string or a list of items)"},
      {R"({"input":[]})", R"("input" must be a string or a list of at least one item)"},
      {R"({"input":["x"]})", R"("input[0]" must be an item)"},
      {R"({"input":[{"role":"robot","content":"x"}]})", R"("input[0].role" must be one of "user")"},
      {R"({"input":[{"role":"user"}]})", R"("input[0].content" is missing)"},
      {R"({"input":[{"content":"x"}]})", R"("input[0].role" is missing)"},
      {R"({"input":[{"role":"user","content":[7]}]})", R"("input[0].content[0]" must be)"},
      {R"({"input":[{"role":"user","content":[{"type":"image_url"}]}]})",
       R"("input[0].content[0].type" must be one of "input_text")"},
      {R"({"input":[{"role":"user","content":[{"type":"input_text"}]}]})",
       R"("input[0].content[0].text" is missing)"},
      {R"({"input":[{"role":"user","content":[{"type":"input_image","image_url":"ftp://x/y"}]}]})",
       R"("input[0].content[0].image_url" must be an https)"},
      {R"({"input":[{"role":"user","content":[{"type":"input_file"}]}]})",
       R"("input[0].content[0].file_data" is missing)"},
      {R"({"input":[{"type":"function_call","name":"f"}]})", R"("input[0].call_id" is missing)"},
      {R"({"input":[{"type":"function_call","call_id":"c"}]})", R"("input[0].name" is missing)"},
      {R"({"input":[{"type":"function_call_output","call_id":"c"}]})",
       R"("input[0].output" is missing)"},
      {R"({"input":[{"type":"function_call_output","call_id":"c","output":1}]})",
       R"("input[0].output" must be a string or a list)"},
      {R"({"input":[{"type":"reasoning","summary":"s"}]})", R"("input[0].summary" must be a list)"},
      {R"({"input":[{"type":"reasoning","encrypted_content":1}]})",
       R"("input[0].encrypted_content" must be a string)"},
      {R"({"input":[{"type":"item_reference","id":"i"}]})", R"("input[0]" refers to an item)"},
      {R"({"input":[{"type":5}]})", R"("input[0].type" must be a string)"},
      {R"({"input":"x","store":true})", R"("store" must be false)"},
      {R"({"input":"x","previous_response_id":"r"})", R"("previous_response_id" must be null)"},
      {R"({"previous_response_id":"r"})", R"("previous_response_id" must be null)"},
      {R"({"input":"x","conversation":"c"})", R"("conversation" must be null)"},
      {R"({"input":"x","background":true})", R"("background" must be false)"},
      {R"({"input":"x","prompt":{"id":"p"}})", R"("prompt" must be null)"},
      {R"({"input":"x","temperature":2.5})", R"("temperature" must be a number from 0 to 2)"},
      {R"({"input":"x","max_output_tokens":0})", R"("max_output_tokens" must be a whole number)"},
      {R"({"input":"x","top_logprobs":21})", R"("top_logprobs" must be)"},
      {R"({"input":"x","tools":[1]})", R"("tools[0]" must be an object)"},
      {R"({"input":"x","tools":[{"name":"f"}]})", R"("tools[0].type" is missing)"},
      {R"({"input":"x","tools":[{"type":"function","function":{"name":"f"}}]})",
       R"("tools[0].name" is missing)"},
      {R"({"input":"x","tools":[{"type":"function","name":"f","parameters":[]}]})",
       R"("tools[0].parameters" must be an object)"},
      {R"({"input":"x","tool_choice":"any"})", R"("tool_choice" must be one of "none")"},
      {R"({"input":"x","tool_choice":{"type":"function"}})", R"("tool_choice.name" is missing)"},
      {R"({"input":"x","text":{"format":{"type":"xml"}}})", R"("text.format.type" must be one of)"},
      {R"({"input":"x","text":{"format":{"type":"json_schema","name":"n"}}})",
       R"("text.format.schema" is missing)"},
      {R"({"input":"x","reasoning":{"effort":"huge"}})", R"("reasoning.effort" must be one of)"},
      {R"({"input":"x","metadata":{"a":1}})", R"("metadata.a" must be a string)"},
      {R"({"input":"x","input":"y"})", R"("input" is given twice)"},
      {R"([1])", "must be a JSON object"},
  };
  for (const BadRequest& each : cases) {
    const auto result = dialect().decode_request(each.body);
    ASSERT_FALSE(result) << each.body;
    EXPECT_EQ(result.error().code(), "invalid_request") << each.body;
    EXPECT_NE(result.error().detail().find(each.says), std::string::npos)
        << each.body << '\n'
        << result.error().detail();
  }
  EXPECT_EQ(dialect().decode_request("{").error().code(), "invalid_json");
}

}  // namespace
}  // namespace waybill::dialects
