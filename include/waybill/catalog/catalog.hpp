// Every provider, model and endpoint that the settings name, checked and ready
// for the hot path.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/base/secret.hpp"
#include "waybill/base/url.hpp"
#include "waybill/catalog/price.hpp"
#include "waybill/config/settings.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::catalog {

using ProviderIndex = std::uint32_t;  // dense, from 0, of one catalog
using EndpointIndex = std::uint32_t;  // likewise, over all models
using ModelIndex = std::uint32_t;

// What stands between Waybill and a provider.
struct Proxy {
  Url url;
  std::string ca_file;   // of an https:// proxy; "" trusts the system's authorities
  Secret authorization;  // value of Proxy-Authorization, "" for none
};

// A company or a server that runs models.
struct Provider {
  ProviderIndex index = 0;
  std::string name;          // "openai": what settings, records and metrics call it
  std::string display_name;  // "OpenAI": what `provider` in an answer says
  std::string dialect;       // "openai_chat"
  Url base_url;
  std::string authority;  // base_url.authority(), the Host field

  std::string auth_header;  // "" sends no credential
  Secret auth_value;        // prefix and key, ready to send
  std::vector<config::Header> headers;

  config::QuirkSettings quirks;
  dialects::UsageQuirks usage_quirks;  // the part of `quirks` that metering reads

  std::string ca_file;
  std::optional<Proxy> proxy;
  std::uint32_t max_connections = 0;
  std::uint32_t queue = 0;
  config::DataPolicy data_policy;

  std::vector<std::uint16_t> retry_on;  // statuses that move on, beside the usual ones
  std::vector<std::uint16_t> final_on;  // statuses that are the client's own fault here
};

// One provider serving one model.
struct Endpoint {
  EndpointIndex index = 0;
  ProviderIndex provider = 0;
  ModelIndex model = 0;
  std::string tag;
  std::string upstream_model;
  std::uint64_t context_length = 0;         // tokens; 0: unknown
  std::uint64_t max_completion_tokens = 0;  // tokens; 0: unknown
  PriceTable price;
  std::string quantization;  // "" unknown
  config::DataPolicy data_policy;
  config::Timeouts timeouts;  // endpoint over provider over defaults
  config::CapabilitySettings capabilities;
};

struct Model {
  ModelIndex index = 0;
  std::string id;  // canonical, "author/slug"
  std::string name;
  std::string description;
  std::int64_t created = 0;  // unix seconds
  std::vector<std::string> aliases;
  std::uint64_t context_length = 0;  // 0: unknown
  std::vector<std::string> input_modalities;
  std::vector<std::string> output_modalities;
  std::vector<std::string> supported_parameters;
  std::vector<EndpointIndex> endpoints;  // in the order of the settings, never empty
};

// Immutable once built; everything it hands out lives as long as it does.
//
// Thread safety: const, so any number of threads may read.
class Catalog {
 public:
  Catalog() = default;
  Catalog(Catalog&&) noexcept = default;
  Catalog& operator=(Catalog&&) noexcept = default;

  // The settings must be free of faults (config::Loaded::ok()).  Fails with
  // InvalidRequest "invalid_catalog" on what only the catalog can see, e.g. a
  // price that overflows once its tiers are merged.
  [[nodiscard]] static Result<Catalog> build(const config::Settings& settings);

  // By canonical id or alias, exact; null if there is none.  O(1), allocates nothing.
  [[nodiscard]] const Model* resolve(std::string_view id_or_alias) const noexcept;

  // The id or alias that a person most likely meant; for a 404's sentence.
  [[nodiscard]] std::optional<std::string_view> nearest(std::string_view wrong) const;

  [[nodiscard]] const std::vector<Provider>& providers() const noexcept { return providers_; }
  [[nodiscard]] const std::vector<Endpoint>& endpoints() const noexcept { return endpoints_; }
  [[nodiscard]] const std::vector<Model>& models() const noexcept { return models_; }

  // Requires: the index came from this catalog.
  [[nodiscard]] const Provider& provider(ProviderIndex index) const { return providers_[index]; }
  [[nodiscard]] const Endpoint& endpoint(EndpointIndex index) const { return endpoints_[index]; }
  [[nodiscard]] const Model& model(ModelIndex index) const { return models_[index]; }
  [[nodiscard]] const Provider& provider_of(const Endpoint& endpoint) const {
    return providers_[endpoint.provider];
  }

 private:
  struct Hash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::vector<Provider> providers_;
  std::vector<Endpoint> endpoints_;
  std::vector<Model> models_;
  std::unordered_map<std::string, ModelIndex, Hash, std::equal_to<>> names_;
};

}  // namespace waybill::catalog
