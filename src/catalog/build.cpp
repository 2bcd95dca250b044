#include <algorithm>
#include <string>
#include <utility>

#include "waybill/base/text.hpp"
#include "waybill/catalog/catalog.hpp"

namespace waybill::catalog {
namespace {

// The error of a part, with the place in the settings that it came from.
Error at(const config::Position& place, const Error& error) {
  return Error(ErrorKind::InvalidRequest, "invalid_catalog",
               place.file + ":" + std::to_string(place.line) + ": " + error.detail());
}

UnitPrices to_unit_prices(const config::PriceLine& line) {
  return {.prompt = line.prompt,
          .completion = line.completion,
          .cache_read = line.cache_read,
          .cache_write = line.cache_write,
          .reasoning = line.reasoning,
          .audio_prompt = line.audio_prompt,
          .audio_completion = line.audio_completion,
          .image_completion = line.image_completion,
          .image = line.image,
          .request = line.request};
}

Result<PriceTable> to_price_table(const config::PriceSettings& price) {
  if (price.free) {
    return free_price_table();
  }
  std::vector<PriceTier> tiers;
  tiers.reserve(price.tiers.size());
  for (const config::PriceTier& tier : price.tiers) {
    tiers.push_back(
        {.above_prompt_tokens = tier.above_prompt_tokens, .prices = to_unit_prices(tier.line)});
  }
  return make_price_table(to_unit_prices(price.base), std::move(tiers));
}

config::Timeouts overlay(config::Timeouts base, const config::TimeoutOverrides& over) {
  base.connect = over.connect.value_or(base.connect);
  base.first_token = over.first_token.value_or(base.first_token);
  base.between_events = over.between_events.value_or(base.between_events);
  base.total = over.total.value_or(base.total);
  return base;
}

dialects::UsageQuirks to_usage_quirks(const config::QuirkSettings& quirks) {
  using Quirks = dialects::UsageQuirks;
  Quirks out;
  switch (quirks.cached_tokens) {
    case config::CachedTokens::InPrompt: out.cached = Quirks::Cached::InPrompt; break;
    case config::CachedTokens::BesidePrompt: out.cached = Quirks::Cached::BesidePrompt; break;
  }
  switch (quirks.reasoning_tokens) {
    case config::ReasoningTokens::ByTotal: out.reasoning = Quirks::Reasoning::ByTotal; break;
    case config::ReasoningTokens::InCompletion:
      out.reasoning = Quirks::Reasoning::InCompletion;
      break;
    case config::ReasoningTokens::BesideCompletion:
      out.reasoning = Quirks::Reasoning::BesideCompletion;
      break;
  }
  out.envelope = quirks.usage_envelope;
  return out;
}

// RFC 7617 §2.
Secret basic_authorization(const Secret& credentials) {
  return credentials.empty() ? Secret() : Secret("Basic " + to_base64(credentials.reveal()));
}

Result<Provider> to_provider(const config::ProviderSettings& settings) {
  auto base_url = parse_base_url(settings.base_url);
  if (!base_url) {
    return at(settings.at, base_url.error());
  }
  Provider out;
  out.name = settings.name;
  out.display_name = settings.display_name;
  out.dialect = settings.dialect;
  out.base_url = *std::move(base_url);
  out.authority = out.base_url.authority();
  if (!settings.api_key.empty() && !settings.auth.header.empty()) {
    out.auth_header = settings.auth.header;
    out.auth_value = Secret(settings.auth.prefix + std::string(settings.api_key.reveal()));
  }
  out.headers = settings.headers;
  out.quirks = settings.quirks;
  out.ca_file = settings.ca_file;
  if (!settings.proxy.empty()) {
    auto proxy = parse_base_url(settings.proxy);
    if (!proxy) {
      return at(settings.at, proxy.error());
    }
    out.proxy = Proxy{.url = *std::move(proxy),
                      .ca_file = settings.proxy_ca_file,
                      .authorization = basic_authorization(settings.proxy_credentials)};
  }
  out.max_connections = settings.max_connections;
  out.queue = settings.queue;
  out.data_policy = settings.data_policy;
  out.retry_on = settings.retry_on;
  out.final_on = settings.final_on;
  return out;
}

Model to_model(const config::ModelSettings& settings) {
  Model out;
  out.id = settings.id;
  out.name = settings.name;
  out.description = settings.description;
  out.created = settings.created;
  out.aliases = settings.aliases;
  out.context_length = settings.context_length;
  out.input_modalities = settings.input_modalities;
  out.output_modalities = settings.output_modalities;
  out.supported_parameters = settings.supported_parameters;
  return out;
}

Result<Endpoint> to_endpoint(const config::Settings& settings,
                             const config::ModelSettings& model,
                             const config::EndpointSettings& endpoint) {
  if (endpoint.provider_index >= settings.providers.size()) {
    return at(endpoint.at, Error(ErrorKind::InvalidRequest, "", "the provider is not defined"));
  }
  const config::ProviderSettings& provider = settings.providers[endpoint.provider_index];
  auto price = to_price_table(endpoint.price);
  if (!price) {
    return at(endpoint.at, price.error());
  }
  Endpoint out;
  out.provider = static_cast<ProviderIndex>(endpoint.provider_index);
  out.tag = endpoint.tag;
  out.upstream_model = endpoint.upstream_model;
  out.context_length =
      endpoint.context_length != 0 ? endpoint.context_length : model.context_length;
  out.max_completion_tokens = endpoint.max_completion_tokens;
  out.price = *std::move(price);
  out.quantization = endpoint.quantization;
  out.data_policy = endpoint.data_policy.value_or(provider.data_policy);
  out.timeouts = overlay(overlay(settings.defaults.timeouts, provider.timeouts), endpoint.timeouts);
  out.capabilities = endpoint.capabilities;
  return out;
}

}  // namespace

Result<Catalog> Catalog::build(const config::Settings& settings) {
  Catalog out;
  for (const config::ProviderSettings& provider : settings.providers) {
    auto built = to_provider(provider);
    if (!built) {
      return built.error();
    }
    built->index = static_cast<ProviderIndex>(out.providers_.size());
    out.providers_.push_back(*std::move(built));
  }
  for (Provider& provider : out.providers_) {  // at their final place: the envelope is a view
    provider.usage_quirks = to_usage_quirks(provider.quirks);
  }
  for (const config::ModelSettings& settings_of_model : settings.models) {
    Model model = to_model(settings_of_model);
    model.index = static_cast<ModelIndex>(out.models_.size());
    for (const config::EndpointSettings& endpoint : settings_of_model.endpoints) {
      auto built = to_endpoint(settings, settings_of_model, endpoint);
      if (!built) {
        return built.error();
      }
      built->index = static_cast<EndpointIndex>(out.endpoints_.size());
      built->model = model.index;
      model.endpoints.push_back(built->index);
      out.endpoints_.push_back(*std::move(built));
    }
    out.names_.try_emplace(model.id, model.index);
    for (const std::string& alias : model.aliases) {
      out.names_.try_emplace(alias, model.index);
    }
    out.models_.push_back(std::move(model));
  }
  return out;
}

}  // namespace waybill::catalog
