#include "values.hpp"

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::config {
namespace {

using std::chrono::milliseconds;

TEST(ParseDuration, KnowsItsUnits) {
  const std::vector<std::pair<std::string, std::int64_t>> cases{
      {"0s", 0},         {"200ms", 200},         {"5s", 5'000},   {"15m", 900'000},
      {"1h", 3'600'000}, {"30d", 2'592'000'000}, {"007s", 7'000}, {"3650d", 315'360'000'000}};
  for (const auto& [text, expected] : cases) {
    const auto parsed = parse_duration(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->count(), expected) << text;
  }
}

TEST(ParseDuration, F4RefusesWhatIsNegativeHugeFractionalOrWithoutUnit) {
  for (const std::string text : {"", "s", "-1s", "+1s", "1.5s", "1 s", "1S", "1sec", "5", "3651d",
                                 "99999999999999999999s", "NaN", "inf", "1e3s", "12:30:45"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(parse_duration("5").error().detail(), "'5' has no unit (write 5s or 5ms)");
}

TEST(ParseSize, KnowsItsUnits) {
  EXPECT_EQ(*parse_size("512"), 512U);
  EXPECT_EQ(*parse_size("512B"), 512U);
  EXPECT_EQ(*parse_size("64KiB"), 65'536U);
  EXPECT_EQ(*parse_size("32MiB"), 33'554'432U);
  EXPECT_EQ(*parse_size("1GiB"), 1'073'741'824U);
}

TEST(ParseSize, RefusesOtherUnitsAndOverflow) {
  for (const std::string text :
       {"", "MiB", "-1", "1.5MiB", "1MB", "1kb", "1 MiB", "99999999999999999999", "2000000GiB"}) {
    EXPECT_FALSE(parse_size(text)) << text;
  }
}

TEST(ParseInteger, IsPlainDecimal) {
  EXPECT_EQ(*parse_integer("0"), 0);
  EXPECT_EQ(*parse_integer("-12"), -12);
  EXPECT_EQ(*parse_integer("65535"), 65'535);
  for (const std::string text :
       {"", "-", "+1", "0o17", "017", "0x11", "1_000", "1.0", "1e3", "", "9223372036854775808"}) {
    EXPECT_FALSE(parse_integer(text)) << text;
  }
}

TEST(ClassifyAddress, TellsWhoCanReachIt) {
  const std::vector<std::pair<std::string, AddressKind>> cases{
      {"127.0.0.1", AddressKind::Loopback},
      {"127.8.8.8", AddressKind::Loopback},
      {"::1", AddressKind::Loopback},
      {"localhost", AddressKind::Loopback},
      {"10.1.2.3", AddressKind::Private},
      {"172.31.0.1", AddressKind::Private},
      {"192.168.1.1", AddressKind::Private},
      {"169.254.1.1", AddressKind::Private},
      {"100.64.0.1", AddressKind::Private},
      {"fd00::1", AddressKind::Private},
      {"fe80::1", AddressKind::Private},
      {"0.0.0.0", AddressKind::Any},
      {"::", AddressKind::Any},
      {"172.32.0.1", AddressKind::Public},
      {"8.8.8.8", AddressKind::Public},
      {"2001:db8::1", AddressKind::Public}};
  for (const auto& [text, expected] : cases) {
    const auto kind = classify_address(text);
    ASSERT_TRUE(kind) << text;
    EXPECT_EQ(*kind, expected) << text;
  }
  for (const std::string text : {"", "example.com", "127.1", "1.2.3.4:80", "[::1]", "*"}) {
    EXPECT_FALSE(classify_address(text)) << text;
  }
}

}  // namespace
}  // namespace waybill::config
