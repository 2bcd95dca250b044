#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/dialects/openai_request.hpp"

namespace waybill::dialects {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::TestParamInfo;
using ::testing::ValuesIn;

constexpr std::string_view kMessages = R"("messages":[{"role":"user","content":"hi"}])";

std::string chat(std::string_view more) {
  return "{\"model\":\"m\"," + std::string(kMessages) + (more.empty() ? "" : ",") +
         std::string(more) + '}';
}

std::string with_part(std::string_view part) {
  return R"({"model":"m","messages":[{"role":"user","content":[)" + std::string(part) + "]}]}";
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    out += (i == 0 ? "" : ",");
    out += text;
  }
  return out;
}

RequestFacts facts_of(const std::string& body, RequestKind kind = RequestKind::Chat) {
  auto facts = read_request(kind, body);
  EXPECT_TRUE(facts) << body << '\n' << (facts ? "" : facts.error().detail());
  return facts ? *facts : RequestFacts{};
}

struct Case {
  std::string_view name;
  std::string body;
  std::string_view sentence;  // part of it; "" where the body is fine
  RequestKind kind = RequestKind::Chat;

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

class RequestTable : public ::testing::TestWithParam<Case> {};

TEST_P(RequestTable, IsAcceptedOrRefusedWithASentence) {
  const auto facts = read_request(GetParam().kind, GetParam().body);
  if (GetParam().sentence.empty()) {
    EXPECT_TRUE(facts) << facts.error().detail();
    return;
  }
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().kind(), ErrorKind::InvalidRequest);
  EXPECT_EQ(facts.error().code(), "invalid_request");
  EXPECT_THAT(facts.error().detail(), HasSubstr(GetParam().sentence));
}

const std::vector<Case> kTypes{
    {"smallest", chat(""), ""},
    {"list_at_top", "[1]", "must be a JSON object"},
    {"string_at_top", "\"x\"", "must be a JSON object"},
    {"no_messages", R"({"model":"m"})", R"("messages" is missing)"},
    {"null_messages", R"({"model":"m","messages":null})", R"("messages" is missing)"},
    {"messages_object", R"({"messages":{}})", "must be a list of messages"},
    {"no_message", R"({"messages":[]})", "at least one message"},
    {"message_string", R"({"messages":["hi"]})", "messages[0] must be an object"},
    {"no_role", R"({"messages":[{"role":"user"},{"content":"x"}]})", "messages[1].role is missing"},
    {"role_number", R"({"messages":[{"role":1}]})", "messages[0].role must be a string"},
    {"role_unknown_C", R"({"messages":[{"role":"emperor","content":"x"}]})",
     "messages[0].role must be one of system"},
    {"role_in_capitals", R"({"messages":[{"role":"User"}]})", "messages[0].role must be one of"},
    {"role_empty", R"({"messages":[{"role":""}]})", "messages[0].role must be one of"},
    {"every_role",
     R"({"messages":[{"role":"system"},{"role":"developer"},{"role":"us\u0065r"},)"
     R"({"role":"assistant"},{"role":"tool"},{"role":"function"}]})",
     ""},
    {"role_twice", R"({"messages":[{"role":"user","rol\u0065":"tool"}]})", "given twice"},
    {"content_null", R"({"messages":[{"role":"assistant","content":null}]})", ""},
    {"content_number", R"({"messages":[{"role":"user","content":1}]})", "messages[0].content"},
    {"part_number", with_part("1"), "messages[0].content[0] must be a content part"},
    {"messages_10001_J11", R"({"messages":[)" + repeated(R"({"role":"user"})", 10'001) + "]}",
     "at most 10000 messages"},
    {"messages_10000_J11", R"({"messages":[)" + repeated(R"({"role":"user"})", 10'000) + "]}", ""},
    {"tools_1001_J11", chat("\"tools\":[" + repeated("{}", 1'001) + "]"), "at most 1000 tools"},
    {"tools_string", chat(R"("tools":"x")"), R"("tools" must be a list of objects)"},
    {"completion_without_prompt", chat(""), R"("prompt" is missing)", RequestKind::Completion},
    {"completion", R"({"prompt":"x"})", "", RequestKind::Completion},
    {"completion_prompts", R"({"prompt":["x","y"]})", "", RequestKind::Completion},
    {"completion_no_prompts", R"({"prompt":[]})", R"("prompt" must be)", RequestKind::Completion},
    {"embedding", R"({"input":[[1,2],[3]]})", "", RequestKind::Embedding},
    {"embedding_object", R"({"input":{}})", R"("input" must be)", RequestKind::Embedding},
    {"proto_names_J16", chat(R"("__proto__":{},"constructor":1)"), ""},
};

const std::vector<Case> kDuplicates{
    {"model_J4", R"({"model":"a","model":"b"})", R"("model" is given twice)"},
    {"escaped_model_J4", R"({"model":"a","mod\u0065l":"b"})", R"("model" is given twice)"},
    {"stream_J4", chat(R"("stream":true,"stream":false)"), R"("stream" is given twice)"},
    {"null_counts_J4", chat(R"("stream":null,"stream":true)"), R"("stream" is given twice)"},
    {"seed_J4", chat(R"("seed":1,"seed":2)"), R"("seed" is given twice)"},
    {"router_member_J4", chat(R"("provider":{},"provider":{})"), R"("provider" is given twice)"},
    {"include_usage_J4", chat(R"("stream_options":{"include_usage":null,"include_usage":true})"),
     "include_usage\" is given twice"},
    {"unknown_J4", chat(R"("x":1,"x":2)"), ""},
    {"case_variant_J4", chat(R"("Stream":true)"), R"(differs only in case from "stream")"},
    {"case_variant_of_what_is_forbidden", chat(R"("API_KEY":"x")"),
     R"("API_KEY" differs only in case from "api_key")"},
    {"long_s_J4", chat("\"\xC5\xBFtream\":true"), R"(differs only in case from "stream")"},
    {"unlike_any_J4", chat(R"("X-Thing":true)"), ""},
    {"part_type_J4", with_part(R"({"type":"text","type":"text"})"), "given twice"},
};

const std::vector<Case> kRanges{
    {"max_tokens_negative_C1", chat(R"("max_tokens":-1)"), R"("max_tokens" must be a whole)"},
    {"max_tokens_zero_C1", chat(R"("max_tokens":0)"), "whole number from 1"},
    {"max_tokens_fraction_C1", chat(R"("max_tokens":1.5)"), "whole number"},
    {"max_tokens_exponent_C1", chat(R"("max_tokens":1e3)"), "whole number"},
    {"max_tokens_string_C1", chat(R"("max_tokens":"100")"), "whole number"},
    {"max_tokens_2e31_C1", chat(R"("max_tokens":2147483648)"), "whole number"},
    {"max_tokens_2e63_C1", chat(R"("max_tokens":9223372036854775808)"), "whole number"},
    {"max_tokens_2e64_C1", chat(R"("max_tokens":18446744073709551617)"), "whole number"},
    {"max_tokens_largest_C1", chat(R"("max_tokens":2147483647)"), ""},
    {"max_tokens_null_C1", chat(R"("max_tokens":null)"), ""},
    {"limits_differ", chat(R"("max_tokens":1,"max_completion_tokens":2)"), "differ"},
    {"limits_agree", chat(R"("max_tokens":2,"max_completion_tokens":2)"), ""},
    {"n_zero_C2", chat(R"("n":0)"), R"("n" must be a whole number from 1 to 128)"},
    {"n_million_C2", chat(R"("n":1000000)"), "from 1 to 128"},
    {"best_of_129_C2", chat(R"("best_of":129)"), "from 1 to 128"},
    {"stream_string_C3", chat(R"("stream":"true")"), R"("stream" must be true or false)"},
    {"stream_number_C3", chat(R"("stream":1)"), "must be true or false"},
    {"stream_null_C3", chat(R"("stream":null)"), ""},
    {"stream_options_list_C3", chat(R"("stream_options":[])"), "must be an object"},
    {"include_usage_string_C3", chat(R"("stream_options":{"include_usage":"yes"})"),
     "must be true or false"},
    {"temperature_C8", chat(R"("temperature":2.0)"), ""},
    {"temperature_high_C8", chat(R"("temperature":2.01)"), "from 0 to 2"},
    {"temperature_negative_C8", chat(R"("temperature":-1)"), "from 0 to 2"},
    {"temperature_string_C8", chat(R"("temperature":"1")"), "from 0 to 2"},
    {"temperature_tiny_C8", chat(R"("temperature":1e-999)"), ""},
    {"top_p_zero_C8", chat(R"("top_p":0)"), "above 0"},
    {"top_p_two_C8", chat(R"("top_p":2)"), "at most 1"},
    {"penalty_C8", chat(R"("presence_penalty":-2.5)"), "from -2 to 2"},
    {"top_logprobs_negative_C2", chat(R"("top_logprobs":-1)"), "from 0 to 20"},
    {"logprobs_string_C2", chat(R"("logprobs":"yes")"), R"("logprobs" must be true or false)"},
    {"logprobs_number_C2", chat(R"("logprobs":1)"), R"("logprobs" must be true or false)"},
    {"logprobs_C2", chat(R"("logprobs":true)"), ""},
    {"logprobs_null_C2", chat(R"("logprobs":null)"), ""},
    {"logprobs_count_of_completions", R"({"prompt":"x","logprobs":5})", "",
     RequestKind::Completion},
    {"logprobs_switch_of_completions", R"({"prompt":"x","logprobs":true})",
     R"("logprobs" must be a whole number)", RequestKind::Completion},
    {"top_logprobs_C8", chat(R"("top_logprobs":21)"), "from 0 to 20"},
    {"seed_passes_C8", chat(R"("seed":-99999999999999999999)"), ""},
    {"stop_string", chat(R"("stop":"x")"), ""},
    {"stop_four", chat(R"("stop":["a","b","c","d"])"), ""},
    {"stop_five", chat(R"("stop":["a","b","c","d","e"])"), "at most 4 strings"},
    {"stop_numbers", chat(R"("stop":[1])"), "at most 4 strings"},
    {"timeout", chat(R"("timeout":1e12)"), "up to 3600"},
    {"metadata_17", chat(R"("metadata":{)" + repeated(R"("k":"v")", 17) + "}"), "at most 16"},
    {"metadata_nested", chat(R"("metadata":{"tags":["x"]})"), "at most 16 strings"},
    {"metadata_value", chat(R"("metadata":{"k":")" + std::string(513, 'x') + "\"}"), "512"},
};

const std::vector<Case> kHostile{
    {"api_base_C4", chat(R"("api_base":"http://evil")"), R"("api_base" is not allowed)"},
    {"base_url_C4", chat(R"("base_url":null)"), R"("base_url" is not allowed)"},
    {"api_key_C4", chat(R"("api_\u006bey":"k")"), R"("api_key" is not allowed)"},
    {"user_config_C4", chat(R"("user_config":{})"), R"("user_config" is not allowed)"},
    {"callbacks_C4", chat(R"("callbacks":[])"), R"("callbacks" is not allowed)"},
    {"proxy_C4", chat(R"("proxy":"x")"), R"("proxy" is not allowed)"},
    {"extra_headers_C4", chat(R"("extra_headers":{})"), R"("extra_headers" is not allowed)"},
    {"model_empty_C5", R"({"model":"",)" + std::string(kMessages) + "}", "not empty"},
    {"model_list_C5", R"({"model":["m"],)" + std::string(kMessages) + "}", "must be a string"},
    {"model_crlf_C5", R"({"model":"m\r\nHost: evil",)" + std::string(kMessages) + "}",
     "free of control characters"},
    {"model_nul_J7", R"({"model":"m\u0000",)" + std::string(kMessages) + "}",
     "free of control characters"},
    {"model_257_C5", "{\"model\":\"" + std::string(257, '%') + "\"," + std::string(kMessages) + "}",
     "at most 256 bytes"},
    {"models_nine_C6", chat(R"("models":["1","2","3","4","5","6","7","8","9"])"), "at most 8"},
    {"models_eight_and_model_C6", chat(R"("models":["1","2","3","4","5","6","7","8"])"),
     "at most 8 models"},
    {"models_repeated_C6", chat("\"models\":[" + repeated("\"m\"", 1000) + "]"), ""},
    {"models_string_C6", chat(R"("models":"x")"), "list of model ids"},
    {"user_long_C7", chat("\"user\":\"" + std::string(257, 'u') + '"'), "at most 256 bytes"},
    {"user_crlf_C7", chat(R"("user":"a\r\nb")"), "free of control characters"},
    {"user_nul_J7", chat(R"("user":"a\u0000b")"), "free of control characters"},
    {"content_nul_J7", R"({"messages":[{"role":"user","content":"a\u0000b"}]})", ""},
    {"image_file_C4", with_part(R"({"type":"image_url","image_url":{"url":"file:///etc/passwd"}})"),
     "messages[0].content[0].image_url must be an https, http or data URL"},
    {"image_escaped_scheme",
     with_part(R"({"type":"image_url","image_url":{"\u0075rl":"gop\u0068er:\/\/x"}})"),
     "https, http or data URL"},
    {"image_string", with_part(R"({"type":"image_url","image_url":"file:///x"})"),
     "https, http or data URL"},
    {"image_metadata", with_part(R"({"image_url":{"url":"http://169.254.169.254/"}})"),
     "private network"},
    {"image_userinfo", with_part(R"({"image_url":{"url":"http://a@b.example/"}})"), "plain https"},
    {"image_number", with_part(R"({"image_url":{"url":1}})"), "must be a string"},
    {"video_file", with_part(R"({"video_url":{"url":"file:///x"}})"), "https, http or data URL"},
    {"file_bytes", with_part(R"({"file":{"file_data":"JVBERi0xLjQ="}})"), ""},
    {"file_scheme", with_part(R"({"file":{"file_data":"file:///x"}})"), "https, http or data URL"},
    {"assistant_images",
     R"({"messages":[{"role":"assistant","images":[{"image_url":{"url":"ftp://x"}}]}]})",
     "messages[0].images[0].image_url"},
    {"tool_schema_C9", chat(R"("tools":[{"function":{"parameters":{"pattern":"(a+)+$"}}}])"), ""},
    {"lone_surrogate_J6", chat(R"("x":"\ud83d")"), "half of a surrogate pair"},
    {"overflow_J3", chat(R"("x":1e400)"), "too large for a double"},
};

std::string case_name(const TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}
INSTANTIATE_TEST_SUITE_P(Types, RequestTable, ValuesIn(kTypes), case_name);
INSTANTIATE_TEST_SUITE_P(Duplicates, RequestTable, ValuesIn(kDuplicates), case_name);
INSTANTIATE_TEST_SUITE_P(Ranges, RequestTable, ValuesIn(kRanges), case_name);
INSTANTIATE_TEST_SUITE_P(Hostile, RequestTable, ValuesIn(kHostile), case_name);

TEST(ReadRequest, JsonFaultsNameTheByte) {
  const auto facts = read_request(RequestKind::Chat, R"({"model": tru})");
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().code(), "invalid_json");
  EXPECT_EQ(facts.error().detail(),
            "The request body is not valid JSON: a value is expected (at byte 10).");
}

TEST(ReadRequest, EveryTruncationOfABodyIsRefused) {
  const std::string body = chat(R"("stream":true,"models":["a\n","b"],"x":[{"y":-1.5e3}])");
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(read_request(RequestKind::Chat, body.substr(0, size))) << size;
  }
}

TEST(ReadRequest, TakesWhatRoutingNeeds) {
  const RequestFacts facts = facts_of(chat(
      R"("models":["x","m","y","x"],"stream":true,"stream_options":{"include_usage":false},)"
      R"("max_tokens":50,"n":3,"best_of":2,"user":"u\u0041","session_id":"s","tools":[{}],)"
      R"("response_format":{"type":"json_schema","json_schema":{}},"modalities":["text","audio"],)"
      R"("reasoning":{"effort":"high"},"provider":{"order":["a"]})"));
  EXPECT_EQ(facts.model, "m");
  EXPECT_THAT(facts.models, ElementsAre("x", "y"));
  EXPECT_TRUE(facts.stream);
  EXPECT_EQ(facts.include_usage, UsageWish::False);
  EXPECT_EQ(facts.max_output_tokens, 50U);
  EXPECT_EQ(facts.choices_n, 3U);
  EXPECT_EQ(facts.user, "uA");
  EXPECT_EQ(facts.session_id, "s");
  EXPECT_TRUE(facts.has_tools);
  EXPECT_TRUE(facts.wants_json_schema);
  EXPECT_FALSE(facts.wants_json_object);
  EXPECT_TRUE(facts.wants_audio);
  EXPECT_TRUE(facts.wants_reasoning);
  EXPECT_EQ(facts.message_count, 1U);
  EXPECT_TRUE(facts.has(RequestMember::Provider));
}

TEST(ReadRequest, ReasoningTurnedOffIsNotWanted) {
  for (const char* off : {R"("reasoning":{"enabled":false})", R"("reasoning":{"effort":"none"})",
                          R"("reasoning_effort":"none")", R"("reasoning":null)", ""}) {
    EXPECT_FALSE(facts_of(chat(off)).wants_reasoning) << off;
  }
}

TEST(ReadRequest, AnAnswerAtTheEndIsToBeContinued) {
  const auto ends_so = [](std::string_view messages) {
    return facts_of(R"({"model":"m","messages":[)" + std::string(messages) + "]}")
        .ends_with_assistant;
  };
  constexpr std::string_view kUser = R"({"role":"user","content":"q"})";
  constexpr std::string_view kAssistant = R"({"role":"assistant","content":"a"})";
  EXPECT_TRUE(ends_so(std::string(kUser) + "," + std::string(kAssistant)));
  EXPECT_FALSE(ends_so(std::string(kAssistant) + "," + std::string(kUser)));
  EXPECT_FALSE(ends_so(kUser));
}

TEST(ReadRequest, CountsTextButNotMediaRolesOrTypes) {
  const RequestFacts facts = facts_of(
      R"({"messages":[{"role":"system","content":"12345"},{"role":"user","content":[)"
      R"({"type":"text","text":"6\n8"},)"
      R"({"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}},)"
      R"({"type":"image_url","image_url":{"url":"https://example.com/a.png"}},)"
      R"({"type":"input_audio","input_audio":{"data":"BBBB","format":"wav"}},)"
      R"({"type":"file","file":{"file_id":"f","filename":"n.pdf"}}]}]})");
  EXPECT_EQ(facts.text_bytes, 8U);
  EXPECT_EQ(facts.media_bytes, 26U + 4U);
  EXPECT_EQ(facts.media_count, 4U);
  EXPECT_TRUE(facts.has_images && facts.has_audio && facts.has_files && facts.has_remote_media);
  EXPECT_FALSE(facts.has_video);
}

TEST(ReadRequest, CountsToolsAndSchemasWhole) {
  const RequestFacts bare = facts_of(chat(""));
  const RequestFacts tools = facts_of(chat(R"("tools":[{"a":1}],"response_format":{"type":"x"})"));
  EXPECT_EQ(tools.text_bytes - bare.text_bytes, 9U + 12U);
}

TEST(ReadRequest, CountsPromptsAndTheirTokens) {
  const auto completion = [](const char* body) { return facts_of(body, RequestKind::Completion); };
  EXPECT_EQ(completion(R"({"prompt":["ab","c"]})").prompt_count, 2U);
  EXPECT_EQ(completion(R"({"prompt":["ab","c"]})").text_bytes, 3U);
  EXPECT_EQ(completion(R"({"prompt":[11,22,33]})").prompt_count, 1U);
  EXPECT_GE(completion(R"({"prompt":[11,22,33]})").text_bytes, 3U);
  const RequestFacts parts =
      facts_of(R"({"input":[{"content":[{"type":"text","text":"abc"}]}]})", RequestKind::Embedding);
  EXPECT_EQ(parts.text_bytes, 3U);
}

TEST(ReadRequest, J11TwentyThousandMembersTakeNoTimeAtAll) {
  std::string members;
  for (int i = 0; i < 20'000; ++i) {
    members += ",\"k" + std::to_string(i) + "\":0";
  }
  EXPECT_TRUE(read_request(RequestKind::Chat, '{' + std::string(kMessages) + members + '}'));
}

TEST(RequestMemberNames, AreKnownForEachMember) {
  EXPECT_EQ(name(RequestMember::MaxCompletionTokens), "max_completion_tokens");
  for (std::size_t i = 0; i < kRequestMembers; ++i) {
    EXPECT_FALSE(name(static_cast<RequestMember>(i)).empty()) << i;
  }
}

}  // namespace
}  // namespace waybill::dialects
