// Where a head ends: find_head_end() and the answers to what can be none.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/http/head.hpp"

namespace waybill::http {
namespace {

using State = HeadScan::State;
using namespace std::string_literals;

struct Case {
  std::string_view name;
  std::string bytes;
  State state = State::NeedMore;
  std::size_t size = 0;

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Case> kCases{
    {"nothing", "", State::NeedMore, 0},
    {"half_a_line", "GET / HT", State::NeedMore, 0},
    {"one_line", "GET / HTTP/1.1\r\n", State::NeedMore, 16},
    {"second_line_begun", "GET / HTTP/1.1\r\nHost: x", State::NeedMore, 16},
    {"cr_of_the_end", "GET / HTTP/1.1\r\n\r", State::NeedMore, 16},
    {"smallest", "x\r\n\r\n", State::Complete, 5},
    {"with_fields", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", State::Complete, 27},
    {"with_a_body", "POST / HTTP/1.1\r\nHost: x\r\n\r\n\0\x01\n"s, State::Complete, 28},
    {"tab_and_obs_text", "x\r\na:\tb\xFF\r\n\r\n", State::Complete, 12},
    {"H9_bare_lf", "GET / HTTP/1.1\nHost: x\n\n", State::Malformed, 14},
    {"H9_bare_lf_at_the_end", "GET / HTTP/1.1\r\nHost: x\r\n\n", State::Malformed, 25},
    {"H9_lf_first", "\nGET", State::Malformed, 0},
    {"H10_bare_cr", "GET / HTTP/1.1\r\na: b\rc\r\n\r\n", State::Malformed, 20},
    {"H10_cr_cr_lf", "GET / HTTP/1.1\r\r\n", State::Malformed, 14},
    {"H12_nul", "GET / HTTP/1.1\r\na: \0\r\n\r\n"s, State::Malformed, 19},
    {"H12_del", "GET /\x7F HTTP/1.1\r\n\r\n", State::Malformed, 5},
    {"H12_vertical_tab", "GET /\x0B HTTP/1.1\r\n\r\n", State::Malformed, 5},
    {"H18_blank_line_first", "\r\nGET / HTTP/1.1\r\n\r\n", State::Complete, 20},
    {"H18_blank_line_alone", "\r\n", State::NeedMore, 2},
    {"H18_two_blank_lines_first", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", State::Malformed, 2},
    {"smallest_after_a_blank_line", "\r\nx\r\n\r\n", State::Complete, 7},
    {"H19_tls_hello", "\x16\x03\x01\x02", State::Malformed, 0},
};

class HeadScanTable : public ::testing::TestWithParam<Case> {};

TEST_P(HeadScanTable, FindsTheEndOrTheFault) {
  const HeadScan scan = find_head_end(GetParam().bytes);
  EXPECT_EQ(scan.state, GetParam().state);
  EXPECT_EQ(scan.size, GetParam().size);
}

// Scans as a connection does: over ever longer prefixes, from where the last one said.
TEST_P(HeadScanTable, SaysTheSameByteByByte) {
  const std::string& bytes = GetParam().bytes;
  HeadScan scan;
  for (std::size_t size = 1; size <= bytes.size() && scan.state == State::NeedMore; ++size) {
    scan = find_head_end(std::string_view(bytes).substr(0, size), scan.size);
  }
  EXPECT_EQ(scan.state, GetParam().state);
  EXPECT_EQ(scan.size, GetParam().size);
}

INSTANTIATE_TEST_SUITE_P(Heads, HeadScanTable, ::testing::ValuesIn(kCases), [](const auto& info) {
  return std::string(info.param.name);
});

TEST(HeadScan, H12EveryControlByteIsAFaultWhereverItStands) {
  for (int c = 0; c < 256; ++c) {
    if ((c >= 0x20 && c != 0x7F) || c == '\t' || c == '\r') {
      continue;
    }
    for (const std::size_t at : {std::size_t{0}, std::size_t{4}, std::size_t{17}}) {
      std::string bytes = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
      bytes[at] = static_cast<char>(c);
      const HeadScan scan = find_head_end(bytes);
      EXPECT_EQ(scan.state, State::Malformed) << c << " at " << at;
      EXPECT_EQ(scan.size, at) << c;
    }
  }
}

TEST(HeadScan, MalformedBytesAre400AndLongOnes414Or431) {
  EXPECT_EQ(malformed_head().status, 400U);
  EXPECT_EQ(malformed_head().error.kind(), ErrorKind::InvalidRequest);
  EXPECT_EQ(oversized_head("GET /" + std::string(40'000, 'a')).status, 414U);
  EXPECT_EQ(oversized_head("GET / HTTP/1.1\r\na: " + std::string(40'000, 'a')).status, 431U);
}

}  // namespace
}  // namespace waybill::http
