// Answers, streams and errors of Bedrock's Converse.

#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "codec_facts.hpp"
#include "event_stream_bytes.hpp"
#include "fixtures.hpp"
#include "frames.hpp"

namespace waybill::dialects::test {
namespace {

using Json = nlohmann::json;

const Dialect& converse() {
  return *find_dialect("bedrock_converse");
}

struct Read {
  Answer answer;
  std::optional<UpstreamFault> fault;
  bool good = true;
  bool ended = false;
};

Read read_stream(std::string_view bytes, std::size_t size = std::size_t{1} << 30U) {
  Read read;
  AnswerBuilder builder;
  StreamDecoder decoder(converse(), {});
  while (!bytes.empty() && read.good) {
    const std::string piece(bytes.substr(0, size));
    read.good = decoder.feed(piece, builder);
    bytes.remove_prefix(piece.size());
  }
  read.good = read.good && decoder.finish(builder);
  read.ended = decoder.ended();
  read.fault = builder.fault();
  read.answer = builder.finish();
  return read;
}

Read read_whole(std::string_view body) {
  Read read;
  auto answer = converse().decode_response(body, {}, read.fault);
  read.good = answer.has_value();
  if (answer) {
    read.answer = *std::move(answer);
  }
  return read;
}

// An answer with these blocks.
std::string body_of(std::string_view blocks, std::string_view more = R"("stopReason":"end_turn")") {
  return R"({"output":{"message":{"role":"assistant","content":[)" + std::string(blocks) + "]}}," +
         std::string(more) + "}";
}

std::vector<Part> parts_of(std::string_view blocks) {
  const Read read = read_whole(body_of(blocks));
  EXPECT_FALSE(read.fault);
  return read.answer.choices.empty() ? std::vector<Part>() : read.answer.choices.front().parts;
}

TEST(BedrockConverse, ReadsEveryKindOfBlock) {
  using Kind = ReasoningPart::Kind;
  const auto native = [](std::string json, std::string type) {
    return Part{NativePart{"bedrock_converse", std::move(json), std::move(type)}};
  };
  const std::string server_call =
      R"({"toolUse":{"name":"nova_grounding","toolUseId":"t","type":"server_tool_use","input":{}}})";
  const std::vector<std::pair<std::string, std::vector<Part>>> cases{
      {R"({"text":"a\nb"})", {{TextPart{"a\nb", {}}}}},
      {R"({"text":""},{"text":"b"})", {{TextPart{}}, {TextPart{"b", {}}}}},
      {R"({"reasoningContent":{"reasoningText":{"text":"hm","signature":"sig=="}}})",
       {{ReasoningPart{.text = "hm", .signature = "sig==", .format = "anthropic-claude-v1"}}}},
      {R"({"reasoningContent":{"reasoningText":{"text":"hm"}}})", {{ReasoningPart{.text = "hm"}}}},
      // "EqQCKg==" in base64: what Anthropic's own API calls data.
      {R"({"reasoningContent":{"redactedContent":"RXFRQ0tnPT0="}})",
       {{ReasoningPart{
           .kind = Kind::Encrypted, .data = "EqQCKg==", .format = "anthropic-claude-v1"}}}},
      {R"({"reasoningContent":{"redactedContent":"AAEC/w=="}})",
       {{ReasoningPart{.kind = Kind::Encrypted, .data = "AAEC/w=="}}}},
      {R"({"toolUse":{"toolUseId":"t1","name":"f","input":{"b":1.0,"a":[ 1 ]}}})",
       {{ToolCallPart{.id = "t1", .name = "f", .arguments = R"({"b":1.0,"a":[ 1 ]})"}}}},
      {R"({"toolUse":{"toolUseId":"t1","name":"f","type":"tool_use"}})",
       {{ToolCallPart{.id = "t1", .name = "f", .arguments = "{}"}}}},
      {server_call, {native(server_call, "toolUse")}},
      {R"({"toolResult":{"toolUseId":"t"}})",
       {native(R"({"toolResult":{"toolUseId":"t"}})", "toolResult")}},
      {R"({"image":{"format":"png","source":{"bytes":"iVBO"}}})",
       {{MediaPart{.media_type = "image/png", .data = "iVBO"}}}},
      {R"({"a kind to come":{"x":1}})",
       {native(R"({"a kind to come":{"x":1}})", "a kind to come")}},
      {R"({},[],1,null,"x")", {}},
      {R"({"text":1,"toolUse":"x","reasoningContent":[],"citationsContent":0})",
       {native(R"({"text":1,"toolUse":"x","reasoningContent":[],"citationsContent":0})", "text")}},
  };
  for (const auto& [blocks, parts] : cases) {
    EXPECT_EQ(parts_of(blocks), parts) << blocks;
  }
}

TEST(BedrockConverse, ReadsCitations) {
  const std::string document =
      R"({"location":{"documentPage":{"documentIndex":0,"end":2,"start":1}},)"
      R"("sourceContent":[{"text":"Sample "},{"text":"PDF"}],"title":"sample"})";
  const std::string web = R"({"location":{"web":{"domain":"w.org","url":"https://w.org/x"}}})";
  const auto citation = [](std::string url, std::string title, std::string text, std::string raw) {
    return Citation{.url = std::move(url),
                    .title = std::move(title),
                    .text = std::move(text),
                    .native_json = std::move(raw),
                    .native_dialect = "bedrock_converse"};
  };
  const std::vector<Part> cited{
      {TextPart{"It is so", {citation("", "sample", "Sample PDF", document)}}}};
  EXPECT_EQ(parts_of(R"({"citationsContent":{"citations":[)" + document +
                     R"(],"content":[{"text":"It is"},{"text":" so"}]}})"),
            cited);
  const std::vector<Part> before{{TextPart{"So", {citation("https://w.org/x", "w.org", "", web)}}}};
  EXPECT_EQ(parts_of(R"({"text":"So"},{"citationsContent":{"citations":[)" + web + R"(,7]}})"),
            before);
}

TEST(BedrockConverse, KnowsEveryStopReason) {
  const std::vector<std::pair<std::string, FinishReason>> cases{
      {"end_turn", FinishReason::Stop},
      {"tool_use", FinishReason::ToolCalls},
      {"max_tokens", FinishReason::Length},
      {"stop_sequence", FinishReason::Stop},
      {"guardrail_intervened", FinishReason::ContentFilter},
      {"content_filtered", FinishReason::ContentFilter},
      {"malformed_model_output", FinishReason::Error},
      {"malformed_tool_use", FinishReason::Error},
      {"model_context_window_exceeded", FinishReason::Length},
      {"to_come", FinishReason::Stop},
  };
  for (const auto& [word, finish] : cases) {
    const Read whole = read_whole(body_of("", R"("stopReason":")" + word + '"'));
    EXPECT_EQ(whole.answer.choices.at(0).finish, finish) << word;
    EXPECT_EQ(whole.answer.choices.at(0).native_finish, word);
    const Read stream =
        read_stream(event_message("messageStop", R"({"stopReason":")" + word + "\"}"));
    EXPECT_EQ(stream.answer.choices.at(0).finish, finish) << word;
    EXPECT_EQ(stream.answer.choices.at(0).native_finish, word);
  }
  for (const std::string_view fields :
       {R"({"stop_sequence":"\nEND"})", R"({"delta":{"stop_sequence":"\nEND"}})"}) {
    const std::string members =
        R"("stopReason":"stop_sequence","additionalModelResponseFields":)" + std::string(fields);
    EXPECT_EQ(read_whole(body_of("", members)).answer.choices.at(0).stop_sequence, "\nEND");
    EXPECT_EQ(read_stream(event_message("messageStop", '{' + members + '}'))
                  .answer.choices.at(0)
                  .stop_sequence,
              "\nEND");
  }
}

struct UsageCase {
  std::string json;
  std::optional<Usage> usage;
  UsageFault fault = UsageFault::None;
};

TEST(BedrockConverse, CountsWhatTheCacheTookToThePrompt) {
  const Usage huge{.prompt = kLargestCount};
  const std::vector<UsageCase> cases{
      {R"({"inputTokens":10,"outputTokens":4,"totalTokens":14})",
       Usage{.prompt = 10, .completion = 4}},
      // As recorded: 10 + 7351 + 4 = 7365.
      {R"({"cacheDetails":[{"inputTokens":7351,"ttl":"5m"}],"cacheReadInputTokens":0,)"
       R"("cacheWriteInputTokens":7351,"inputTokens":10,"outputTokens":4,"totalTokens":7365})",
       Usage{.prompt = 7'361, .completion = 4, .cache_write = 7'351}},
      {R"({"cacheDetails":[{"inputTokens":5,"ttl":"1h"},{"inputTokens":2,"ttl":"5m"},7],)"
       R"("cacheReadInputTokens":3,"cacheWriteInputTokens":7,"inputTokens":1,"outputTokens":0})",
       Usage{.prompt = 11, .cached_read = 3, .cache_write = 7, .cache_write_1h = 5}},
      {R"({"cacheDetails":[{"inputTokens":9,"ttl":"1h"}],"cacheWriteInputTokens":7,"inputTokens":1})",
       Usage{.prompt = 8, .cache_write = 7, .cache_write_1h = 7}, UsageFault::Contradictory},
      {R"({"inputTokens":-1,"outputTokens":4})", Usage{.completion = 4}, UsageFault::Negative},
      {R"({"inputTokens":"1","outputTokens":4})", Usage{.completion = 4}, UsageFault::NotInteger},
      {R"({"inputTokens":1.5})", Usage{}, UsageFault::NotInteger},
      {R"({"inputTokens":1000000001})", huge, UsageFault::TooLarge},
      {"{}", std::nullopt, UsageFault::Missing},
      {"null", std::nullopt, UsageFault::Missing},
      {"[1]", std::nullopt, UsageFault::Missing},
  };
  for (const UsageCase& each : cases) {
    SCOPED_TRACE(each.json);
    const Read whole = read_whole(body_of("", R"("stopReason":"end_turn","usage":)" + each.json));
    const Read stream = read_stream(event_message("messageStop", R"({"stopReason":"end_turn"})") +
                                    event_message("metadata", R"({"usage":)" + each.json + '}'));
    for (const Read* const read : {&whole, &stream}) {
      EXPECT_EQ(read->answer.usage, each.usage);
      EXPECT_EQ(read->answer.usage_fault, each.fault);
    }
    EXPECT_TRUE(stream.ended);
  }
}

TEST(BedrockConverse, TellsTheServiceTier) {
  EXPECT_EQ(read_whole(body_of("", R"("serviceTier":{"type":"flex"})")).answer.service_tier,
            "flex");
  EXPECT_EQ(read_stream(event_message("metadata", R"({"serviceTier":{"type":"priority"}})"))
                .answer.service_tier,
            "priority");
}

// The frames of one block.
std::string block(unsigned index, std::string_view start, std::vector<std::string> deltas) {
  const std::string head = R"({"contentBlockIndex":)" + std::to_string(index);
  std::string out;
  if (!start.empty()) {
    out += event_message("contentBlockStart", head + R"(,"start":)" + std::string(start) + '}');
  }
  for (const std::string& delta : deltas) {
    out += event_message("contentBlockDelta", head + R"(,"delta":)" + delta + R"(,"p":"abc"})");
  }
  return out + event_message("contentBlockStop", head + '}');
}

TEST(BedrockConverse, ReadsEveryKindOfBlockOfAStream) {
  using Kind = ReasoningPart::Kind;
  const auto reasoning = [](std::string_view member) {
    return R"({"reasoningContent":)" + std::string(member) + '}';
  };
  const std::string web = R"({"location":{"web":{"domain":"w.org","url":"https://w.org/x"}}})";
  std::string bytes = event_message("messageStart", R"({"role":"assistant"})");
  bytes += block(0, "",
                 {reasoning(R"({"text":"h"})"), reasoning(R"({"text":"m"})"),
                  reasoning(R"({"signature":"sig=="})")});
  bytes += block(1, "", {reasoning(R"({"redactedContent":"RXFRQ0tnPT0="})")});
  bytes += block(2, "", {reasoning(R"({"redactedContent":"RXFRQ0tnPT0="})")});
  bytes +=
      block(3, "", {R"({"text":"So \ud83d\ude00"})", R"({"text":" it is"})", R"({"text":""})"});
  bytes += block(4, "", {R"({"citation":)" + web + '}'});
  bytes += block(5, "", {R"({"text":"."})"});
  bytes += block(6, R"({"toolUse":{"name":"f","toolUseId":"t1"}})",
                 {R"({"toolUse":{"input":""}})", R"({"toolUse":{"input":"{\"a\":"}})",
                  R"({"toolUse":{"input":"\"\\u00e9\"}"}})"});
  bytes += block(7, R"({"toolUse":{"name":"g","toolUseId":"t2"}})", {});
  bytes += block(8, R"({"toolUse":{"name":"n","toolUseId":"s","type":"server_tool_use"}})",
                 {R"({"toolUse":{"input":"{\"q\":"}})", R"({"toolUse":{"input":"1}"}})"});
  bytes +=
      block(9, R"({"toolResult":{"toolUseId":"s","status":"success"}})",
            {R"({"toolResult":[{"text":"x"}]})", R"({"toolResult":[{"json":{}},{"text":"y"}]})"});
  bytes += block(10, R"({"toolResult":{ }})", {});
  bytes += block(11, R"({"image":{"format":"png"}})", {R"({"image":{"source":{"bytes":"iVBO"}}})"});
  bytes += event_message("messageStop", R"({"stopReason":"tool_use"})");
  bytes += event_message("metadata", R"({"usage":{"inputTokens":1,"outputTokens":2}})");

  const Citation citation{.url = "https://w.org/x",
                          .title = "w.org",
                          .native_json = web,
                          .native_dialect = "bedrock_converse"};
  const Part hidden{
      ReasoningPart{.kind = Kind::Encrypted, .data = "EqQCKg==", .format = "anthropic-claude-v1"}};
  const auto native = [](std::string json) {
    return Part{NativePart{"bedrock_converse", std::move(json), {}}};
  };
  const std::vector<Part> parts{
      {ReasoningPart{.text = "hm", .signature = "sig==", .format = "anthropic-claude-v1"}},
      hidden,
      hidden,
      {TextPart{"So \xF0\x9F\x98\x80 it is", {citation}}},
      {TextPart{".", {}}},
      {ToolCallPart{.id = "t1", .name = "f", .arguments = R"({"a":"\u00e9"})"}},
      {ToolCallPart{.id = "t2", .name = "g", .arguments = "{}"}},
      native(
          R"({"toolUse":{"name":"n","toolUseId":"s","type":"server_tool_use","input":{"q":1}}})"),
      native(R"({"toolResult":{"toolUseId":"s","status":"success",)"
             R"("content":[{"text":"x"},{"json":{}},{"text":"y"}]}})"),
      native(R"({"toolResult":{ "content":[]}})"),
      {MediaPart{.media_type = "image/png", .data = "iVBO"}},
  };
  const Read read = read_stream(bytes);
  ASSERT_TRUE(read.good);
  EXPECT_TRUE(read.ended);
  EXPECT_FALSE(read.fault);
  ASSERT_EQ(read.answer.choices.size(), 1U);
  ASSERT_EQ(read.answer.choices.front().parts.size(), parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    EXPECT_EQ(read.answer.choices.front().parts[i], parts[i]) << i;
  }
  EXPECT_EQ(read.answer.choices.front().finish, FinishReason::ToolCalls);
  EXPECT_EQ(dump(read_stream(bytes, 1).answer), dump(read.answer));
}

TEST(BedrockConverse, EndsWithTheMetadataOrTheBody) {
  const std::string stop = event_message("messageStop", R"({"stopReason":"end_turn"})");
  const std::string counts = event_message("metadata", R"({"usage":{"inputTokens":1}})");
  AnswerBuilder builder;
  StreamDecoder decoder(converse(), {});
  EXPECT_TRUE(decoder.feed(stop, builder));
  EXPECT_FALSE(decoder.ended());  // the counts are still to come
  EXPECT_TRUE(decoder.feed(counts, builder));
  EXPECT_TRUE(decoder.ended());
  EXPECT_TRUE(read_stream(stop).ended);
  EXPECT_TRUE(read_stream(counts + stop).ended);
  EXPECT_FALSE(read_stream(counts).ended);
  EXPECT_FALSE(read_stream(event_message("messageStart", "{}")).ended);
  EXPECT_FALSE(read_stream("").ended);
}

TEST(BedrockConverse, FinishesOnce) {
  class Finishes final : public EventSink {
   public:
    void take(const Event& event) override { count += event.kind == EventKind::Finish ? 1 : 0; }
    int count = 0;
  };
  Finishes sink;
  StreamDecoder decoder(converse(), {});
  const std::string stop = event_message("messageStop", R"({"stopReason":"end_turn"})");
  EXPECT_TRUE(decoder.feed(stop + stop, sink));
  EXPECT_EQ(sink.count, 1);
}

TEST(BedrockConverse, PassesOverWhatItDoesNotKnow) {
  const std::string bytes =
      event_message("initial-response", "{}") + event_message("to come", R"({"text":"x"})") +
      event_message("contentBlockDelta", "{}") +
      event_message("contentBlockDelta", R"({"contentBlockIndex":-1})") +
      event_message("contentBlockDelta", R"({"contentBlockIndex":99999999,"delta":{"text":"x"}})") +
      event_message("contentBlockDelta",
                    R"({"contentBlockIndex":0,"delta":{"toolUse":{"input":"x"}}})") +
      event_message("contentBlockStop", R"({"contentBlockIndex":7})") +
      block(0, R"({"to come":{}})", {R"({"to come":1})", R"({"text":7})"}) +
      block(0, "", {R"({"text":"seen"})"});
  const Read read = read_stream(bytes);
  EXPECT_TRUE(read.good);
  EXPECT_EQ(said_by(read.answer.choices.at(0)).text, "seen");
  EXPECT_TRUE(said_by(read.answer.choices.at(0)).calls.empty());
  for (const std::string_view bad : {"", "[]", "x", "1", "{", R"({"a":1} x)"}) {
    EXPECT_FALSE(read_stream(event_message("contentBlockDelta", bad)).good) << bad;
  }
}

TEST(BedrockConverse, TellsWhyAStreamBroke) {
  const std::vector<std::tuple<std::string, std::string, int>> cases{
      {"internalServerException", "The system encountered an unexpected error.", 500},
      {"modelStreamErrorException", "An error occurred while streaming.", 424},
      {"validationException", "The model returned the following errors: x", 400},
      {"throttlingException", "Too many tokens, please wait before trying again.", 429},
      {"serviceUnavailableException", "Bedrock is unable to process your request.", 503},
  };
  for (const auto& [type, message, status] : cases) {
    const Read read = read_stream(event_message("messageStart", "{}") +
                                  exception_message(type, R"({"message":")" + message + "\"}"));
    EXPECT_TRUE(read.good) << type;
    ASSERT_TRUE(read.fault) << type;
    EXPECT_EQ(read.fault->message, message);
    EXPECT_EQ(read.fault->code, type);
    EXPECT_EQ(read.fault->status, status);
  }
  const Read error = read_stream(message_with(string_header(":message-type", "error") +
                                                  string_header(":error-code", "InternalFailure") +
                                                  string_header(":error-message", "it broke"),
                                              ""));
  ASSERT_TRUE(error.fault);
  EXPECT_EQ(error.fault->message, "it broke");
  EXPECT_EQ(error.fault->status, 500);
  const Read unknown = read_stream(exception_message("toComeException", R"({"message":1})"));
  ASSERT_TRUE(unknown.fault);
  EXPECT_FALSE(unknown.fault->status);
}

TEST(BedrockConverse, ReadsErrors) {
  const std::vector<std::tuple<std::string, std::string, std::string, std::optional<int>>> cases{
      {R"({"message":"The provided model identifier is invalid."})",
       "The provided model identifier is invalid.", "", std::nullopt},
      {R"({"Message":"Signature expired"})", "Signature expired", "", std::nullopt},
      {R"({"__type":"com.amazon.coral.service#ThrottlingException","message":"slow"})", "slow",
       "ThrottlingException", 429},
      {R"({"Output":{"__type":"com.amazon.coral.service#AccessDeniedException"},"Version":"1.0"})",
       "", "AccessDeniedException", 403},
      {R"({"message":7,"__type":[]})", "", "", std::nullopt},
      {"[]", "", "", std::nullopt},
      {"<html>", "", "", std::nullopt},
      {"", "", "", std::nullopt},
  };
  for (const auto& [body, message, type, status] : cases) {
    const UpstreamFault fault = converse().decode_error(body);
    EXPECT_EQ(fault.message, message) << body;
    EXPECT_EQ(fault.type, type) << body;
    EXPECT_EQ(fault.status, status) << body;
  }
  const UpstreamFault long_fault =
      converse().decode_error(R"({"message":")" + std::string(5'000, 'a') + "\"}");
  EXPECT_LE(long_fault.message.size(), UpstreamFault::kMaxBytes);
}

TEST(BedrockConverse, AnErrorInA200IsAFault) {
  const Read read = read_whole(R"({"message":"no"})");
  EXPECT_TRUE(read.good);
  ASSERT_TRUE(read.fault);
  EXPECT_EQ(read.fault->message, "no");
  EXPECT_TRUE(read_whole(R"({"output":{"message":{"content":"x"}}})").fault);
  std::optional<UpstreamFault> fault;
  EXPECT_EQ(converse().decode_response("<html>", {}, fault).error().code(),
            "upstream_invalid_json");
  EXPECT_EQ(converse().decode_response("[]", {}, fault).error().code(), "upstream_not_an_object");
}

// --- recordings

// What a recording says, read without our readers.
Json facts_without_us(const Json& blocks) {
  Json out{{"text", ""}, {"reasoning", ""}, {"calls", Json::array()}};
  for (const Json& block : blocks) {
    std::string text = block.value("text", "");
    for (const Json& cited : block.value("/citationsContent/content"_json_pointer, Json::array())) {
      text += cited.value("text", "");
    }
    out["text"] = out["text"].get<std::string>() + text;
    out["reasoning"] = out["reasoning"].get<std::string>() +
                       block.value("/reasoningContent/reasoningText/text"_json_pointer, "") +
                       block.value("/reasoningContent/text"_json_pointer, "");
    const Json call = block.value("toolUse", Json::object());
    if (!call.empty() && call.value("type", "") != "server_tool_use") {
      out["calls"].push_back({call.at("name"), call.at("input")});
    }
  }
  return out;
}

// The blocks and the last members of a stream, as if it had been whole.
Json whole_of(std::string_view bytes) {
  Json out{{"blocks", Json::array()}};
  const auto frames = make_frames(Framing::AwsEventStream);
  frames->feed(bytes);
  std::map<int, Json> calls;
  while (const auto frame = frames->next()) {
    const Json event = Json::parse(frame->data);
    if (frame->name == "contentBlockStart" && event.at("start").contains("toolUse")) {
      calls[event.at("contentBlockIndex")] = event.at("start").at("toolUse");
      calls[event.at("contentBlockIndex")]["json"] = "";
    } else if (frame->name == "contentBlockDelta" && event.at("delta").contains("toolUse")) {
      std::string& json = calls[event.at("contentBlockIndex")]["json"].get_ref<std::string&>();
      json += event.at("delta").at("toolUse").at("input").get<std::string>();
    } else if (frame->name == "contentBlockDelta") {
      out["blocks"].push_back(event.at("delta"));
    } else if (frame->name == "messageStop" || frame->name == "metadata") {
      out.update(event);
    }
  }
  for (auto& [index, call] : calls) {
    call["input"] = Json::parse(call["json"].get<std::string>());
    out["blocks"].push_back({{"toolUse", call}});
  }
  return out;
}

// What pydantic-ai asserted of the same answer.
void compare_with_oracle(const Json& expected, const Answer& answer) {
  if (!expected.contains("value") || expected.at("value").value("$type", "") != "ModelResponse") {
    return;
  }
  const Json& value = expected.at("value");
  const SaidFacts facts = said_by(answer.choices.at(0));
  std::string text;
  std::string reasoning;
  Json calls = Json::array();
  for (const Json& part : value.at("parts")) {
    if (part.at("$type") == "TextPart") {
      text += part.at("content").get<std::string>();
    } else if (part.at("$type") == "ThinkingPart" && part.at("content").is_string()) {
      reasoning += part.at("content").get<std::string>();
    } else if (part.at("$type") == "ToolCallPart") {
      calls.push_back({part.at("tool_name"), part.at("args").is_string()
                                                 ? Json::parse(part.at("args").get<std::string>())
                                                 : part.at("args")});
    }
  }
  EXPECT_EQ(facts.text, text);
  EXPECT_EQ(facts.reasoning, reasoning);
  EXPECT_EQ(facts.calls, calls);
  EXPECT_EQ(Json(answer.usage->prompt), value.at("usage").at("input_tokens"));
  EXPECT_EQ(Json(answer.usage->completion), value.at("usage").at("output_tokens"));
}

TEST(BedrockRecordings, AreReadAsTheyAre) {
  const auto root = fixtures() / "public";
  std::ifstream manifest(root / "manifest.jsonl");
  std::size_t seen = 0;
  std::size_t oracles = 0;
  for (std::string line; std::getline(manifest, line);) {
    const Json entry = Json::parse(line);
    if (entry.at("dialect") != "bedrock-converse") {
      continue;
    }
    const auto folder = root / "recordings" / entry.at("id").get<std::string>();
    const std::string bytes = read_file(folder / entry.at("file").get<std::string>());
    SCOPED_TRACE(entry.at("id").get<std::string>());
    ++seen;
    if (entry.at("status") != 200) {
      EXPECT_EQ(Json(converse().decode_error(bytes).message), Json::parse(bytes).at("message"));
      continue;
    }
    const bool stream = entry.at("stream");
    const Read read = stream ? read_stream(bytes) : read_whole(bytes);
    ASSERT_TRUE(read.good);
    ASSERT_FALSE(read.fault);
    EXPECT_EQ(read.ended, stream);
    const Json whole = stream ? whole_of(bytes) : Json::parse(bytes);
    Json ours = to_json(said_by(read.answer.choices.at(0)));
    ours.erase("finish");
    EXPECT_EQ(ours, facts_without_us(stream ? whole.at("blocks")
                                            : whole.at("output").at("message").at("content")));
    EXPECT_EQ(Json(read.answer.choices.at(0).native_finish), whole.at("stopReason"));
    if (whole.contains("usage")) {
      const Json& usage = whole.at("usage");
      EXPECT_EQ(Json(read.answer.usage->completion), usage.at("outputTokens"));
      EXPECT_EQ(Json(read.answer.usage->prompt + read.answer.usage->completion),
                usage.at("totalTokens"));
      EXPECT_EQ(read.answer.usage->cached_read, usage.value("cacheReadInputTokens", 0U));
      EXPECT_EQ(read.answer.usage->cache_write, usage.value("cacheWriteInputTokens", 0U));
    }
    if (std::filesystem::exists(folder / "expected.json")) {
      ++oracles;
      compare_with_oracle(Json::parse(read_file(folder / "expected.json")), read.answer);
    }
  }
  if (seen == 0) {
    GTEST_SKIP() << "no recorded traffic on this machine";
  }
  EXPECT_GT(oracles, 3U);
}

}  // namespace
}  // namespace waybill::dialects::test
