#include "waybill/gateway/provider_trouble.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench.hpp"

namespace waybill::gateway {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(ProviderTrouble, IsToldOnceAMinuteForEachProviderAndCode) {
  const test::TempFolder folder;
  const auto log = test::open_log(folder);
  ProviderTrouble trouble(*log);
  const Error refused(ErrorKind::UpstreamFailed, "connect_failed", "Nobody is there.");
  const Error untrusted(ErrorKind::UpstreamFailed, "tls_failed", "The certificate has expired.");
  const TimePoint start = Clock::now();
  trouble.tell("one", refused, start);
  trouble.tell("one", refused, start + 1s);
  trouble.tell("one", refused, start + 59s);
  trouble.tell("one", untrusted, start + 1s);
  trouble.tell("two", refused, start + 1s);
  EXPECT_EQ(test::count_lines(test::contents(*log, folder)), 3);
  trouble.tell("one", refused, start + 60s);
  trouble.tell("one", refused, start + 61s);
  const std::string logged = test::contents(*log, folder);
  EXPECT_EQ(test::count_lines(logged), 4);
  EXPECT_THAT(logged, HasSubstr("The certificate has expired."));
  EXPECT_THAT(logged, HasSubstr("\"provider\":\"one\",\"kept_back\":2"));
}

TEST(ProviderTrouble, AProviderThatIsNotThereIsToldToTheOperator) {
  test::Bench bench([](config::Settings& settings) {
    settings.providers[0].base_url = "https://127.0.0.1:1/v1";
  });
  const test::Answer answer = bench.post(test::Bench::chat("a/one"));
  EXPECT_EQ(answer.status(), 502U);
  const std::string logged = bench.logged();
  EXPECT_THAT(logged, HasSubstr("provider_trouble"));
  EXPECT_THAT(logged, HasSubstr("connect_failed"));
}

}  // namespace
}  // namespace waybill::gateway
