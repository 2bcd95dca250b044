#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "waybill/base/money.hpp"
#include "waybill/base/text.hpp"

#include "bind_policy.hpp"
#include "binder.hpp"
#include "reading.hpp"

namespace waybill::config {
namespace {

constexpr unsigned kPerToken = 12;         // decimals of a dollar that a picodollar has
constexpr unsigned kPerMillionTokens = 6;  // of them, a millionth takes six

// Reads the prices of one map.  `token_scale` turns a price into picodollars a
// token; images and requests are priced one by one in either unit.
class PriceReader {
 public:
  PriceReader(unsigned token_scale, Report& report) : token_scale_(token_scale), report_(report) {}

  [[nodiscard]] PriceLine line(const Node& map) const {
    return {.prompt = price(map, "prompt", token_scale_),
            .completion = price(map, "completion", token_scale_),
            .cache_read = price(map, "cache_read", token_scale_),
            .cache_write = price(map, "cache_write", token_scale_),
            .reasoning = price(map, "reasoning", token_scale_),
            .audio_prompt = price(map, "audio_prompt", token_scale_),
            .audio_completion = price(map, "audio_completion", token_scale_),
            .image_completion = price(map, "image_completion", token_scale_),
            .image = price(map, "image", kPerToken),
            .request = price(map, "request", kPerToken)};
  }

 private:
  [[nodiscard]] std::optional<Money> price(const Node& map,
                                           std::string_view key,
                                           unsigned scale) const {
    const Node* node = member(&map, key);
    if (node == nullptr) {
      return std::nullopt;
    }
    const auto scaled = parse_scaled(node->text, scale);
    if (!scaled) {
      report_.fault(
          node->at,
          "price." + std::string(key) + ": '" + printable(node->raw, 60) +
              "' is too fine or too large",
          "prices are whole picodollars (0.000000000001 USD) per token, image or request");
      return std::nullopt;
    }
    return Money::picodollars(*scaled);
  }

  unsigned token_scale_;
  Report& report_;
};

PriceSettings bind_price(const Node& endpoint, Report& report) {
  PriceSettings out;
  const Node* node = member(&endpoint, "price");
  if (node == nullptr || node->kind != NodeKind::Map) {
    out.free = node != nullptr && node->text == "free";
    return out;
  }
  const Node* unit = member(node, "unit");
  const bool per_token = unit != nullptr && unit->text == "usd_per_token";
  const PriceReader reader(per_token ? kPerToken : kPerMillionTokens, report);
  out.base = reader.line(*node);
  if (out.base.prompt && !out.base.completion && node->find("completion") == nullptr) {
    out.base.completion = out.base.prompt;
  }
  const Node* tiers = member(node, "tiers");
  for (std::size_t i = 0; tiers != nullptr && i < tiers->items.size(); ++i) {
    const Node& item = tiers->items[i];
    const Node* threshold = member(&item, "above_prompt_tokens");
    if (threshold == nullptr) {
      continue;  // reported
    }
    PriceTier tier;
    read_integer(&item, "above_prompt_tokens", tier.above_prompt_tokens);
    tier.line = reader.line(item);
    if (!out.tiers.empty() && out.tiers.back().above_prompt_tokens >= tier.above_prompt_tokens) {
      report.fault(threshold->at, "price.tiers: the thresholds do not rise",
                   "put the lowest above_prompt_tokens first, each once");
    }
    out.tiers.push_back(std::move(tier));
  }
  return out;
}

CapabilitySettings bind_capabilities(const Node& endpoint) {
  CapabilitySettings out;
  const Node* node = member(&endpoint, "capabilities");
  read(node, "streaming", out.streaming);
  read(node, "tools", out.tools);
  read(node, "images", out.images);
  read(node, "audio", out.audio);
  read(node, "structured_outputs", out.structured_outputs);
  read(node, "reasoning", out.reasoning);
  read(node, "prefill", out.prefill);
  read(node, "adaptive_reasoning", out.adaptive_reasoning);
  return out;
}

std::string where(const Position& at) {
  return at.file + ":" + std::to_string(at.line);
}

}  // namespace

void Binder::bind_model(const Key& key, const Node& node) {
  if (node.kind != NodeKind::Map || node.faulty) {
    return;
  }
  ModelSettings out;
  out.at = report_.position(key.at);
  out.id = key.text;
  out.name = key.text;
  out.input_modalities = {"text"};
  out.output_modalities = {"text"};
  read(&node, "name", out.name);
  read(&node, "description", out.description);
  read_integer(&node, "created", out.created);
  read(&node, "aliases", out.aliases);
  read_integer(&node, "context_length", out.context_length);
  read(&node, "input_modalities", out.input_modalities);
  read(&node, "output_modalities", out.output_modalities);
  read(&node, "supported_parameters", out.supported_parameters);

  claim_name({key.at, printable(key.text)}, out.id, out.id);
  if (const Node* aliases = member(&node, "aliases")) {
    for (const Node& alias : aliases->items) {
      if (!alias.faulty && alias.text == out.id) {
        report_.fault(alias.at, "the alias '" + printable(alias.raw) + "' is the model's own id",
                      "remove it");
      } else if (!alias.faulty) {
        claim_name({alias.at, printable(alias.raw)}, alias.text, out.id);
      }
    }
  }
  if (const Node* endpoints = member(&node, "endpoints")) {
    for (const Node& endpoint : endpoints->items) {
      if (endpoint.kind == NodeKind::Map) {
        out.endpoints.push_back(bind_endpoint(endpoint));
      }
    }
  }
  settings_.models.push_back(std::move(out));
}

EndpointSettings Binder::bind_endpoint(const Node& node) {
  EndpointSettings out;
  const Node* provider = member(&node, "provider");
  out.at = report_.position(provider == nullptr ? node.at : provider->at);
  read(&node, "provider", out.provider);
  out.tag = out.provider;
  read(&node, "upstream_model", out.upstream_model);
  read(&node, "tag", out.tag);
  read_integer(&node, "context_length", out.context_length);
  read_integer(&node, "max_completion_tokens", out.max_completion_tokens);
  out.price = bind_price(node, report_);
  read(&node, "quantization", out.quantization);
  if (const Node* policy = member(&node, "data_policy")) {
    out.data_policy = bind_policy(policy);
  }
  read_timeouts(&node, "timeouts", out.timeouts);
  out.capabilities = bind_capabilities(node);
  endpoint_names_.push_back(provider == nullptr
                                ? Named{.at = node.at, .shown = {}}
                                : Named{.at = provider->at, .shown = printable(provider->raw)});
  return out;
}

void Binder::resolve_provider(EndpointSettings& endpoint, const Named& named) {
  if (endpoint.provider.empty()) {
    return;  // reported
  }
  if (const auto it = providers_.find(endpoint.provider); it != providers_.end()) {
    endpoint.provider_index = it->second.index;
    return;
  }
  if (std::find(broken_providers_.begin(), broken_providers_.end(), endpoint.provider) !=
      broken_providers_.end()) {
    return;
  }
  std::vector<std::string_view> names;
  names.reserve(providers_.size());
  for (const auto& [name, definition] : providers_) {
    names.push_back(name);
  }
  std::string sentence = "endpoint names provider '" + named.shown + "', which is not defined";
  if (const auto near = closest(endpoint.provider, names)) {
    const auto it = providers_.find(*near);
    sentence +=
        "; '" + std::string(*near) + "' is (" + where(report_.position(it->second.at)) + ")";
  }
  report_.fault(named.at, std::move(sentence));
}

// One name, one model: an alias that two models claim would route by accident.
void Binder::claim_name(const Named& named, const std::string& name, const std::string& model) {
  const auto [first, is_new] = names_.try_emplace(name, Claim{.at = named.at, .model = model});
  if (is_new) {
    return;
  }
  const Position other = report_.position(first->second.at);
  const Position here = report_.position(named.at);
  if (name == model && first->second.model == model && other.file == here.file) {
    return;  // the same key twice in one file is reported as such
  }
  report_.fault(named.at,
                "the name '" + named.shown + "' already belongs to model '" +
                    printable(first->second.model) + "' (" + where(other) + ")",
                "give one of them another name");
}

}  // namespace waybill::config
