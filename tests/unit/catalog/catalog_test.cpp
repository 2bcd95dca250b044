#include "waybill/catalog/catalog.hpp"

#include <chrono>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/catalog/snapshot.hpp"

#include "unit/config/fake_inputs.hpp"

namespace waybill::catalog {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

constexpr std::string_view kSettings = R"(
providers:
  acme:
    display_name: Acme Cloud
    base_url: https://API.acme.test:8443/v1/
    api_key: "${env:ACME_KEY}"
    headers: { X-Team: red }
    proxy: https://proxy.test:3128
    proxy_credentials: "user:password"
    proxy_ca_file: /etc/proxy.pem
    data_policy: { training: true }
    timeouts: { first_token: 30s, total: 5m }
    retry_on: [ 422 ]
    quirks: { usage_envelope: a_rather_long_envelope_name, cached_tokens: beside_prompt }
  shed: { base_url: "http://127.0.0.1:11434/v1", auth: none }
models:
  author/large:
    name: Large
    aliases: [ large, author/large:latest ]
    context_length: 128000
    endpoints:
      - provider: acme
        tag: acme/turbo
        upstream_model: large-turbo
        max_completion_tokens: 4096
        price: { unit: usd_per_million_tokens, prompt: 2, completion: 8, tiers: [ { above_prompt_tokens: 200000, prompt: 4 } ] }
        timeouts: { total: 1m }
        capabilities: { tools: false }
      - { provider: shed, upstream_model: large, price: free, context_length: 8192, data_policy: { training: false } }
  author/small:
    endpoints: [ { provider: shed, upstream_model: small, price: free } ]
)";

LoadedSnapshot load(std::string settings) {
  config::FakeInputs inputs;
  inputs.variables["ACME_KEY"] = "sk-acme";
  inputs.files["w.yaml"] = std::move(settings);
  return load_snapshot("w.yaml", {inputs, inputs, inputs}, 7);
}

class CatalogTest : public testing::Test {
 protected:
  CatalogTest() : loaded_(load(std::string(kSettings))) {
    EXPECT_EQ(config::render(loaded_.faults), "");
  }
  [[nodiscard]] const Catalog& catalog() const { return loaded_.snapshot->catalog; }

  LoadedSnapshot loaded_;
};

TEST_F(CatalogTest, AProviderIsReadyToBeCalled) {
  const Provider& acme = catalog().providers().at(0);
  EXPECT_EQ(acme.name, "acme");
  EXPECT_EQ(acme.display_name, "Acme Cloud");
  EXPECT_EQ(acme.base_url.host, "api.acme.test");
  EXPECT_EQ(acme.base_url.port, 8443);
  EXPECT_EQ(acme.base_url.path, "/v1");
  EXPECT_EQ(acme.authority, "api.acme.test:8443");
  EXPECT_EQ(acme.auth_header, "Authorization");
  EXPECT_EQ(acme.auth_value.reveal(), "Bearer sk-acme");
  ASSERT_TRUE(acme.proxy);
  EXPECT_EQ(acme.proxy->url.port, 3128);
  EXPECT_EQ(acme.proxy->ca_file, "/etc/proxy.pem");
  EXPECT_EQ(acme.proxy->authorization.reveal(), "Basic dXNlcjpwYXNzd29yZA==");
  EXPECT_THAT(acme.retry_on, ElementsAre(422));
}

TEST_F(CatalogTest, AProviderWithoutAKeySendsNone) {
  const Provider& shed = catalog().providers().at(1);
  EXPECT_EQ(shed.auth_header, "");
  EXPECT_TRUE(shed.auth_value.empty());
  EXPECT_EQ(shed.display_name, "shed");
}

TEST_F(CatalogTest, QuirksOfMeteringReferToTheCatalogItself) {
  const dialects::UsageQuirks& quirks = catalog().providers().at(0).usage_quirks;
  EXPECT_EQ(quirks.envelope, "a_rather_long_envelope_name");
  EXPECT_EQ(quirks.envelope.data(), catalog().providers()[0].quirks.usage_envelope.data());
  EXPECT_EQ(quirks.cached, dialects::UsageQuirks::Cached::BesidePrompt);
}

TEST_F(CatalogTest, TheNearerTimeoutWins) {
  const Endpoint& turbo = catalog().endpoint(0);
  EXPECT_EQ(turbo.timeouts.total, 1min);          // the endpoint's own
  EXPECT_EQ(turbo.timeouts.first_token, 30s);     // the provider's
  EXPECT_EQ(turbo.timeouts.between_events, 60s);  // the defaults
}

TEST_F(CatalogTest, AnEndpointKnowsItsPlace) {
  const Endpoint& turbo = catalog().endpoint(0);
  EXPECT_EQ(turbo.tag, "acme/turbo");
  EXPECT_EQ(turbo.context_length, 128'000U);
  EXPECT_EQ(turbo.max_completion_tokens, 4'096U);
  EXPECT_EQ(turbo.capabilities.tools, false);
  EXPECT_FALSE(turbo.capabilities.images);
  EXPECT_EQ(catalog().provider_of(turbo).name, "acme");
  EXPECT_EQ(turbo.data_policy.training, config::Training::Yes);
  const Endpoint& shed = catalog().endpoint(1);
  EXPECT_EQ(shed.tag, "shed");
  EXPECT_EQ(shed.context_length, 8'192U);
  EXPECT_EQ(shed.data_policy.training, config::Training::No);
  EXPECT_EQ(catalog().model(shed.model).id, "author/large");
  EXPECT_EQ(catalog().endpoint(2).index, 2U);
}

TEST_F(CatalogTest, PricesAreTables) {
  const PriceTable& price = catalog().endpoint(0).price;
  EXPECT_EQ(price.base.prompt, Money::picodollars(2'000'000));
  ASSERT_EQ(price.tiers.size(), 1U);
  EXPECT_EQ(price.tiers[0].prices.prompt, Money::picodollars(4'000'000));
  EXPECT_EQ(catalog().endpoint(1).price, free_price_table());
}

TEST_F(CatalogTest, ResolvesIdsAndAliasesExactly) {
  ASSERT_NE(catalog().resolve("author/large"), nullptr);
  EXPECT_EQ(catalog().resolve("large"), catalog().resolve("author/large"));
  EXPECT_EQ(catalog().resolve("author/large:latest"), catalog().resolve("author/large"));
  EXPECT_EQ(catalog().resolve("author/small")->endpoints.size(), 1U);
  EXPECT_EQ(catalog().resolve("Large"), nullptr);
  EXPECT_EQ(catalog().resolve(""), nullptr);
}

TEST_F(CatalogTest, NamesWhatWasProbablyMeant) {
  EXPECT_EQ(catalog().nearest("author/smal"), "author/small");
  EXPECT_EQ(catalog().nearest("small"), "author/small");
  EXPECT_EQ(catalog().nearest("something else entirely"), std::nullopt);
}

TEST_F(CatalogTest, ASnapshotHoldsTheWhole) {
  EXPECT_EQ(loaded_.snapshot->version, 7U);
  EXPECT_EQ(loaded_.snapshot->settings.models.size(), catalog().models().size());
}

TEST(Snapshot, F6AFaultMeansNoSnapshot) {
  const LoadedSnapshot loaded = load("workers: many\n");
  EXPECT_FALSE(loaded.snapshot);
  EXPECT_EQ(config::render(loaded.faults), "w.yaml:1:10  workers: 'many' is not a whole number\n");
}

}  // namespace
}  // namespace waybill::catalog
