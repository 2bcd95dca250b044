// Answers in the Responses dialect: what clients are told.

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "fixtures.hpp"
#include "responses.hpp"

namespace waybill::dialects {
namespace {

using namespace test::responses;  // NOLINT(google-build-using-namespace)

TEST(ResponsesWriter, ErrorsForClients) {
  std::string out;
  dialect().encode_error({.status = 404,
                          .code = "model_not_found",
                          .message = "No \"x\".",
                          .error_type = "not_found",
                          .id = "gen-1",
                          .metadata = R"(,"provider_name":"P")"},
                         out);
  EXPECT_EQ(Json::parse(out),
            Json::parse(R"({"error":{"message":"No \"x\".","type":"not_found_error",
    "param":null,"code":"model_not_found"},"error_type":"not_found",
    "metadata":{"error_type":"not_found","provider_name":"P"},"request_id":"gen-1"})"));
}

// OpenRouter's transcript (openrouter-api.md, appendix B).
TEST(ResponsesWriter, AStreamIsWritten) {
  Answer answer;
  answer.choices.push_back({.parts = {{TextPart{"Hello", {}}}}, .finish = FinishReason::Stop});
  const std::vector<Json> events = events_of(encode_stream(answer));
  std::vector<std::string> types;
  for (const Json& event : events) {
    types.push_back(event["type"]);
  }
  EXPECT_EQ(types, (std::vector<std::string>{
                       "response.created", "response.in_progress", "response.output_item.added",
                       "response.content_part.added", "response.output_text.delta",
                       "response.output_text.done", "response.content_part.done",
                       "response.output_item.done", "response.completed"}));
  EXPECT_EQ(events[3]["part"],
            Json::parse(R"({"type":"output_text","text":"","annotations":[],"logprobs":[]})"));
  const Json& first = events[0]["response"];
  EXPECT_EQ(first["id"], "gen-1787300000-abc");
  EXPECT_EQ(first["object"], "response");
  EXPECT_EQ(first["created_at"], 1787300000);
  EXPECT_EQ(first["completed_at"], nullptr);
  EXPECT_EQ(first["status"], "in_progress");
  EXPECT_EQ(first["usage"], nullptr);
  const Json last = response_of(encode_stream(answer));
  EXPECT_EQ(last["status"], "completed");
  EXPECT_EQ(last["completed_at"], 1787300000);
  EXPECT_EQ(last["output_text"], "Hello");
  EXPECT_EQ(last["provider"], "A \"B\"");
  EXPECT_EQ(
      last["usage"].dump(),
      R"({"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":1},)"
      R"("output_tokens":7,"output_tokens_details":{"reasoning_tokens":2},"total_tokens":17,)"
      R"("cost":1.23456e-07,"is_byok":false,"cost_details":{"upstream_inference_cost":1.23456e-07,)"
      R"("upstream_inference_input_cost":2.3456e-08,"upstream_inference_output_cost":1e-07}})");
}

TEST(ResponsesWriter, TheRequestIsRepeated) {
  const std::string request = R"({"input":"x","instructions":"be
 kind","temperature":0.5,"tools":[
    {"type":"function","name":"f"}],"tool_choice":"required","reasoning":{"effort":"low"},
    "metadata":{"a":"b"},"text":{"verbosity":"low"},"max_output_tokens":50,"top_p":null})";
  std::string body = request;
  body.replace(body.find('\n'), 1, "\\n");
  Answer answer;
  answer.choices.push_back({.parts = {{TextPart{"x", {}}}}, .finish = FinishReason::Stop});
  for (const Json& response : {Json::parse(encode_whole(answer, some_context(body))),
                               response_of(encode_stream(answer, some_context(body)))}) {
    EXPECT_EQ(response["instructions"], "be\n kind");
    EXPECT_EQ(response["temperature"], 0.5);
    EXPECT_EQ(response["tools"][0]["name"], "f");
    EXPECT_EQ(response["tool_choice"], "required");
    EXPECT_EQ(response["reasoning"]["effort"], "low");
    EXPECT_EQ(response["metadata"]["a"], "b");
    EXPECT_EQ(response["text"], Json::parse(R"({"format":{"type":"text"},"verbosity":"low"})"));
    EXPECT_EQ(response["max_output_tokens"], 50);
    EXPECT_EQ(response["top_p"], nullptr);
    EXPECT_EQ(response["parallel_tool_calls"], true);
    EXPECT_EQ(response["store"], false);
  }
}

TEST(ResponsesWriter, AStreamWithoutContentIsOne) {
  std::string out;
  dialect().make_writer(some_context(), out)->end(some_bill());
  const Json last = response_of(out);
  EXPECT_EQ(last["status"], "completed");
  EXPECT_TRUE(last["output"].empty());
}

TEST(ResponsesWriter, AStreamMayFailAtAnyTime) {
  const StreamError error{
      .code = 502, .message = "Gone.", .error_type = "provider_unavailable", .provider_code = "x"};
  Answer answer;
  answer.choices.push_back({.parts = {{ReasoningPart{.text = "t"}},
                                      {TextPart{"Hello", {}}},
                                      {ToolCallPart{"c", "f", "{\"a\":1}", false}}},
                            .finish = FinishReason::ToolCalls});
  // Takes the first `most` events.
  class Some final : public EventSink {
   public:
    Some(EventSink& next, std::size_t most) : next_(next), most_(most) {}
    void take(const Event& event) override {
      if (taken_ < most_) {
        ++taken_;
        next_.take(event);
      }
    }
    [[nodiscard]] std::size_t taken() const { return taken_; }

   private:
    EventSink& next_;
    std::size_t most_;
    std::size_t taken_ = 0;
  };
  for (std::size_t most = 0; most < 8; ++most) {
    std::string out;
    const auto writer = dialect().make_writer(some_context(), out);
    Some some(*writer, most);
    tell(answer, some);
    writer->fail(error);
    const std::vector<Json> events = events_of(out);
    const Json& last = events.back();
    EXPECT_EQ(last["type"], "response.failed") << most;
    EXPECT_EQ(last["response"]["status"], "failed");
    EXPECT_EQ(last["response"]["error"],
              Json::parse(R"({"code":"server_error","message":"Gone."})"));
    EXPECT_EQ(last["response"]["error_type"], "provider_unavailable");
    const Streamed read = decode_stream(out);
    ASSERT_TRUE(read.fault);
    EXPECT_EQ(read.fault->message, "Gone.");
  }
}

TEST(ResponsesWriter, WhatWasCutIsIncomplete) {
  Answer answer;
  answer.choices.push_back({.parts = {{TextPart{"Hel", {}}}}, .finish = FinishReason::Length});
  for (const Json& response :
       {Json::parse(encode_whole(answer)), response_of(encode_stream(answer))}) {
    EXPECT_EQ(response["status"], "incomplete");
    EXPECT_EQ(response["incomplete_details"]["reason"], "max_output_tokens");
    EXPECT_EQ(response["output"][0]["status"], "incomplete");
    EXPECT_EQ(response["completed_at"], nullptr);
  }
  answer.choices[0].finish = FinishReason::ContentFilter;
  EXPECT_EQ(response_of(encode_stream(answer))["incomplete_details"]["reason"], "content_filter");
  answer.choices[0].finish = FinishReason::Error;
  EXPECT_EQ(events_of(encode_stream(answer)).back()["type"], "response.failed");
  EXPECT_EQ(Json::parse(encode_whole(answer))["status"], "failed");
}

TEST(ResponsesWriter, ThoughtsMayBeHidden) {
  Answer answer;
  answer.choices.push_back({.parts = {{ReasoningPart{.text = "secret"}}, {TextPart{"x", {}}}},
                            .finish = FinishReason::Stop});
  ReplyContext context = some_context();
  context.hide_reasoning = true;
  EXPECT_EQ(encode_whole(answer, context).find("secret"), std::string::npos);
  EXPECT_EQ(encode_stream(answer, context).find("secret"), std::string::npos);
  EXPECT_NE(encode_stream(answer).find("secret"), std::string::npos);
}

TEST(ResponsesWriter, ForeignPartsHaveAForm) {
  Answer answer;
  Choice& choice = answer.choices.emplace_back();
  choice.finish = FinishReason::Stop;
  choice.parts.push_back(
      {ReasoningPart{.text = "t", .signature = "sig", .format = "anthropic-claude-v1"}});
  choice.parts.push_back(
      {ReasoningPart{.text = "u", .signature = "gis", .format = "anthropic-claude-v1"}});
  choice.parts.push_back({NativePart{"anthropic_messages", "{}", "x"}});
  choice.parts.push_back({MediaPart{.media_type = "image/png", .data = "AAAA"}});
  choice.parts.push_back(
      {TextPart{"x", {{.url = "https://e.com", .title = "T", .begin = 0, .end = 1}}}});
  const Json response = response_of(encode_stream(answer));
  ASSERT_EQ(response["output"].size(), 4U);
  EXPECT_EQ(response["output"][0]["encrypted_content"],
            "waybill1:anthropic-claude-v1:signature:sig");
  EXPECT_EQ(response["output"][2]["type"], "image_generation_call");
  EXPECT_EQ(response["output"][2]["result"], "AAAA");
  EXPECT_EQ(
      response["output"][3]["content"][0]["annotations"][0],
      Json::parse(
          R"({"type":"url_citation","url":"https://e.com","title":"T","start_index":0,"end_index":1})"));
  // A client sends them back as they are.
  Json items = response["output"];
  const auto request = dialect().decode_request(Json{{"input", items}}.dump());
  ASSERT_TRUE(request) << request.error().detail();
  EXPECT_EQ(std::get<ReasoningPart>(request->messages.at(0).parts.at(1).value),
            std::get<ReasoningPart>(choice.parts[1].value));
}

Answer some_answer(unsigned seed) {
  std::mt19937 random(seed);
  const auto below = [&](unsigned end) { return static_cast<unsigned>(random() % end); };
  const auto word = [&] {
    constexpr std::string_view kWords[]{"a",           "\"q\"",  "l\nm", "\xF0\x9F\x99\x82",
                                        "data: x\n\n", "\\u0000"};
    return std::string(kWords[below(6)]) + std::to_string(below(100));
  };
  using Kind = ReasoningPart::Kind;
  Answer answer;
  Choice& choice = answer.choices.emplace_back();
  choice.finish = FinishReason::Stop;
  const std::string own = "openai-responses-v1";
  for (unsigned i = below(6); i > 0; --i) {
    const std::string id = "rs_" + std::to_string(i);
    switch (below(6)) {
      case 0:
        choice.parts.push_back(
            {ReasoningPart{.kind = Kind::Summary, .text = word(), .id = id, .format = own}});
        choice.parts.push_back(
            {ReasoningPart{.kind = Kind::Summary, .text = word(), .id = id, .format = own}});
        choice.parts.push_back({ReasoningPart{.text = word(), .id = id, .format = own}});
        choice.parts.push_back(
            {ReasoningPart{.kind = Kind::Encrypted, .data = word(), .id = id, .format = own}});
        break;
      case 1:
        choice.parts.push_back(
            {ReasoningPart{.text = word(), .signature = word(), .format = "anthropic-claude-v1"}});
        break;
      case 2:
        choice.parts.push_back({ToolCallPart{id, word(), R"({"a": "b\n"})", below(2) == 0}});
        choice.finish = FinishReason::ToolCalls;
        break;
      case 3:
        choice.parts.push_back(
            {NativePart{"openai_responses", R"({"type":"x_call","id":")" + id + "\"}", {}}});
        break;
      case 4: choice.parts.push_back({RefusalPart{word()}}); break;
      default:
        choice.parts.push_back({TextPart{word(), {}}});
        std::get<TextPart>(choice.parts.back().value)
            .citations.push_back(
                {.url = "https://e.com",
                 .title = "T",
                 .begin = 1,
                 .end = 2,
                 .native_json =
                     R"({"type":"url_citation","url":"https://e.com","title":"T","start_index":1,"end_index":2})",
                 .native_dialect = "openai_responses"});
    }
  }
  // Neighbours that nothing tells apart are one part.
  std::erase_if(choice.parts, [last = false](const Part& part) mutable {
    const bool refusal = std::holds_alternative<RefusalPart>(part.value);
    return std::exchange(last, refusal) && refusal;
  });
  return answer;
}

TEST(ResponsesWriter, ComesBackAsItWas) {
  for (unsigned seed = 0; seed < 150; ++seed) {
    const Answer before = some_answer(seed);
    const std::string stream = encode_stream(before);
    response_of(stream);
    const Streamed read = decode_stream(stream);
    ASSERT_TRUE(read.good && read.ended);
    expect_same(read.answer.choices.at(0), before.choices[0], "seed " + std::to_string(seed));
    EXPECT_EQ(read.answer.usage, some_bill().usage);
    const std::string whole = encode_whole(before);
    ASSERT_TRUE(Json::accept(whole)) << whole;
    expect_same(decode_whole(whole).choices.at(0), before.choices[0], whole);
  }
}

}  // namespace
}  // namespace waybill::dialects
