// Heads of requests, checked strictly (attacks.md H1 to H35).

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "waybill/http/head.hpp"

namespace waybill::http {
namespace {

using Kind = Framing::Kind;

std::string get(std::string_view line, std::string_view fields = "Host: x\r\n") {
  return std::string(line) + "\r\n" + std::string(fields) + "\r\n";
}

std::string with(std::string_view fields) {
  return "POST /v1 HTTP/1.1\r\nHost: x\r\n" + std::string(fields) + "\r\n\r\n";
}

std::string with10(std::string_view fields) {
  return "POST /v1 HTTP/1.0\r\nHost: x\r\n" + std::string(fields) + "\r\n\r\n";
}

std::string host(std::string_view value) {
  return "GET / HTTP/1.1\r\nHost: " + std::string(value) + "\r\n\r\n";
}

std::string target(std::string_view value) {
  return get("GET " + std::string(value) + " HTTP/1.1");
}

std::string many_fields(std::size_t count) {
  std::string out = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (std::size_t i = 1; i < count; ++i) {
    out += "A: b\r\n";
  }
  return out + "\r\n";
}

struct Case {
  std::string_view name;
  std::string head;
  unsigned status = 0;  // of the refusal; 0 where the head is fine

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

const std::vector<Case> kFraming{
    {"H1_length_then_chunked", with("Content-Length: 5\r\nTransfer-Encoding: chunked"), 400},
    {"H1_chunked_then_length", with("Transfer-Encoding: chunked\r\nContent-Length: 5"), 400},
    {"H2_chunked", with("Transfer-Encoding: chunked")},
    {"H2_case", with("tRANSFER-eNCODING: cHUNKED")},
    {"H2_blanks_around", with("Transfer-Encoding: \t chunked \t")},
    {"H2_xchunked", with("Transfer-Encoding: xchunked"), 501},
    {"H2_parameter", with("Transfer-Encoding: chunked;q=1"), 400},
    {"H2_quoted", with("Transfer-Encoding: \"chunked\""), 400},
    {"H2_vertical_tab", with("Transfer-Encoding: chunked\x0B"), 400},
    {"H2_nbsp", with("Transfer-Encoding: chunked\xA0"), 400},
    {"H2_nel",
     with("Transfer-Encoding: \x85"
          "chunked"),
     400},
    {"H2_blank_before_the_colon", with("Transfer-Encoding : chunked"), 400},
    {"H2_tab_before_the_colon", with("Transfer-Encoding\t: chunked"), 400},
    {"H2_leading_blank", with(" Transfer-Encoding: chunked"), 400},
    {"H2_underscore_is_another_field", with("Transfer_Encoding: chunked")},
    {"H2_folded", with("Transfer-Encoding:\r\n chunked"), 400},
    {"H2_empty", with("Transfer-Encoding:"), 400},
    {"H3_identity", with("Transfer-Encoding: identity"), 501},
    {"H3_gzip_chunked", with("Transfer-Encoding: gzip, chunked"), 400},
    {"H3_chunked_gzip", with("Transfer-Encoding: chunked, gzip"), 400},
    {"H3_chunked_twice", with("Transfer-Encoding: chunked, chunked"), 400},
    {"H3_leading_comma", with("Transfer-Encoding: ,chunked"), 400},
    {"H3_two_lines", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), 400},
    {"H4_chunked_in_1_0", with10("Transfer-Encoding: chunked"), 400},
    {"H5_two_lengths", with("Content-Length: 5\r\nContent-Length: 6"), 400},
    {"H6_equal_lengths", with("Content-Length: 5\r\nContent-Length: 5"), 400},
    {"H6_list", with("Content-Length: 5, 5"), 400},
    {"H7_zero", with("Content-Length: 0")},
    {"H7_plus", with("Content-Length: +5"), 400},
    {"H7_minus", with("Content-Length: -5"), 400},
    {"H7_hex", with("Content-Length: 0x5"), 400},
    {"H7_fraction", with("Content-Length: 5.0"), 400},
    {"H7_underscore", with("Content-Length: 1_0"), 400},
    {"H7_exponent", with("Content-Length: 5e0"), 400},
    {"H7_empty", with("Content-Length:"), 400},
    {"H7_comma", with("Content-Length: 5,"), 400},
    {"H7_inner_blank", with("Content-Length: 1 0"), 400},
    {"H7_nbsp",
     with("Content-Length: \xC2\xA0"
          "5"),
     400},
    {"H7_arabic_digit", with("Content-Length: \xD9\xA5"), 400},
    {"H7_largest", with("Content-Length: 9223372036854775807")},
    {"H7_2_to_the_63", with("Content-Length: 9223372036854775808"), 400},
    {"H7_2_to_the_64", with("Content-Length: 18446744073709551616"), 400},
    {"H7_2_to_the_64_and_5", with("Content-Length: 18446744073709551621"), 400},
};

const std::vector<Case> kFields{
    {"H11_fold_with_blank", with("A: b\r\n c"), 400},
    {"H11_fold_with_tab", with("A: b\r\n\tc"), 400},
    {"H11_fold_of_the_first_field", "GET / HTTP/1.1\r\n Host: x\r\n\r\n", 400},
    {"H13_odd_name", with("A(b): c"), 400},
    {"H13_empty_name", with(": c"), 400},
    {"H13_no_colon", with("Abc"), 400},
    {"H13_blank_before_the_colon", with("A : b"), 400},
    {"H13_obs_text_in_the_value", with("A: \xC3\xA9")},
    {"H14_no_host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"H14_no_host_in_1_0", "GET / HTTP/1.0\r\n\r\n"},
    {"H14_two_hosts", with("Host: x"), 400},
    {"H14_two_hosts_in_1_0", with10("Host: y"), 400},
    {"H14_empty", host(""), 400},
    {"H14_name", host("api.example")},
    {"H14_port", host("api.example:8080")},
    {"H14_ipv6", host("[::1]:8080")},
    {"H14_path", host("x/y"), 400},
    {"H14_userinfo", host("u@x"), 400},
    {"H14_fragment", host("x#y"), 400},
    {"H14_odd_port", host("x:80a"), 400},
    {"H14_port_65536", host("x:65536"), 400},
    {"H14_empty_port", host("x:")},
    {"H14_sub_delimiters", host("0.0.0.0=5000")},
    {"H14_empty_label", host("a..b"), 400},
    {"H14_last_dot", host("a.b.")},
    {"H14_only_a_dot", host("."), 400},
    {"H14_two_ports", host("x:80:80"), 400},
    {"H14_only_a_port", host(":80"), 400},
    {"H14_only_a_colon", host(":"), 400},
    {"H14_percent", host("x%41"), 400},
    {"H14_list_without_a_blank", host("x,y"), 400},
    {"H14_obs_text", host("\xFFx"), 400},
    {"H14_name_after_brackets", host("[::1]x"), 400},
    {"H14_open_bracket", host("[::1"), 400},
    {"H14_closed_bracket", host("::1]"), 400},
    {"H14_list", host("x, y"), 400},
    {"H14_blank", host("x y"), 400},
    {"H27_100_fields", many_fields(100)},
    {"H27_101_fields", many_fields(101), 431},
    {"H27_a_long_field", with("A: " + std::string(40'000, 'a')), 431},
    {"H28_expect", with("Expect: 100-Continue")},
    {"H28_unknown_expectation", with("Expect: 200-ok"), 417},
    {"H28_two_expectations", with("Expect: 100-continue\r\nExpect: 100-continue"), 417},
    {"H31_upgrade_is_ignored", with("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c")},
    {"H32_hop_by_hop_authorization", with("Connection: Authorization\r\nAuthorization: a")},
    {"H35_two_keys", with("Authorization: Bearer a\r\nAuthorization: Bearer b"), 400},
    {"H35_the_same_key_twice", with("Authorization: Bearer a\r\nauthorization: Bearer a")},
    {"H35_two_api_keys", with("x-api-key: a\r\nX-Api-Key: b"), 400},
};

const std::vector<Case> kLines{
    {"plain", target("/")},
    {"H15_absolute", target("http://x/v1")},
    {"H15_absolute_without_a_path", target("http://x")},
    {"H15_absolute_with_only_a_query", target("http://x?a")},
    {"H15_absolute_of_another_host", target("http://y/v1"), 400},
    {"H15_absolute_of_another_port", target("http://x:80/v1"), 400},
    {"H15_absolute_with_userinfo", target("http://u@x/"), 400},
    {"H15_another_scheme", target("ftp://x/"), 400},
    {"H16_connect", "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", 405},
    {"H16_connect_path", "CONNECT /x:1 HTTP/1.1\r\nHost: x:443\r\n\r\n", 400},
    {"H16_connect_no_port", "CONNECT x HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"H16_connect_empty_port", "CONNECT x: HTTP/1.1\r\nHost: x\r\n\r\n", 400},
    {"H16_connect_url", "CONNECT http://x:1/ HTTP/1.1\r\nHost: x:1\r\n\r\n", 400},
    {"H16_asterisk", get("GET * HTTP/1.1"), 400},
    {"H16_options_asterisk", get("OPTIONS * HTTP/1.1")},
    {"H16_unknown_method_stays_in_sync", get("BREW / HTTP/1.1")},
    {"H16_method_with_odd_letter", get("G(T / HTTP/1.1"), 400},
    {"H17_fragment", target("/a#b"), 400},
    {"H17_raw_utf8", target("/\xC3\xA9"), 400},
    {"H17_backslash", target("/a\\b"), 400},
    {"H17_half_an_escape", target("/a%2"), 400},
    {"H17_no_escape", target("/a%zz"), 400},
    {"H17_escape_at_the_end", target("/a%41")},
    {"H17_quote", target("/a\"b"), 400},
    {"H17_no_slash", target("a"), 400},
    {"H17_blank", target("/a b"), 400},
    {"H17_dots_pass_to_the_router", target("/../%2e%2e//;a")},
    {"H17_16_kB", target("/" + std::string(16'383, 'a'))},
    {"H17_16_kB_and_one", target("/" + std::string(16'384, 'a')), 414},
    {"H18_one_blank_line_first", "\r\n" + get("GET / HTTP/1.1")},
    {"H18_two_blank_lines_first", "\r\n\r\n" + get("GET / HTTP/1.1"), 400},
    {"H18_0_9", "GET /\r\n\r\n", 400},
    {"H18_1_2", get("GET / HTTP/1.2"), 505},
    {"H18_2_0", get("PRI * HTTP/2.0", ""), 505},
    {"H18_lower_case", get("GET / http/1.1"), 400},
    {"H18_rtsp", get("GET / RTSP/1.0"), 400},
    {"H18_two_digits", get("GET / HTTP/1.10"), 400},
    {"H18_blank_after", get("GET / HTTP/1.1 "), 400},
    {"H18_two_blanks", get("GET  / HTTP/1.1"), 400},
    {"H18_tab", get("GET\t/ HTTP/1.1"), 400},
    {"H18_blank_before", get(" GET / HTTP/1.1"), 400},
    {"no_target", get("GET HTTP/1.1"), 400},
};

class RequestHeadTable : public ::testing::TestWithParam<Case> {};

TEST_P(RequestHeadTable, IsTakenOrRefusedWithItsStatus) {
  const auto parsed = parse_request_head(GetParam().head);
  const auto* const rejection = std::get_if<Rejection>(&parsed);
  EXPECT_EQ(rejection == nullptr ? 0 : rejection->status, GetParam().status)
      << (rejection == nullptr ? "" : rejection->error.detail());
  if (rejection != nullptr) {
    EXPECT_EQ(rejection->error.kind(), ErrorKind::InvalidRequest);
  }
}

const auto kName = [](const auto& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(Framing, RequestHeadTable, ::testing::ValuesIn(kFraming), kName);
INSTANTIATE_TEST_SUITE_P(Fields, RequestHeadTable, ::testing::ValuesIn(kFields), kName);
INSTANTIATE_TEST_SUITE_P(Lines, RequestHeadTable, ::testing::ValuesIn(kLines), kName);

RequestHead parsed(const std::string& head) {
  auto result = parse_request_head(head);
  EXPECT_TRUE(std::holds_alternative<RequestHead>(result)) << head;
  auto* const request = std::get_if<RequestHead>(&result);
  return request == nullptr ? RequestHead{} : std::move(*request);
}

TEST(RequestHead, SaysWhereTheBodyEnds) {
  EXPECT_EQ(parsed(with("A: b")).framing, Framing{});
  EXPECT_EQ(parsed(with("Content-Length: 0")).framing, Framing{});
  EXPECT_EQ(parsed(with("Content-Length: 007")).framing, (Framing{Kind::Length, 7}));
  EXPECT_EQ(parsed(with("Transfer-Encoding: chunked")).framing.kind, Kind::Chunked);
  EXPECT_EQ(parsed(with10("Content-Length: 7")).framing, (Framing{Kind::Length, 7}));
}

TEST(RequestHead, SplitsTheTargetAtTheFirstQuestionMark) {
  const RequestHead plain = parsed(target("/a%2Fb?c=d?e"));
  EXPECT_EQ(plain.path, "/a%2Fb");
  EXPECT_EQ(plain.query, "c=d?e");
  const RequestHead absolute = parsed(target("HTTP://X/v1?q"));
  EXPECT_EQ(absolute.path, "/v1");
  EXPECT_EQ(absolute.query, "q");
  const RequestHead bare = parsed(target("http://x?q"));
  EXPECT_EQ(bare.path, "/");
  EXPECT_EQ(bare.query, "q");
}

TEST(RequestHead, H29SaysWhetherTheConnectionStays) {
  EXPECT_TRUE(parsed(with("A: b")).keep_alive);
  EXPECT_FALSE(parsed(with("Connection: close")).keep_alive);
  EXPECT_FALSE(parsed(with("Connection: x , CLOSE")).keep_alive);
  EXPECT_FALSE(parsed(with("Connection: x\r\nConnection: close")).keep_alive);
  EXPECT_TRUE(parsed(with("Connection: closed")).keep_alive);
  EXPECT_FALSE(parsed(with10("Connection: keep-alive")).keep_alive);
}

TEST(RequestHead, H28ExpectationsCountInHttp11Only) {
  EXPECT_TRUE(parsed(with("Expect: 100-continue")).expects_continue);
  EXPECT_FALSE(parsed(with10("Expect: 100-continue")).expects_continue);
}

TEST(RequestHead, GivesFieldsByNameWithoutTheirBlanks) {
  const RequestHead head = parsed(with("X-Title: \t a b \t\r\nx-title: second\r\nX-Empty:"));
  EXPECT_EQ(head.header("x-tItle"), "a b");
  EXPECT_EQ(head.header("X-Empty"), "");
  EXPECT_EQ(head.header("X-None"), "");
  EXPECT_EQ(head.header(Field::host), "x");
}

TEST(RequestHead, H16MethodsThatNoResourceHasAre405Or501) {
  EXPECT_EQ(refused_method(Verb::trace), 405U);
  EXPECT_EQ(refused_method(Verb::unknown), 501U);
  EXPECT_EQ(refused_method(Verb::propfind), 501U);
  for (const Verb method :
       {Verb::get, Verb::head, Verb::post, Verb::put, Verb::patch, Verb::delete_, Verb::options}) {
    EXPECT_EQ(refused_method(method), std::nullopt);
  }
}

TEST(RequestHead, NeverRepeatsTheKeyInARefusal) {
  const auto result = parse_request_head(with("Authorization: canary\r\nAuthorization: other"));
  const auto& rejection = std::get<Rejection>(result);
  EXPECT_EQ(rejection.error.code(), "ambiguous_credentials");
  EXPECT_EQ(std::string(rejection.error.detail()).find("canary"), std::string::npos);
}

}  // namespace
}  // namespace waybill::http
