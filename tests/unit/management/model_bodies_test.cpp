#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "waybill/management/bodies.hpp"

#include "sample_catalog.hpp"

namespace waybill::management {
namespace {

using nlohmann::json;

json models(std::string_view offset, std::string_view limit) {
  const auto query = parse_page(offset, limit);
  return query ? json::parse(ModelsListing(sample_catalog()).page(*query)) : json();
}

TEST(ModelsBody, AModelHasTheShapeOfBothFamilies) {
  EXPECT_EQ(models("", "")["data"][0], json::parse(R"({
    "id":"openai/gpt-4o-mini","object":"model","created":1721260800,"owned_by":"openai",
    "canonical_slug":"openai/gpt-4o-mini","hugging_face_id":null,"name":"OpenAI: GPT-4o-mini",
    "description":"Small \"and\" fast","context_length":128000,
    "architecture":{"modality":"text+image->text","input_modalities":["text","image"],
                    "output_modalities":["text"],"tokenizer":"Other","instruct_type":null},
    "pricing":{"prompt":"0.00000015","completion":"0.0000006","input_cache_read":"0.000000075",
               "overrides":[{"min_prompt_tokens":200000,"prompt":"0.0000003"}]},
    "top_provider":{"context_length":128000,"max_completion_tokens":16384,"is_moderated":false},
    "per_request_limits":null,"supported_parameters":["temperature","tools"],
    "default_parameters":null,"supported_voices":null,"knowledge_cutoff":null,"expiration_date":null,
    "links":{"details":"/api/v1/models/openai/gpt-4o-mini/endpoints"}})"));
}

TEST(ModelsBody, WhatIsUnknownIsNullAndWhatIsFreeIsZero) {
  const json model = models("", "")["data"][1];
  EXPECT_EQ(model["owned_by"], "qwen3 local");
  EXPECT_EQ(model["context_length"], nullptr);
  EXPECT_EQ(model["top_provider"]["max_completion_tokens"], nullptr);
  EXPECT_EQ(model["pricing"]["prompt"], "0");
  EXPECT_EQ(model["pricing"]["completion"], "0");
  EXPECT_EQ(model["links"]["details"], "/api/v1/models/qwen3%20local/endpoints");
}

struct PageCase {
  std::string offset;
  std::string limit;
  std::vector<std::string> ids;
  json next;
};

TEST(ModelsBody, PagesAreCutFromTheList) {
  const std::string mini = "openai/gpt-4o-mini";
  const std::string home = "qwen3 local";
  const std::vector<PageCase> cases{
      {"", "", {mini, home}, nullptr},
      {"0", "1", {mini}, "/api/v1/models?offset=1&limit=1"},
      {"1", "1", {home}, nullptr},
      {"1", "", {home}, nullptr},
      {"2", "5", {}, nullptr},
      {"18446744073709551615", "18446744073709551615", {}, nullptr},
      {"", "2", {mini, home}, nullptr},
  };
  for (const PageCase& expected : cases) {
    const json page = models(expected.offset, expected.limit);
    std::vector<std::string> ids;
    for (const json& model : page["data"]) {
      ids.push_back(model["id"]);
    }
    EXPECT_EQ(ids, expected.ids) << expected.offset << ' ' << expected.limit;
    EXPECT_EQ(page["links"]["next"], expected.next) << expected.offset << ' ' << expected.limit;
    EXPECT_EQ(page["total_count"], 2);
    EXPECT_EQ(page["object"], "list");
  }
}

TEST(ModelsBody, AnEmptyCatalogIsAnEmptyList) {
  EXPECT_EQ(ModelsListing(catalog::Catalog{}).page({}),
            R"({"object":"list","data":[],"total_count":0,"links":{"next":null}})");
}

TEST(ParsePage, WhatIsNoWholeNumberIsRefused) {
  for (const std::string text :
       {"-1", "+1", "1.5", "x", "1 ", " 1", "0x1", "18446744073709551616", "1e3"}) {
    for (const auto& page : {parse_page(text, ""), parse_page("", text)}) {
      ASSERT_FALSE(page) << text;
      EXPECT_EQ(page.error().code(), "invalid_request");
    }
  }
  EXPECT_EQ(parse_page("", "0").error().detail(),
            "Query parameter 'limit' is '0': send a whole number of at least 1.");
  EXPECT_TRUE(parse_page("0", "1"));
}

TEST(ModelBody, ReadsAlikeAtTheTopAndUnderData) {
  const catalog::Catalog catalog = sample_catalog();
  const catalog::Model* const model = catalog.resolve("gpt-4o-mini");
  ASSERT_NE(model, nullptr);
  json body = json::parse(model_body(catalog, *model));
  const json data = body["data"];
  body.erase("data");
  EXPECT_EQ(body, data);
  EXPECT_EQ(body, models("", "")["data"][0]);
}

TEST(ModelEndpointsBody, ListsEveryEndpointWithItsOwnPrice) {
  const catalog::Catalog catalog = sample_catalog();
  const json data = json::parse(model_endpoints_body(catalog, catalog.models().front()))["data"];
  EXPECT_EQ(data["id"], "openai/gpt-4o-mini");
  ASSERT_EQ(data["endpoints"].size(), 2U);
  EXPECT_EQ(data["endpoints"][1], json::parse(R"({
    "name":"Shed | openai/gpt-4o-mini","model_id":"openai/gpt-4o-mini",
    "model_name":"OpenAI: GPT-4o-mini","provider_name":"Shed","tag":"shed/fp8","quantization":"fp8",
    "context_length":128000,"max_completion_tokens":null,"max_prompt_tokens":null,
    "pricing":{"prompt":"0","completion":"0","discount":0},
    "supported_parameters":["temperature","tools"],"supports_implicit_caching":false,
    "supports_tool_choice":{"auto":true,"none":true,"required":true,"function":true},
    "supports_voice_cloning":false,"status":0,"uptime_last_5m":null,"uptime_last_30m":null,
    "uptime_last_1d":null,"latency_last_30m":null,"throughput_last_30m":null})"));
  EXPECT_EQ(data["endpoints"][0]["quantization"], nullptr);
  EXPECT_EQ(data["endpoints"][0]["supports_implicit_caching"], true);
  EXPECT_EQ(data["endpoints"][0]["pricing"]["overrides"][0]["min_prompt_tokens"], 200'000);
}

TEST(ModelBodies, HoldNothingOfAProvidersCredentials) {
  const catalog::Catalog catalog = sample_catalog();
  for (const std::string& body :
       {ModelsListing(catalog).page({}), model_body(catalog, catalog.models().front()),
        model_endpoints_body(catalog, catalog.models().front())}) {
    EXPECT_EQ(body.find("canary"), std::string::npos);
    EXPECT_EQ(body.find("example.com"), std::string::npos);
  }
}

}  // namespace
}  // namespace waybill::management
