// Gemini's answers, both ways.

#include <string>

#include <gtest/gtest.h>

#include "waybill/dialects/codec.hpp"

#include "codec_facts.hpp"
#include "stream_tools.hpp"

namespace waybill::dialects {
namespace {

using Json = nlohmann::json;
using test::told;

const Dialect& gemini_codec() {
  return *find_dialect("gemini");
}

Answer whole(const std::string& body) {
  std::optional<UpstreamFault> fault;
  auto answer = gemini_codec().decode_response(body, {}, fault);
  EXPECT_TRUE(answer);
  EXPECT_FALSE(fault);
  return answer ? *std::move(answer) : Answer();
}

const ReplyContext kReply{
    .id = "gen-1", .model = "maker/model", .provider = "Provider", .created = 1};

std::string written(const Answer& answer, const ReplyContext& context = kReply) {
  std::string stream;
  const auto writer = gemini_codec().make_writer(context, stream);
  tell(answer, *writer);
  ReplyBill bill;
  bill.usage = answer.usage.value_or(Usage());
  bill.charge.total = Money::picodollars(1'500'000'000);
  writer->end(bill);
  return stream;
}

// The messages of a written stream.
std::vector<Json> events_of(std::string_view stream) {
  std::vector<Json> events;
  constexpr std::string_view kData = "data: ";
  while (!stream.empty()) {
    EXPECT_TRUE(stream.starts_with(kData));
    const std::size_t end = stream.find("\n\n");
    EXPECT_NE(end, std::string_view::npos);
    if (end == std::string_view::npos) {
      break;
    }
    events.push_back(Json::parse(stream.substr(kData.size(), end - kData.size())));
    stream.remove_prefix(end + 2);
  }
  return events;
}

TEST(GeminiAnswer, CountsAsOpenAiDoes) {
  const Answer answer = whole(R"({"candidates":[{"content":{"parts":[{"text":"x"}]},
    "finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":100,"toolUsePromptTokenCount":10,
    "candidatesTokenCount":20,"thoughtsTokenCount":5,"cachedContentTokenCount":30,
    "promptTokensDetails":[{"modality":"AUDIO","tokenCount":7}],
    "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":3}],"serviceTier":"standard"}})");
  const Usage wanted{.prompt = 110,
                     .completion = 25,
                     .cached_read = 30,
                     .reasoning = 5,
                     .audio_prompt = 7,
                     .image_completion = 3};
  EXPECT_EQ(answer.usage, wanted);
  EXPECT_EQ(answer.usage_fault, UsageFault::None);
  EXPECT_EQ(answer.service_tier, "default");
}

TEST(GeminiAnswer, DistrustsCounts) {
  const std::pair<const char*, UsageFault> kRows[]{
      {R"({"promptTokenCount":-1})", UsageFault::Negative},
      {R"({"promptTokenCount":"1"})", UsageFault::NotInteger},
      {R"({"promptTokenCount":99999999999})", UsageFault::TooLarge},
      {R"({"promptTokenCount":1,"cachedContentTokenCount":2})", UsageFault::Contradictory},
      {R"({"trafficType":"ON_DEMAND"})", UsageFault::Missing},
      {R"([])", UsageFault::Missing},
  };
  for (const auto& [usage, fault] : kRows) {
    const std::string body =
        std::string(R"({"candidates":[{"finishReason":"STOP"}],"usageMetadata":)") + usage + "}";
    EXPECT_EQ(whole(body).usage_fault, fault) << usage;
  }
}

TEST(GeminiAnswer, KnowsWhyItEnded) {
  const std::tuple<const char*, FinishReason, const char*> kRows[]{
      {R"({"candidates":[{"finishReason":"STOP"}]})", FinishReason::Stop, "STOP"},
      {R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]},
           "finishReason":"STOP"}]})",
       FinishReason::ToolCalls, "STOP"},
      {R"({"candidates":[{"finishReason":"MAX_TOKENS"}]})", FinishReason::Length, "MAX_TOKENS"},
      {R"({"candidates":[{"finishReason":"SPII"}]})", FinishReason::ContentFilter, "SPII"},
      {R"({"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]})", FinishReason::Error,
       "MALFORMED_FUNCTION_CALL"},
      {R"({"promptFeedback":{"blockReason":"OTHER"}})", FinishReason::ContentFilter, "OTHER"},
  };
  for (const auto& [body, finish, native] : kRows) {
    const Answer answer = whole(body);
    ASSERT_EQ(answer.choices.size(), 1U) << body;
    EXPECT_EQ(answer.choices[0].finish, finish) << body;
    EXPECT_EQ(answer.choices[0].native_finish, native) << body;
  }
}

TEST(GeminiAnswer, TellsFaults) {
  for (const char* const body : {R"({"error":{"code":429,"message":"m","status":"S"}})",
                                 R"([{"error":{"code":429,"message":"m","status":"S"}}])"}) {
    std::optional<UpstreamFault> fault;
    EXPECT_TRUE(gemini_codec().decode_response(body, {}, fault));
    const auto streamed = told(gemini_codec(), std::string("data: ") + body + "\n\n");
    for (const auto& each : {fault, std::optional(gemini_codec().decode_error(body)),
                             streamed.fault, told(gemini_codec(), body).fault}) {
      ASSERT_TRUE(each);
      EXPECT_EQ(each->message, "m");
      EXPECT_EQ(each->code, "S");
      EXPECT_EQ(each->status, 429);
    }
    EXPECT_FALSE(streamed.ended);
  }
  std::optional<UpstreamFault> fault;
  EXPECT_TRUE(gemini_codec().decode_response("{}", {}, fault));
  EXPECT_TRUE(fault);
  EXPECT_FALSE(gemini_codec().decode_response("[]", {}, fault));
  EXPECT_FALSE(gemini_codec().decode_response("no", {}, fault));
  EXPECT_FALSE(told(gemini_codec(), "data: no\n\n").good);
  EXPECT_FALSE(told(gemini_codec(), "data: 7\n\n").good);
}

TEST(GeminiAnswer, PutsArgumentsTogether) {
  const auto read =
      told(gemini_codec(),
           "data: {\"responseId\":\"r\",\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":"
           "{\"name\":\"f\",\"willContinue\":true}}]}}]}\n\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":["
           "{\"jsonPath\":\"$.a['b.c']\",\"stringValue\":\"x\\n\",\"willContinue\":true},"
           "{\"jsonPath\":\"$.l[1].n\",\"numberValue\":2.50}],\"willContinue\":true}}]}}]}\n\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"partialArgs\":["
           "{\"jsonPath\":\"$.a['b.c']\",\"stringValue\":\"y\"},{\"jsonPath\":\"$.t\","
           "\"boolValue\":true},"
           "{\"jsonPath\":\"$.z\",\"nullValue\":\"NULL_VALUE\"},{\"jsonPath\":\"$.l[999999999]\","
           "\"boolValue\":true}],\"willContinue\":true}}]}}]}\n\n"
           "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{}}]},"
           "\"finishReason\":\"STOP\"}]}\n\n");
  ASSERT_TRUE(read.good && read.ended);
  ASSERT_EQ(read.answer.choices.at(0).parts.size(), 1U);
  const auto& call = std::get<ToolCallPart>(read.answer.choices[0].parts[0].value);
  EXPECT_EQ(call.id, "call_0_r");
  EXPECT_EQ(call.arguments, R"({"a":{"b.c":"x\ny"},"l":[null,{"n":2.50}],"t":true,"z":null})");
}

TEST(GeminiAnswer, CitesInCharacters) {
  const Answer answer = whole(
      "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\xC3\xA4\xC3\xB6 is so\"}]},"
      "\"finishReason\":\"STOP\",\"groundingMetadata\":{\"groundingChunks\":[{\"web\":{\"uri\":"
      "\"https://h\",\"title\":\"t\"}}],\"groundingSupports\":[{\"segment\":{\"startIndex\":5,"
      "\"endIndex\":7,\"text\":\"is\"},\"groundingChunkIndices\":[0,9]}]}}]}");
  const auto& parts = answer.choices.at(0).parts;
  ASSERT_EQ(parts.size(), 2U);
  const auto& citations = std::get<TextPart>(parts[0].value).citations;
  ASSERT_EQ(citations.size(), 1U);
  EXPECT_EQ(citations[0].url, "https://h");
  EXPECT_EQ(citations[0].begin, 3U);
  EXPECT_EQ(citations[0].end, 5U);
  const Json last = events_of(written(answer)).back();
  EXPECT_EQ(last["candidates"][0]["groundingMetadata"]["groundingChunks"].size(), 1U);

  // The same, where only the citation is known.
  Answer foreign = answer;
  foreign.choices[0].parts.pop_back();
  const auto again = told(gemini_codec(), written(foreign));
  const auto& other = std::get<TextPart>(again.answer.choices.at(0).parts.at(0).value).citations;
  ASSERT_EQ(other.size(), 1U);
  EXPECT_EQ(other[0].begin, 3U);
  EXPECT_EQ(other[0].end, 5U);
}

TEST(GeminiWriter, KeepsSignaturesWhereTheyWere) {
  const std::string parts = R"([{"text":"t","thought":true},{"text":"a","thoughtSignature":"czE="},
    {"functionCall":{"id":"i","name":"f","args":{"k":[1]}},"thoughtSignature":"czI="},
    {"executableCode":{"code":"x","language":"PYTHON"}},
    {"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"text":"","thoughtSignature":"czM="}])";
  const Answer answer =
      whole(R"({"candidates":[{"content":{"parts":)" + parts + R"(},"finishReason":"STOP"}]})");
  Json streamed = Json::array();
  const auto events = events_of(written(answer));
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    streamed.push_back(events[i]["candidates"][0]["content"]["parts"][0]);
  }
  EXPECT_EQ(streamed, Json::parse(parts));
  std::string body;
  gemini_codec().encode_response(answer, kReply, {}, body);
  EXPECT_EQ(Json::parse(body)["candidates"][0]["content"]["parts"], Json::parse(parts));
}

TEST(GeminiWriter, PacksSignaturesOfOtherMakers) {
  Answer answer;
  answer.choices.push_back(
      {.parts = {{ReasoningPart{.text = "t", .signature = "sig", .format = "anthropic-claude-v1"}},
                 {ReasoningPart{.kind = ReasoningPart::Kind::Encrypted,
                                .data = "dat",
                                .format = "anthropic-claude-v1"}},
                 {TextPart{"a", {}}}},
       .finish = FinishReason::Stop});
  std::string body;
  gemini_codec().encode_response(answer, kReply, {}, body);
  const Json content = Json::parse(body)["candidates"][0]["content"];
  const Json turn{{"contents", {{{"parts", {{{"text", "u"}}}}}, content}}};
  const auto request = gemini_codec().decode_request(turn.dump());
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->messages.at(1).parts == answer.choices[0].parts) << body;
}

TEST(GeminiWriter, EndsWithWhatItCost) {
  Answer answer;
  answer.choices.push_back({.parts = {{TextPart{"a", {}}}}, .finish = FinishReason::Length});
  answer.usage = Usage{.prompt = 10, .completion = 8, .reasoning = 3};
  const auto events = events_of(written(answer));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_FALSE(events[0].contains("usageMetadata"));
  EXPECT_EQ(events[0]["responseId"], "gen-1");
  EXPECT_EQ(events[0]["modelVersion"], "maker/model");
  EXPECT_EQ(events[1]["candidates"][0]["finishReason"], "MAX_TOKENS");
  EXPECT_EQ(events[1]["usageMetadata"]["promptTokenCount"], 10);
  EXPECT_EQ(events[1]["usageMetadata"]["candidatesTokenCount"], 5);
  EXPECT_EQ(events[1]["usageMetadata"]["thoughtsTokenCount"], 3);
  EXPECT_EQ(events[1]["usageMetadata"]["totalTokenCount"], 18);
  EXPECT_EQ(events[1]["usage"]["cost"], 0.0015);
  EXPECT_EQ(events_of(written({})).size(), 1U);
}

TEST(GeminiWriter, MayFailAtAnyTime) {
  const Event kSteps[]{{.kind = EventKind::Start},
                       {.kind = EventKind::Text, .text = "a"},
                       {.kind = EventKind::ToolCall, .id = "i", .name = "f"},
                       {.kind = EventKind::ToolArguments, .text = "{\\\"a"}};
  for (std::size_t steps = 0; steps <= std::size(kSteps); ++steps) {
    std::string stream;
    const auto writer = gemini_codec().make_writer(kReply, stream);
    for (std::size_t i = 0; i < steps; ++i) {
      writer->take(kSteps[i]);
    }
    writer->fail({.code = 503, .message = "m", .error_type = "provider_unavailable"});
    const auto events = events_of(stream);
    EXPECT_EQ(events.back()["error"]["code"], 503);
    EXPECT_EQ(events.back()["error"]["status"], "UNAVAILABLE");
    EXPECT_EQ(events.back()["error"]["message"], "m");
    EXPECT_EQ(events.size(), steps < 2 ? 1U : 2U);  // a call that is not whole is not told
  }
}

TEST(GeminiWriter, HidesThoughtsButNotTheirSignatures) {
  const Answer answer = whole(R"({"candidates":[{"content":{"parts":[
    {"text":"t","thought":true},{"text":"a","thoughtSignature":"czE="}]},
    "finishReason":"STOP"}]})");
  ReplyContext context = kReply;
  context.hide_reasoning = true;
  const std::string stream = written(answer, context);
  EXPECT_EQ(stream.find("thought\":true"), std::string::npos);
  EXPECT_NE(stream.find("czE="), std::string::npos);
}

// Usage of every recording by the corpus's own rule, and calls with their arguments.
TEST(GeminiRecordings, SayWhatTheirBytesSay) {
  const auto recordings = test::recordings_of("google-generatecontent");
  if (recordings.empty()) {
    GTEST_SKIP() << "no recorded traffic on this machine";
  }
  for (const auto& recording : recordings) {
    SCOPED_TRACE(recording.id);
    if (recording.status != 200) {
      const UpstreamFault fault = gemini_codec().decode_error(recording.response);
      EXPECT_FALSE(fault.message.empty());
      EXPECT_EQ(fault.status, recording.status);
      continue;
    }
    const Answer answer = recording.stream ? told(gemini_codec(), recording.response).answer
                                           : whole(recording.response);
    const Json& usage = recording.meta.at("glance").at("usage");
    const auto count = [&](const char* name) { return usage.value(name, std::uint64_t{0}); };
    ASSERT_TRUE(answer.usage);
    EXPECT_EQ(answer.usage_fault, UsageFault::None);
    EXPECT_EQ(answer.usage->prompt, count("promptTokenCount") + count("toolUsePromptTokenCount"));
    EXPECT_EQ(answer.usage->completion,
              count("candidatesTokenCount") + count("thoughtsTokenCount"));
    EXPECT_EQ(answer.usage->cached_read, count("cachedContentTokenCount"));
    const auto facts = test::facts_of(answer);
    EXPECT_EQ(facts.native_finish, recording.meta.at("glance").at("finish").get<std::string>());
    EXPECT_FALSE(answer.id.empty());
    EXPECT_FALSE(answer.model.empty());
    for (const auto& [id, name, arguments] : facts.calls) {
      EXPECT_FALSE(id.empty());
      EXPECT_TRUE(arguments.is_object());
    }
  }
}

}  // namespace
}  // namespace waybill::dialects
