// What Ollama's clients are given.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;

constexpr ReplyContext kReply{
    .id = "gen-1", .model = "a/b", .provider = "P", .created = 1'787'300'000};

ReplyBill reply_bill() {
  ReplyBill bill;
  bill.usage.prompt = 7;
  bill.usage.completion = 5;
  bill.charge.total = Money::picodollars(123'456);
  return bill;
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  EXPECT_TRUE(text.empty() || text.ends_with('\n')) << text;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(Json::parse(line));
  }
  return lines;
}

Answer some_answer() {
  Answer answer;
  answer.id = "up";
  answer.model = "m";
  Choice& choice = answer.choices.emplace_back();
  choice.parts.push_back({ReasoningPart{.text = "hm \"x\"\n"}});
  choice.parts.push_back({TextPart{"Gr\u00fc\u00dfe \U0001F600", {}}});
  choice.parts.push_back({ToolCallPart{"c1", "f", "{\n \"a\": 1.0\r\n}"}});
  choice.parts.push_back({ToolCallPart{"c2", "g", "broken"}});
  choice.finish = FinishReason::ToolCalls;
  choice.native_finish = "stop";
  Usage usage;
  usage.prompt = 7;
  usage.completion = 5;
  answer.usage = usage;
  answer.usage_fault = UsageFault::None;
  return answer;
}

std::string streamed(const Dialect& dialect, const Answer& answer) {
  std::string out;
  const auto writer = dialect.make_writer(kReply, out);
  tell(answer, *writer);
  writer->end(reply_bill());
  return out;
}

// The facts of an answer once this dialect has said it: arguments are an object.
test::Facts sayable(const Answer& answer) {
  test::Facts facts = test::facts_of(answer);
  for (auto& call : facts.calls) {
    if (std::get<2>(call).is_discarded()) {
      std::get<2>(call) = {{"raw_arguments", "broken"}};
    }
  }
  return facts;
}

TEST(OllamaReply, WholeAnswersHaveWhatClientsDemand) {
  const Dialect& chat = *find_dialect("ollama_chat");
  std::string body;
  chat.encode_response(some_answer(), kReply, reply_bill(), body);
  EXPECT_EQ(body.find('\n'), std::string::npos);
  const Json reply = Json::parse(body);
  EXPECT_EQ(reply.at("model"), "a/b");
  EXPECT_EQ(reply.at("created_at"), "2026-08-21T08:13:20.000Z");
  EXPECT_EQ(reply.at("done"), true);
  EXPECT_EQ(reply.at("done_reason"), "stop");
  EXPECT_EQ(reply.at("prompt_eval_count"), 7);
  EXPECT_EQ(reply.at("eval_count"), 5);
  EXPECT_EQ(reply.at("usage").at("cost").dump(), "1.23456e-07");
  EXPECT_EQ(reply.at("id"), "gen-1");
  EXPECT_EQ(reply.at("message").at("role"), "assistant");
  EXPECT_EQ(reply.at("message").at("tool_calls")[1].at("function").at("index"), 1);
  std::optional<UpstreamFault> fault;
  const auto again = chat.decode_response(body, {}, fault);
  ASSERT_TRUE(again);
  EXPECT_EQ(test::facts_of(*again), sayable(some_answer()));
}

TEST(OllamaReply, GenerateHasItsTextAtTheTop) {
  const Dialect& generate = *find_dialect("ollama_generate");
  std::string body;
  generate.encode_response(some_answer(), kReply, reply_bill(), body);
  const Json reply = Json::parse(body);
  EXPECT_FALSE(reply.contains("message"));
  EXPECT_EQ(reply.at("response"), "Gr\u00fc\u00dfe \U0001F600");
  EXPECT_EQ(reply.at("thinking"), "hm \"x\"\n");
  const auto lines = lines_of(streamed(generate, some_answer()));
  EXPECT_EQ(lines[1].at("response"), "Gr\u00fc\u00dfe \U0001F600");
}

TEST(OllamaReply, StreamsReadBackTheSame) {
  for (const char* const name : {"ollama_chat", "ollama_generate"}) {
    const Dialect& dialect = *find_dialect(name);
    const std::string bytes = streamed(dialect, some_answer());
    const auto lines = lines_of(bytes);
    for (std::size_t i = 0; i + 1 < lines.size(); ++i) {
      EXPECT_EQ(lines[i].at("done"), false);
      EXPECT_FALSE(lines[i].contains("usage"));
      EXPECT_TRUE(lines[i].contains("created_at"));
    }
    EXPECT_EQ(lines.back().at("done"), true);
    EXPECT_TRUE(lines.back().at("usage").contains("cost"));
    EXPECT_EQ(test::facts_of(test::told(dialect, bytes, {3}).answer), sayable(some_answer()));
  }
}

TEST(OllamaReply, TheEndIsWrittenByEndAlone) {
  const Dialect& chat = *find_dialect("ollama_chat");
  std::string out;
  const auto writer = chat.make_writer(kReply, out);
  writer->take({.kind = EventKind::Start});
  EXPECT_TRUE(out.empty());
  writer->take({.kind = EventKind::Text, .text = "x"});
  const std::string before = out;
  const Usage usage;
  writer->take({.kind = EventKind::Usage, .usage = &usage});
  writer->take({.kind = EventKind::Finish, .finish = FinishReason::Length});
  EXPECT_EQ(out, before);
  writer->end(reply_bill());
  EXPECT_EQ(lines_of(out).back().at("done_reason"), "length");
}

TEST(OllamaReply, CallsThatInterleaveComeWhole) {
  const Dialect& chat = *find_dialect("ollama_chat");
  std::string out;
  const auto writer = chat.make_writer(kReply, out);
  writer->take({.kind = EventKind::ToolCall, .index = 0, .id = "a", .name = "f"});
  writer->take({.kind = EventKind::ToolCall, .index = 1, .id = "b", .name = "g"});
  writer->take({.kind = EventKind::ToolArguments, .index = 1, .text = R"({\"y\":)"});
  writer->take({.kind = EventKind::ToolArguments, .index = 0, .text = R"({\"x\":)"});
  writer->take({.kind = EventKind::ToolArguments, .index = 1, .text = "2}"});
  writer->take({.kind = EventKind::ToolCallEnd, .index = 1});
  EXPECT_EQ(lines_of(out).size(), 1U);
  writer->take({.kind = EventKind::ToolArguments, .index = 0, .text = "1}"});
  writer->end(reply_bill());
  const test::Facts facts = test::facts_of(test::told(chat, out).answer);
  ASSERT_EQ(facts.calls.size(), 2U);
  EXPECT_EQ(facts.calls[0], std::make_tuple("b", "g", Json{{"y", 2}}));
  EXPECT_EQ(facts.calls[1], std::make_tuple("a", "f", Json{{"x", 1}}));
}

TEST(OllamaReply, FailsAtAnyTime) {
  const Dialect& chat = *find_dialect("ollama_chat");
  for (const bool begun : {false, true}) {
    std::string out;
    const auto writer = chat.make_writer(kReply, out);
    if (begun) {
      writer->take({.kind = EventKind::Text, .text = "x"});
      writer->take({.kind = EventKind::ToolCall, .id = "a", .name = "f"});
    }
    writer->fail({.code = 502, .message = "It \"broke\"", .error_type = "provider_unavailable"});
    EXPECT_EQ(lines_of(out).back().at("error"), "It \"broke\"");
    const test::Told told = test::told(chat, out);
    ASSERT_TRUE(told.fault);
    EXPECT_EQ(told.fault->message, "It \"broke\"");
    EXPECT_EQ(told.fault->status, 502);
  }
  std::string out;
  chat.make_writer(kReply, out)->end(reply_bill());
  EXPECT_TRUE(test::told(chat, out).ended);
}

TEST(OllamaReply, ErrorsAreOneSentence) {
  std::string out = "before ";
  find_dialect("ollama_chat")
      ->encode_error({.status = 404,
                      .code = "model_not_found",
                      .message = "No.",
                      .error_type = "not_found",
                      .id = "gen-1"},
                     out);
  EXPECT_EQ(
      out,
      R"(before {"error":"No.","code":"model_not_found","error_type":"not_found","id":"gen-1"})");
}

// A provider's stream, told to a client of the same dialect, says the same.
TEST(OllamaRecordings, StreamsPassThroughBothCodecs) {
  const Dialect& chat = *find_dialect("ollama_chat");
  const auto recordings = test::recordings_of("ollama-chat");
  if (recordings.empty()) {
    GTEST_SKIP() << "no fixtures";
  }
  for (const auto& recording : recordings) {
    if (recording.status != 200) {
      continue;
    }
    std::string out;
    const auto writer = chat.make_writer(kReply, out);
    StreamDecoder decoder(chat, {});
    ASSERT_TRUE(decoder.feed(recording.response, *writer) && decoder.finish(*writer));
    test::Facts before = test::facts_of(test::told(chat, recording.response).answer);
    writer->end({*before.usage, {}});
    EXPECT_EQ(test::facts_of(test::told(chat, out).answer), before) << recording.id;
  }
}

}  // namespace
}  // namespace waybill::dialects
