// Ollama's routes: answers and errors of providers.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;

const Dialect& ollama_of(std::string_view name) {
  const Dialect* const found = find_dialect(name);
  EXPECT_NE(found, nullptr) << name;
  return *found;
}
const Dialect& ollama_chat() {
  return ollama_of("ollama_chat");
}
const Dialect& ollama_generate() {
  return ollama_of("ollama_generate");
}

test::Facts facts_of_lines(const std::vector<Json>& lines, bool chat) {
  test::Facts facts;
  for (const Json& line : lines) {
    const Json message = chat ? line.at("message") : line;
    facts.text += message.value(chat ? "content" : "response", "");
    facts.reasoning += message.value("thinking", "");
    for (const Json& call : message.value("tool_calls", Json::array())) {
      facts.calls.emplace_back(call.at("id"), call.at("function").at("name"),
                               call.at("function").at("arguments"));
    }
  }
  const Json& last = lines.back();
  facts.native_finish = last.value("done_reason", "");
  facts.finish = facts.native_finish == "length" ? FinishReason::Length
                 : facts.calls.empty()           ? FinishReason::Stop
                                                 : FinishReason::ToolCalls;
  facts.usage.emplace();
  facts.usage->prompt = last.value("prompt_eval_count", std::uint64_t{0});
  facts.usage->completion = last.value("eval_count", std::uint64_t{0});
  return facts;
}

TEST(OllamaRecordings, AnswersSayWhatWasRecorded) {
  std::size_t looked = 0;
  for (const bool chat : {true, false}) {
    const Dialect& dialect = chat ? ollama_chat() : ollama_generate();
    for (const auto& recording : test::recordings_of(chat ? "ollama-chat" : "ollama-generate")) {
      ++looked;
      if (recording.status != 200) {
        const UpstreamFault fault = dialect.decode_error(recording.response);
        EXPECT_EQ(Json::parse(recording.response).at("error"), fault.message) << recording.id;
        continue;
      }
      std::vector<Json> lines;
      std::istringstream text(recording.response);
      for (std::string line; std::getline(text, line);) {
        lines.push_back(Json::parse(line));
      }
      const test::Facts expected = facts_of_lines(lines, chat);
      if (!recording.stream) {
        std::optional<UpstreamFault> fault;
        const auto answer = dialect.decode_response(recording.response, {}, fault);
        ASSERT_TRUE(answer) << recording.id;
        EXPECT_FALSE(fault) << recording.id;
        EXPECT_EQ(test::facts_of(*answer), expected) << recording.id;
        EXPECT_EQ(lines.back().at("model"), answer->model);
      }
      const test::Told whole = test::told(dialect, recording.response);
      EXPECT_TRUE(whole.good && whole.ended && !whole.fault) << recording.id;
      EXPECT_EQ(test::facts_of(whole.answer), expected) << recording.id;
      for (const auto& sizes :
           {std::vector<std::size_t>{1}, test::random_sizes(1), test::random_sizes(2)}) {
        const test::Told cut = test::told(dialect, recording.response, sizes);
        EXPECT_EQ(cut.answer.choices, whole.answer.choices) << recording.id;
        EXPECT_EQ(cut.answer.usage, whole.answer.usage) << recording.id;
      }
    }
  }
  if (looked == 0) {
    GTEST_SKIP() << "no fixtures";
  }
}

TEST(OllamaAnswer, MakesIdsWhereThereAreNone) {
  const std::string body =
      R"({"model":"m","created_at":"2025-01-01T00:00:00.1Z","message":{"role":"assistant",
          "content":"","tool_calls":[{"function":{"name":"f","arguments":{"a":1}}},
          {"function":{"name":"f","arguments":{"a":1}}}]},"done":true,"done_reason":"stop"})";
  std::optional<UpstreamFault> fault;
  const auto first = ollama_chat().decode_response(body, {}, fault);
  const auto second = ollama_chat().decode_response(body, {}, fault);
  ASSERT_TRUE(first && second);
  const auto& calls = first->choices[0].parts;
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls, second->choices[0].parts);
  const std::string id = std::get<ToolCallPart>(calls[0].value).id;
  EXPECT_NE(id, std::get<ToolCallPart>(calls[1].value).id);
  EXPECT_EQ(id.size(), std::string("call_12345678").size());
  EXPECT_EQ(first->choices[0].finish, FinishReason::ToolCalls);
  EXPECT_EQ(first->usage_fault, UsageFault::Missing);
  EXPECT_FALSE(first->usage);
}

TEST(OllamaAnswer, TakesWhateverComes) {
  struct Case {
    const char* line;
    bool good;
    bool fault;
  };
  const std::vector<Case> cases{
      {"nonsense", false, false},
      {"[]", false, false},
      {"{}", true, false},
      {R"({"error":"out of memory"})", true, true},
      {R"({"error":{"message":"x","type":"t"}})", true, true},
      {R"({"message":[],"done":"yes"})", true, false},
      {R"({"message":{"content":7,"tool_calls":[1,{"function":2},{"function":{}}]}})", true, false},
  };
  for (const Case& each : cases) {
    const test::Told told = test::told(ollama_chat(), std::string(each.line) + "\n");
    EXPECT_EQ(told.good, each.good) << each.line;
    EXPECT_EQ(told.fault.has_value(), each.fault) << each.line;
  }
  std::optional<UpstreamFault> fault;
  EXPECT_EQ(ollama_chat().decode_response("x", {}, fault).error().code(), "upstream_invalid_json");
  EXPECT_EQ(ollama_chat().decode_response("[]", {}, fault).error().code(),
            "upstream_not_an_object");
  ASSERT_TRUE(ollama_chat().decode_response(R"({"error":"no"})", {}, fault));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->message, "no");
}

TEST(OllamaAnswer, CountsAreNotBelievedBlindly) {
  struct Case {
    const char* counts;
    UsageFault fault;
  };
  for (const Case& each :
       std::vector<Case>{{R"("prompt_eval_count":1,"eval_count":2)", UsageFault::None},
                         {R"("eval_count":2)", UsageFault::None},
                         {R"("eval_count":null)", UsageFault::Missing},
                         {R"("eval_count":-2)", UsageFault::Negative},
                         {R"("eval_count":-2.5)", UsageFault::Negative},
                         {R"("eval_count":"2")", UsageFault::NotInteger},
                         {R"("eval_count":2.5)", UsageFault::NotInteger},
                         {R"("eval_count":99999999999999)", UsageFault::TooLarge}}) {
    const std::string body =
        std::string(R"({"message":{"content":"x"},"done":true,)") + each.counts + "}";
    std::optional<UpstreamFault> fault;
    const auto answer = ollama_chat().decode_response(body, {}, fault);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->usage_fault, each.fault) << each.counts;
  }
}

}  // namespace
}  // namespace waybill::dialects
