// Heads that we write, chunk headers and dates.

#include "waybill/http/message.hpp"

#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/http/head.hpp"

namespace waybill::http {
namespace {

using namespace std::string_literals;

TEST(HeadWriter, WritesAResponseThatReadsBackAsItself) {
  std::string out = "before";
  HeadWriter head = HeadWriter::response(out, 404);
  head.add(Field::content_type, "application/json").add_content_length(12).add("X-A", "");
  ASSERT_TRUE(head.finish());
  EXPECT_EQ(out,
            "beforeHTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
            "Content-Length: 12\r\nX-A: \r\n\r\n");
  const auto parsed = parse_response_head(out.substr(6), Verb::post);
  const auto* const response = std::get_if<ResponseHead>(&parsed);
  ASSERT_NE(response, nullptr);
  EXPECT_EQ(response->status, 404U);
  EXPECT_EQ(response->framing, (Framing{Framing::Kind::Length, 12}));
}

TEST(HeadWriter, WritesARequestThatReadsBackAsItself) {
  std::string out;
  HeadWriter head = HeadWriter::request(out, "POST", "/v1/chat?a=b", "[::1]:8080");
  head.add_chunked();
  ASSERT_TRUE(head.finish());
  const auto parsed = parse_request_head(out);
  const auto* const request = std::get_if<RequestHead>(&parsed);
  ASSERT_NE(request, nullptr);
  EXPECT_EQ(request->method, Verb::post);
  EXPECT_EQ(request->path, "/v1/chat");
  EXPECT_EQ(request->query, "a=b");
  EXPECT_EQ(request->header(Field::host), "[::1]:8080");
  EXPECT_EQ(request->framing.kind, Framing::Kind::Chunked);
}

struct Injection {
  std::string_view name;
  std::string field;
  std::string value;

  friend void PrintTo(const Injection& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Injection> kInjections{
    {"C14_crlf_in_the_value", "X-A", "b\r\nSet-Cookie: x"},
    {"C14_lf_in_the_value", "X-A", "b\nSet-Cookie: x"},
    {"C14_cr_in_the_value", "X-A", "b\rc"},
    {"C14_nul_in_the_value", "X-A", "b\0"s},
    {"C14_del_in_the_value", "X-A", "\x7F"},
    {"C14_leading_blank", "X-A", " b"},
    {"C14_trailing_tab", "X-A", "b\t"},
    {"C14_empty_name", "", "b"},
    {"C14_colon_in_the_name", "X:A", "b"},
    {"C14_blank_in_the_name", "X A", "b"},
    {"C14_crlf_in_the_name", "X\r\nY", "b"},
    {"C14_no_ascii_in_the_name", "\xC3\xA9", "b"},
};

class Injections : public ::testing::TestWithParam<Injection> {};

TEST_P(Injections, AreRefusedAndEverythingWrittenIsTakenBack) {
  std::string out = "before";
  HeadWriter head = HeadWriter::response(out, 200);
  head.add("X-Good", "1").add(GetParam().field, GetParam().value).add("X-Late", "2");
  const auto done = head.finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().kind(), ErrorKind::Internal);
  EXPECT_EQ(done.error().code(), "invalid_header");
  EXPECT_EQ(out, "before");
}

INSTANTIATE_TEST_SUITE_P(HeadWriter,
                         Injections,
                         ::testing::ValuesIn(kInjections),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(HeadWriter, C14RefusesTargetsMethodsAndHostsThatStartAnotherLine) {
  const std::vector<std::array<std::string, 3>> cases{
      {"GET", "/a b", "h"},      {"GET", "/a\r\nX: y", "h"}, {"GET", "", "h"},
      {"GET", "/\xC3\xA9", "h"}, {"GE T", "/", "h"},         {"", "/", "h"},
      {"GET", "/", "h\r\nX: y"},
  };
  for (const auto& [method, target, host] : cases) {
    std::string out = "before";
    HeadWriter head = HeadWriter::request(out, method, target, host);
    EXPECT_FALSE(head.finish()) << method << ' ' << target << ' ' << host;
    EXPECT_EQ(out, "before");
  }
}

TEST(HeadWriter, PassesObsTextAndInnerTabs) {
  EXPECT_TRUE(is_field_value("a\tb \xC3\xA9"));
  EXPECT_TRUE(is_field_value(""));
  EXPECT_FALSE(is_field_value("\x01"));
  EXPECT_TRUE(is_token("X-Request_Id.1~"));
  EXPECT_FALSE(is_token(""));
}

TEST(ReasonPhrase, IsTheRegisteredOneOrUnknown) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(429), "Too Many Requests");
  EXPECT_EQ(reason_phrase(555), "Unknown");
}

TEST(ChunkHeader, IsHexadecimalAndReadsBack) {
  for (const auto& [size, text] : std::vector<std::pair<std::size_t, std::string>>{
           {1, "1\r\n"},
           {31, "1f\r\n"},
           {65'536, "10000\r\n"},
           {~std::size_t{0}, "ffffffffffffffff\r\n"}}) {
    std::string out;
    append_chunk_header(out, size);
    EXPECT_EQ(out, text);
    EXPECT_LE(out.size(), kMaxChunkHeader);
  }
}

TEST(DateCache, WritesTheDatesOfRfc9110) {
  using std::chrono::seconds;
  DateCache cache;
  EXPECT_EQ(cache.at(WallTime(seconds(784'111'777))), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(cache.at(WallTime(seconds(784'111'778))), "Sun, 06 Nov 1994 08:49:38 GMT");
  EXPECT_EQ(cache.at(WallTime(seconds(1'709'164'800))), "Thu, 29 Feb 2024 00:00:00 GMT");
  EXPECT_EQ(cache.at(WallTime(seconds(0))), "Thu, 01 Jan 1970 00:00:00 GMT");
}

}  // namespace
}  // namespace waybill::http
