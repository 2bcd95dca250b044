// Requests in the Responses dialect: what providers are sent.

#include <algorithm>
#include <random>
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

std::vector<std::string> changed(const Losses& losses) {
  std::vector<std::string> members;
  for (const auto& change : losses.changed()) {
    members.push_back(change.member);
  }
  return members;
}

TEST(ResponsesEncode, TheProviderKeepsNothing) {
  EncodeTarget streamed{.upstream_model = "m", .stream = true};
  const Json body = write(read(R"({"input":"x"})"), streamed);
  EXPECT_EQ(body["model"], "m");
  EXPECT_EQ(body["store"], false);
  EXPECT_EQ(body["stream"], true);
  EXPECT_EQ(body["include"], Json::parse(R"(["reasoning.encrypted_content"])"));
  EXPECT_EQ(body["input"], Json::parse(R"([{"type":"message","role":"user","content":"x"}])"));
  EXPECT_FALSE(body.contains("max_output_tokens"));
  EncodeTarget thoughtless;
  thoughtless.responses.encrypted_reasoning = false;
  EXPECT_FALSE(write(read(R"({"input":"x"})"), thoughtless).contains("include"));
  EXPECT_EQ(write(read(R"({"input":"x","top_logprobs":1})"), thoughtless)["include"],
            Json::parse(R"(["message.output_text.logprobs"])"));
}

TEST(ResponsesEncode, LimitsAreCappedAndRaised) {
  const Conversation five = read(R"({"input":"x","max_output_tokens":5})");
  Losses losses;
  EXPECT_EQ(write(five, {}, &losses)["max_output_tokens"], 16);
  EXPECT_EQ(changed(losses), std::vector<std::string>{"max_output_tokens"});
  EncodeTarget target;
  target.output_cap = 100;
  EXPECT_EQ(write(read(R"({"input":"x"})"), target)["max_output_tokens"], 100);
  EXPECT_EQ(write(read(R"({"input":"x","max_output_tokens":50})"), target)["max_output_tokens"],
            50);
}

TEST(ResponsesEncode, ReasoningIsAskedForInItsWords) {
  const auto effort = [](std::string_view reasoning, Losses* losses = nullptr) {
    const Json body = write(read(R"({"input":"x","max_output_tokens":10000,"reasoning":)" +
                                 std::string(reasoning) + "}"),
                            {}, losses);
    return body.contains("reasoning") ? body["reasoning"].dump() : "";
  };
  EXPECT_EQ(effort(R"({"effort":"high","summary":"detailed"})"),
            R"({"effort":"high","summary":"detailed"})");
  EXPECT_EQ(effort(R"({"enabled":true})"), R"({"effort":"medium"})");
  EXPECT_EQ(effort(R"({"enabled":false})"), R"({"effort":"none"})");
  EXPECT_EQ(effort(R"({"summary":"auto"})"), R"({"summary":"auto"})");
  EXPECT_EQ(effort(R"({"effort":"low","summary":"auto","exclude":true})"), R"({"effort":"low"})");
  Losses losses;
  EXPECT_EQ(effort(R"({"max_tokens":8000})", &losses), R"({"effort":"high"})");
  EXPECT_EQ(changed(losses), std::vector<std::string>{"reasoning"});
  EXPECT_EQ(effort(R"({"effort":"max"})", &losses), R"({"effort":"xhigh"})");
  EXPECT_EQ(changed(losses), std::vector<std::string>{"reasoning"});
}

TEST(ResponsesEncode, ThoughtsGoBackToTheirMaker) {
  using Kind = ReasoningPart::Kind;
  const std::string own = "openai-responses-v1";
  const auto items = [](std::vector<ReasoningPart> parts, Losses* losses = nullptr) {
    Conversation conversation;
    conversation.messages.push_back({.role = Role::Assistant});
    for (ReasoningPart& part : parts) {
      conversation.messages[0].parts.push_back({std::move(part)});
    }
    return write(conversation, {}, losses)["input"];
  };
  // One item again, in its order.
  EXPECT_EQ(
      items({{.kind = Kind::Summary, .text = "a", .id = "rs_1", .format = own},
             {.kind = Kind::Summary, .text = "b", .id = "rs_1", .format = own},
             {.kind = Kind::Text, .text = "c", .id = "rs_1", .format = own},
             {.kind = Kind::Encrypted, .data = "E", .id = "rs_1", .format = own}})
          .dump(),
      R"([{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},)"
      R"({"type":"summary_text","text":"b"}],"content":[{"type":"reasoning_text","text":"c"}],)"
      R"("encrypted_content":"E"}])");
  // An id that OpenAI would refuse.
  EXPECT_FALSE(
      items({{.kind = Kind::Encrypted, .data = "E", .id = "x_1", .format = own}})[0].contains(
          "id"));
  // Two items: by their ids, or by what ends one.
  EXPECT_EQ(
      items({{.kind = Kind::Encrypted, .data = "E", .id = "rs_1", .format = own},
             {.kind = Kind::Encrypted, .data = "F", .id = "rs_2", .format = "xai-responses-v1"},
             {.kind = Kind::Encrypted, .data = "G", .format = own},
             {.kind = Kind::Summary, .text = "h", .format = own}})
          .size(),
      4U);
  // An id alone would be looked up.
  const Json alone = items({{.kind = Kind::Summary, .text = "a", .id = "rs_1", .format = own}});
  EXPECT_FALSE(alone[0].contains("id"));
  // Of an unknown maker: as a summary.
  const Json unknown = items({{.text = "plain"}});
  EXPECT_EQ(unknown[0]["summary"][0]["text"], "plain");
  EXPECT_FALSE(unknown[0].contains("content"));
  // To a provider that takes none in plain text.
  Conversation plain;
  plain.messages.push_back(
      {.role = Role::Assistant, .parts = {{ReasoningPart{.text = "t", .format = own}}}});
  EncodeTarget target;
  target.responses.plain_reasoning = false;
  EXPECT_EQ(write(plain, target)["input"][0].dump(),
            R"({"type":"reasoning","summary":[{"type":"summary_text","text":"t"}]})");
  // Of another maker.
  Losses losses;
  EXPECT_TRUE(
      items({{.text = "t", .signature = "s", .format = "anthropic-claude-v1"}}, &losses).empty());
  EXPECT_EQ(losses.dropped(), std::vector<std::string>{"reasoning_details"});
  losses = {};
  EXPECT_TRUE(items({{.text = "t", .signature = "s"}}, &losses).empty());
  EXPECT_EQ(losses.dropped(), std::vector<std::string>{"reasoning_details"});
}

TEST(ResponsesEncode, ThoughtsOfOthersComeBackFromClients) {
  const Conversation read_one = read(R"({"input":[
    {"type":"reasoning","id":"rs_tmp_1","summary":[],"content":[{"type":"reasoning_text","text":"t"}],
     "encrypted_content":"waybill1:anthropic-claude-v1:signature:a:b"},
    {"type":"reasoning","id":"rs_tmp_2","summary":[],
     "encrypted_content":"waybill1:google-gemini-v1:data:d"},
    {"type":"reasoning","id":"rs_3","summary":[]}]})");
  const std::vector<Part>& parts = read_one.messages.at(0).parts;
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(std::get<ReasoningPart>(parts[0].value),
            (ReasoningPart{.text = "t", .signature = "a:b", .format = "anthropic-claude-v1"}));
  EXPECT_EQ(
      std::get<ReasoningPart>(parts[1].value),
      (ReasoningPart{
          .kind = ReasoningPart::Kind::Encrypted, .data = "d", .format = "google-gemini-v1"}));
}

TEST(ResponsesEncode, NativeItemsStayWhereTheyAre) {
  const std::string_view kBody = R"({"input":[{"role":"user","content":"u"},
    {"type":"web_search_call","id":"ws_1","status":"completed","action":{"type": "search"}},
    {"role":"assistant","content":"a"},
    {"type":"computer_call","call_id":"c","action":{}},
    {"type":"computer_call_output","call_id":"c","output":{"type":"computer_screenshot"}}]})";
  const Conversation read_one = read(kBody);
  EXPECT_EQ(std::get<NativePart>(read_one.messages.at(1).parts.at(0).value).type,
            "web_search_call");
  EXPECT_EQ(read_one.messages.at(2).role, Role::User);
  const Json input = write(read_one)["input"];
  ASSERT_EQ(input.size(), 5U);
  EXPECT_EQ(input[1], Json::parse(kBody)["input"][1]);
  EXPECT_EQ(input[4], Json::parse(kBody)["input"][4]);
}

TEST(ResponsesEncode, ForeignNativesAreNotSaid) {
  Conversation conversation = read(R"({"input":"x"})");
  conversation.messages[0].parts.push_back({NativePart{"anthropic_messages", "{}", "x"}});
  Losses losses;
  EXPECT_EQ(write(conversation, {}, &losses)["input"].size(), 1U);
  EXPECT_EQ(losses.dropped(), std::vector<std::string>{"provider_content"});
  conversation.tools.push_back(
      {.name = "t", .native_json = "{}", .native_dialect = "anthropic_messages"});
  const auto refused = dialect().encode_request(conversation, {.upstream_model = "m"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), "invalid_request");
}

TEST(ResponsesEncode, ToolsAndChoices) {
  const auto choice = [](std::string_view tool_choice) {
    return write(read(R"({"input":"x","tools":[{"type":"function","name":"f"},
      {"type":"custom","name":"g"},{"type":"web_search"}],"tool_choice":)" +
                      std::string(tool_choice) + "}"))["tool_choice"]
        .dump();
  };
  for (
      const std::string_view same :
      {R"("none")", R"("auto")", R"("required")", R"({"type":"function","name":"f"})",
       R"({"type":"custom","name":"g"})", R"({"type":"web_search"})",
       R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"f"},{"type":"web_search"}]})"}) {
    EXPECT_EQ(choice(same), same);
  }
  const Json tools =
      write(read(R"({"input":"x","tools":[{"type":"function","name":"f"}]})"))["tools"];
  EXPECT_EQ(
      tools.dump(),
      R"([{"type":"function","name":"f","parameters":{"type":"object","properties":{}},"strict":false}])");
}

TEST(ResponsesEncode, NoWordForIt) {
  Conversation conversation = read(R"({"input":"x"})");
  conversation.sampling.top_k = 3;
  conversation.sampling.stop = {"z"};
  conversation.sampling.seed = 4;
  conversation.cache = CacheMark::Default;
  conversation.messages[0].name = "me";
  Losses losses;
  write(conversation, {}, &losses);
  std::vector<std::string> dropped = losses.dropped();
  std::ranges::sort(dropped);
  EXPECT_EQ(dropped, (std::vector<std::string>{"cache_control", "name", "seed", "stop", "top_k"}));
}

// A conversation of only what the dialect can say.
class Generator {
 public:
  explicit Generator(unsigned seed) : random_(seed) {}

  Conversation conversation() {
    Conversation out;
    out.model = "up/model";
    out.stream = chance(2);
    if (chance(2)) {
      out.messages.push_back({.role = Role::System, .parts = {{TextPart{word(), {}}}}});
    }
    for (unsigned turns = 1 + below(3); turns > 0; --turns) {
      add_turn(out);
    }
    out.tools.push_back({.name = "f",
                         .description = word(),
                         .schema_json = R"({"a": [1,2.50]})",
                         .strict = chance(2)});
    if (chance(2)) {
      out.tool_choice = {.mode = ToolChoice::Mode::Auto, .allowed = {"f"}};
    }
    out.parallel_tool_calls = chance(2);
    if (chance(2)) {
      out.format = {.kind = ResponseFormat::Kind::JsonSchema,
                    .name = "n",
                    .description = word(),
                    .schema_json = R"({"type":"object"})",
                    .strict = true};
    }
    out.sampling.temperature = below(20) / 10.0;
    out.sampling.top_p = 0.25;
    if (chance(2)) {
      out.sampling.logprobs = true;
      out.sampling.top_logprobs = 1 + below(20);
    }
    out.max_output_tokens = 16 + below(1'000);
    out.reasoning.effort = chance(2) ? Effort::Low : Effort::XHigh;
    out.reasoning.summary = chance(2) ? "auto" : "";
    out.verbosity = chance(2) ? "high" : "";
    out.prompt_cache_key = word();
    out.safety_identifier = word();
    out.user = word();
    out.metadata = {{"k\"", word()}};
    return out;
  }

 private:
  void add_turn(Conversation& out) {
    Message user{.role = Role::User, .parts = {{TextPart{word(), {}}}}};
    if (chance(2)) {
      user.parts.push_back(
          {MediaPart{.media_type = "image/png", .data = "AAAA", .detail = "high"}});
      user.parts.push_back({MediaPart{.kind = MediaPart::Kind::File,
                                      .source = MediaPart::Source::Url,
                                      .data = "https://example.com/x.pdf",
                                      .name = "x.pdf"}});
      user.parts.push_back(
          {MediaPart{.kind = MediaPart::Kind::Audio, .media_type = "audio/wav", .data = "UklG"}});
    }
    out.messages.push_back(std::move(user));
    Message assistant{.role = Role::Assistant};
    const std::string id = "rs_" + std::to_string(++ids_);
    const std::string format = "openai-responses-v1";
    if (chance(2)) {
      assistant.parts.push_back({ReasoningPart{
          .kind = ReasoningPart::Kind::Summary, .text = word(), .id = id, .format = format}});
      assistant.parts.push_back({ReasoningPart{.text = word(), .id = id, .format = format}});
      assistant.parts.push_back({ReasoningPart{
          .kind = ReasoningPart::Kind::Encrypted, .data = word(), .id = id, .format = format}});
    }
    assistant.parts.push_back({TextPart{word(), {}}});
    if (chance(3)) {
      assistant.parts.push_back({RefusalPart{word()}});
    }
    const bool custom = chance(2);
    assistant.parts.push_back({ToolCallPart{id, "f", R"({"x": 1e2})", custom}});
    out.messages.push_back(std::move(assistant));
    ToolResultPart result{.call_id = id, .content = {{TextPart{word(), {}}}}};
    if (chance(2)) {
      result.content.push_back({MediaPart{.media_type = "image/png", .data = "AAAA"}});
    }
    out.messages.push_back({.role = Role::Tool, .parts = {{std::move(result)}}});
  }
  std::string word() {
    constexpr std::string_view kWords[]{"a",  "\"quoted\"", "new\nline", "\xF0\x9F\x99\x82",
                                        "{}", "\\"};
    return std::string(kWords[below(6)]) + std::to_string(below(100));
  }
  unsigned below(unsigned end) { return static_cast<unsigned>(random_() % end); }
  bool chance(unsigned of) { return below(of) == 0; }

  std::mt19937 random_;
  unsigned ids_ = 0;
};

TEST(ResponsesEncode, ComesBackAsItWas) {
  for (unsigned seed = 0; seed < 500; ++seed) {
    const Conversation before = Generator(seed).conversation();
    const auto written =
        dialect().encode_request(before, {.upstream_model = "up/model", .stream = before.stream});
    ASSERT_TRUE(written);
    EXPECT_TRUE(written->losses.empty()) << seed << written->body;
    const auto after = dialect().decode_request(written->body);
    ASSERT_TRUE(after) << after.error().detail();
    EXPECT_EQ(*after, before) << seed << '\n' << written->body;
  }
}

}  // namespace
}  // namespace waybill::dialects
