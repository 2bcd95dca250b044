#include "waybill/gateway/live_snapshot.hpp"

#include <array>
#include <filesystem>
#include <string>
#include <variant>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/http/head.hpp"

#include "sample.hpp"
#include "unit/net/certificate.hpp"

namespace waybill::gateway {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kOne = "https://one.test/v1";
constexpr const char* kTwo = "http://two.test:8000/api/v1";

std::string head_of(const LiveSnapshot& live, std::size_t provider, std::size_t kind) {
  const ProviderLink& link = live.providers[provider];
  return "POST " + link.target +
         request_path(*link.dialect, static_cast<dialects::RequestKind>(kind), "model", false) +
         " HTTP/1.1\r\n" + std::string(link.fields.reveal());
}

TEST(LiveSnapshot, HeadsAreWholeRequestsButForTheLength) {
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr live = test::live_of(test::two_providers(kOne, kTwo), slots);
  ASSERT_TRUE(live);
  const std::vector<std::string> paths{"/chat/completions", "/completions", "/embeddings"};
  for (std::size_t kind = 0; kind < paths.size(); ++kind) {
    const std::string one = head_of(*live, 0, kind);
    EXPECT_THAT(one, StartsWith("POST /v1" + paths[kind] + " HTTP/1.1\r\n"));
    EXPECT_THAT(one, HasSubstr("\r\nHost: one.test\r\n"));
    EXPECT_THAT(one, HasSubstr("\r\nAuthorization: Bearer upstream-key-canary\r\n"));
    EXPECT_THAT(head_of(*live, 1, kind), StartsWith("POST /api/v1" + paths[kind] + " HTTP/1.1"));
    EXPECT_THAT(head_of(*live, 1, kind), HasSubstr("\r\nHost: two.test:8000\r\n"));
    const auto parsed = http::parse_request_head(one + "Content-Length: 2\r\n\r\n");
    ASSERT_TRUE(std::holds_alternative<http::RequestHead>(parsed));
    EXPECT_EQ(std::get<http::RequestHead>(parsed).framing.length, 2U);
  }
}

TEST(LiveSnapshot, AProviderWithoutAKeyIsSentNone) {
  config::Settings settings = test::two_providers(kOne, kTwo);
  settings.providers[0].api_key = Secret();
  settings.providers[1].auth = {"", ""};
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr live = test::live_of(std::move(settings), slots);
  EXPECT_THAT(head_of(*live, 0, 0), Not(HasSubstr("Authorization")));
  EXPECT_THAT(head_of(*live, 1, 0), Not(HasSubstr("canary")));
}

TEST(LiveSnapshot, NoValueOfTheSettingsBecomesASecondLine) {
  config::Settings settings = test::two_providers(kOne, kTwo);
  settings.providers[0].headers.push_back({"X-Team", Secret("a\r\nX-Evil: 1")});
  settings.providers[0].headers.push_back({"X-Good", Secret("b")});
  settings.providers[1].api_key = Secret("key\r\nX-Evil: 1");
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr live = test::live_of(std::move(settings), slots);
  EXPECT_THAT(head_of(*live, 0, 0), Not(HasSubstr("X-Evil")));
  EXPECT_THAT(head_of(*live, 0, 0), HasSubstr("X-Good: b\r\n"));
  EXPECT_THAT(head_of(*live, 1, 0), Not(HasSubstr("X-Evil")));
}

// RFC 9112 §3.2.2: a forward proxy is told the whole address, for plain http only.
TEST(LiveSnapshot, APlainProviderBehindAProxyGetsTheAbsoluteForm) {
  config::Settings settings = test::two_providers(kOne, kTwo);
  settings.providers[0].proxy = "http://proxy.test:3128";
  settings.providers[1].proxy = "http://proxy.test:3128";
  for (config::ProviderSettings& provider : settings.providers) {
    provider.proxy_credentials = Secret("user:password");
  }
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr live = test::live_of(std::move(settings), slots);
  EXPECT_THAT(head_of(*live, 0, 0), StartsWith("POST /v1/chat/completions HTTP/1.1"));
  EXPECT_THAT(head_of(*live, 1, 0),
              StartsWith("POST http://two.test:8000/api/v1/chat/completions HTTP/1.1"));
  // A tunnel has been asked for with them already; the provider must not see them.
  EXPECT_THAT(head_of(*live, 0, 0), Not(HasSubstr("Proxy-Authorization")));
  EXPECT_THAT(head_of(*live, 1, 0),
              HasSubstr("\r\nProxy-Authorization: Basic dXNlcjpwYXNzd29yZA==\r\n"));
}

TEST(LiveSnapshot, TrustIsLoadedForHttpsAndShared) {
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr live =
      test::live_of(test::two_providers("https://one.test/v1", "https://two.test/v1"), slots);
  EXPECT_NE(live->providers[0].tls, nullptr);
  EXPECT_EQ(live->providers[0].tls, live->providers[1].tls);
  const LiveSnapshotPtr plain =
      test::live_of(test::two_providers("http://one.test", "http://two.test"), slots);
  EXPECT_EQ(plain->providers[0].tls, nullptr);
}

TEST(LiveSnapshot, TrustOutlivesAReloadUnlessItsFileHasChanged) {
  const test::TempFolder folder;
  const auto write_authorities = [&] {
    const net::Certificate certificate("authority.test", 0, 3600);
    std::filesystem::copy_file(certificate.certificate_file(), folder.file("ca.pem"),
                               std::filesystem::copy_options::overwrite_existing);
  };
  write_authorities();
  config::Settings settings = test::two_providers("https://one.test/v1", "https://two.test/v1");
  settings.providers[1].ca_file = folder.file("ca.pem");
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr first = test::live_of(settings, slots);
  ASSERT_TRUE(first);
  const LiveSnapshotPtr same = test::live_of(settings, slots, first.get());
  EXPECT_EQ(same->providers[0].tls, first->providers[0].tls);
  EXPECT_EQ(same->providers[1].tls, first->providers[1].tls);
  write_authorities();
  const LiveSnapshotPtr changed = test::live_of(settings, slots, same.get());
  EXPECT_EQ(changed->providers[0].tls, first->providers[0].tls);
  EXPECT_NE(changed->providers[1].tls, first->providers[1].tls);
}

TEST(LiveSnapshot, AMissingTrustStoreIsAFault) {
  config::Settings of_provider = test::two_providers(kOne, kTwo);
  of_provider.providers[0].ca_file = "/nowhere/ca.pem";
  config::Settings of_proxy = test::two_providers(kOne, kTwo);
  of_proxy.providers[1].proxy = "https://proxy.test:3128";
  of_proxy.providers[1].proxy_ca_file = "/nowhere/ca.pem";
  for (config::Settings& settings : std::array{of_provider, of_proxy}) {
    telemetry::EndpointSlots slots;
    const auto live = make_live(test::snapshot_of(std::move(settings)), slots, nullptr);
    ASSERT_FALSE(live);
    EXPECT_EQ(live.error().code(), "tls_ca_file");
  }
}

TEST(LiveSnapshot, AProxysTrustIsItsOwnAndOutlivesAReload) {
  config::Settings settings = test::two_providers("https://one.test/v1", "http://two.test/v1");
  settings.providers[0].proxy = "http://proxy.test:3128";
  settings.providers[1].proxy = "https://proxy.test:3128";
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr live = test::live_of(settings, slots);
  EXPECT_EQ(live->providers[0].proxy_tls, nullptr);
  EXPECT_EQ(live->providers[1].tls, nullptr);
  ASSERT_NE(live->providers[1].proxy_tls, nullptr);
  settings.providers.erase(settings.providers.begin());
  settings.models.clear();
  settings.providers[0].proxy_credentials = Secret("user:password");
  const LiveSnapshotPtr later = test::live_of(settings, slots, live.get());
  EXPECT_EQ(later->providers[0].proxy_tls, live->providers[1].proxy_tls);
}

TEST(LiveSnapshot, OnlyTheSameOriginAndMeansShareConnections) {
  const auto names = [](const config::Settings& settings) {
    telemetry::EndpointSlots slots;
    const LiveSnapshotPtr live = test::live_of(settings, slots);
    return std::pair(live->providers[0].pool_name, live->providers[1].pool_name);
  };
  const auto same = names(test::two_providers("http://h.test/v1", "http://h.test/other"));
  EXPECT_EQ(same.first, same.second);
  const auto port = names(test::two_providers("http://h.test/v1", "http://h.test:81/v1"));
  EXPECT_NE(port.first, port.second);
  const auto scheme = names(test::two_providers("http://h.test:443/v1", "https://h.test/v1"));
  EXPECT_NE(scheme.first, scheme.second);
  config::Settings proxied = test::two_providers("http://h.test/v1", "http://h.test/v1");
  proxied.providers[1].proxy = "http://proxy.test:3128";
  EXPECT_NE(names(proxied).first, names(proxied).second);
  proxied.providers[0].proxy = proxied.providers[1].proxy;
  EXPECT_EQ(names(proxied).first, names(proxied).second);
  proxied.providers[1].proxy_credentials = Secret("user:password");
  EXPECT_NE(names(proxied).first, names(proxied).second);
  EXPECT_THAT(names(proxied).second, Not(HasSubstr("password")));
}

TEST(LiveSnapshot, EndpointsAreSeenAsTheSettingsHaveThem) {
  config::Settings settings = test::two_providers(kOne, kTwo);
  settings.models[0].endpoints[0].capabilities.tools = false;
  settings.models[0].endpoints[0].capabilities.images = true;
  settings.models[1].endpoints[0].context_length = 0;
  settings.models[1].endpoints[0].max_completion_tokens = 0;
  settings.models[1].context_length = 0;
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr live = test::live_of(std::move(settings), slots);
  const routing::EndpointView& one = live->endpoints[0][0];
  EXPECT_EQ(one.provider, "one");
  EXPECT_EQ(one.tools, routing::Support::No);
  EXPECT_EQ(one.images, routing::Support::Yes);
  EXPECT_EQ(one.streaming, routing::Support::Unknown);
  EXPECT_EQ(one.context_length, 128'000U);
  EXPECT_FALSE(live->endpoints[1][0].context_length);
  EXPECT_FALSE(live->endpoints[1][0].max_completion_tokens);
}

TEST(LiveSnapshot, CountersKeepTheirMeaningOverReloads) {
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr first = test::live_of(test::two_providers(kOne, kTwo), slots);
  config::Settings turned = test::two_providers(kOne, kTwo);
  std::swap(turned.models[0], turned.models[1]);
  const LiveSnapshotPtr second = test::live_of(std::move(turned), slots);
  ASSERT_EQ(first->metric_slots.size(), 2U);
  EXPECT_EQ(second->metric_slots[0], first->metric_slots[1]);
  EXPECT_EQ(second->metric_slots[1], first->metric_slots[0]);
}

TEST(LiveSnapshot, HealthFollowsItsEndpointOverReloads) {
  using namespace std::chrono_literals;
  telemetry::EndpointSlots slots;
  const LiveSnapshotPtr first = test::live_of(test::two_providers(kOne, kTwo), slots);
  const TimePoint now = Clock::now();
  first->health->failed(0, {.kind = routing::OutcomeKind::ConnectFailed}, now);
  config::Settings turned = test::two_providers(kOne, kTwo);
  std::swap(turned.models[0], turned.models[1]);
  turned.models[0].endpoints[0].upstream_model = "another";
  const LiveSnapshotPtr second = test::live_of(turned, slots, first.get());
  EXPECT_FALSE(second->health->is_cooling(0, now));
  EXPECT_TRUE(second->health->is_cooling(1, now));
}

}  // namespace
}  // namespace waybill::gateway
