#include "waybill/telemetry/process_stats.hpp"

#include <string>

#include <gtest/gtest.h>

namespace waybill::telemetry {
namespace {

constexpr std::string_view kStat = "cpu  1 2 3 4\nctxt 99\nbtime 1700000000\nprocesses 12\n";
// Fields 3 to 25 after the name, as proc(5) counts them.
constexpr std::string_view kFields =
    "S 1 2 3 0 -1 4194560 10 0 0 0 250 50 0 0 20 0 7 0 12345 104857600 2560 18446744073709551615\n";

TEST(ParseProcessStats, ReadsTheFieldsThatThePageShows) {
  const auto stats = parse_process_stats("42 (waybill) " + std::string(kFields), kStat, {});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->cpu_microseconds, 3'000'000U);
  EXPECT_EQ(stats->threads, 7U);
  EXPECT_EQ(stats->virtual_bytes, 104'857'600U);
  EXPECT_EQ(stats->resident_bytes, 2560U * 4096U);
  EXPECT_EQ(stats->start_time_unix_ms, 1'700'000'000'000U + 123'450U);
}

TEST(ParseProcessStats, AProgramNameMayHoldAnything) {
  const auto stats = parse_process_stats("42 (a) S (b) 1) " + std::string(kFields), kStat, {});
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->threads, 7U);
}

TEST(ParseProcessStats, WhatIsCutShortIsAnError) {
  for (const std::string self : {"", "42 waybill S 1", "42 (waybill) S 1 2 3", "42 (waybill) "}) {
    EXPECT_FALSE(parse_process_stats(self, kStat, {})) << self;
  }
  EXPECT_FALSE(parse_process_stats("42 (waybill) " + std::string(kFields), "cpu 1 2 3\n", {}));
}

TEST(ReadProcessStats, SeesThisProcess) {
  const ProcessStats stats = read_process_stats();
  EXPECT_GT(stats.resident_bytes, 1'000'000U);
  EXPECT_GE(stats.open_fds, 3U);
  EXPECT_GE(stats.max_fds, stats.open_fds);
  EXPECT_GT(stats.start_time_unix_ms, 1'600'000'000'000U);
  EXPECT_GE(stats.threads, 1U);
}

}  // namespace
}  // namespace waybill::telemetry
