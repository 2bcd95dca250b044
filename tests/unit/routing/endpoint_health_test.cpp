#include "waybill/routing/endpoint_health.hpp"

#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::routing {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kStart{};

AttemptOutcome status(int code, std::optional<std::chrono::seconds> retry_after = std::nullopt) {
  return {.kind = OutcomeKind::Status, .status = code, .retry_after = retry_after};
}

TEST(EndpointHealth, FailuresInARowDoubleTheCoolDownUpToItsLongest) {
  EndpointHealth health(1);
  TimePoint now = kStart;
  std::vector<std::int64_t> seconds;
  for (int i = 0; i < 7; ++i) {
    health.failed(0, {.kind = OutcomeKind::ConnectFailed}, now);
    seconds.push_back((health.cooling_until(0) - now) / 1s);
    now = health.cooling_until(0);
  }
  EXPECT_EQ(seconds, (std::vector<std::int64_t>{1, 2, 4, 8, 16, 30, 30}));
}

TEST(EndpointHealth, ASuccessEndsTheCoolDownAndTheRow) {
  EndpointHealth health(1);
  health.failed(0, status(500), kStart);
  health.failed(0, status(500), kStart + 1s);
  health.succeeded(0, kStart + 1s);
  EXPECT_FALSE(health.is_cooling(0, kStart + 1s));
  health.failed(0, status(500), kStart + 2s);
  EXPECT_EQ(health.cooling_until(0), kStart + 3s);
}

TEST(EndpointHealth, ASuccessThatBeganBeforeTheFailureSaysNothing) {
  EndpointHealth health(1);
  health.failed(0, status(429, 17s), kStart + 1s);
  health.succeeded(0, kStart);
  EXPECT_EQ(health.cooling_until(0), kStart + 18s);
  health.succeeded(0, kStart + 2s);
  EXPECT_FALSE(health.is_cooling(0, kStart + 2s));
}

TEST(EndpointHealth, ManyFailuresOfOneCauseCountOnce) {
  EndpointHealth health(1);
  for (int i = 0; i < 64; ++i) {
    health.failed(0, status(502), kStart);
  }
  EXPECT_EQ(health.failures_in_a_row(0), 1U);
  EXPECT_EQ(health.cooling_until(0), kStart + 1s);
}

TEST(EndpointHealth, RetryAfterSetsTheCoolDown) {
  EndpointHealth health(1);
  health.failed(0, status(429, 17s), kStart);
  EXPECT_EQ(health.cooling_until(0), kStart + 17s);
  EXPECT_EQ(health.failures_in_a_row(0), 0U);
  health.failed(0, status(429, 5s), kStart + 1s);  // never shortens what was asked for
  EXPECT_EQ(health.cooling_until(0), kStart + 17s);
}

TEST(EndpointHealth, BusyWithoutAHintCoolsForASecond) {
  EndpointHealth health(1);
  health.failed(0, status(503), kStart);
  EXPECT_EQ(health.cooling_until(0), kStart + 1s);
}

TEST(EndpointHealth, WhatIsNoFaultOfTheEndpointChangesNothing) {
  EndpointHealth health(1);
  for (const AttemptOutcome& outcome :
       {status(400), status(413), status(422), AttemptOutcome{.kind = OutcomeKind::ClientGone},
        AttemptOutcome{.kind = OutcomeKind::ShuttingDown},
        AttemptOutcome{.kind = OutcomeKind::Unrecorded},
        AttemptOutcome{.kind = OutcomeKind::StaleConnection}}) {
    health.failed(0, outcome, kStart);
  }
  EXPECT_FALSE(health.is_cooling(0, kStart));
  EXPECT_EQ(health.failures_in_a_row(0), 0U);
}

TEST(EndpointHealth, AReloadKeepsWhatIsKnownOfEndpointsThatStay) {
  EndpointHealth health(2);
  health.failed(1, status(500), kStart);
  EndpointHealth next(health, std::array<EndpointIndex, 3>{1, kNoEndpoint, 0});
  EXPECT_EQ(next.size(), 3U);
  EXPECT_TRUE(next.is_cooling(0, kStart));
  EXPECT_FALSE(next.is_cooling(1, kStart));
  EXPECT_FALSE(next.is_cooling(2, kStart));
  // A request that began before the reload ends after it.
  health.failed(0, status(429, 9s), kStart);
  EXPECT_EQ(next.cooling_until(2), kStart + 9s);
}

TEST(EndpointHealth, WorkersThatFailAtOnceCountOneFailure) {
  EndpointHealth health(1);
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&health] {
      for (int n = 0; n < 1000; ++n) {
        health.failed(0, status(500), kStart);
      }
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  EXPECT_EQ(health.failures_in_a_row(0), 1U);
  EXPECT_EQ(health.cooling_until(0), kStart + 1s);
}

}  // namespace
}  // namespace waybill::routing
