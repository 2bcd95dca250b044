#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/openai_chunk.hpp"
#include "waybill/dialects/openai_reply.hpp"

namespace waybill::dialects {
namespace {

constexpr ReplyIdentity kIdentity{"gen-1", "a/b", "P"};
constexpr std::string_view kCost =
    R"("cost":0,"is_byok":false,"cost_details":{"upstream_inference_cost":0,)"
    R"("upstream_inference_prompt_cost":0,"upstream_inference_completions_cost":0})";

ReplyFacts facts_of(std::string_view body, RequestKind kind = RequestKind::Chat) {
  auto facts = read_reply(kind, body);
  EXPECT_TRUE(facts) << body << (facts ? "" : facts.error().detail());
  return facts ? *facts : ReplyFacts{};
}

struct Case {
  std::string name;
  std::string body;
  std::string expected;  // C stands for the cost members
  RequestKind kind = RequestKind::Chat;
};

TEST(WriteReply, ChangesOnlyWhatIsOurs) {
  const std::vector<Case> cases{
      {"usual",
       R"({"id":"x","object":"chat.completion","model":"m","choices":[{}],"usage":{"prompt_tokens":1},"system_fingerprint":"f"})",
       R"({"id":"gen-1","object":"chat.completion","model":"a/b","provider":"P","choices":[{}],"usage":{"prompt_tokens":1,C},"system_fingerprint":"f"})"},
      {"fingerprint_added", R"({"id":"x","model":"m" ,"choices":[{}],"usage":{"a":1}})",
       R"({"id":"gen-1","model":"a/b","provider":"P","system_fingerprint":null ,"choices":[{}],"usage":{"a":1,C}})"},
      {"fingerprint_null_stays",
       R"({"id":"x","system_fingerprint":null,"model":"m","usage":{"a":1}})",
       R"({"id":"gen-1","system_fingerprint":null,"model":"a/b","provider":"P","usage":{"a":1,C}})"},
      {"provider_replaced",
       R"({"provider":{"n":1},"id":null,"model":"m","system_fingerprint":"f","usage":{"a":1}})",
       R"({"provider":"P","id":"gen-1","model":"a/b","system_fingerprint":"f","usage":{"a":1,C}})"},
      {"nothing_there", R"({ "choices":[{}] })",
       R"({"id":"gen-1","model":"a/b","provider":"P","system_fingerprint":null, "choices":[{}] ,"usage":U})"},
      {"empty", "{}",
       R"({"id":"gen-1","model":"a/b","provider":"P","system_fingerprint":null,"usage":U})"},
      {"usage_null", R"({"id":"x","model":"m","system_fingerprint":"f","usage":null})",
       R"({"id":"gen-1","model":"a/b","provider":"P","system_fingerprint":"f","usage":U})"},
      {"usage_twice",
       R"({"id":"x","model":"m","system_fingerprint":"f","usage":{"a":1},"usage":{"a":2}})",
       R"({"id":"gen-1","model":"a/b","provider":"P","system_fingerprint":"f","usage":U})"},
      {"embedding", R"({"object":"list","data":[{}],"model":"m","usage":{"prompt_tokens":1}})",
       R"({"id":"gen-1","object":"list","data":[{}],"model":"a/b","provider":"P","usage":{"prompt_tokens":1,C}})",
       RequestKind::Embedding},
  };
  for (const Case& one : cases) {
    std::string expected = one.expected;
    if (const auto at = expected.find(",C}"); at != std::string::npos) {
      expected.replace(at + 1, 1, kCost);
    }
    if (const auto at = expected.find(":U}"); at != std::string::npos) {
      std::string built;
      append_usage(built, "", Usage{}, Charge{});
      expected.replace(at + 1, 1, built);
    }
    std::string out;
    write_reply(out, one.body, facts_of(one.body, one.kind), kIdentity, ReplyBill{});
    EXPECT_EQ(out, expected) << one.name;
  }
}

TEST(ReadReply, TakesWhatTheLedgerNeeds) {
  const ReplyFacts facts = facts_of(
      R"({"id":"up-1","model":"other","choices":[{"message":{"content":"h\u00e9y","reasoning":"abc",)"
      R"("reasoning_content":"abc","tool_calls":[{"function":{"arguments":"{}"}}]},)"
      R"("finish_reason":"stop","native_finish_reason":"end_turn"},{"finish_reason":"length"}],)"
      R"("usage":{"prompt_tokens":1,"completion_tokens":2}})");
  EXPECT_EQ(facts.finish_reason, "stop");
  EXPECT_EQ(facts.native_finish_reason, "end_turn");
  EXPECT_EQ(facts.output_bytes, 4U + 3U + 2U);
  EXPECT_EQ(facts.upstream_id, "up-1");
  EXPECT_EQ(facts.upstream_model, "other");  // E32
  EXPECT_TRUE(facts.has_choices);
  EXPECT_FALSE(facts.is_error);
  EXPECT_EQ(facts.usage, (Usage{.prompt = 1, .completion = 2}));
}

// Perplexity's choices have both; a chunk's message holds all that came so far.
TEST(ReadReply, TextThatStandsTwiceCountsOnce) {
  const ReplyFacts facts = facts_of(
      R"({"choices":[{"delta":{"role":"assistant","content":""},"message":{"content":"abcdef"}}]})");
  EXPECT_EQ(facts.output_bytes, 6U);
  const ChunkFacts chunk =
      read_chunk(R"({"choices":[{"message":{"content":"abcdef"},"delta":{"content":"def"}}]})");
  EXPECT_EQ(chunk.output_bytes, 3U);
  EXPECT_EQ(chunk.kind, ChunkKind::Content);
  EXPECT_EQ(read_chunk(R"({"choices":[{"message":{"content":"ab"}}]})").output_bytes, 2U);
  EXPECT_EQ(read_chunk(R"({"choices":[{"message":{"content":"ab"},"delta":null}]})").output_bytes,
            2U);
}

TEST(ReadReply, AMessageBesideTheAnswerIsNoError) {
  EXPECT_FALSE(facts_of(R"({"code":0,"message":"Success","choices":[{}]})").is_error);
  for (const std::string_view none : {"null", "false", "0", R"("")", "{}", "{ }"}) {
    EXPECT_FALSE(facts_of(R"({"choices":[{}],"error":)" + std::string(none) + "}").is_error)
        << none;
  }
  for (const std::string_view error : {R"({"code":502})", R"("x")", "true", "[]"}) {
    EXPECT_TRUE(facts_of(R"({"choices":[{}],"error":)" + std::string(error) + "}").is_error)
        << error;
  }
}

TEST(ReadReply, UsageGivenTwiceIsAnAnomaly) {
  EXPECT_EQ(facts_of(R"({"choices":[{}],"usage":{"prompt_tokens":1},"usage":{"prompt_tokens":2}})")
                .usage_fault,
            UsageFault::Repeated);
  EXPECT_EQ(
      facts_of(R"({"choices":[{}],"usage":{"prompt_tokens":1,"prompt_tokens":2}})").usage_fault,
      UsageFault::Repeated);
  EXPECT_EQ(facts_of(R"({"choices":[{}]})").usage_fault, UsageFault::Missing);
}

TEST(ReadReply, CompletionsHaveText) {
  const ReplyFacts facts =
      facts_of(R"({"choices":[{"text":"abc","finish_reason":"length"}]})", RequestKind::Completion);
  EXPECT_EQ(facts.output_bytes, 3U);
  EXPECT_EQ(facts.finish_reason, "length");
  EXPECT_EQ(facts.usage_fault, UsageFault::Missing);
}

TEST(ReadReply, UsageMayStandInAnEnvelope) {
  const std::string body =
      R"({"choices":[{}],"x_groq":{"id":"r","usage":{"prompt_tokens":3,"completion_tokens":1}}})";
  EXPECT_FALSE(facts_of(body).usage);
  const auto facts = read_reply(RequestKind::Chat, body, {.envelope = "x_groq"});
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->usage, (Usage{.prompt = 3, .completion = 1}));
  std::string out;
  write_reply(out, body, *facts, kIdentity, ReplyBill{});
  EXPECT_NE(out.find(R"(,"usage":{"prompt_tokens":3,"completion_tokens":1,"cost":0)"),
            std::string::npos);
}

TEST(ReadReply, E16ErrorsAreSeenInEveryShape) {
  struct ErrorCase {
    std::string_view body;
    std::string_view message;
    std::string_view code;
    std::optional<int> status;
  };
  const std::vector<ErrorCase> cases{
      {R"({"error":{"message":"no","code":"bad_model","type":"t"}})", "no", "bad_model", {}},
      {R"({"error":{"message":"busy","code":429}})", "busy", "429", 429},
      {R"({"error":"plain"})", "plain", "", {}},
      {R"({"object":"error","message":"vllm","code":400})", "vllm", "400", 400},
      {R"({"detail":"fastapi"})", "fastapi", "", {}},
      {R"([{"error":{"code":404,"message":"google","status":"NOT_FOUND"}}])", "google", "404", 404},
      {R"({"choices":[],"usage":{"prompt_tokens":1}})", "", "", {}},
      {R"({"choices":null})", "", "", {}},
      {"{}", "", "", {}},
  };
  for (const ErrorCase& one : cases) {
    const ReplyFacts facts = facts_of(one.body);
    EXPECT_TRUE(facts.is_error) << one.body;
    EXPECT_EQ(facts.fault.message, one.message) << one.body;
    EXPECT_EQ(facts.fault.code, one.code) << one.body;
    EXPECT_EQ(facts.fault.status, one.status) << one.body;
  }
}

TEST(ReadReply, ErrorMessagesAreBounded) {
  const std::string body = R"({"error":{"message":")" + std::string(5000, 'x') + R"(\n","code":")" +
                           std::string(500, 'y') + "\"}}";
  const ReplyFacts facts = facts_of(body);
  EXPECT_LE(facts.fault.message.size(), UpstreamFault::kMaxBytes);
  EXPECT_LE(facts.fault.code.size(), 64U);
}

TEST(ReadReply, E16WhatIsNotAnObjectIsRefused) {
  for (const char* body : {"", "<html>", "{", "\"x\"", "[]", "[1]", "{}x", R"({"id":1,"id":2})",
                           R"({"usage":1,"usage":2,"usage":3})"}) {
    const auto facts = read_reply(RequestKind::Chat, body);
    ASSERT_FALSE(facts) << body;
    EXPECT_EQ(facts.error().kind(), ErrorKind::UpstreamFailed) << body;
  }
}

}  // namespace
}  // namespace waybill::dialects
