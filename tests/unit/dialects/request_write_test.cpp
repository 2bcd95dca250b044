#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/dialects/openai_request.hpp"

namespace waybill::dialects {
namespace {

using ::testing::TestParamInfo;
using ::testing::ValuesIn;

// M stands for a messages member, so that the cases stay readable.
std::string expand(std::string_view text) {
  std::string out(text);
  if (const std::size_t at = out.find('M'); at != std::string::npos) {
    out.replace(at, 1, R"("messages":[{"role":"user","content":"hi"}])");
  }
  return out;
}

struct Case {
  std::string_view name;
  std::string_view body;
  std::string_view expected;
  UpstreamRequest upstream{};

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Case> kCases{
    {"model_replaced", R"({"model" : "a/b",M})", R"({"model" : "up",M})"},
    {"model_added", R"({M})", R"({"model":"up",M})"},
    {"model_null", R"({"model":null,M})", R"({"model":"up",M})"},
    {"unknown_passes_J17", R"({M,"model":"a","x":1.0,"y":-0,"z":"\u0041","w":1e5})",
     R"({M,"model":"up","x":1.0,"y":-0,"z":"\u0041","w":1e5})"},
    {"big_integer_passes_J3", R"({M,"model":"a","seed":9007199254740993})",
     R"({M,"model":"up","seed":9007199254740993})"},
    {"blanks_stay", "{\n  M ,\n  \"model\" : \"a\"\n}\n", "{\n  M ,\n  \"model\" : \"up\"\n}\n"},
    {"extension_first", R"({"models":["b"],"model":"a",M})", R"({"model":"up",M})"},
    {"extensions_lead", R"({"models":["b"], "provider":{} , "model":"a",M})",
     R"({"model":"up",M})"},
    {"extension_middle", R"({"model":"a" , "provider":{"x":1} ,M})", R"({"model":"up"  ,M})"},
    {"extension_last", R"({"model":"a",M,"plugins":[]})", R"({"model":"up",M})"},
    {"extensions_all_over",
     R"({"route":"fallback","model":"a","preset":"p",M,"trace":{},"debug":{},"usage":{},"x":1,"session_id":"s","transforms":[]})",
     R"({"model":"up",M,"x":1})"},
    {"extensions_and_no_model", R"({"models":["b"],M})", R"({"model":"up",M})"},
    {"provider_parameters_pass",
     R"({"model":"a",M,"reasoning":{"effort":"low"},"top_k":4,"user":"u","metadata":{"a":"b"},"service_tier":"flex","prompt_cache_key":"k"})",
     R"({"model":"up",M,"reasoning":{"effort":"low"},"top_k":4,"user":"u","metadata":{"a":"b"},"service_tier":"flex","prompt_cache_key":"k"})"},
    {"usage_asked_C3", R"({"model":"a",M,"stream":true})",
     R"({"model":"up",M,"stream":true,"stream_options":{"include_usage":true}})"},
    {"usage_set_C3",
     R"({"model":"a",M,"stream":true,"stream_options":{"a":1, "include_usage" : false}})",
     R"({"model":"up",M,"stream":true,"stream_options":{"a":1, "include_usage" : true}})"},
    {"usage_null_C3", R"({"model":"a",M,"stream":true,"stream_options":{"include_usage":null}})",
     R"({"model":"up",M,"stream":true,"stream_options":{"include_usage":true}})"},
    {"usage_added_to_object_C3", R"({"stream_options":{"a":1 },"model":"a",M,"stream":true})",
     R"({"stream_options":{"a":1 ,"include_usage":true},"model":"up",M,"stream":true})"},
    {"usage_added_to_empty_C3", R"({"stream_options":{ },"model":"a",M,"stream":true})",
     R"({"stream_options":{ "include_usage":true},"model":"up",M,"stream":true})"},
    {"stream_options_null_C3", R"({"stream_options":null,"model":"a",M,"stream":true})",
     R"({"stream_options":{"include_usage":true},"model":"up",M,"stream":true})"},
    {"usage_left",
     R"({"model":"a",M,"stream":true,"stream_options":{"include_usage":false}})",
     R"({"model":"up",M,"stream":true,"stream_options":{"include_usage":false}})",
     {.usage = UsageRequest::Leave}},
    {"usage_left_absent",
     R"({"model":"a",M,"stream":true})",
     R"({"model":"up",M,"stream":true})",
     {.usage = UsageRequest::Leave}},
    {"usage_left_empty",
     R"({"model":"a",M,"stream":true,"stream_options":{}})",
     R"({"model":"up",M,"stream":true,"stream_options":{}})",
     {.usage = UsageRequest::Leave}},
    {"stream_options_removed_last",
     R"({"model":"a",M,"stream":true,"stream_options":{"include_usage":false}})",
     R"({"model":"up",M,"stream":true})",
     {.usage = UsageRequest::Remove}},
    {"stream_options_removed_first",
     R"({"stream_options":{"a":1},"models":[],"model":"a",M,"stream":true})",
     R"({"model":"up",M,"stream":true})",
     {.usage = UsageRequest::Remove}},
    {"stream_options_removed_after_a_cut",
     R"({"models":[], "stream_options":{}, "plugins":[], M,"stream":true})",
     R"({"model":"up",M,"stream":true})",
     {.usage = UsageRequest::Remove}},
    {"stream_options_removed_null",
     R"({"model":"a","stream_options":null,M,"stream":true})",
     R"({"model":"up",M,"stream":true})",
     {.usage = UsageRequest::Remove}},
    {"not_streamed_has_no_stream_options",
     R"({"model":"a",M,"stream_options":{"include_usage":true}})", R"({"model":"up",M})"},
    {"cap_added", R"({"model":"a",M})", R"({"model":"up",M,"max_tokens":90})", {.output_cap = 90}},
    {"cap_added_under_its_name",
     R"({"model":"a",M})",
     R"({"model":"up",M,"max_completion_tokens":90})",
     {.limit_member = "max_completion_tokens", .output_cap = 90}},
    {"cap_lowers_C1",
     R"({"model":"a","max_tokens":2147483647,M})",
     R"({"model":"up","max_tokens":90,M})",
     {.output_cap = 90}},
    {"cap_leaves_smaller",
     R"({"model":"a","max_tokens":80,M})",
     R"({"model":"up","max_tokens":80,M})",
     {.output_cap = 90}},
    {"cap_fills_null",
     R"({"model":"a","max_tokens":null,M})",
     R"({"model":"up","max_tokens":90,M})",
     {.output_cap = 90}},
    {"limit_renamed",
     R"({"model":"a","max_tokens" : 80,M})",
     R"({"model":"up","max_completion_tokens" : 80,M})",
     {.limit_member = "max_completion_tokens"}},
    {"two_limits_pass",
     R"({"max_completion_tokens":80,"max_tokens":80,"model":"a",M})",
     R"({"max_completion_tokens":70,"max_tokens":70,"model":"up",M})",
     {.output_cap = 70}},
    {"of_two_limits_only_the_provider_s_name_counts",
     R"({"max_completion_tokens":80,"max_tokens":80,"model":"a",M})",
     R"({"max_completion_tokens":null,"max_tokens":70,"model":"up",M})",
     {.limit_member = "max_tokens", .output_cap = 70}},
    {"a_limit_beside_a_null_one_changes_places",
     R"({"max_tokens":100,"max_completion_tokens":null,"model":"a",M})",
     R"({"max_tokens":null,"max_completion_tokens":100,"model":"up",M})",
     {.limit_member = "max_completion_tokens"}},
    {"a_null_limit_beside_the_right_one_stays",
     R"({"max_tokens":null,"max_completion_tokens":100,"model":"a",M})",
     R"({"max_tokens":null,"max_completion_tokens":100,"model":"up",M})",
     {.limit_member = "max_completion_tokens"}},
    {"two_null_limits_say_nothing",
     R"({"max_tokens":null,"max_completion_tokens":null,"model":"a",M})",
     R"({"max_tokens":null,"max_completion_tokens":null,"model":"up",M})",
     {.limit_member = "max_completion_tokens"}},
    {"escaped_names_are_ours_too", R"({"mode\u006c":"a","m\u006fdels":["b"],M})",
     R"({"mode\u006c":"up",M})"},
};

class RequestWriteTable : public ::testing::TestWithParam<Case> {};

TEST_P(RequestWriteTable, ChangesOnlyWhatIsOurs) {
  const std::string body = expand(GetParam().body);
  const auto facts = read_request(RequestKind::Chat, body);
  ASSERT_TRUE(facts) << facts.error().detail();
  UpstreamRequest upstream = GetParam().upstream;
  upstream.upstream_model = "up";
  std::string out = "before";
  write_upstream_request(out, body, *facts, upstream);
  EXPECT_EQ(out, "before" + expand(GetParam().expected));
}

// What we wrote reads again, asks for the same, and writes to itself.
TEST_P(RequestWriteTable, IsStable) {
  const std::string body = expand(GetParam().body);
  const auto facts = read_request(RequestKind::Chat, body);
  ASSERT_TRUE(facts);
  UpstreamRequest upstream = GetParam().upstream;
  upstream.upstream_model = "up";
  std::string once;
  write_upstream_request(once, body, *facts, upstream);
  const auto again = read_request(RequestKind::Chat, once);
  ASSERT_TRUE(again) << once << '\n' << again.error().detail();
  EXPECT_EQ(again->model, "up");
  EXPECT_EQ(again->stream, facts->stream);
  EXPECT_EQ(again->text_bytes, facts->text_bytes);
  std::string twice;
  write_upstream_request(twice, once, *again, upstream);
  EXPECT_EQ(twice, once);
}

std::string case_name(const TestParamInfo<Case>& info) {
  return std::string(info.param.name);
}
INSTANTIATE_TEST_SUITE_P(Splices, RequestWriteTable, ValuesIn(kCases), case_name);

}  // namespace
}  // namespace waybill::dialects
