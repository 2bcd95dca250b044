// The corpora of event streams (E1 to E21) and of compressed bodies (J13).

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/http/content_decoder.hpp"

#include "corpus.hpp"
#include "replay.hpp"

namespace waybill::http {
namespace {

std::vector<std::string> expected_events(const nlohmann::json& expect) {
  std::vector<std::string> out;
  for (const auto& event : expect.at("events")) {
    const std::string type = event.value("event", "message");
    out.push_back((type == "message" ? "" : type) + "|" + event.at("data").get<std::string>());
  }
  return out;
}

// "event: message" is what no event field at all means.
std::vector<std::string> plain(std::vector<std::string> events) {
  constexpr std::string_view kDefault = "message|";
  for (std::string& event : events) {
    if (event.starts_with(kDefault)) {
      event.erase(0, kDefault.size() - 1);
    }
  }
  return events;
}

TEST(Corpora, E1ToE21EveryStreamGivesItsEventsHoweverItIsSplit) {
  constexpr int kSplits = 50;
  constexpr std::size_t kSlow = 100'000;  // bytes; a single one at a time takes long above
  const auto cases = test::corpus("sse");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  std::size_t replays = 0;
  for (const auto& entry : cases) {
    const test::Events whole = test::parse_events({entry.bytes});
    EXPECT_FALSE(whole.failed) << entry.id;
    EXPECT_EQ(plain(whole.all), expected_events(entry.meta.at("expect"))) << entry.id;
    EXPECT_EQ(test::parse_events(test::by_bytes(entry.bytes)), whole) << entry.id;
    std::mt19937 random(42);
    const int splits = entry.bytes.size() > kSlow ? kSplits / 10 : kSplits;
    for (int i = 0; i < splits; ++i) {
      EXPECT_EQ(test::parse_events(test::randomly(entry.bytes, random)), whole) << entry.id;
    }
    replays += 2 + static_cast<std::size_t>(splits);
  }
  std::printf("sse: %zu streams, %zu replays\n", cases.size(), replays);
}

std::string content_coding(const std::string& suffix) {
  return suffix == "gz" ? "gzip" : suffix == "zst" ? "zstd" : suffix;
}

TEST(Corpora, J13EveryCompressedBodyGetsItsVerdictWithinItsLimits) {
  const auto cases = test::corpus("compressed");
  if (cases.empty()) {
    GTEST_SKIP() << "WAYBILL_FIXTURES names no hostile corpora";
  }
  const DecodeLimits limits;
  std::size_t decoded = 0;
  std::size_t refused = 0;
  for (const auto& entry : cases) {
    const auto coding = parse_content_coding(content_coding(entry.meta.at("content_encoding")));
    for (const auto& pieces : {test::Pieces{entry.bytes}, test::by_bytes(entry.bytes)}) {
      std::string out;
      bool good = coding.has_value();
      if (good) {
        ContentDecoder decoder(*coding, limits);
        for (std::size_t i = 0; good && i < pieces.size(); ++i) {
          good = decoder.feed(pieces[i], out).has_value();
        }
        good = good && decoder.finish().has_value();
      }
      ++(good ? decoded : refused);
      EXPECT_LE(out.size(), limits.max_output);
      EXPECT_LE(out.size(),
                std::max(limits.free_output, (entry.bytes.size() + 1) * limits.max_ratio));
      EXPECT_FALSE(good && entry.expect() == "reject-4xx") << entry.id;
      EXPECT_TRUE(good || entry.expect() != "accept") << entry.id;
    }
  }
  std::printf("compressed: %zu bodies in 2 modes, %zu decoded, %zu refused\n", cases.size(),
              decoded, refused);
}

}  // namespace
}  // namespace waybill::http
