#include "waybill/base/generation_id.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <gtest/gtest.h>

namespace waybill {
namespace {

constexpr WallTime kNow{std::chrono::seconds(1'787'300'000)};

TEST(GenerationIdText, HasTheDocumentedForm) {
  GenerationId::Bytes largest = GenerationIdSource().next(kNow).bytes();
  std::fill(largest.begin() + 4, largest.end(), std::uint8_t{0xFF});
  const std::string text = GenerationId(largest).to_string();
  EXPECT_EQ(text.size(), GenerationId::kTextSize);
  EXPECT_EQ(text, "gen-1787300000-07oiylpimjg5u2ca1ypr");  // 2^96 - 1
}

TEST(GenerationIdText, RoundTrips) {
  GenerationIdSource source;
  for (int i = 0; i < 1000; ++i) {
    const GenerationId id = source.next(kNow);
    EXPECT_EQ(GenerationId::parse(id.to_string()), id);
    EXPECT_EQ(id.unix_seconds(), 1'787'300'000);
  }
}

TEST(GenerationIdText, OtherTextIsRefused) {
  const std::string good = GenerationIdSource().next(kNow).to_string();
  for (const std::string& bad :
       {std::string(), std::string("gen_1"), good + "0", good.substr(1),
        "gen-17873000x0-" + good.substr(15), "gen-1787300000-" + std::string(20, 'z'),
        "gen-9999999999-" + good.substr(15), "gen-1787300000-" + std::string(20, 'A')}) {
    EXPECT_FALSE(GenerationId::parse(bad)) << bad;
  }
}

TEST(GenerationIdOrder, LaterSortsLater) {
  GenerationIdSource source;
  EXPECT_LT(source.next(kNow), source.next(kNow + std::chrono::seconds(1)));
}

// Within a second too: the ledger's index would be written all over otherwise.
TEST(GenerationIdOrder, AMicrosecondLaterSortsLaterWhateverTheRandomPart) {
  std::array<std::uint8_t, 12> high{};
  high.fill(0xFF);
  const std::array<std::uint8_t, 12> low{};
  for (const std::int64_t at : {0, 1, 15, 16, 4095, 4096, 65'535, 65'536, 999'998}) {
    const WallTime now = kNow + std::chrono::microseconds(at);
    EXPECT_LT(GenerationId::make(now, high),
              GenerationId::make(now + std::chrono::microseconds(1), low))
        << at;
    EXPECT_LT(GenerationId::make(now, low), GenerationId::make(now, high)) << at;
    EXPECT_EQ(GenerationId::make(now, high).unix_seconds(), 1'787'300'000);
  }
}

}  // namespace
}  // namespace waybill
