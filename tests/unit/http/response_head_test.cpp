// Heads of answers from upstreams (attacks.md E22 to E27).

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/http/head.hpp"

namespace waybill::http {
namespace {

using Kind = Framing::Kind;

std::string answer(std::string_view line, std::string_view fields = "") {
  return std::string(line) + "\r\n" + std::string(fields) + "\r\n";
}

struct Case {
  std::string_view name;
  std::string head;
  bool taken = false;
  Framing framing{};
  Verb method = Verb::post;

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

const std::string kOk = "HTTP/1.1 200 OK";

const std::vector<Case> kCases{
    {"length", answer(kOk, "Content-Length: 3\r\n"), true, {Kind::Length, 3}},
    {"length_zero", answer(kOk, "Content-Length: 0\r\n"), true, {Kind::None}},
    {"chunked", answer(kOk, "Transfer-Encoding: Chunked\r\n"), true, {Kind::Chunked}},
    {"until_close", answer(kOk), true, {Kind::UntilClose}},
    {"no_reason", answer("HTTP/1.1 200"), true, {Kind::UntilClose}},
    {"blank_reason", answer("HTTP/1.1 200 "), true, {Kind::UntilClose}},
    {"http_1_0", answer("HTTP/1.0 200 OK"), true, {Kind::UntilClose}},
    {"status_204", answer("HTTP/1.1 204 No Content"), true, {Kind::None}},
    {"status_304", answer("HTTP/1.1 304 x", "Content-Length: 9\r\n"), true, {Kind::None}},
    {"head_has_no_body", answer(kOk, "Content-Length: 9\r\n"), true, {Kind::None}, Verb::head},
    {"E25_100", answer("HTTP/1.1 100 Continue"), true, {Kind::None}},
    {"E25_103", answer("HTTP/1.1 103 Early Hints", "Link: </a>\r\n"), true, {Kind::None}},
    {"E25_101_uninvited", answer("HTTP/1.1 101 Switching", "Upgrade: h2c\r\n")},
    {"E24_length_and_coding", answer(kOk, "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n")},
    {"E24_two_codings",
     answer(kOk, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")},
    {"E24_unknown_coding", answer(kOk, "Transfer-Encoding: gzip\r\n")},
    {"E24_odd_length", answer(kOk, "Content-Length: 3x\r\n")},
    {"E24_two_lengths", answer(kOk, "Content-Length: 3\r\nContent-Length: 4\r\n")},
    {"E24_odd_length_with_head", answer(kOk, "Content-Length: x\r\n"), false, {}, Verb::head},
    {"E24_chunked_in_1_0", answer("HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n")},
    {"E26_folded", answer(kOk, "A: b\r\n c\r\n")},
    {"E26_blank_before_the_colon", answer(kOk, "A : b\r\n")},
    {"E26_too_long", answer(kOk, "A: " + std::string(40'000, 'a') + "\r\n")},
    {"E27_status_000", answer("HTTP/1.1 000 x")},
    {"E27_status_099", answer("HTTP/1.1 099 x")},
    {"E27_status_600", answer("HTTP/1.1 600 x")},
    {"E27_status_999", answer("HTTP/1.1 999 x")},
    {"E27_status_20", answer("HTTP/1.1 20 x")},
    {"E27_status_2000", answer("HTTP/1.1 2000 x")},
    {"E27_status_2x0", answer("HTTP/1.1 2x0 x")},
    {"E27_http_2", answer("HTTP/2 200")},
    {"E27_http_1_2", answer("HTTP/1.2 200 OK")},
    {"E27_lower_case", answer("http/1.1 200 OK")},
    {"E27_two_blanks", answer("HTTP/1.1  200 OK")},
    {"E27_blank_line_first", "\r\n" + answer(kOk)},
    {"E27_ssh", answer("SSH-2.0-OpenSSH_9.2")},
    {"no_blank_line", "HTTP/1.1 200 OK\r\n"},
};

class ResponseHeadTable : public ::testing::TestWithParam<Case> {};

TEST_P(ResponseHeadTable, IsTakenWithItsFramingOrRefusedAs502) {
  const auto parsed = parse_response_head(GetParam().head, GetParam().method);
  if (const auto* const rejection = std::get_if<Rejection>(&parsed)) {
    EXPECT_FALSE(GetParam().taken) << rejection->error.detail();
    EXPECT_EQ(rejection->status, 502U);
    EXPECT_EQ(rejection->error.kind(), ErrorKind::UpstreamFailed);
    return;
  }
  ASSERT_TRUE(GetParam().taken);
  EXPECT_EQ(std::get<ResponseHead>(parsed).framing, GetParam().framing);
}

INSTANTIATE_TEST_SUITE_P(Answers,
                         ResponseHeadTable,
                         ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

bool stays(const std::string& head) {
  const auto parsed = parse_response_head(head, Verb::post);
  return std::get<ResponseHead>(parsed).keep_alive;
}

TEST(ResponseHead, SaysWhetherTheConnectionCanBeUsedAgain) {
  EXPECT_TRUE(stays(answer(kOk, "Content-Length: 3\r\n")));
  EXPECT_TRUE(stays(answer("HTTP/1.1 204 x")));
  EXPECT_FALSE(stays(answer(kOk)));
  EXPECT_FALSE(stays(answer(kOk, "Content-Length: 3\r\nConnection: Close\r\n")));
  EXPECT_FALSE(stays(answer("HTTP/1.0 200 OK", "Content-Length: 3\r\n")));
}

TEST(ResponseHead, E25InterimAnswersAreMarked) {
  for (const auto& [line, interim] : std::vector<std::pair<std::string, bool>>{
           {"HTTP/1.1 100 x", true}, {"HTTP/1.1 199 x", true}, {"HTTP/1.1 200 x", false}}) {
    const auto parsed = parse_response_head(answer(line), Verb::post);
    EXPECT_EQ(std::get<ResponseHead>(parsed).interim(), interim) << line;
  }
}

TEST(ResponseHead, E26CountsFieldsAgainstTheLimit) {
  std::string fields;
  for (int i = 0; i < 101; ++i) {
    fields += "A: b\r\n";
  }
  const auto parsed = parse_response_head(answer(kOk, fields), Verb::post);
  EXPECT_TRUE(std::holds_alternative<Rejection>(parsed));
}

}  // namespace
}  // namespace waybill::http
