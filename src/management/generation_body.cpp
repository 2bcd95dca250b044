#include <algorithm>

#include "waybill/base/json_writer.hpp"
#include "waybill/management/bodies.hpp"

namespace waybill::management {
namespace {

using ledger::Settlement;

// As answers call it; the settings' name where the catalog no longer has it.
std::string_view display_name(const catalog::Catalog& catalog, std::string_view name) {
  const auto& providers = catalog.providers();
  const auto found = std::find_if(providers.begin(), providers.end(),
                                  [&](const auto& provider) { return provider.name == name; });
  return found == providers.end() ? name : std::string_view(found->display_name);
}

std::string_view api_type(ledger::Endpoint api) noexcept {
  switch (api) {
    case ledger::Endpoint::ChatCompletions:
    case ledger::Endpoint::Completions:
    case ledger::Endpoint::Messages:
    case ledger::Endpoint::Responses:
    case ledger::Endpoint::Gemini:
    case ledger::Endpoint::Ollama: return "completions";
    case ledger::Endpoint::Embeddings: return "embeddings";
    case ledger::Endpoint::Other: return "";
  }
  return "";  // unreachable: -Wswitch keeps the switch exhaustive
}

std::uint64_t milliseconds(ledger::microseconds time) noexcept {
  return static_cast<std::uint64_t>(std::max<std::int64_t>((time.count() + 500) / 1000, 0));
}

void write_request(JsonWriter& json,
                   const Settlement& settlement,
                   const catalog::Catalog& catalog) {
  json.text("id", settlement.generation.to_string());
  json.text_or_null("upstream_id", settlement.upstream_id);
  json.null("request_id");
  json.null("session_id");
  json.text("model", settlement.model);
  json.text_or_null("provider_name", display_name(catalog, settlement.provider));
  json.null("router");
  json.text_or_null("api_type", api_type(settlement.api));
  json.null("app_id");
  json.text("origin", "");
  json.null("http_referer");
  json.null("user_agent");
  json.null("external_user");
  json.null("preset_id");
  json.null("workspace_id");
}

// `latency` is the time to the first content, `generation_time` all of the request.
void write_course(JsonWriter& json, const Settlement& settlement) {
  json.text("created_at", to_rfc3339(settlement.created));
  json.flag("streamed", settlement.streamed);
  json.flag("cancelled", settlement.cancelled);
  if (settlement.first_token) {
    json.number("latency", milliseconds(*settlement.first_token));
  } else {
    json.null("latency");
  }
  json.null("moderation_latency");
  json.number("generation_time", milliseconds(settlement.duration));
  json.text_or_null("finish_reason", settlement.finish_reason);
  json.text_or_null("native_finish_reason", settlement.native_finish_reason);
}

void write_usage(JsonWriter& json, const Settlement& settlement) {
  const catalog::UsageCounts& counts = settlement.counts;
  json.number("tokens_prompt", counts.prompt);
  json.number("tokens_completion", counts.completion);
  json.number("native_tokens_prompt", counts.prompt);
  json.number("native_tokens_completion", counts.completion);
  json.number("native_tokens_completion_images", counts.image_completion);
  json.number("native_tokens_reasoning", counts.reasoning);
  json.number("native_tokens_cached", counts.cached_read);
  json.number_or_null("num_media_prompt", counts.images);
  json.null("num_input_audio_prompt");
  json.null("num_media_completion");
  json.null("num_search_results");
  json.null("num_fetches");
  json.null("web_search_engine");
  json.amount("usage", settlement.cost.total);
  json.amount("total_cost", settlement.cost.total);
  json.null("cache_discount");
  json.number("upstream_inference_cost", 0);  // OpenRouter's: only for keys of the caller's own
  json.flag("is_byok", false);
  json.null("service_tier");
  json.text("data_region", "global");
  json.null("response_cache_source_id");
}

struct Response {
  std::string_view id;
  std::string_view endpoint;
  std::string_view provider;
  std::uint16_t status;
  ledger::microseconds latency;
};

// Here OpenRouter's SDK wants what is unknown left out; it refuses a null.
void write_response(JsonWriter& json, const Response& response, std::string_view model) {
  json.begin_object();
  json.text_if_any("id", response.id);
  json.text_if_any("endpoint_id", response.endpoint);
  json.text_if_any("provider_name", response.provider);
  json.text("model_permaslug", model);
  json.number_or_null("status", response.status);
  json.number("latency", milliseconds(response.latency));
  json.flag("is_byok", false);
  json.end_object();
}

// In the order of the attempts: the settled one is the last.
void write_responses(JsonWriter& json,
                     const Settlement& settlement,
                     const catalog::Catalog& catalog) {
  json.begin_array("provider_responses");
  for (const ledger::FailedAttempt& failed : settlement.failed_attempts) {
    write_response(json,
                   {.id = {},
                    .endpoint = failed.endpoint,
                    .provider = display_name(catalog, failed.provider),
                    .status = failed.status,
                    .latency = failed.latency},
                   settlement.model);
  }
  const bool is_listed = !settlement.failed_attempts.empty() &&
                         settlement.failed_attempts.back().number == settlement.attempt;
  if (!settlement.provider.empty() && !is_listed) {
    write_response(json,
                   {.id = settlement.upstream_id,
                    .endpoint = settlement.endpoint,
                    .provider = display_name(catalog, settlement.provider),
                    .status = settlement.status,
                    .latency = settlement.upstream_latency},
                   settlement.model);
  }
  json.end_array();
}

// What the providers charged is not here: the caller pays `cost` and need not be the
// operator.
void write_own(JsonWriter& json, const ledger::GenerationRecord& record) {
  const Settlement& settlement = record.settlement;
  json.begin_object("waybill");
  json.text("outcome", name(settlement.outcome));
  json.text_or_null("error_code", settlement.error_code);
  json.text("usage_source", name(settlement.usage_source));
  json.flag("estimated", settlement.usage_source == ledger::UsageSource::Estimate ||
                             settlement.usage_source == ledger::UsageSource::Partial);
  json.flag("anomaly", settlement.anomaly);
  json.decimal("cost", settlement.cost.total);
  json.decimal("cost_prompt", settlement.cost.prompt);
  json.decimal("cost_completion", settlement.cost.completion);
  json.decimal("refunded", record.refunded);
  json.text_or_null("price_version", settlement.price_version);
  json.text_or_null("upstream_model", settlement.upstream_model);
  json.integer("ledger_seq", record.seq);
  json.text("settled_at", to_rfc3339(record.settled));
  json.begin_array("failed_attempts");
  for (const ledger::FailedAttempt& failed : settlement.failed_attempts) {
    json.begin_object();
    json.number("attempt", failed.number);
    json.text("provider", failed.provider);
    json.text("error_code", failed.error_code);
    json.number_or_null("status", failed.status);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

}  // namespace

std::string generation_body(const ledger::GenerationRecord& record,
                            const catalog::Catalog& catalog) {
  JsonWriter json;
  json.begin_object();
  json.begin_object("data");
  write_request(json, record.settlement, catalog);
  write_course(json, record.settlement);
  write_usage(json, record.settlement);
  write_responses(json, record.settlement, catalog);
  write_own(json, record);
  json.end_object();
  json.end_object();
  return json.take();
}

}  // namespace waybill::management
