#include "waybill/config/load.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fake_inputs.hpp"

namespace waybill::config {
namespace {

using testing::ElementsAre;
using namespace std::chrono_literals;

Settings must_load(FakeInputs& inputs, std::string bytes) {
  Loaded loaded = inputs.load_main(std::move(bytes), "dir/w.yaml");
  EXPECT_EQ(render(loaded.faults), "");
  return std::move(loaded.settings);
}

// The shape in architecture.md, which may grow but not change.
TEST(Load, TheShapeOfTheDesignLoads) {
  FakeInputs inputs;
  inputs.variables["OPENAI_API_KEY"] = "sk-test";
  inputs.presets["openai"] = "display_name: OpenAI\nbase_url: https://api.openai.com/v1\n";
  const Settings settings = must_load(inputs, R"(
listen:
  - { address: 127.0.0.1, port: 8080 }        # tls: ...
admin:
  listen: { address: 127.0.0.1, port: 9090 }
ledger:
  store: sqlite:///var/lib/waybill/ledger.db
  durability: strict
include: [ "providers/*.yaml", "models/*.yaml" ]

providers:
  openai: { preset: openai, api_key: "${env:OPENAI_API_KEY}" }
  shed:   { base_url: "http://127.0.0.1:11434/v1", dialect: openai_chat, data_policy: { training: false, retention: none } }

models:
  openai/gpt-4o-mini:
    aliases: [ gpt-4o-mini ]
    context_length: 128000
    endpoints:
      - provider: openai
        upstream_model: gpt-4o-mini
        max_completion_tokens: 16384
        price: { unit: usd_per_million_tokens, prompt: "0.15", completion: "0.60", cache_read: "0.075" }
      - { provider: shed, upstream_model: llama3.2, price: free }

defaults:
  timeouts: { connect: 5s, first_token: 60s, between_events: 60s, total: 15m }
)");
  ASSERT_EQ(settings.listen.size(), 1U);
  EXPECT_EQ(settings.listen[0].port, 8080);
  ASSERT_TRUE(settings.admin);
  EXPECT_EQ(settings.admin->port, 9090);
  EXPECT_EQ(settings.ledger.sqlite_path, "/var/lib/waybill/ledger.db");
  EXPECT_EQ(settings.ledger.durability, Durability::Strict);

  ASSERT_EQ(settings.providers.size(), 2U);
  const ProviderSettings& openai = settings.providers[0];
  EXPECT_EQ(openai.display_name, "OpenAI");
  EXPECT_EQ(openai.base_url, "https://api.openai.com/v1");
  EXPECT_EQ(openai.api_key.reveal(), "sk-test");
  EXPECT_EQ(openai.auth, (AuthSettings{"Authorization", "Bearer "}));
  const ProviderSettings& shed = settings.providers[1];
  EXPECT_EQ(shed.display_name, "shed");
  EXPECT_EQ(shed.data_policy.training, Training::No);
  EXPECT_EQ(shed.data_policy.retention, Retention::None);
  EXPECT_TRUE(shed.api_key.empty());

  ASSERT_EQ(settings.models.size(), 1U);
  const ModelSettings& model = settings.models[0];
  EXPECT_THAT(model.aliases, ElementsAre("gpt-4o-mini"));
  EXPECT_EQ(model.context_length, 128'000U);
  ASSERT_EQ(model.endpoints.size(), 2U);
  EXPECT_EQ(model.endpoints[0].max_completion_tokens, 16'384U);
  EXPECT_EQ(model.endpoints[0].price.base.prompt, Money::picodollars(150'000));
  EXPECT_EQ(model.endpoints[0].price.base.completion, Money::picodollars(600'000));
  EXPECT_EQ(model.endpoints[0].price.base.cache_read, Money::picodollars(75'000));
  EXPECT_TRUE(model.endpoints[1].price.free);
  EXPECT_EQ(model.endpoints[1].provider_index, 1U);
  EXPECT_EQ(settings.defaults.timeouts.total, 15min);
}

TEST(Load, NothingSaidMeansTheDefaults) {
  FakeInputs inputs;
  const Settings settings = must_load(inputs, "workers: 0\n");
  ASSERT_EQ(settings.listen.size(), 1U);
  EXPECT_EQ(settings.listen[0].address, "127.0.0.1");
  EXPECT_EQ(settings.listen[0].port, 8080);
  EXPECT_FALSE(settings.admin);
  EXPECT_EQ(settings.ledger.sqlite_path, "dir/waybill.db");
  EXPECT_EQ(settings.ledger.largest_entry, Money::picodollars(1'000'000'000'000'000));
  EXPECT_EQ(settings.ledger.least_free, 1ULL << 30);
  EXPECT_EQ(settings.ledger.checkpoint_path, "");
  EXPECT_EQ(settings.limits.header_bytes, 32U * 1024);
  EXPECT_EQ(settings.limits.body_bytes, 32U * 1024 * 1024);
  EXPECT_EQ(settings.limits.all_body_bytes, 1024U * 1024 * 1024);
  EXPECT_EQ(settings.defaults.usage, UsageReport::Always);
  EXPECT_EQ(settings.drain, 60s);
  EXPECT_THAT(settings.cors.allowed_origins, ElementsAre("*"));
  EXPECT_FALSE(settings.public_metrics);
}

TEST(Load, EverySectionIsRead) {
  FakeInputs inputs;
  const Settings settings = must_load(inputs, R"(
listen:
  - { address: "::1", port: 0, tls: { certificate: a.pem, key: /k/a.key } }
  - { unix: waybill.sock, default_key: home }
workers: 3
ledger: { store: "sqlite://state/l.db", durability: relaxed, largest_entry: 0.5, least_free: 64MiB,
          checkpoints: { path: /mnt/other/l.checkpoints, signing_key: keys/l.pem } }
defaults: { usage: asked, commit_after: 2s, keep_alive_comment: 500ms }
limits: { header_bytes: 16KiB, body_bytes: 1MiB, all_body_bytes: 3MiB, response_bytes: 2MiB, max_fields: 50, header_timeout: 1s, body_timeout: 2s,
          idle_timeout: 3s, max_connections: 4, max_requests_per_connection: 5, max_concurrent_requests: 6 }
idempotency: { keep: 48h, max_keys: 7 }
logging: { format: json, level: debug, access: false, file: log/w.log }
shutdown: { drain: 0s }
cors: { allowed_origins: [ "https://a.test" ] }
metrics: { public: true }
)");
  EXPECT_EQ(settings.listen[0].tls->certificate, "dir/a.pem");
  EXPECT_EQ(settings.listen[0].tls->key, "/k/a.key");
  EXPECT_EQ(settings.listen[1].unix_path, "dir/waybill.sock");
  EXPECT_EQ(settings.listen[1].default_key, "home");
  EXPECT_EQ(settings.workers, 3U);
  EXPECT_EQ(settings.ledger.sqlite_path, "dir/state/l.db");
  EXPECT_EQ(settings.ledger.durability, Durability::Relaxed);
  EXPECT_EQ(settings.ledger.largest_entry, Money::picodollars(500'000'000'000));
  EXPECT_EQ(settings.ledger.least_free, 64ULL << 20);
  EXPECT_EQ(settings.ledger.checkpoint_path, "/mnt/other/l.checkpoints");
  EXPECT_EQ(settings.ledger.signing_key, "dir/keys/l.pem");
  EXPECT_EQ(settings.defaults.usage, UsageReport::Asked);
  EXPECT_EQ(settings.defaults.commit_after, 2s);
  EXPECT_EQ(settings.defaults.keep_alive_comment, 500ms);
  EXPECT_EQ(settings.limits.all_body_bytes, 3U * 1024 * 1024);
  EXPECT_EQ(settings.limits.max_fields, 50U);
  EXPECT_EQ(settings.limits.idle_timeout, 3s);
  EXPECT_EQ(settings.limits.max_concurrent_requests, 6U);
  EXPECT_EQ(settings.idempotency.keep, 48h);
  EXPECT_EQ(settings.idempotency.max_keys, 7U);
  EXPECT_EQ(settings.logging.format, LogFormat::Json);
  EXPECT_EQ(settings.logging.level, LogLevel::Debug);
  EXPECT_FALSE(settings.logging.access);
  EXPECT_EQ(settings.logging.file, "dir/log/w.log");
  EXPECT_EQ(settings.drain, 0s);
  EXPECT_TRUE(settings.public_metrics);
}

TEST(Load, EveryMemberOfAProviderIsRead) {
  FakeInputs inputs;
  const Settings settings = must_load(inputs, R"(
providers:
  p:
    display_name: P
    base_url: https://p.test/v1/
    api_key: "k"
    auth: { header: X-Token, prefix: "Key " }
    headers: { X-Team: red }
    data_policy: { training: true, retention: 30d }
    ca_file: ca.pem
    proxy: https://proxy.test:3128
    proxy_credentials: "me:it: is"
    proxy_ca_file: proxy.pem
    max_connections: 7
    queue: 0
    timeouts: { first_token: 120s }
    retry_on: [ 400, 422 ]
    final_on: [ 404 ]
    quirks: { stream_usage: always, usage_envelope: x_groq, cached_tokens: beside_prompt,
              reasoning_tokens: beside_completion, max_tokens_member: max_completion_tokens }
)");
  const ProviderSettings& p = settings.providers.at(0);
  EXPECT_EQ(p.auth, (AuthSettings{"X-Token", "Key "}));
  ASSERT_EQ(p.headers.size(), 1U);
  EXPECT_EQ(p.headers[0].name, "X-Team");
  EXPECT_EQ(p.headers[0].value.reveal(), "red");
  EXPECT_EQ(p.data_policy.training, Training::Yes);
  EXPECT_EQ(p.data_policy.retention, Retention::Limited);
  EXPECT_EQ(p.data_policy.retention_time, 720h);
  EXPECT_EQ(p.ca_file, "dir/ca.pem");
  EXPECT_EQ(p.proxy, "https://proxy.test:3128");
  EXPECT_EQ(p.proxy_credentials.reveal(), "me:it: is");
  EXPECT_EQ(p.proxy_ca_file, "dir/proxy.pem");
  EXPECT_EQ(p.max_connections, 7U);
  EXPECT_EQ(p.queue, 0U);
  EXPECT_EQ(p.timeouts.first_token, 120s);
  EXPECT_FALSE(p.timeouts.connect);
  EXPECT_THAT(p.retry_on, ElementsAre(400, 422));
  EXPECT_THAT(p.final_on, ElementsAre(404));
  EXPECT_EQ(p.quirks.stream_usage, StreamUsage::Always);
  EXPECT_EQ(p.quirks.usage_envelope, "x_groq");
  EXPECT_EQ(p.quirks.cached_tokens, CachedTokens::BesidePrompt);
  EXPECT_EQ(p.quirks.reasoning_tokens, ReasoningTokens::BesideCompletion);
  EXPECT_EQ(p.quirks.max_tokens_member, "max_completion_tokens");
}

TEST(Load, AuthStylesAreWords) {
  FakeInputs inputs;
  const Settings settings = must_load(inputs, R"(
providers:
  a: { base_url: "https://a.test", auth: x-api-key }
  b: { base_url: "https://b.test", auth: none }
  c: { base_url: "https://c.test", auth: bearer }
)");
  EXPECT_EQ(settings.providers[0].auth, (AuthSettings{"x-api-key", ""}));
  EXPECT_EQ(settings.providers[1].auth, (AuthSettings{"", ""}));
  EXPECT_EQ(settings.providers[2].auth, (AuthSettings{"Authorization", "Bearer "}));
}

TEST(Load, PricesAreExactInEveryUnit) {
  FakeInputs inputs;
  const Settings settings = must_load(inputs, with_endpoint(R"(        price:
          unit: usd_per_token
          prompt: 0.000000000001
          completion: 0.0000006000
          image: 0.001
          request: "0.01"
          tiers:
            - { above_prompt_tokens: 200000, prompt: 0.000003 }
)"));
  const PriceSettings& price = settings.models.at(0).endpoints.at(0).price;
  EXPECT_EQ(price.base.prompt, Money::picodollars(1));
  EXPECT_EQ(price.base.completion, Money::picodollars(600'000));
  EXPECT_EQ(price.base.image, Money::picodollars(1'000'000'000));
  EXPECT_EQ(price.base.request, Money::picodollars(10'000'000'000));
  ASSERT_EQ(price.tiers.size(), 1U);
  EXPECT_EQ(price.tiers[0].above_prompt_tokens, 200'000U);
  EXPECT_EQ(price.tiers[0].line.prompt, Money::picodollars(3'000'000));
  EXPECT_FALSE(price.tiers[0].line.completion);
}

TEST(Load, ACompletionPriceLeftOutIsThePromptPriceNeverZero) {
  FakeInputs inputs;
  const Settings settings = must_load(
      inputs, with_endpoint("        price: { unit: usd_per_million_tokens, prompt: 0.02 }\n"));
  EXPECT_EQ(settings.models[0].endpoints[0].price.base.completion, Money::picodollars(20'000));
}

TEST(Load, F5ReferencesAreReplacedOnce) {
  FakeInputs inputs;
  inputs.variables = {
      {"OUTER", "${env:INNER}"}, {"INNER", "wrong"}, {"PORT", "8123"}, {"EMPTY", ""}};
  inputs.files["/run/x"] = "from a file\r\n";
  const Settings settings = must_load(inputs, R"(
listen: [ { port: "${env:PORT}" } ]
providers:
  a: { base_url: "https://a.test", display_name: "${env:OUTER}" }
  b: { base_url: "https://b.test", display_name: "it is ${file:/run/x}!" }
  c: { base_url: "https://c.test", display_name: "$${env:INNER}" }
  d: { base_url: "https://d.test", display_name: "${env:NOPE:-one}, ${env:EMPTY:-${x} ${env:PORT:-2}" }
)");
  EXPECT_EQ(settings.listen[0].port, 8123);
  EXPECT_EQ(settings.providers[3].display_name, "one, ${x 8123");
  EXPECT_EQ(settings.providers[0].display_name, "${env:INNER}");
  EXPECT_EQ(settings.providers[1].display_name, "it is from a file!");
  EXPECT_EQ(settings.providers[2].display_name, "${env:INNER}");
}

TEST(Load, F5SecretsMountedByAContainerRuntimeMayBeReadableByAll) {
  FakeInputs inputs;
  inputs.open_to_all["/run/secrets/key"] = "sk-mounted\n";
  const Settings settings = must_load(inputs,
                                      "providers: { a: { base_url: \"https://a.test\", api_key: "
                                      "\"${file:/run/secrets/key}\" } }\n");
  EXPECT_EQ(settings.providers[0].api_key.reveal(), "sk-mounted");
}

TEST(Load, ASecretWrittenOutIsAWarningThatDoesNotRepeatIt) {
  FakeInputs inputs;
  const Loaded loaded = inputs.load_main(
      "providers: { a: { base_url: \"https://a.test\", api_key: sk-live-123,\n"
      "  proxy: \"http://b.test\", proxy_credentials: \"me:sk-live-4\" } }\n");
  EXPECT_TRUE(loaded.ok());
  ASSERT_EQ(loaded.warnings.size(), 2U);
  EXPECT_EQ(loaded.warnings[0].sentence, "api_key: a credential is written into the settings");
  EXPECT_EQ(loaded.warnings[1].sentence,
            "proxy_credentials: a credential is written into the settings");
  EXPECT_EQ(render(loaded.warnings).find("sk-live"), std::string::npos);
}

TEST(Load, IncludedFilesAddProvidersAndModels) {
  FakeInputs inputs;
  inputs.files["dir/providers/a.yaml"] = "providers: { a: { base_url: \"https://a.test\" } }\n";
  inputs.files["dir/models/a.yaml"] =
      "models: { x/y: { endpoints: [ { provider: a, upstream_model: y, price: free } ] } }\n";
  const Settings settings = must_load(
      inputs, "include: [ \"providers/*.yaml\", \"models/*.yaml\", \"models/a.yaml\" ]\n");
  ASSERT_EQ(settings.models.size(), 1U);
  EXPECT_EQ(settings.providers[settings.models[0].endpoints[0].provider_index].name, "a");
  EXPECT_EQ(settings.models[0].at.file, "dir/models/a.yaml");
}

TEST(Load, F5IncludedFilesIncludeNothing) {
  FakeInputs inputs;
  inputs.files["more/a.yaml"] = "include: [ \"../w.yaml\" ]\nworkers: 2\n";
  const Loaded loaded = inputs.load_main("include: [ \"more/*.yaml\" ]\n");
  EXPECT_EQ(
      render(loaded.faults),
      "more/a.yaml:1:1  'include' in an included file\n"
      "                 only the main file may set it; included files hold providers and models\n"
      "more/a.yaml:2:1  'workers' in an included file\n"
      "                 only the main file may set it; included files hold providers and models\n");
}

TEST(Load, F3OneProviderInTwoFiles) {
  FakeInputs inputs;
  inputs.files["more/a.yaml"] = "providers: { a: { base_url: \"https://a.test\" } }\n";
  const Loaded loaded = inputs.load_main(
      "include: [ \"more/*.yaml\" ]\nproviders: { a: { base_url: \"https://a.test\" } }\n");
  EXPECT_EQ(render(loaded.faults),
            "more/a.yaml:1:14  provider 'a' is defined twice, first at w.yaml:2\n"
            "                  rename one of them\n");
}

TEST(Load, AMissingFileIsOneFault) {
  FakeInputs inputs;
  const Loaded loaded = load("nope.yaml", {inputs, inputs, inputs});
  EXPECT_EQ(render(loaded.faults),
            "nope.yaml:1:1  cannot read the file 'nope.yaml': no such file\n");
}

class Preset : public testing::Test {
 protected:
  Preset() {
    inputs_.presets["acme"] =
        "display_name: Acme\n"
        "base_url: https://${env:ACME_REGION}.acme.test/v1\n"
        "api_key_env: ACME_KEY\n"
        "headers: { X-A: one, X-B: two }\n"
        "quirks: { stream_usage: always }\n"
        "retry_on: [ 400 ]\n";
  }
  FakeInputs inputs_;
};

TEST_F(Preset, FillsInWhatIsNotSaid) {
  inputs_.variables = {{"ACME_REGION", "eu"}, {"ACME_KEY", "sk-acme"}};
  const Settings settings = must_load(inputs_, "providers: { acme: { preset: acme } }\n");
  const ProviderSettings& acme = settings.providers.at(0);
  EXPECT_EQ(acme.preset, "acme");
  EXPECT_EQ(acme.display_name, "Acme");
  EXPECT_EQ(acme.base_url, "https://eu.acme.test/v1");
  EXPECT_EQ(acme.api_key.reveal(), "sk-acme");
  EXPECT_EQ(acme.quirks.stream_usage, StreamUsage::Always);
}

TEST_F(Preset, GivesWayToWhatIsSaid) {
  const Settings settings = must_load(inputs_, R"(
providers:
  acme:
    preset: acme
    display_name: My Acme
    base_url: https://proxy.test/acme
    api_key: own
    headers: { X-B: three, X-C: four }
    retry_on: [ 422 ]
)");
  const ProviderSettings& acme = settings.providers.at(0);
  EXPECT_EQ(acme.display_name, "My Acme");
  EXPECT_EQ(acme.base_url, "https://proxy.test/acme");  // so ACME_REGION is not asked for
  EXPECT_EQ(acme.api_key.reveal(), "own");
  ASSERT_EQ(acme.headers.size(), 3U);
  EXPECT_EQ(acme.headers[1].value.reveal(), "three");
  EXPECT_EQ(acme.quirks.stream_usage, StreamUsage::Always);
  EXPECT_THAT(acme.retry_on, ElementsAre(422));
}

TEST_F(Preset, WhatItMissesStandsWhereItWasNamed) {
  const Loaded loaded = inputs_.load_main("providers:\n  acme: { preset: acme }\n");
  EXPECT_EQ(
      render(loaded.faults),
      "w.yaml:2:19  preset 'acme': the environment variable ACME_REGION is not set\n"
      "             set it, or write the value here\n"
      "w.yaml:2:19  preset 'acme': no api_key, and the environment variable ACME_KEY is not set\n"
      "             set it, write api_key: \"${env:NAME}\", or auth: none\n");
}

TEST_F(Preset, WithoutAKeyOnPurpose) {
  const Settings settings = must_load(
      inputs_, "providers: { acme: { preset: acme, base_url: \"https://a.test\", auth: none } }\n");
  EXPECT_TRUE(settings.providers[0].api_key.empty());
  EXPECT_EQ(settings.providers[0].auth.header, "");
}

TEST_F(Preset, AMisspeltNameGetsASuggestionAndNothingFollowsFromIt) {
  const Loaded loaded = inputs_.load_main(
      "providers: { x: { preset: acne } }\n"
      "models: { a/m: { endpoints: [ { provider: x, upstream_model: m, price: free } ] } }\n");
  EXPECT_EQ(render(loaded.faults),
            "w.yaml:1:27  preset: there is no preset 'acne'\n"
            "             did you mean 'acme'?\n");
}

}  // namespace
}  // namespace waybill::config
