#include <algorithm>
#include <charconv>
#include <optional>
#include <span>

#include "waybill/base/ascii.hpp"
#include "waybill/base/json_writer.hpp"
#include "waybill/base/text.hpp"
#include "waybill/management/bodies.hpp"

namespace waybill::management {
namespace {

void write_texts(JsonWriter& json, std::string_view name, std::span<const std::string> texts) {
  json.begin_array(name);
  for (const std::string& text : texts) {
    json.text(text);
  }
  json.end_array();
}

// "text+image->text"
std::string modality(const catalog::Model& model) {
  const auto joined = [](std::span<const std::string> parts) {
    std::string out;
    for (const std::string& part : parts) {
      out += out.empty() ? "" : "+";
      out += part;
    }
    return out;
  };
  return joined(model.input_modalities) + "->" + joined(model.output_modalities);
}

void write_architecture(JsonWriter& json, const catalog::Model& model) {
  json.begin_object("architecture");
  json.text("modality", modality(model));
  write_texts(json, "input_modalities", model.input_modalities);
  write_texts(json, "output_modalities", model.output_modalities);
  json.text("tokenizer", "Other");
  json.null("instruct_type");
  json.end_object();
}

void write_price(JsonWriter& json, std::string_view name, const std::optional<Money>& price) {
  if (price) {
    json.decimal(name, *price);
  }
}

// OpenRouter's names of our classes.  Its image_output is the price of an image
// token, as its live catalog uses it (its schema says "per output image").
void write_prices(JsonWriter& json, const catalog::UnitPrices& prices) {
  write_price(json, "prompt", prices.prompt);
  write_price(json, "completion", prices.completion);
  write_price(json, "request", prices.request);
  write_price(json, "image", prices.image);
  write_price(json, "image_output", prices.image_completion);
  write_price(json, "audio", prices.audio_prompt);
  write_price(json, "audio_output", prices.audio_completion);
  write_price(json, "internal_reasoning", prices.reasoning);
  write_price(json, "input_cache_read", prices.cache_read);
  write_price(json, "input_cache_write", prices.cache_write);
}

void write_pricing_members(JsonWriter& json, const catalog::PriceTable& table) {
  write_prices(json, table.base);
  if (table.tiers.empty()) {
    return;
  }
  json.begin_array("overrides");
  for (const catalog::PriceTier& tier : table.tiers) {
    json.begin_object();
    json.number("min_prompt_tokens", tier.above_prompt_tokens);
    write_prices(json, tier.prices);
    json.end_object();
  }
  json.end_array();
}

// "/" stays: it parts the author from the slug in the path.
std::string details_path(const catalog::Model& model) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string path = "/api/v1/models/";
  for (const char c : model.id) {
    const bool plain =
        is_alphanumeric(c) || std::string_view("-._~/:").find(c) != std::string_view::npos;
    if (plain) {
      path += c;
    } else {
      const auto byte = static_cast<std::uint8_t>(c);
      path += '%';
      path += kHex[byte >> 4U];
      path += kHex[byte & 0xFU];
    }
  }
  return path + "/endpoints";
}

// Price and limits shown for a model are those of its first endpoint: the one that
// the settings put first.
void write_model_members(JsonWriter& json,
                         const catalog::Catalog& catalog,
                         const catalog::Model& model) {
  const catalog::Endpoint& first = catalog.endpoint(model.endpoints.front());
  json.text("id", model.id);
  json.text("object", "model");
  json.number("created", static_cast<std::uint64_t>(std::max<std::int64_t>(model.created, 0)));
  json.text("owned_by", std::string_view(model.id).substr(0, model.id.find('/')));
  json.text("canonical_slug", model.id);
  json.null("hugging_face_id");
  json.text("name", model.name);
  json.text("description", model.description);
  json.number_or_null("context_length", model.context_length);
  write_architecture(json, model);
  json.begin_object("pricing");
  write_pricing_members(json, first.price);
  json.end_object();
  json.begin_object("top_provider");
  json.number_or_null("context_length", first.context_length);
  json.number_or_null("max_completion_tokens", first.max_completion_tokens);
  json.flag("is_moderated", false);
  json.end_object();
  json.null("per_request_limits");
  write_texts(json, "supported_parameters", model.supported_parameters);
  json.null("default_parameters");
  json.null("supported_voices");
  json.null("knowledge_cutoff");
  json.null("expiration_date");
  json.begin_object("links");
  json.text("details", details_path(model));
  json.end_object();
}

// What the settings leave open is as the model's list of parameters says.
void write_tool_choice(JsonWriter& json,
                       const catalog::Model& model,
                       const catalog::Endpoint& endpoint) {
  const auto& listed = model.supported_parameters;
  const bool by_list = std::find(listed.begin(), listed.end(), "tools") != listed.end();
  const bool tools = endpoint.capabilities.tools.value_or(by_list);
  json.begin_object("supports_tool_choice");
  for (const std::string_view choice : {"auto", "none", "required", "function"}) {
    json.flag(choice, tools);
  }
  json.end_object();
}

void write_endpoint(JsonWriter& json,
                    const catalog::Catalog& catalog,
                    const catalog::Model& model,
                    const catalog::Endpoint& endpoint) {
  const catalog::Provider& provider = catalog.provider_of(endpoint);
  json.begin_object();
  json.text("name", provider.display_name + " | " + model.id);
  json.text("model_id", model.id);
  json.text("model_name", model.name);
  json.text("provider_name", provider.display_name);
  json.text("tag", endpoint.tag);
  json.text_or_null("quantization", endpoint.quantization);
  json.number("context_length", endpoint.context_length);
  json.number_or_null("max_completion_tokens", endpoint.max_completion_tokens);
  json.null("max_prompt_tokens");
  json.begin_object("pricing");
  write_pricing_members(json, endpoint.price);
  json.number("discount", 0);
  json.end_object();
  write_texts(json, "supported_parameters", model.supported_parameters);
  write_tool_choice(json, model, endpoint);
  json.flag("supports_implicit_caching", endpoint.price.base.cache_read.has_value());
  json.flag("supports_voice_cloning", false);
  json.number("status", 0);
  // Health is kept per worker and not gathered for this page.
  json.null("uptime_last_5m");
  json.null("uptime_last_30m");
  json.null("uptime_last_1d");
  json.null("latency_last_30m");
  json.null("throughput_last_30m");
  json.end_object();
}

// Nothing unless `text` is a decimal number that fits.
std::optional<std::size_t> parse_count(std::string_view text) noexcept {
  std::size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

Error invalid_query(std::string_view name, std::string_view text) {
  return {ErrorKind::InvalidRequest, "invalid_request",
          "Query parameter '" + std::string(name) + "' is '" + printable(text, 40) +
              "': send a whole number" + (name == "limit" ? " of at least 1." : ".")};
}

}  // namespace

Result<PageQuery> parse_page(std::string_view offset, std::string_view limit) {
  PageQuery query;
  if (!offset.empty()) {
    const auto count = parse_count(offset);
    if (!count) {
      return invalid_query("offset", offset);
    }
    query.offset = *count;
  }
  if (!limit.empty()) {
    const auto count = parse_count(limit);
    if (!count || *count == 0) {
      return invalid_query("limit", limit);
    }
    query.limit = *count;
  }
  return query;
}

ModelsListing::ModelsListing(const catalog::Catalog& catalog) {
  models_.reserve(catalog.models().size());
  for (const catalog::Model& model : catalog.models()) {
    JsonWriter json;
    json.begin_object();
    write_model_members(json, catalog, model);
    json.end_object();
    models_.push_back(json.take());
  }
}

std::string ModelsListing::page(const PageQuery& query) const {
  const std::size_t total = models_.size();
  const std::size_t from = std::min(query.offset, total);
  const std::size_t count = query.limit == 0 ? total - from : std::min(query.limit, total - from);
  JsonWriter json;
  json.begin_object();
  json.text("object", "list");
  json.begin_array("data");
  for (const std::string& model : std::span(models_).subspan(from, count)) {
    json.raw(model);
  }
  json.end_array();
  json.number("total_count", total);
  json.begin_object("links");
  if (from + count < total) {
    json.text("next", "/api/v1/models?offset=" + std::to_string(from + count) +
                          "&limit=" + std::to_string(query.limit));
  } else {
    json.null("next");
  }
  json.end_object();
  json.end_object();
  return json.take();
}

std::string model_body(const catalog::Catalog& catalog, const catalog::Model& model) {
  JsonWriter json;
  json.begin_object();
  write_model_members(json, catalog, model);
  json.begin_object("data");
  write_model_members(json, catalog, model);
  json.end_object();
  json.end_object();
  return json.take();
}

std::string model_endpoints_body(const catalog::Catalog& catalog, const catalog::Model& model) {
  JsonWriter json;
  json.begin_object();
  json.begin_object("data");
  json.text("id", model.id);
  json.text("name", model.name);
  json.number("created", static_cast<std::uint64_t>(std::max<std::int64_t>(model.created, 0)));
  json.text("description", model.description);
  write_architecture(json, model);
  json.begin_array("endpoints");
  for (const catalog::EndpointIndex index : model.endpoints) {
    write_endpoint(json, catalog, model, catalog.endpoint(index));
  }
  json.end_array();
  json.end_object();
  json.end_object();
  return json.take();
}

}  // namespace waybill::management
