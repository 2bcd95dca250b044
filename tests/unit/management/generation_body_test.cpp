#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "waybill/management/bodies.hpp"

#include "sample_catalog.hpp"

namespace waybill::management {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

ledger::GenerationRecord sample_record() {
  ledger::GenerationRecord record;
  record.seq = 17;
  record.settled = WallTime{1'787'300'001s + 350ms};
  ledger::Settlement& settlement = record.settlement;
  settlement.generation = GenerationId(GenerationId::Bytes{0x6A, 0x87, 0xF4, 0xA0});
  settlement.streamed = true;
  settlement.model = "openai/gpt-4o-mini";
  settlement.provider = "openai";
  settlement.endpoint = "openai/gpt-4o-mini@openai";
  settlement.upstream_model = "gpt-4o-mini";
  settlement.upstream_id = "chatcmpl-1";
  settlement.price_version = "0a1b2c";
  settlement.finish_reason = "stop";
  settlement.native_finish_reason = "stop";
  settlement.counts = {.prompt = 10, .cached_read = 4, .completion = 3, .reasoning = 1};
  settlement.cost = {.total = Money::picodollars(3'300'000),
                     .prompt = Money::picodollars(1'500'000),
                     .completion = Money::picodollars(1'800'000)};
  settlement.provider_cost = Money::picodollars(987'654'321);
  settlement.status = 200;
  settlement.attempt = 2;
  settlement.created = WallTime{1'787'300'000s};
  settlement.first_token = 420'400us;
  settlement.upstream_latency = 409'600us;
  settlement.duration = 1300ms;
  settlement.failed_attempts.push_back({.number = 1,
                                        .provider = "gone",
                                        .endpoint = "gone/e",
                                        .upstream_model = "m",
                                        .status = 429,
                                        .error_code = "upstream_busy",
                                        .latency = 20ms,
                                        .provider_cost = {}});
  return record;
}

TEST(GenerationBody, HasEveryMemberOfTheShape) {
  json data = json::parse(generation_body(sample_record(), sample_catalog()))["data"];
  data.erase("waybill");
  EXPECT_EQ(data, json::parse(R"({
    "id":"gen-1787294880-00000000000000000000","upstream_id":"chatcmpl-1","request_id":null,
    "session_id":null,"model":"openai/gpt-4o-mini","provider_name":"OpenAI","router":null,
    "api_type":"completions","app_id":null,"origin":"","http_referer":null,"user_agent":null,
    "external_user":null,"preset_id":null,"workspace_id":null,
    "created_at":"2026-08-21T08:13:20.000Z","streamed":true,"cancelled":false,"latency":420,
    "moderation_latency":null,"generation_time":1300,"finish_reason":"stop",
    "native_finish_reason":"stop","tokens_prompt":10,"tokens_completion":3,"native_tokens_prompt":10,
    "native_tokens_completion":3,"native_tokens_completion_images":0,"native_tokens_reasoning":1,
    "native_tokens_cached":4,"num_media_prompt":null,"num_input_audio_prompt":null,
    "num_media_completion":null,"num_search_results":null,"num_fetches":null,"web_search_engine":null,
    "usage":3.3e-06,"total_cost":3.3e-06,"cache_discount":null,"upstream_inference_cost":0,
    "is_byok":false,"service_tier":null,"data_region":"global","response_cache_source_id":null,
    "provider_responses":[
      {"endpoint_id":"gone/e","provider_name":"gone",
       "model_permaslug":"openai/gpt-4o-mini","status":429,"latency":20,"is_byok":false},
      {"id":"chatcmpl-1","endpoint_id":"openai/gpt-4o-mini@openai","provider_name":"OpenAI",
       "model_permaslug":"openai/gpt-4o-mini","status":200,"latency":410,"is_byok":false}]})"));
}

TEST(GenerationBody, AmountsAreExactPlainDecimals) {
  const std::string body = generation_body(sample_record(), sample_catalog());
  EXPECT_NE(body.find("\"usage\":0.0000033,\"total_cost\":0.0000033,"), std::string::npos) << body;
  const json own = json::parse(body)["data"]["waybill"];
  EXPECT_EQ(own["cost"], "0.0000033");
  EXPECT_EQ(own["cost_prompt"], "0.0000015");
  EXPECT_EQ(own["cost_completion"], "0.0000018");
  EXPECT_EQ(own["refunded"], "0");
  EXPECT_EQ(own["price_version"], "0a1b2c");
  EXPECT_EQ(own["estimated"], false);
  EXPECT_EQ(own["failed_attempts"][0]["error_code"], "upstream_busy");
  EXPECT_EQ(own["ledger_seq"], 17);
}

TEST(GenerationBody, TheCallerDoesNotLearnWhatTheProviderCharged) {
  EXPECT_EQ(generation_body(sample_record(), sample_catalog()).find("000987654321"),
            std::string::npos);
}

TEST(GenerationBody, AFailedOneWithoutAnswerHasNulls) {
  ledger::GenerationRecord record = sample_record();
  ledger::Settlement& settlement = record.settlement;
  settlement.outcome = ledger::Outcome::Failed;
  settlement.usage_source = ledger::UsageSource::None;
  settlement.api = ledger::Endpoint::Embeddings;
  settlement.provider = "gone";  // the last that was tried, listed among the failed
  settlement.attempt = 1;
  settlement.upstream_id = settlement.finish_reason = settlement.native_finish_reason = {};
  settlement.error_code = "no_endpoint_left";
  settlement.first_token.reset();
  settlement.counts = {.requests = 0};
  settlement.cost = {};
  const json data = json::parse(generation_body(record, sample_catalog()))["data"];
  EXPECT_EQ(data["upstream_id"], nullptr);
  EXPECT_EQ(data["finish_reason"], nullptr);
  EXPECT_EQ(data["latency"], nullptr);
  EXPECT_EQ(data["api_type"], "embeddings");
  EXPECT_EQ(data["provider_name"], "gone");
  EXPECT_EQ(data["total_cost"], 0);
  EXPECT_EQ(data["provider_responses"].size(), 1U);
  EXPECT_EQ(data["waybill"]["error_code"], "no_endpoint_left");
  EXPECT_EQ(data["waybill"]["outcome"], "failed");
}

TEST(GenerationBody, WhatAProviderChoseStaysInsideItsString) {
  ledger::GenerationRecord record = sample_record();
  record.settlement.upstream_id = "\",\"usage\":0,\"x\":\"\xFF\n";
  const json data = json::parse(generation_body(record, sample_catalog()))["data"];
  EXPECT_EQ(data["upstream_id"], "\",\"usage\":0,\"x\":\"\xEF\xBF\xBD\n");
}

}  // namespace
}  // namespace waybill::management
