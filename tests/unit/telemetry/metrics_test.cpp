#include "waybill/telemetry/metrics.hpp"

#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::telemetry {
namespace {

TEST(Histogram, AValueOnABoundBelongsToItsBucket) {
  Histogram<kSizeBoundsBytes> sizes;
  for (const std::uint64_t size : {0U, 256U, 257U, 67'108'864U, 67'108'865U}) {
    sizes.observe(size);
  }
  EXPECT_EQ(sizes.counts().front(), 2U);
  EXPECT_EQ(sizes.counts()[1], 1U);
  EXPECT_EQ(sizes.counts()[sizes.counts().size() - 2], 1U);
  EXPECT_EQ(sizes.counts().back(), 1U);
  EXPECT_EQ(sizes.sum(), 256U + 257U + 67'108'864U + 67'108'865U);
}

TEST(CodeCounters, CodesPastTheLimitAreCountedAsOther) {
  std::vector<std::string> codes;
  codes.reserve(200);
  for (int i = 0; i < 200; ++i) {
    codes.push_back("code_" + std::to_string(i));
  }
  CodeCounters counters;
  for (const std::string& code : codes) {
    counters.increment(code);
  }
  EXPECT_EQ(counters.all().size(), CodeCounters::kLimit);
  EXPECT_EQ(counters.all().back().first, "other");
  EXPECT_EQ(counters.all().back().second, 200U - (CodeCounters::kLimit - 1));

  CodeCounters more;
  more.increment("code_0");
  more.increment("code_199");
  counters.merge(more);
  EXPECT_EQ(counters.all().front().second, 2U);
  EXPECT_EQ(counters.all().size(), CodeCounters::kLimit);
}

TEST(WorkerMetrics, MergingTwoWorkersAddsEverything) {
  WorkerMetrics a;
  a.count_request(Route::ChatCompletions, 200);
  a.count_attempt(1, AttemptResult::RateLimited);
  a.streams_open = 3;
  a.connections.open = 2;
  a.upstream.reused = 7;
  a.settlements.latency_us.observe(100);
  a.ttft_us.observe(1000);

  WorkerMetrics b;
  b.count_request(Route::ChatCompletions, 204);
  b.count_request(Route::Other, 999);
  b.count_generation(GenerationOutcome::Cancelled);
  b.count_attempt(1, AttemptResult::RateLimited);
  b.count_attempt(4, AttemptResult::Succeeded);
  b.count_tokens(4, TokenKind::Prompt, 10);
  b.count_cost(4, Money::picodollars(5));
  b.count_cost(4, Money::picodollars(-5));
  b.streams_open = -1;  // the stream began on the other worker's watch
  b.connections.http_rejections.increment("invalid_head");
  b.settlements.anomalies = 1;

  a.merge(b);
  EXPECT_EQ(a.requests[static_cast<std::size_t>(Route::ChatCompletions)][1], 2U);
  EXPECT_EQ(a.requests[static_cast<std::size_t>(Route::Other)][4], 1U);
  EXPECT_EQ(a.generations[2], 1U);
  ASSERT_EQ(a.endpoints.size(), 5U);
  EXPECT_EQ(a.endpoints[1].attempts[static_cast<std::size_t>(AttemptResult::RateLimited)], 2U);
  EXPECT_EQ(a.endpoints[4].attempts[0], 1U);
  EXPECT_EQ(a.endpoints[4].tokens[0], 10U);
  EXPECT_EQ(static_cast<std::int64_t>(a.endpoints[4].cost_picodollars), 5);
  EXPECT_EQ(a.streams_open, 2);
  EXPECT_EQ(a.connections.open, 2);
  EXPECT_EQ(a.connections.http_rejections.all().front().second, 1U);
  EXPECT_EQ(a.upstream.reused, 7U);
  EXPECT_EQ(a.settlements.anomalies, 1U);
  EXPECT_EQ(a.settlements.latency_us.sum(), 100U);
  EXPECT_EQ(a.ttft_us.sum(), 1000U);
}

TEST(EndpointSlots, APairKeepsItsSlotOverReloads) {
  EndpointSlots slots;
  const std::size_t first = slots.slot("openai/gpt-4o-mini", "openai");
  const std::size_t second = slots.slot("openai/gpt-4o-mini", "azure");
  EXPECT_NE(first, 0U);
  EXPECT_NE(first, second);
  for (int reload = 0; reload < 1000; ++reload) {
    ASSERT_EQ(slots.slot("openai/gpt-4o-mini", "azure"), second);
    ASSERT_EQ(slots.slot("openai/gpt-4o-mini", "openai"), first);
  }
  EXPECT_EQ(slots.labels().size(), 3U);
  EXPECT_EQ(slots.labels()[second].provider, "azure");
}

// A page may be asked for while a reload brings endpoints (TSan sees the rest).
TEST(EndpointSlots, TheLabelsAreToldWhilePairsCome) {
  constexpr std::size_t kPairs = 1000;
  EndpointSlots slots;
  std::thread reload([&slots] {
    for (std::size_t i = 0; i < kPairs; ++i) {
      slots.slot("a/" + std::to_string(i), "x");
    }
  });
  std::vector<EndpointLabel> labels;
  while (labels.size() <= kPairs) {
    labels = slots.labels();
    for (std::size_t slot = 1; slot < labels.size(); ++slot) {
      ASSERT_EQ(labels[slot].model, "a/" + std::to_string(slot - 1));
    }
  }
  reload.join();
}

TEST(EndpointSlots, PairsPastTheLimitShareTheOtherSlot) {
  EndpointSlots slots(3);
  EXPECT_EQ(slots.slot("a/a", "x"), 1U);
  EXPECT_EQ(slots.slot("a/b", "x"), 2U);
  EXPECT_EQ(slots.slot("a/c", "x"), 0U);
  EXPECT_EQ(slots.slot("a/b", "x"), 2U);
  EXPECT_EQ(slots.labels().size(), 3U);
  EXPECT_EQ(slots.labels()[0].model, "other");
}

struct ResultCase {
  routing::OutcomeKind kind;
  int status;
  AttemptResult expected;
};

TEST(AttemptResult, FollowsWhatRoutingWasTold) {
  using routing::OutcomeKind;
  const std::vector<ResultCase> cases{
      {OutcomeKind::ConnectFailed, 0, AttemptResult::ConnectFailed},
      {OutcomeKind::TlsFailed, 0, AttemptResult::TlsFailed},
      {OutcomeKind::StaleConnection, 0, AttemptResult::StaleConnection},
      {OutcomeKind::Timeout, 0, AttemptResult::Timeout},
      {OutcomeKind::Busy, 0, AttemptResult::QueueFull},
      {OutcomeKind::Status, 400, AttemptResult::Rejected},
      {OutcomeKind::Status, 401, AttemptResult::Rejected},
      {OutcomeKind::Status, 408, AttemptResult::Timeout},
      {OutcomeKind::Status, 429, AttemptResult::RateLimited},
      {OutcomeKind::Status, 500, AttemptResult::ServerError},
      {OutcomeKind::Status, 503, AttemptResult::Overloaded},
      {OutcomeKind::Status, 504, AttemptResult::Timeout},
      {OutcomeKind::Status, 529, AttemptResult::Overloaded},
      {OutcomeKind::Status, 302, AttemptResult::InvalidReply},
      {OutcomeKind::ErrorBody, 429, AttemptResult::RateLimited},
      {OutcomeKind::ErrorBody, 0, AttemptResult::InvalidReply},
      {OutcomeKind::EmptyBody, 200, AttemptResult::InvalidReply},
      {OutcomeKind::NotJson, 200, AttemptResult::InvalidReply},
      {OutcomeKind::NoChoices, 200, AttemptResult::InvalidReply},
      {OutcomeKind::ProtocolError, 0, AttemptResult::InvalidReply},
      {OutcomeKind::StreamBroken, 200, AttemptResult::Interrupted},
      {OutcomeKind::ClientGone, 0, AttemptResult::Cancelled},
      {OutcomeKind::ShuttingDown, 0, AttemptResult::Cancelled},
  };
  for (const auto& [kind, status, expected] : cases) {
    const routing::AttemptOutcome outcome{.kind = kind, .status = status};
    EXPECT_EQ(name(attempt_result(outcome)), name(expected))
        << routing::name(kind) << ' ' << status;
  }
}

}  // namespace
}  // namespace waybill::telemetry
