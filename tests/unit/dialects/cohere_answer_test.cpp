// Cohere's chat: answers from it.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;

const Dialect& cohere_chat() {
  return *find_dialect("cohere_chat");
}

// What a recorded body says, by another reader than ours.
test::Facts facts_of_body(const Json& body) {
  test::Facts facts;
  const Json& message = body.at("message");
  facts.reasoning = message.value("tool_plan", "");
  for (const Json& block : message.value("content", Json::array())) {
    facts.text += block.value("text", "");
    facts.reasoning += block.value("thinking", "");
  }
  for (const Json& call : message.value("tool_calls", Json::array())) {
    facts.calls.emplace_back(call.at("id"), call.at("function").at("name"),
                             Json::parse(call.at("function").at("arguments").get<std::string>()));
  }
  facts.native_finish = body.at("finish_reason");
  const Json& usage = body.at("usage");
  if (usage.contains("tokens")) {
    facts.usage.emplace();
    facts.usage->prompt = usage.at("tokens").at("input_tokens");
    facts.usage->completion = usage.at("tokens").at("output_tokens");
    facts.usage->cached_read = usage.value("cached_tokens", std::uint64_t{0});
    facts.usage->reasoning = usage.at("tokens").value("reasoning_tokens", std::uint64_t{0});
  }
  return facts;
}

// The body that a recorded stream amounts to.
Json body_of_stream(const std::string& stream, std::size_t& citations) {
  Json body = Json::object();
  Json& message = body["message"];
  message["content"] = Json::array();
  message["tool_calls"] = Json::array();
  std::string plan;
  std::istringstream text(stream);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("data: {")) {
      continue;
    }
    const Json event = Json::parse(line.substr(6));
    const std::string type = event.at("type");
    if (type == "content-start") {
      message["content"].push_back(event["delta"]["message"]["content"]);
    } else if (type == "content-delta") {
      for (const auto& [key, value] : event["delta"]["message"]["content"].items()) {
        Json& slot = message["content"].back()[key];
        slot = slot.get<std::string>() + value.get<std::string>();
      }
    } else if (type == "tool-plan-delta") {
      plan += event["delta"]["message"]["tool_plan"].get<std::string>();
    } else if (type == "tool-call-start") {
      message["tool_calls"].push_back(event["delta"]["message"]["tool_calls"]);
    } else if (type == "tool-call-delta") {
      Json& slot =
          message["tool_calls"].at(event.at("index").get<std::size_t>())["function"]["arguments"];
      slot = slot.get<std::string>() +
             event["delta"]["message"]["tool_calls"]["function"]["arguments"].get<std::string>();
    } else if (type == "citation-start") {
      const Json& citation = event["delta"]["message"]["citations"];
      citations += citation.value("type", "TEXT_CONTENT") == "TEXT_CONTENT" ? 1 : 0;
    } else if (type == "message-end") {
      body.update(event["delta"]);
    }
  }
  message["tool_plan"] = plan;
  return body;
}

FinishReason finish_for(const std::string& word) {
  return word == "TOOL_CALL"    ? FinishReason::ToolCalls
         : word == "MAX_TOKENS" ? FinishReason::Length
                                : FinishReason::Stop;
}

std::size_t citations_of(const Answer& answer) {
  std::size_t count = 0;
  for (const Choice& choice : answer.choices) {
    for (const Part& part : choice.parts) {
      if (const auto* const text = std::get_if<TextPart>(&part.value)) {
        count += text->citations.size();
      }
    }
  }
  return count;
}

void check_stream(const test::DialectRecording& recording) {
  std::size_t citations = 0;
  const Json body = body_of_stream(recording.response, citations);
  const test::Told whole = test::told(cohere_chat(), recording.response);
  EXPECT_TRUE(whole.good && whole.ended) << recording.id;
  test::Facts expected = facts_of_body(body);
  if (body.at("finish_reason") == "ERROR") {
    ASSERT_TRUE(whole.fault) << recording.id;
    EXPECT_EQ(body.at("error"), whole.fault->message) << recording.id;
    EXPECT_EQ(body.at("error_type"), whole.fault->code) << recording.id;
    expected.native_finish.clear();
  } else {
    EXPECT_FALSE(whole.fault) << recording.id;
    expected.finish = finish_for(expected.native_finish);
  }
  EXPECT_EQ(test::facts_of(whole.answer), expected) << recording.id;
  EXPECT_EQ(citations_of(whole.answer), citations) << recording.id;
  for (const auto& sizes :
       {std::vector<std::size_t>{1}, test::random_sizes(3), test::random_sizes(4)}) {
    const test::Told cut = test::told(cohere_chat(), recording.response, sizes);
    EXPECT_EQ(cut.answer.choices, whole.answer.choices) << recording.id;
    EXPECT_EQ(cut.answer.usage, whole.answer.usage) << recording.id;
  }
}

void check_body(const test::DialectRecording& recording) {
  const Json body = Json::parse(recording.response);
  std::optional<UpstreamFault> fault;
  const auto answer = cohere_chat().decode_response(recording.response, {}, fault);
  ASSERT_TRUE(answer) << recording.id;
  EXPECT_FALSE(fault) << recording.id;
  test::Facts expected = facts_of_body(body);
  expected.finish = finish_for(expected.native_finish);
  EXPECT_EQ(test::facts_of(*answer), expected) << recording.id;
  EXPECT_EQ(body.at("id"), answer->id);
  EXPECT_EQ(citations_of(*answer), body["message"].value("citations", Json::array()).size());
}

TEST(CohereRecordings, AnswersSayWhatWasRecorded) {
  const auto recordings = test::recordings_of("cohere-v2-chat");
  if (recordings.empty()) {
    GTEST_SKIP() << "no fixtures";
  }
  for (const auto& recording : recordings) {
    if (recording.status != 200) {
      EXPECT_EQ(Json::parse(recording.response).at("message"),
                cohere_chat().decode_error(recording.response).message);
    } else if (recording.stream) {
      check_stream(recording);
    } else {
      check_body(recording);
    }
  }
}

// Vercel's SDK read the same recordings (expected.json).
TEST(CohereRecordings, AnotherReaderAgrees) {
  std::size_t looked = 0;
  for (const auto& recording : test::recordings_of("cohere-v2-chat")) {
    if (!recording.expected.is_object() || !recording.expected.contains("snapshots")) {
      continue;
    }
    ++looked;
    std::optional<UpstreamFault> fault;
    const Answer answer = recording.stream
                              ? test::told(cohere_chat(), recording.response).answer
                              : *cohere_chat().decode_response(recording.response, {}, fault);
    const test::Facts facts = test::facts_of(answer);
    const Json& value = recording.expected.at("snapshots")[0].at("value");
    const Json& parts = value.is_array() ? value : value.at("content");
    std::size_t calls = 0;
    for (const Json& part : parts) {
      if (part.at("type") == "tool-call") {
        EXPECT_EQ(facts.calls.at(calls++),
                  std::make_tuple(part.at("toolCallId").get<std::string>(),
                                  part.at("toolName").get<std::string>(),
                                  Json::parse(part.at("input").get<std::string>())));
      }
    }
    EXPECT_EQ(calls, facts.calls.size());
    const Json& end = value.is_array() ? value.back() : value;
    EXPECT_EQ(end.at("finishReason").at("raw"), facts.native_finish);
    EXPECT_EQ(end.at("usage").at("inputTokens").at("total"), facts.usage->prompt);
    EXPECT_EQ(end.at("usage").at("outputTokens").at("total"), facts.usage->completion);
  }
  if (looked == 0) {
    GTEST_SKIP() << "no fixtures";
  }
}

TEST(CohereAnswer, KeepsCitationsWithTheirText) {
  const std::string body = R"({"id":"i","finish_reason":"COMPLETE","message":{
    "content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"abc"}],
    "citations":[
      {"start":0,"end":2,"text":"ab","content_index":1,"type":"TEXT_CONTENT","sources":[
        {"type":"tool","id":"x"},
        {"type":"document","document":{"title":"T","url":"https://h/","snippet":"words"}}]},
      {"start":0,"end":1,"text":"p","type":"PLAN","sources":[]}]}})";
  std::optional<UpstreamFault> fault;
  const auto answer = cohere_chat().decode_response(body, {}, fault);
  ASSERT_TRUE(answer);
  const auto& citations = std::get<TextPart>(answer->choices[0].parts[1].value).citations;
  ASSERT_EQ(citations.size(), 1U);
  EXPECT_EQ(citations[0].url, "https://h/");
  EXPECT_EQ(citations[0].title, "T");
  EXPECT_EQ(citations[0].text, "words");
  EXPECT_EQ(citations[0].begin, 0U);
  EXPECT_EQ(citations[0].end, 2U);
  EXPECT_EQ(Json::parse(citations[0].native_json).at("text"), "ab");
}

TEST(CohereAnswer, TakesWhateverComes) {
  struct Case {
    const char* event;
    bool good;
    bool fault;
    bool ended;
  };
  for (const Case& each : std::vector<Case>{
           {"nonsense", false, false, false},
           {"[]", false, false, false},
           {"{}", true, false, false},
           {"[DONE]", true, false, true},
           {R"({"message":"too many"})", true, true, true},
           {R"({"type":"debug","prompt":"x"})", true, false, false},
           {R"({"type":"content-delta","index":-1,"delta":[]})", true, false, false},
           {R"({"type":"tool-call-delta","index":4})", true, false, false},
           {R"({"type":"citation-start","delta":{"message":{"citations":3}}})", true, false, false},
           {R"({"type":"message-end","delta":{"finish_reason":"TIMEOUT"}})", true, true, true},
           {R"({"type":"message-end"})", true, false, true}}) {
    const test::Told told = test::told(cohere_chat(), "data: " + std::string(each.event) + "\n\n");
    EXPECT_EQ(told.good, each.good) << each.event;
    EXPECT_EQ(told.fault.has_value(), each.fault) << each.event;
    EXPECT_EQ(told.ended, each.ended) << each.event;
  }
  std::optional<UpstreamFault> fault;
  EXPECT_EQ(cohere_chat().decode_response("x", {}, fault).error().code(), "upstream_invalid_json");
  EXPECT_EQ(cohere_chat().decode_response("7", {}, fault).error().code(), "upstream_not_an_object");
  ASSERT_TRUE(cohere_chat().decode_response(R"({"message":"no"})", {}, fault));
  EXPECT_EQ(fault->message, "no");
}

TEST(CohereAnswer, CountsAreNotBelievedBlindly) {
  struct Case {
    const char* usage;
    UsageFault fault;
  };
  for (const Case& each : std::vector<Case>{
           {R"({"tokens":{"input_tokens":5,"output_tokens":1},"cached_tokens":2})",
            UsageFault::None},
           {R"({"billed_units":{"input_tokens":5,"output_tokens":1}})", UsageFault::None},
           {R"({"tokens":{"input_tokens":5,"output_tokens":1},"cached_tokens":6})",
            UsageFault::Contradictory},
           {R"({"tokens":{"input_tokens":-5}})", UsageFault::Negative},
           {R"({"tokens":{"input_tokens":"5"}})", UsageFault::NotInteger},
           {R"({"tokens":{"input_tokens":1e12}})", UsageFault::NotInteger},
           {R"({"tokens":{"input_tokens":2000000000}})", UsageFault::TooLarge},
           {R"({})", UsageFault::Missing},
           {"7", UsageFault::Missing}}) {
    const std::string body =
        std::string(R"({"message":{},"finish_reason":"COMPLETE","usage":)") + each.usage + "}";
    std::optional<UpstreamFault> fault;
    const auto answer = cohere_chat().decode_response(body, {}, fault);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->usage_fault, each.fault) << each.usage;
    EXPECT_LE(answer->usage.value_or(Usage{}).cached_read, answer->usage.value_or(Usage{}).prompt);
  }
}

TEST(CohereAnswer, TellsLogprobsInOpenAisForm) {
  const std::string body = R"({"message":{"content":[{"type":"text","text":"ab"}]},
    "finish_reason":"COMPLETE","logprobs":[
      {"token_ids":[1],"text":"a","logprobs":[-0.5]},
      {"token_ids":[2,3],"text":"b","logprobs":[-0.25,-0.25]}, {}, 7]})";
  std::optional<UpstreamFault> fault;
  const auto answer = cohere_chat().decode_response(body, {}, fault);
  ASSERT_TRUE(answer);
  EXPECT_EQ(Json::parse(answer->choices[0].logprobs_json), Json::parse(R"({"content":[
    {"token":"a","logprob":-0.5,"bytes":null,"top_logprobs":[]},
    {"token":"b","logprob":-0.5,"bytes":null,"top_logprobs":[]}]})"));
}

}  // namespace
}  // namespace waybill::dialects
