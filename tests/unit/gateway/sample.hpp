// Settings, endpoints and ledgers that the gateway's tests start from.

#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <stdlib.h>

#include <gtest/gtest.h>

#include "waybill/catalog/snapshot.hpp"
#include "waybill/gateway/live_snapshot.hpp"
#include "waybill/ledger/ledger.hpp"

namespace waybill::gateway::test {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "waybill-gateway-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data()) != nullptr ? pattern : std::string();
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

inline config::ProviderSettings provider(std::string name,
                                         std::string display_name,
                                         std::string base_url) {
  config::ProviderSettings out;
  out.name = std::move(name);
  out.display_name = std::move(display_name);
  out.base_url = std::move(base_url);
  out.dialect = "openai_chat";
  out.api_key = Secret("upstream-key-canary");
  return out;
}

inline config::ModelSettings model(std::string id, std::string provider, std::size_t index) {
  config::EndpointSettings endpoint;
  endpoint.tag = provider;
  endpoint.provider = std::move(provider);
  endpoint.provider_index = index;
  endpoint.upstream_model = "upstream-" + id.substr(id.find('/') + 1);
  endpoint.context_length = 128'000;
  endpoint.max_completion_tokens = 16'384;
  endpoint.price.base.prompt = Money::picodollars(150'000);
  endpoint.price.base.completion = Money::picodollars(600'000);
  endpoint.price.base.cache_read = Money::picodollars(75'000);
  endpoint.price.base.reasoning = Money::picodollars(700'001);
  config::ModelSettings out;
  out.id = std::move(id);
  out.name = out.id;
  out.context_length = 128'000;
  out.input_modalities = {"text"};
  out.output_modalities = {"text"};
  out.endpoints = {endpoint};
  return out;
}

// Models "a/one" and "b/two", each at its provider.
inline config::Settings two_providers(const std::string& one_url, const std::string& two_url) {
  config::Settings settings;
  settings.listen.emplace_back();
  settings.providers = {provider("one", "Provider One", one_url),
                        provider("two", "Provider Two", two_url)};
  settings.models = {model("a/one", "one", 0), model("b/two", "two", 1)};
  return settings;
}

inline catalog::SnapshotPtr snapshot_of(config::Settings settings, std::uint64_t version = 1) {
  auto snapshot = std::make_shared<catalog::Snapshot>();
  auto built = catalog::Catalog::build(settings);
  EXPECT_TRUE(built) << built.error().detail();
  snapshot->version = version;
  snapshot->settings = std::move(settings);
  if (built) {
    snapshot->catalog = *std::move(built);
  }
  return snapshot;
}

inline LiveSnapshotPtr live_of(config::Settings settings,
                               telemetry::EndpointSlots& slots,
                               const LiveSnapshot* previous = nullptr) {
  auto live = make_live(snapshot_of(std::move(settings)), slots, previous);
  EXPECT_TRUE(live) << live.error().detail();
  return live ? *live : nullptr;
}

inline std::unique_ptr<ledger::Ledger> open_ledger(const TempFolder& folder) {
  ledger::Options options;
  options.path = folder.file("ledger.db");
  options.durability = ledger::Durability::Relaxed;
  options.queue_capacity = 4096;
  options.spill_bytes = std::size_t{1} << 20U;
  options.least_free_bytes = 0;
  auto opened = ledger::Ledger::open(std::move(options));
  EXPECT_TRUE(opened) << opened.error().detail();
  return opened ? std::move(*opened) : nullptr;
}

inline void register_prices(ledger::Ledger& ledger, const LiveSnapshot& live) {
  std::vector<catalog::PriceTable> tables;
  for (const catalog::Endpoint& endpoint : live.catalog().endpoints()) {
    tables.push_back(endpoint.price);
  }
  const auto done = ledger.register_prices(tables);
  EXPECT_TRUE(done) << done.error().detail();
}

}  // namespace waybill::gateway::test
