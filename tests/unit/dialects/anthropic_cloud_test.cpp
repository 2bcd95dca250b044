// Anthropic's Messages on Bedrock and Vertex.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/base/text.hpp"

#include "body_edit.hpp"
#include "codec_facts.hpp"
#include "event_stream_bytes.hpp"
#include "fixtures.hpp"

namespace waybill::dialects::test {
namespace {

using Json = nlohmann::json;

const Dialect& bedrock_invoke() {
  return *find_dialect("anthropic_bedrock");
}

const Dialect& vertex() {
  return *find_dialect("anthropic_vertex");
}

TEST(EditMembers, RemovesAndAdds) {
  const std::string body =
      R"({ "model" : "m", "a":{"model":1,  "b":[1.0, 2]},"str\u0065am":true,"model":2,"c":"\u00e9" })";
  EXPECT_EQ(edit_members(body, {"model", "stream"}, R"("v":"1")"),
            R"({"v":"1","a":{"model":1,  "b":[1.0, 2]},"c":"\u00e9"})");
  EXPECT_EQ(edit_members(body, {"model", "stream", "a"}, ""), R"({"c":"\u00e9"})");
  EXPECT_EQ(edit_members("{}", {}, ""), "{}");
  EXPECT_EQ(edit_members("{}", {"x"}, R"("v":1)"), R"({"v":1})");
  EXPECT_EQ(edit_members(R"({"a\"b\n":1})", {}, ""), R"({"a\"b\n":1})");
  for (const std::string& bad : {std::string("[]"), std::string(), std::string("{"),
                                 R"({"a":)" + std::string(70, '[') + std::string(70, ']') + '}'}) {
    EXPECT_FALSE(edit_members(bad, {}, "")) << bad;
  }
}

Conversation some_conversation() {
  auto conversation = find_dialect("anthropic_messages")->decode_request(R"({
    "model": "m", "max_tokens": 2000, "temperature": 0.5, "stream": true,
    "system": "Be brief", "messages": [{"role": "user", "content": "Hi"}],
    "tools": [{"name": "f", "input_schema": {"type":  "object"}}]})");
  EXPECT_TRUE(conversation.has_value());
  return *std::move(conversation);
}

// Anthropic's own body of it, to compare with.
Json anthropic_body(const Conversation& conversation, bool stream) {
  auto encoded = find_dialect("anthropic_messages")
                     ->encode_request(conversation, {.upstream_model = "m", .stream = stream});
  Json body = Json::parse(encoded->body);
  body.erase("model");
  return body;
}

TEST(AnthropicCloud, ChangesTheEnvelopeAlone) {
  const Conversation conversation = some_conversation();
  for (const bool stream : {false, true}) {
    const EncodeTarget target{.upstream_model = "claude", .stream = stream};
    const auto on_bedrock = bedrock_invoke().encode_request(conversation, target);
    ASSERT_TRUE(on_bedrock.has_value());
    Json wanted = anthropic_body(conversation, false);
    wanted["anthropic_version"] = "bedrock-2023-05-31";
    EXPECT_EQ(Json::parse(on_bedrock->body), wanted);
    EXPECT_TRUE(on_bedrock->losses.empty());

    const auto on_vertex = vertex().encode_request(conversation, target);
    ASSERT_TRUE(on_vertex.has_value());
    wanted = anthropic_body(conversation, stream);
    wanted["anthropic_version"] = "vertex-2023-10-16";
    EXPECT_EQ(Json::parse(on_vertex->body), wanted);
    EXPECT_EQ(wanted.contains("stream"), stream);
    EXPECT_NE(on_vertex->body.find(R"({"type":  "object"})"), std::string::npos);
  }
}

TEST(AnthropicCloud, LeavesOutWhatOnlyAnthropicTakes) {
  Conversation conversation = some_conversation();
  conversation.service_tier = "default";
  conversation.cache = CacheMark::OneHour;
  conversation.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{ToolCallPart{.id = "a", .name = "f", .arguments = "{}"}}}});
  const Part url{MediaPart{.source = MediaPart::Source::Url, .data = "https://h.org/a.png"}};
  conversation.messages.push_back(
      {.role = Role::Tool,
       .parts = {{ToolResultPart{"a", "", {{TextPart{"x", {}}}, url}, false}}}});
  for (const Dialect* const dialect : {&bedrock_invoke(), &vertex()}) {
    SCOPED_TRACE(dialect->name);
    const auto encoded = dialect->encode_request(conversation, {.upstream_model = "claude"});
    ASSERT_TRUE(encoded.has_value());
    const Json body = Json::parse(encoded->body);
    EXPECT_FALSE(body.contains("service_tier"));
    EXPECT_FALSE(body.contains("cache_control"));
    EXPECT_EQ(encoded->body.find("h.org"), std::string::npos);
    EXPECT_EQ(body.at("messages").back().at("content").back().at("cache_control"),
              Json({{"type", "ephemeral"}, {"ttl", "1h"}}));
    EXPECT_EQ(encoded->losses.dropped(),
              (std::vector<std::string>{"service_tier", "tool_result_media"}));
    for (const Feature feature : {Feature::ImageUrls, Feature::FileUrls, Feature::FileIds}) {
      EXPECT_FALSE(dialect->expresses.has(feature));
    }
  }
}

TEST(AnthropicCloud, RefusesWhatItCannotRead) {
  Conversation conversation = some_conversation();
  conversation.messages.push_back(
      {.role = Role::Assistant,
       .parts = {{ToolCallPart{
           .id = "a",
           .name = "f",
           .arguments = R"({"a":)" + std::string(62, '[') + std::string(62, ']') + '}'}}}});
  const auto encoded = bedrock_invoke().encode_request(conversation, {.upstream_model = "claude"});
  ASSERT_FALSE(encoded.has_value());
  EXPECT_EQ(encoded.error().kind(), ErrorKind::InvalidRequest);
}

std::string chunk(std::string_view event) {
  return event_message("chunk", R"({"bytes":")" + to_base64(event) + R"(","p":"abc"})");
}

struct Read {
  Answer answer;
  std::optional<UpstreamFault> fault;
  bool good = true;
  bool ended = false;
};

Read read_stream(const Dialect& dialect, std::string_view bytes, std::size_t size) {
  Read read;
  AnswerBuilder builder;
  StreamDecoder decoder(dialect, {});
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

TEST(AnthropicCloud, UnwrapsBedrocksStream) {
  const std::vector<std::string> events{
      R"({"type":"message_start","message":{"id":"msg_bdrk_1","model":"claude","usage":{"input_tokens":3}}})",
      R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})",
      R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})",
      R"({"type":"content_block_stop","index":0})",
      R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":2}})",
      R"({"type":"message_stop","amazon-bedrock-invocationMetrics":{"inputTokenCount":3}})"};
  std::string bytes = event_message("initial-response", "{}");
  for (const std::string& event : events) {
    bytes += chunk(event);
  }
  for (const std::size_t size : {std::size_t{1} << 30U, std::size_t{1}, std::size_t{13}}) {
    const Read read = read_stream(bedrock_invoke(), bytes, size);
    EXPECT_TRUE(read.good);
    EXPECT_TRUE(read.ended);
    EXPECT_EQ(read.answer.id, "msg_bdrk_1");
    EXPECT_EQ(said_by(read.answer.choices.at(0)).text, "Hi");
    EXPECT_EQ(read.answer.choices.at(0).finish, FinishReason::Stop);
    EXPECT_EQ(read.answer.usage, (Usage{.prompt = 3, .completion = 2}));
  }
  for (const std::string& bad :
       {event_message("chunk", "{}"), event_message("chunk", "x"),
        event_message("chunk", R"({"bytes":"*"})"), event_message("chunk", R"({"bytes":7})"),
        chunk("[]"), chunk("not JSON")}) {
    EXPECT_FALSE(read_stream(bedrock_invoke(), bad, 100).good) << bad;
  }
}

TEST(AnthropicCloud, TellsWhyAStreamBroke) {
  const Read thrown = read_stream(
      bedrock_invoke(), exception_message("modelTimeoutException", R"({"message":"slow"})"), 50);
  ASSERT_TRUE(thrown.fault);
  EXPECT_EQ(thrown.fault->message, "slow");
  EXPECT_EQ(thrown.fault->status, 408);
  const Read said = read_stream(
      bedrock_invoke(),
      chunk(R"({"type":"error","error":{"type":"overloaded_error","message":"busy"}})"), 50);
  ASSERT_TRUE(said.fault);
  EXPECT_EQ(said.fault->status, 529);
}

TEST(AnthropicCloud, ReadsErrorsOfBothMakers) {
  const std::string own =
      R"({"type":"error","error":{"type":"invalid_request_error","message":"no"}})";
  const std::string google =
      R"({"error":{"code":404,"message":"Not here","status":"NOT_FOUND","details":[]}})";
  struct Case {
    const Dialect* dialect;
    std::string body;
    std::string message;
    std::string type;
    std::optional<int> status;
  };
  const std::vector<Case> cases{
      {&bedrock_invoke(), own, "no", "invalid_request_error", 400},
      {&bedrock_invoke(), R"({"message":"The provided model identifier is invalid."})",
       "The provided model identifier is invalid.", "", std::nullopt},
      {&bedrock_invoke(), "<html>", "", "", std::nullopt},
      {&vertex(), own, "no", "invalid_request_error", 400},
      {&vertex(), google, "Not here", "NOT_FOUND", 404},
      {&vertex(), '[' + google + ']', "Not here", "NOT_FOUND", 404},
      {&vertex(), R"({"error":{"code":7,"status":[]}})", "", "", std::nullopt},
      {&vertex(), "", "", "", std::nullopt},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.body);
    const UpstreamFault fault = each.dialect->decode_error(each.body);
    EXPECT_EQ(fault.message, each.message);
    EXPECT_EQ(fault.type, each.type);
    EXPECT_EQ(fault.status, each.status);
    std::optional<UpstreamFault> in_200;
    if (Json::accept(each.body) && each.body.front() == '{') {
      EXPECT_TRUE(each.dialect->decode_response(each.body, {}, in_200).has_value());
      ASSERT_TRUE(in_200);
      EXPECT_EQ(in_200->message, each.message);
    }
  }
}

TEST(AnthropicCloudRecordings, AreRead) {
  const auto root = fixtures() / "public";
  std::ifstream manifest(root / "manifest.jsonl");
  std::size_t seen = 0;
  for (std::string line; std::getline(manifest, line);) {
    const Json entry = Json::parse(line);
    const bool aws = entry.at("dialect") == "anthropic-on-bedrock-invoke";
    if (!aws && entry.at("dialect") != "anthropic-on-vertex") {
      continue;
    }
    ++seen;
    SCOPED_TRACE(entry.at("id").get<std::string>());
    const Dialect& dialect = aws ? bedrock_invoke() : vertex();
    const auto folder = root / "recordings" / entry.at("id").get<std::string>();
    const std::string bytes = read_file(folder / entry.at("file").get<std::string>());
    const Json glance =
        Json::parse(read_file(folder / "meta.json")).value("glance", Json::object());
    if (entry.at("status") != 200) {
      EXPECT_EQ(Json(dialect.decode_error(bytes).message), Json::parse(bytes).at("message"));
      continue;
    }
    Read read;
    if (entry.at("stream")) {
      read = read_stream(dialect, bytes, 1'000);
      EXPECT_TRUE(read.ended);
      EXPECT_EQ(dump(read_stream(dialect, bytes, 1).answer), dump(read.answer));
    } else {
      auto answer = dialect.decode_response(bytes, {}, read.fault);
      ASSERT_TRUE(answer.has_value());
      read.answer = *std::move(answer);
    }
    ASSERT_TRUE(read.good);
    ASSERT_FALSE(read.fault);
    const SaidFacts facts = said_by(read.answer.choices.at(0));
    Json names = Json::array();
    for (const Json& call : facts.calls) {
      names.push_back(call.at(0));
    }
    EXPECT_EQ(names, glance.value("tool_calls", Json::array()));
    EXPECT_EQ(facts.text.empty(), glance.value("text_chars", 0) == 0);
    EXPECT_EQ(facts.reasoning.empty(), glance.value("thinking_chars", 0) == 0);
    EXPECT_TRUE(read.answer.usage.has_value());
  }
  if (seen == 0) {
    GTEST_SKIP() << "no recorded traffic on this machine";
  }
}

}  // namespace
}  // namespace waybill::dialects::test
