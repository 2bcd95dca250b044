#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/openai_chunk.hpp"

namespace waybill::dialects {
namespace {

constexpr ReplyIdentity kIdentity{"gen-1", "a/b", "P"};

struct Case {
  std::string_view data;
  ChunkKind kind;
  std::uint64_t output_bytes = 0;
  std::string_view finish_reason{};
};

TEST(ReadChunk, TableOfKinds) {
  using enum ChunkKind;
  const std::vector<Case> cases{
      {"[DONE]", Done},
      {" [DONE] \t", Done},  // E9
      {"[done]", Malformed},
      {"", Malformed},
      {"{", Malformed},
      {"1", Malformed},
      {"[]", Malformed},
      {R"({"choices":[{"delta":{"role":"assistant"}}]})", Preamble},
      {R"({"choices":[{"delta":{"role":"assistant","content":""}}]})", Preamble},
      {R"({"choices":[{"delta":{},"finish_reason":null}]})", Preamble},
      {R"({"choices":[{"delta":{"tool_calls":[],"content":null}}]})", Preamble},
      {R"({"choices":[],"prompt_filter_results":[{}]})", Preamble},
      {R"({"choices":[],"usage":null})", Preamble},
      {R"({"choices":[{"delta":{"content":"hi"}}]})", Content, 2},
      {R"({"choices":[{"delta":{"content":" "}}]})", Content, 1},
      {R"({"choices":[{"delta":{"reasoning":"abc","reasoning_content":"abc"}}]})", Content, 3},
      {R"({"choices":[{"delta":{"reasoning_details":[{"text":"ab"}]}}]})", Content, 2},
      {R"({"choices":[{"delta":{"refusal":"no"}}]})", Content, 2},
      {R"({"choices":[{"delta":{"audio":{"data":"AA"}}}]})", Content},
      {R"({"choices":[{"delta":{"images":[{}]}}]})", Content},
      {R"({"choices":[{"delta":{"tool_calls":[{"function":{"name":"f"}}]}}]})", Content, 1},
      {R"({"choices":[{"text":"abc"}]})", Content, 3},
      {R"({"choices":[{"text":""}]})", Preamble},
      {R"({"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]})", Content, 1, "stop"},
      {R"({"choices":[{"delta":{},"finish_reason":"stop"}]})", Finish, 0, "stop"},
      {R"({"choices":[{"delta":{},"finish_reason":""}]})", Preamble},
      {R"({"choices":[{"finish_reason":"stop"},{"finish_reason":"length"}]})", Finish, 0, "length"},
      {R"({"choices":[],"usage":{"prompt_tokens":1}})", UsageOnly},
      {R"({"usage":{"prompt_tokens":1}})", UsageOnly},
      {R"({"error":{"message":"no"}})", Error},
      {R"({"error":"no","choices":[{"delta":{"content":"x"}}]})", Error, 1},
      {R"({"error":null,"choices":[{"delta":{"content":"x"}}]})", Content, 1},
      {R"({"object":"error","message":"no"})", Error},
      {R"([{"error":{"code":500}}])", Error},
      // E20: whatever stands where a choice or an index is expected.
      {"{}", Preamble},
      {R"({"choices":null})", Preamble},
      {R"({"choices":7})", Preamble},
      {R"({"choices":[null,1,"x",[]]})", Preamble},
      {R"({"choices":[{"delta":null,"index":-1}]})", Preamble},
      {R"({"choices":[{"index":2147483648,"delta":{"content":"x"}}]})", Content, 1},
      {R"({"choices":[{"delta":{"tool_calls":[{"index":99999999999,"function":null}]}}]})",
       Content},
      {R"({"choices":[{"delta":{"tool_calls":[{"index":-7}]}}]})", Content},
      {R"({"choices":[{"delta":{"tool_calls":[{"index":1},{"index":1e9}]}}]})", Content},
  };
  for (const Case& one : cases) {
    const ChunkFacts facts = read_chunk(one.data);
    EXPECT_EQ(static_cast<int>(facts.kind), static_cast<int>(one.kind)) << one.data;
    EXPECT_EQ(facts.output_bytes, one.output_bytes) << one.data;
    EXPECT_EQ(facts.finish_reason, one.finish_reason) << one.data;
    EXPECT_EQ(facts.is_content_event(), one.kind == Content || one.kind == Finish) << one.data;
  }
}

TEST(ReadChunk, UsageIsTakenFromWhereverItComes) {
  const ChunkFacts beside = read_chunk(
      R"({"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,"completion_tokens":1}})");
  EXPECT_EQ(beside.kind, ChunkKind::Content);
  EXPECT_EQ(beside.usage, (Usage{.prompt = 2, .completion = 1}));
  const ChunkFacts enveloped = read_chunk(
      R"({"choices":[{"finish_reason":"stop"}],"x_groq":{"usage":{"prompt_tokens":2,"completion_tokens":1}}})",
      {.envelope = "x_groq"});
  EXPECT_EQ(enveloped.usage, (Usage{.prompt = 2, .completion = 1}));
  const ChunkFacts bad = read_chunk(R"({"choices":[],"usage":[1]})");
  EXPECT_EQ(bad.usage_fault, UsageFault::NotInteger);
  EXPECT_FALSE(bad.usage_value.empty());
}

TEST(ReadChunk, E15ErrorsAreTold) {
  const ChunkFacts facts =
      read_chunk(R"({"error":{"message":"Overloaded","code":"529","type":"overloaded"}})");
  EXPECT_EQ(facts.fault.message, "Overloaded");
  EXPECT_EQ(facts.fault.type, "overloaded");
  EXPECT_EQ(facts.fault.status, 529);
}

std::string written(std::string_view data) {
  std::string out;
  write_chunk(out, data, read_chunk(data), kIdentity);
  return out;
}

TEST(WriteChunk, ChangesOnlyWhatIsOurs) {
  EXPECT_EQ(
      written(R"({"id":"x","object":"o","model":"m","choices":[],"obfuscation":"z"})"),
      R"({"id":"gen-1","object":"o","model":"a/b","provider":"P","choices":[],"obfuscation":"z"})");
  EXPECT_EQ(written(R"({"id":"x","provider":"Q","model":"m","choices":[],"usage":null})"),
            R"({"id":"gen-1","provider":"P","model":"a/b","choices":[]})");
  EXPECT_EQ(written(R"({"usage":{"a":1}, "id":"x","model":"m","system_fingerprint":null})"),
            R"({"id":"gen-1","model":"a/b","provider":"P"})");
  EXPECT_EQ(written(R"({"id":"x","model":"m","system_fingerprint":"f","usage":{},"x":1})"),
            R"({"id":"gen-1","model":"a/b","provider":"P","system_fingerprint":"f","x":1})");
  EXPECT_EQ(written(R"({"choices":[]})"),
            R"({"id":"gen-1","model":"a/b","provider":"P","choices":[]})");
  EXPECT_EQ(written(R"({"usage":{}})"), R"({"id":"gen-1","model":"a/b","provider":"P"})");
  EXPECT_EQ(written(R"({"model":"m","choices":[]})"),
            R"({"id":"gen-1","model":"a/b","provider":"P","choices":[]})");
}

TEST(WriteChunk, E10E21TextStaysAsItWasEscaped) {
  const std::string data =
      R"({"id":"x","model":"m","choices":[{"delta":{"content":"\ud83d data: [DONE]\n\u00e9"}}]})";
  EXPECT_EQ(
      written(data),
      R"({"id":"gen-1","model":"a/b","provider":"P","choices":[{"delta":{"content":"\ud83d data: [DONE]\n\u00e9"}}]})");
}

StreamSummary summarise(const std::vector<std::string_view>& chunks) {
  StreamSummary summary;
  for (const std::string_view data : chunks) {
    summary.observe(data, read_chunk(data));
  }
  return summary;
}

TEST(WriteUsageChunk, RepeatsTheFinishBesideTheUsage) {
  const StreamSummary summary = summarise({
      R"({"created":1787300000,"system_fingerprint":"fp","choices":[{"delta":{"content":"x"}}]})",
      R"({"created":1787300000,"service_tier":"default","choices":[{"finish_reason":"stop","native_finish_reason":"end_turn"}]})",
      R"({"choices":[],"system_fingerprint":null,"usage":{"prompt_tokens":10,"completion_tokens":3}})",
  });
  std::string out;
  write_usage_chunk(out, summary, kIdentity, ReplyBill{});
  EXPECT_EQ(
      out,
      R"({"id":"gen-1","object":"chat.completion.chunk","created":1787300000,"model":"a/b",)"
      R"("provider":"P","system_fingerprint":"fp","service_tier":"default","choices":[{"index":0,)"
      R"("delta":{"content":""},"finish_reason":"stop",)"
      R"("native_finish_reason":"end_turn"}],"usage":{"prompt_tokens":10,"completion_tokens":3,)"
      R"("cost":0,"is_byok":false,"cost_details":{"upstream_inference_cost":0,)"
      R"("upstream_inference_prompt_cost":0,"upstream_inference_completions_cost":0}}})");
}

TEST(WriteUsageChunk, StandsAloneForALegacyCompletion) {
  StreamSummary summary;
  summary.kind = RequestKind::Completion;
  summary.created = 5;
  summary.finish_reason = "length";
  std::string out;
  write_usage_chunk(out, summary, kIdentity, ReplyBill{});
  EXPECT_TRUE(out.starts_with(
      R"({"id":"gen-1","object":"text_completion","created":5,"model":"a/b","provider":"P",)"
      R"("service_tier":null,"choices":[{"index":0,"text":"","finish_reason":"length",)"
      R"("native_finish_reason":"length"}],"usage":{"prompt_tokens":0,)"))
      << out;
  EXPECT_NE(read_chunk(out).kind, ChunkKind::Malformed);
}

TEST(WriteErrorChunk, EndsTheStreamWithAChoice) {
  StreamSummary summary;
  summary.created = 5;
  std::string out;
  write_error_chunk(out, summary, kIdentity,
                    {.code = 502,
                     .message = "Provider \"X\" disconnected",
                     .error_type = "provider_unavailable",
                     .provider_code = "reset"});
  EXPECT_EQ(
      out,
      R"({"id":"gen-1","object":"chat.completion.chunk","created":5,"model":"a/b","provider":"P",)"
      R"("error":{"code":502,"message":"Provider \"X\" disconnected","metadata":{"error_type":)"
      R"("provider_unavailable","provider_code":"reset"}},"choices":[{"index":0,"delta":)"
      R"({"content":""},"finish_reason":"error","native_finish_reason":null}]})");
  EXPECT_EQ(read_chunk(out).kind, ChunkKind::Error);
}

TEST(StreamSummary, IgnoresWhatMakesNoSense) {
  const StreamSummary summary = summarise({
      R"({"created":-5,"service_tier":7,"system_fingerprint":{"a":1},"choices":[]})",
      R"({"created":"x","choices":[{"native_finish_reason":7}]})",
  });
  std::string out;
  write_usage_chunk(out, summary, kIdentity, ReplyBill{});
  EXPECT_NE(out.find(R"("created":0,"model":"a/b","provider":"P","service_tier":null)"),
            std::string::npos)
      << out;
}

}  // namespace
}  // namespace waybill::dialects
