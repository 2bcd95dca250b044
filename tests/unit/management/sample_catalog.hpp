// A small catalog for the tests of bodies.

#pragma once

#include <string>
#include <utility>

#include "waybill/base/money.hpp"
#include "waybill/catalog/catalog.hpp"
#include "waybill/config/settings.hpp"

namespace waybill::management {

inline config::ProviderSettings sample_provider(std::string name, std::string display_name) {
  config::ProviderSettings provider;
  provider.name = std::move(name);
  provider.display_name = std::move(display_name);
  provider.base_url = "https://api.example.com/v1";
  provider.dialect = "openai_chat";
  provider.api_key = Secret("provider-secret-canary");
  return provider;
}

// Two providers; one priced model with a tier, one free one with unknown limits.
inline config::Settings sample_settings() {
  config::Settings settings;
  settings.providers.push_back(sample_provider("openai", "OpenAI"));
  settings.providers.push_back(sample_provider("shed", "Shed"));

  config::EndpointSettings priced;
  priced.provider = "openai";
  priced.tag = "openai";
  priced.upstream_model = "gpt-4o-mini";
  priced.context_length = 128'000;
  priced.max_completion_tokens = 16'384;
  priced.price.base.prompt = Money::picodollars(150'000);
  priced.price.base.completion = Money::picodollars(600'000);
  priced.price.base.cache_read = Money::picodollars(75'000);
  config::PriceTier tier;
  tier.above_prompt_tokens = 200'000;
  tier.line.prompt = Money::picodollars(300'000);
  priced.price.tiers.push_back(tier);

  config::EndpointSettings at_home;
  at_home.provider = "shed";
  at_home.provider_index = 1;
  at_home.tag = "shed/fp8";
  at_home.upstream_model = "llama3.2";
  at_home.quantization = "fp8";
  at_home.price.free = true;

  config::ModelSettings mini;
  mini.id = "openai/gpt-4o-mini";
  mini.aliases = {"gpt-4o-mini"};
  mini.name = "OpenAI: GPT-4o-mini";
  mini.description = "Small \"and\" fast";
  mini.created = 1'721'260'800;
  mini.context_length = 128'000;
  mini.input_modalities = {"text", "image"};
  mini.output_modalities = {"text"};
  mini.supported_parameters = {"temperature", "tools"};
  mini.endpoints = {priced, at_home};

  config::ModelSettings home;
  home.id = "qwen3 local";
  home.name = "Qwen 3";
  home.input_modalities = {"text"};
  home.output_modalities = {"text"};
  home.endpoints = {at_home};

  settings.models = {mini, home};
  return settings;
}

inline catalog::Catalog sample_catalog() {
  auto built = catalog::Catalog::build(sample_settings());
  return built ? *std::move(built) : catalog::Catalog{};
}

}  // namespace waybill::management
