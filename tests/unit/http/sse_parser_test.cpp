// Event streams (attacks.md E1 to E12).

#include "waybill/http/sse_parser.hpp"

#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "replay.hpp"

namespace waybill::http {
namespace {

using test::Events;
using test::parse_events;
using ::testing::ElementsAre;

struct Case {
  std::string_view name;
  std::string bytes;
  std::vector<std::string> events;  // "type|data", ":comment"
  std::optional<std::string> unterminated{};

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Case> kCases{
    {"nothing", "", {}, {}},
    {"E1_lf", "data: a\n\ndata: b\n\n", {"|a", "|b"}, {}},
    {"E1_crlf", "data: a\r\n\r\ndata: b\r\n\r\n", {"|a", "|b"}, {}},
    {"E1_cr", "data: a\r\rdata: b\r\r", {"|a", "|b"}, {}},
    {"E1_mixed",
     "data: a\r\n\ndata: b\n\r\ndata: c\r\rdata: d\r\n\r",
     {"|a", "|b", "|c", "|d"},
     {}},
    {"E1_cr_then_lf_of_the_next", "data: a\r\n\r\n\ndata: b\n\n", {"|a", "|b"}, {}},
    {"E2_bom",
     "\xEF\xBB\xBF"
     "data: a\n\n",
     {"|a"},
     {}},
    {"E2_half_a_bom_is_a_field",
     "\xEF\xBB"
     "data: a\n\ndata: b\n\n",
     {"|b"},
     {}},
    {"E2_two_boms",
     "\xEF\xBB\xBF\xEF\xBB\xBF"
     "data: a\n\ndata: b\n\n",
     {"|b"},
     {}},
    {"E2_later_bom_is_data",
     "data: \xEF\xBB\xBF"
     "a\n\n",
     {"|\xEF\xBB\xBF"
      "a"},
     {}},
    {"E3_lines_are_joined", "data: a\ndata: b\n\n", {"|a\nb"}, {}},
    {"E3_three_lines", "data:a\ndata:\ndata:c\n\n", {"|a\n\nc"}, {}},
    {"E3_no_blank", "data:a\n\n", {"|a"}, {}},
    {"E3_one_blank_goes", "data:  a \n\n", {"| a "}, {}},
    {"E3_no_colon", "data\n\n", {"|"}, {}},
    {"E3_no_colon_twice", "data\ndata\n\n", {"|\n"}, {}},
    {"E3_colons_in_the_value", "data: a: b\n\n", {"|a: b"}, {}},
    {"E3_unknown_fields", "id: 1\nretry: 5\nfoo: x\ndata: a\nDATA: b\n data: c\n\n", {"|a"}, {}},
    {"E3_no_data_no_event", "event: x\n\ndata: a\n\n", {"|a"}, {}},
    {"E4_comments", ": hi\n:\ndata: a\n:mid\ndata: b\n\n", {": hi", ":", ":mid", "|a\nb"}, {}},
    {"E5_type", "event: delta\ndata: a\n\ndata: b\n\n", {"delta|a", "|b"}, {}},
    {"E5_last_type_wins", "event: a\nevent: b\ndata: c\n\n", {"b|c"}, {}},
    {"E9_no_blank_line", "data: a\n\ndata: [DONE]\n", {"|a"}, "|[DONE]"},
    {"E9_no_line_end", "data: a\n\ndata: [DONE]", {"|a"}, "|[DONE]"},
    {"E9_type_without_data", "event: x\n", {}, {}},
    {"E9_half_a_name", "dat", {}, {}},
    {"E10_any_bytes", "data: \xF0\x9F\x98\x80\xFF\n\n", {"|\xF0\x9F\x98\x80\xFF"}, {}},
    {"E12_nul_is_data", std::string("data: a\0b\n\n", 11), {std::string("|a\0b", 4)}, {}},
    {"E13_blank_lines", "\n\n\r\n\r\r\ndata: a\n\n\n\n", {"|a"}, {}},
};

class SseTable : public ::testing::TestWithParam<Case> {
 protected:
  static void check(const test::Pieces& pieces) {
    const Events events = parse_events(pieces, {.comments = SseParser::Comments::Report});
    EXPECT_EQ(events.all, GetParam().events);
    EXPECT_EQ(events.unterminated, GetParam().unterminated);
    EXPECT_FALSE(events.failed);
  }
};

TEST_P(SseTable, IsReadWhole) {
  check({GetParam().bytes});
}

TEST_P(SseTable, IsReadByteByByte) {
  check(test::by_bytes(GetParam().bytes));
}

TEST_P(SseTable, E1IsReadCutAtEveryByte) {
  const std::string& bytes = GetParam().bytes;
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    check({bytes.substr(0, cut), bytes.substr(cut)});
  }
}

INSTANTIATE_TEST_SUITE_P(Streams, SseTable, ::testing::ValuesIn(kCases), [](const auto& info) {
  return std::string(info.param.name);
});

TEST(SseParser, SkipsCommentsUnlessAskedForThem) {
  EXPECT_THAT(parse_events({": a\ndata: b\n\n: c\n"}).all, ElementsAre("|b"));
}

TEST(SseParser, E12ALineWithoutAnEndFailsAtTheLimitAndForEver) {
  const SseParser::Options options{.max_event_bytes = 100};
  for (const auto& pieces : {test::Pieces{"data: ok\n\ndata: " + std::string(200, 'a')},
                             test::by_bytes("data: ok\n\ndata: " + std::string(200, 'a'))}) {
    SseParser parser(options);
    std::size_t events = 0;
    for (const auto& piece : pieces) {
      parser.feed(piece);
      while (parser.next()) {
        ++events;
      }
    }
    EXPECT_EQ(events, 1U);
    ASSERT_TRUE(parser.error());
    EXPECT_EQ(parser.error()->code(), "event_too_large");
    EXPECT_EQ(parser.error()->kind(), ErrorKind::UpstreamFailed);
    parser.feed("\n\ndata: b\n\n");
    EXPECT_FALSE(parser.next());
    EXPECT_FALSE(parser.finish());
  }
}

TEST(SseParser, E12ManyDataLinesFailAtTheLimitToo) {
  std::string bytes;
  for (int i = 0; i < 50; ++i) {
    bytes += "data: aaaa\n";
  }
  const SseParser::Options options{.max_event_bytes = 100};
  const Events whole = parse_events({bytes}, options);
  EXPECT_TRUE(whole.failed);
  EXPECT_EQ(parse_events(test::by_bytes(bytes), options), whole);
}

TEST(SseParser, E12TheLimitIsOfOneEventNotOfTheStream) {
  std::string bytes;
  for (int i = 0; i < 1'000; ++i) {
    bytes += "data: aaaa\n\n";
  }
  EXPECT_EQ(parse_events({bytes}, {.max_event_bytes = 20}).all.size(), 1'000U);
}

TEST(SseParser, E12TakesAnEventOfEightMegabytesInPieces) {
  const std::string data(std::size_t{8} * 1024 * 1024 - 100, 'a');
  const std::string bytes = "data: " + data + "\n\n";
  test::Pieces pieces;
  for (std::size_t at = 0; at < bytes.size(); at += 16'384) {
    pieces.push_back(bytes.substr(at, 16'384));
  }
  const Events events = parse_events(pieces);
  ASSERT_EQ(events.all.size(), 1U);
  EXPECT_EQ(events.all[0].size(), data.size() + 1);
}

TEST(SseParser, E13ManyShortLinesInOneFeedTakeLinearTime) {
  // 2 MiB of lines that end in CR alone: no search may look past the line's end for
  // a LF that never comes.
  const std::string bytes(std::size_t{2} * 1024 * 1024, '\r');
  EXPECT_TRUE(parse_events({bytes}).all.empty());
}

TEST(SseParser, HandsOutViewsIntoTheCallersBytes) {
  const std::string bytes = "event: x\ndata: abc\n\n";
  SseParser parser;
  parser.feed(bytes);
  const auto event = parser.next();
  ASSERT_TRUE(event);
  EXPECT_EQ(event->data.data(), bytes.data() + 15);
}

}  // namespace
}  // namespace waybill::http
