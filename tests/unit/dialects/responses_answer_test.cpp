// Answers in the Responses dialect: what providers say.

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

constexpr std::string_view kFunction =
    R"({"type":"function_call","id":"fc_1","call_id":"c1",)"
    R"("name":"f","arguments":"{\"a\":1}","status":"completed"})";

TEST(ResponsesAnswer, AWholeAnswerIsRead) {
  const Answer answer = decode_whole(R"({"id":"resp_1","model":"m-1","status":"completed","output":[
    {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"s"}],
     "content":[{"type":"reasoning_text","text":"t"}],"encrypted_content":"E"},
    {"type":"web_search_call","id":"ws_1","status":"completed"},
    {"type":"message","id":"msg_1","role":"assistant","content":[
      {"type":"output_text","text":"o\u00e9","logprobs":[{"token":"o","logprob":-1}],"annotations":[
        {"type":"url_citation","url":"https://e.com","title":"T","start_index":0,"end_index":2}]},
      {"type":"output_text","text":"p","logprobs":[{"token":"p","logprob":-2}]},
      {"type":"refusal","refusal":"no"}]},
    )" + std::string(kFunction) + R"(,
    {"type":"custom_tool_call","id":"ctc_1","call_id":"c2","name":"g","input":"free"}],
    "service_tier":"default",
    "usage":{"input_tokens":10,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":2},
      "output_tokens":7,"output_tokens_details":{"reasoning_tokens":3},"total_tokens":17}})");
  EXPECT_EQ(answer.id, "resp_1");
  EXPECT_EQ(answer.model, "m-1");
  EXPECT_EQ(answer.service_tier, "default");
  ASSERT_EQ(answer.choices.size(), 1U);
  const Choice& choice = answer.choices[0];
  EXPECT_EQ(choice.finish, FinishReason::ToolCalls);
  EXPECT_EQ(choice.native_finish, "completed");
  ASSERT_EQ(choice.parts.size(), 9U);
  EXPECT_EQ(std::get<ReasoningPart>(choice.parts[0].value),
            (ReasoningPart{.kind = ReasoningPart::Kind::Summary,
                           .text = "s",
                           .id = "rs_1",
                           .format = "openai-responses-v1"}));
  EXPECT_EQ(std::get<ReasoningPart>(choice.parts[2].value).data, "E");
  EXPECT_EQ(std::get<NativePart>(choice.parts[3].value).json,
            R"({"type":"web_search_call","id":"ws_1","status":"completed"})");
  const auto& text = std::get<TextPart>(choice.parts[4].value);
  EXPECT_EQ(text.text, "o\xC3\xA9");
  ASSERT_EQ(text.citations.size(), 1U);
  EXPECT_EQ(text.citations[0].url, "https://e.com");
  EXPECT_EQ(text.citations[0].end, 2U);
  EXPECT_EQ(text.citations[0].native_dialect, "openai_responses");
  EXPECT_EQ(std::get<RefusalPart>(choice.parts[6].value).text, "no");
  EXPECT_EQ(std::get<ToolCallPart>(choice.parts[7].value),
            (ToolCallPart{"c1", "f", R"({"a":1})", false}));
  EXPECT_EQ(std::get<ToolCallPart>(choice.parts[8].value), (ToolCallPart{"c2", "g", "free", true}));
  EXPECT_EQ(Json::parse(choice.logprobs_json)["content"].size(), 2U);
  EXPECT_EQ(
      answer.usage,
      (Usage{.prompt = 10, .completion = 7, .cached_read = 4, .cache_write = 2, .reasoning = 3}));
  EXPECT_EQ(answer.usage_fault, UsageFault::None);
}

TEST(ResponsesAnswer, HowItEnded) {
  struct Row {
    std::string_view members;
    FinishReason finish;
    std::string_view native;
  };
  const std::vector<Row> rows{
      {R"("status":"completed")", FinishReason::Stop, "completed"},
      {R"("object":"response")", FinishReason::Stop, "completed"},
      {R"("status":"incomplete","incomplete_details":{"reason":"max_output_tokens"})",
       FinishReason::Length, "max_output_tokens"},
      {R"("status":"incomplete","incomplete_details":{"reason":"content_filter"})",
       FinishReason::ContentFilter, "content_filter"},
      {R"("status":"incomplete")", FinishReason::Length, "incomplete"},
  };
  for (const Row& row : rows) {
    const Answer answer = decode_whole("{\"output\":[]," + std::string(row.members) + "}");
    ASSERT_EQ(answer.choices.size(), 1U);
    EXPECT_EQ(answer.choices[0].finish, row.finish) << row.members;
    EXPECT_EQ(answer.choices[0].native_finish, row.native) << row.members;
  }
}

TEST(ResponsesAnswer, FaultsInAnAnswer) {
  for (const std::string_view body :
       {R"({"status":"failed","output":[],"error":{"code":"server_error","message":"m"}})",
        R"({"error":{"code":"server_error","message":"m"}})",
        R"({"status":"cancelled","output":[],"error":{"code":"server_error","message":"m"}})"}) {
    std::optional<UpstreamFault> fault;
    const auto read = dialect().decode_response(body, {}, fault);
    ASSERT_TRUE(read);
    ASSERT_TRUE(fault) << body;
    EXPECT_TRUE(read->choices.empty());
    EXPECT_EQ(fault->message, "m");
    EXPECT_EQ(fault->code, "server_error");
    EXPECT_EQ(fault->status, 500);
  }
  std::optional<UpstreamFault> fault;
  EXPECT_EQ(dialect().decode_response("nonsense", {}, fault).error().code(),
            "upstream_invalid_json");
  EXPECT_EQ(dialect().decode_response("[]", {}, fault).error().code(), "upstream_not_an_object");
  EXPECT_FALSE(fault);
  EXPECT_TRUE(dialect().decode_response("{}", {}, fault));
  EXPECT_TRUE(fault);
}

TEST(ResponsesAnswer, HostileMembersAreNotThere) {
  for (const std::string_view value : {"null", "1", "\"x\"", "[]", "{}", "[[1]]", "[{}]", "true"}) {
    for (const std::string_view member : {"id", "model", "status", "output", "usage", "error",
                                          "incomplete_details", "service_tier"}) {
      const std::string body =
          R"({"output":[],")" + std::string(member) + "\":" + std::string(value) + "}";
      std::optional<UpstreamFault> fault;
      EXPECT_TRUE(dialect().decode_response(body, {}, fault)) << body;
      decode_stream(sse({R"({"type":"response.completed","response":)" + body + "}"}));
    }
    for (const std::string_view type :
         {"response.output_item.added", "response.output_item.done", "response.output_text.delta",
          "response.content_part.done", "response.output_text.annotation.added", "error",
          "response.function_call_arguments.delta", "response.completed", "response.failed"}) {
      std::string event = R"({"type":")" + std::string(type) + "\"";
      for (const std::string_view member :
           {"item", "part", "delta", "annotation", "response", "output_index", "content_index",
            "error", "item_id", "logprobs"}) {
        event.append(",\"").append(member).append("\":").append(value);
      }
      EXPECT_TRUE(decode_stream(sse({event + "}"})).good) << event;
    }
  }
}

TEST(ResponsesAnswer, CountsThatMakeNoSense) {
  struct Row {
    std::string_view usage;
    UsageFault fault;
    bool there;
  };
  const std::vector<Row> rows{
      {"null", UsageFault::Missing, false},
      {"{}", UsageFault::Missing, false},
      {"7", UsageFault::NotInteger, false},
      {R"({"input_tokens":-1,"output_tokens":2})", UsageFault::Negative, false},
      {R"({"input_tokens":"1","output_tokens":2})", UsageFault::NotInteger, false},
      {R"({"input_tokens":1.5,"output_tokens":2})", UsageFault::NotInteger, false},
      {R"({"input_tokens":5000000000,"output_tokens":2})", UsageFault::TooLarge, true},
      {R"({"input_tokens":1,"output_tokens":2,"input_tokens_details":{"cached_tokens":9}})",
       UsageFault::Contradictory, true},
      {R"({"input_tokens":1,"output_tokens":2,"output_tokens_details":{"reasoning_tokens":"x"}})",
       UsageFault::Contradictory, true},
      {R"({"input_tokens":1,"output_tokens":2})", UsageFault::None, true},
  };
  for (const Row& row : rows) {
    const Answer answer = decode_whole(R"({"output":[],"usage":)" + std::string(row.usage) + "}");
    EXPECT_EQ(answer.usage_fault, row.fault) << row.usage;
    EXPECT_EQ(answer.usage.has_value(), row.there) << row.usage;
    if (answer.usage) {
      EXPECT_LE(answer.usage->prompt, kLargestCount);
      EXPECT_LE(answer.usage->cached_read, answer.usage->prompt);
    }
  }
  // Reasoning that the total shows to be beside the output.
  EXPECT_EQ(
      decode_whole(R"({"output":[],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":8,
    "output_tokens_details":{"reasoning_tokens":5}}})")
          .usage->completion,
      7U);
}

TEST(ResponsesAnswer, WhatIsSaidThreeTimesIsToldOnce) {
  const std::string_view kAdded =
      R"({"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"m"}})";
  const std::string_view kDelta =
      R"({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"hi"})";
  // Bedrock counts content by the item.
  const std::string_view kOddDone =
      R"({"type":"response.output_text.done","output_index":0,"content_index":0,"text":"hi"})";
  const std::string_view kItem =
      R"({"type":"response.output_item.done","output_index":0,"item":{"type":"message","id":"m",)"
      R"("content":[{"type":"output_text","text":"hi","annotations":[{"type":"url_citation",)"
      R"("url":"https://e.com"}]}]}})";
  const std::string_view kEnd =
      R"({"type":"response.completed","response":{"status":"completed","output":[{"type":"message",)"
      R"("id":"other","content":[{"type":"output_text","text":"hi"}]}]}})";
  for (const std::string& stream :
       {sse({kAdded, kDelta, kOddDone, kItem, kEnd}), sse({kAdded, kOddDone, kItem, kEnd}),
        sse({kAdded, kItem, kEnd}), sse({kItem, kEnd})}) {
    const Streamed out = decode_stream(stream);
    ASSERT_TRUE(out.good && out.ended);
    ASSERT_EQ(out.answer.choices.at(0).parts.size(), 1U) << stream;
    const auto& text = std::get<TextPart>(out.answer.choices[0].parts[0].value);
    EXPECT_EQ(text.text, "hi") << stream;
    EXPECT_EQ(text.citations.size(), 1U) << stream;
  }
  EXPECT_EQ(decode_stream(sse({kEnd})).answer.choices.at(0).parts.size(), 1U);
}

TEST(ResponsesAnswer, CallsMayComeByTurns) {
  const Streamed out = decode_stream(sse(
      {R"({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","call_id":"a","name":"f","arguments":""}})",
       R"({"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","call_id":"b","name":"g","arguments":"{}"}})",
       R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"{\"x\":"})",
       R"({"type":"response.function_call_arguments.delta","output_index":0,"delta":"1}"})",
       R"({"type":"response.function_call_arguments.done","output_index":1,"arguments":"{}"})",
       R"({"type":"response.function_call_arguments.done","output_index":0,"arguments":"{\"x\":1}"})",
       R"({"type":"response.some_new_event","output_index":0})",
       R"({"type":"response.completed","response":{}})", "[DONE]"}));
  ASSERT_EQ(out.answer.choices.at(0).parts.size(), 2U);
  EXPECT_EQ(std::get<ToolCallPart>(out.answer.choices[0].parts[0].value).arguments, R"({"x":1})");
  EXPECT_EQ(std::get<ToolCallPart>(out.answer.choices[0].parts[1].value).arguments, "{}");
  EXPECT_EQ(out.answer.choices[0].finish, FinishReason::ToolCalls);
}

TEST(ResponsesAnswer, FaultsInAStream) {
  for (
      const std::string_view event :
      {R"({"type":"error","code":"rate_limit_exceeded","message":"slow","param":null})",
       R"({"type":"error","error":{"type":"tokens","code":"rate_limit_exceeded","message":"slow"}})",
       R"({"type":"response.error","error":{"code":"rate_limit_exceeded","message":"slow"}})",
       R"({"error":{"code":429,"message":"slow"}})",
       R"({"type":"response.failed","response":{"error":{"code":"rate_limit_exceeded","message":"slow"}}})",
       R"({"type":"response.completed","response":{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}})"}) {
    const Streamed out = decode_stream(sse({event}));
    EXPECT_TRUE(out.good && out.ended) << event;
    ASSERT_TRUE(out.fault) << event;
    EXPECT_EQ(out.fault->message, "slow");
    EXPECT_EQ(out.fault->status, 429) << event;
  }
  EXPECT_TRUE(decode_stream(sse({R"({"type":"response.failed","response":null})"})).fault);
  EXPECT_FALSE(decode_stream(sse({"nonsense"})).good);
  EXPECT_FALSE(decode_stream(sse({"[1]"})).good);
  EXPECT_FALSE(decode_stream(sse({R"({"type":"response.created","response":{}})"})).ended);
}

TEST(ResponsesAnswer, TheEventsNameStandsInForTheType) {
  const Streamed out = decode_stream(
      "event: response.output_text.delta\ndata: {\"delta\":\"x\"}\n\nevent: response.completed\n"
      "data: {\"response\":{}}\n\n");
  EXPECT_TRUE(out.ended);
  EXPECT_EQ(std::get<TextPart>(out.answer.choices.at(0).parts.at(0).value).text, "x");
}

TEST(ResponsesAnswer, ErrorsOfProviders) {
  struct Row {
    std::string_view body;
    std::string_view message;
    std::string_view code;
    std::optional<int> status;
  };
  const std::vector<Row> rows{
      {R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"invalid_api_key"}})",
       "m", "invalid_api_key", 401},
      {R"({"error":{"message":"m","type":"invalid_request_error","code":null}})", "m", "", 400},
      {R"({"error":{"message":"m","code":429}})", "m", "429", 429},
      {R"({"code":"Some","error":"m"})", "m", "Some", {}},
      {R"({"detail":"m"})", "m", "", {}},
      {R"({"message":"m"})", "m", "", {}},
      {"<html>", "", "", {}},
      {"[]", "", "", {}},
  };
  for (const Row& row : rows) {
    const UpstreamFault fault = dialect().decode_error(row.body);
    EXPECT_EQ(fault.message, row.message) << row.body;
    EXPECT_EQ(fault.code, row.code) << row.body;
    EXPECT_EQ(fault.status, row.status) << row.body;
  }
}

}  // namespace
}  // namespace waybill::dialects
