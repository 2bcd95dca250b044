// Bodies without their framing (attacks.md H8, H20 to H26, E22, E23).

#include "waybill/http/body.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "replay.hpp"

namespace waybill::http {
namespace {

using Kind = Framing::Kind;
using test::Decoded;
using namespace std::string_literals;

constexpr Framing kChunked{Kind::Chunked, 0};

struct Case {
  std::string_view name;
  std::string bytes;
  std::string data;
  unsigned fault = 0;    // status; 0 where there is none
  std::size_t rest = 0;  // bytes after the end, not consumed
  bool whole = true;     // done
  Framing framing = kChunked;

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

Case good(std::string_view name, std::string bytes, std::string data, std::size_t rest = 0) {
  return {name, std::move(bytes), std::move(data), 0, rest};
}
Case bad(std::string_view name, std::string bytes, std::string data = "", unsigned fault = 400) {
  return {name, std::move(bytes), std::move(data), fault, 0, false};
}
Case cut(std::string_view name, std::string bytes, std::string data = "") {
  return {name, std::move(bytes), std::move(data), 0, 0, false};
}

const std::vector<Case> kChunks{
    good("H26_empty", "0\r\n\r\n", ""),
    good("one", "5\r\nhello\r\n0\r\n\r\n", "hello"),
    good("two", "5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", "hello!"),
    good("next_message_stays", "1\r\na\r\n0\r\n\r\nGET /", "a", 5),
    good("upper_and_lower_hex",
         "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n",
         "01234567890123456789"),
    good("leading_zeros", "00000000000000001\r\na\r\n00\r\n\r\n", "a"),
    good("H21_extension", "1;a=b\r\nx\r\n0;last\r\n\r\n", "x"),
    good("H21_extension_quoted", "1;a=\"b;\\\"c\"\r\nx\r\n0\r\n\r\n", "x"),
    good("H21_extension_blanks", "1 ; a = b ; c\r\nx\r\n0\r\n\r\n", "x"),
    good("H24_trailers_are_dropped",
         "1\r\na\r\n0\r\nAuthorization: x\r\nHost: y\r\nContent-Length: 9\r\n\r\n",
         "a"),
    bad("H20_hex_prefix", "0x5\r\nhello\r\n"),
    bad("H20_plus", "+5\r\nhello\r\n"),
    bad("H20_minus", "-5\r\nhello\r\n"),
    bad("H20_underscore", "0_5\r\nhello\r\n"),
    bad("H20_leading_blank", " 5\r\nhello\r\n"),
    bad("H20_trailing_blank", "5 \r\nhello\r\n"),
    bad("H20_empty", "\r\nhello\r\n"),
    bad("H20_17_digits", "10000000000000005\r\nhello\r\n"),
    bad("H20_33_digits", std::string(32, '0') + "5\r\nhello\r\n"),
    bad("H20_2_to_the_63", "8000000000000000\r\n"),
    bad("H20_2_to_the_64", "ffffffffffffffff\r\n"),
    bad("H8_larger_than_the_limit", "2000001\r\n", "", 413),
    bad("H9_bare_lf_after_the_size", "5\nhello\r\n"),
    bad("H9_bare_lf_after_the_data", "5\r\nhello\n0\r\n\r\n", "hello"),
    bad("H9_bare_lf_at_the_end", "0\r\n\n"),
    bad("H10_cr_cr_lf", "5\r\r\nhello\r\n"),
    bad("H21_no_name", "1;\r\na\r\n"),
    bad("H21_no_value", "1;a=\r\na\r\n"),
    bad("H21_name_then_blank", "1;a \r\nx\r\n"),
    bad("H21_two_names", "1;a b\r\na\r\n"),
    bad("H21_value_without_semicolon", "1=a\r\na\r\n"),
    bad("H21_nul", "1;a\0\r\na\r\n"s),
    bad("H21_lf", "1;a\n\r\na\r\n"),
    bad("H21_cr", "1;a\rb\r\na\r\n"),
    bad("H21_open_quote", "1;a=\"b\r\nx\r\n"),
    bad("H21_text_after_the_quote", "1;a=\"b\"c\r\nx\r\n"),
    bad("H21_5_kB", "1;a=" + std::string(5'000, 'b') + "\r\nx\r\n"),
    bad("H22_longer_than_the_size", "3\r\nhello\r\n0\r\n\r\n", "hel"),
    bad("H22_shorter_than_the_size", "6\r\nhello\r\n0\r\n\r\n", "hello\r"),
    bad("H22_other_end", "5\r\nhelloXX0\r\n\r\n", "hello"),
    bad("H24_fold_in_the_trailers", "0\r\nA: b\r\n c\r\n\r\n"),
    bad("H24_blank_before_the_colon", "0\r\nA : b\r\n\r\n"),
    bad("H24_nul_in_a_trailer", "0\r\nA: \0\r\n\r\n"s),
    bad("H24_no_name", "0\r\n: b\r\n\r\n"),
    bad("H25_long_trailer", "0\r\nA: " + std::string(9'000, 'a') + "\r\n\r\n", "", 431),
    cut("E22_in_the_size", "5"),
    cut("E22_in_the_data", "5\r\nhel", "hel"),
    cut("E22_after_the_data", "5\r\nhello\r\n", "hello"),
    cut("E22_no_last_blank_line", "5\r\nhello\r\n0\r\n", "hello"),
    cut("E22_no_last_lf", "5\r\nhello\r\n0\r\n\r", "hello"),
    cut("E22_in_a_trailer", "0\r\nA: b"),
};

const std::vector<Case> kLengths{
    {"none", "GET /", "", 0, 5, true, {Kind::None, 0}},
    {"exact", "hello", "hello", 0, 0, true, {Kind::Length, 5}},
    {"E23_more_than_declared", "hello!", "hello", 0, 1, true, {Kind::Length, 5}},
    {"E23_less_than_declared", "hel", "hel", 0, 0, false, {Kind::Length, 5}},
    {"H8_above_the_limit", "", "", 413, 0, false, {Kind::Length, 40'000'000}},
    {"until_close", "hello", "hello", 0, 0, false, {Kind::UntilClose, 0}},
};

class BodyTable : public ::testing::TestWithParam<Case> {
 protected:
  static void check(const Decoded& decoded) {
    EXPECT_EQ(decoded.data, GetParam().data);
    EXPECT_EQ(decoded.fault, GetParam().fault);
    EXPECT_EQ(decoded.done, GetParam().whole);
    if (GetParam().whole) {
      EXPECT_EQ(GetParam().bytes.size() - decoded.consumed, GetParam().rest);
    }
  }
};

TEST_P(BodyTable, IsDecodedOrRefusedWhole) {
  check(test::decode_body(GetParam().framing, {GetParam().bytes}));
}

TEST_P(BodyTable, IsDecodedOrRefusedByteByByte) {
  check(test::decode_body(GetParam().framing, test::by_bytes(GetParam().bytes)));
}

TEST_P(BodyTable, IsDecodedOrRefusedHoweverItIsSplit) {
  std::mt19937 random(7);
  for (int i = 0; i < 20; ++i) {
    check(test::decode_body(GetParam().framing, test::randomly(GetParam().bytes, random)));
  }
}

const auto kName = [](const auto& info) { return std::string(info.param.name); };
INSTANTIATE_TEST_SUITE_P(Chunks, BodyTable, ::testing::ValuesIn(kChunks), kName);
INSTANTIATE_TEST_SUITE_P(Lengths, BodyTable, ::testing::ValuesIn(kLengths), kName);

TEST(BodyDecoder, OnlyAnEndedOrCloseDelimitedBodyMayEndWithTheConnection) {
  for (const auto& [framing, clean] :
       std::vector<std::pair<Framing, bool>>{{{Kind::None, 0}, true},
                                             {{Kind::Length, 0}, true},
                                             {{Kind::Length, 1}, false},
                                             {{Kind::Chunked, 0}, false},
                                             {{Kind::UntilClose, 0}, true}}) {
    EXPECT_EQ(BodyDecoder(framing).at_clean_end(), clean);
  }
}

TEST(BodyDecoder, H23CutsOffBodiesThatAreMostlyFraming) {
  std::string chunks;
  for (int i = 0; i < 100'000; ++i) {
    chunks += "1\r\na\r\n";
  }
  const Decoded decoded = test::decode_body(kChunked, {chunks});
  EXPECT_EQ(decoded.fault, 413U);
  EXPECT_GE(decoded.data.size(), 60'000U);
  EXPECT_EQ(test::decode_body(kChunked, test::by_bytes(chunks)).data, decoded.data);
}

TEST(BodyDecoder, H23TakesChunksOfTwoBytes) {
  std::string chunks;
  for (int i = 0; i < 100'000; ++i) {
    chunks += "2\r\nab\r\n";
  }
  EXPECT_TRUE(test::decode_body(kChunked, {chunks + "0\r\n\r\n"}).done);
}

TEST(BodyDecoder, H25CountsTrailerFields) {
  const auto trailers = [](int count) {
    std::string out = "0\r\n";
    for (int i = 0; i < count; ++i) {
      out += "A:b\r\n";
    }
    return out + "\r\n";
  };
  EXPECT_TRUE(test::decode_body(kChunked, {trailers(100)}).done);
  EXPECT_EQ(test::decode_body(kChunked, {trailers(101)}).fault, 431U);
  EXPECT_EQ(test::decode_body(kChunked, {trailers(50'000)}).fault, 431U);
}

TEST(BodyDecoder, H21ExtensionsAreCountedOverTheWholeBody) {
  std::string chunks;
  for (int i = 0; i < 100; ++i) {
    chunks += "1;a=" + std::string(50, 'b') + "\r\nx\r\n";
  }
  EXPECT_EQ(test::decode_body(kChunked, {chunks}).fault, 400U);
}

TEST(BodyDecoder, TheLimitIsExactHoweverTheBodyIsFramedAndSplit) {
  BodyLimits limits;
  limits.max_body = 5;
  for (const auto& pieces : {std::vector<std::string>{"hello!"}, test::by_bytes("hello!")}) {
    const Decoded decoded = test::decode_body({Kind::UntilClose, 0}, pieces, limits);
    EXPECT_EQ(decoded.data, "hello");
    EXPECT_EQ(decoded.fault, 413U);
  }
  EXPECT_EQ(test::decode_body({Kind::UntilClose, 0}, {"hello"}, limits).fault, 0U);
  EXPECT_EQ(test::decode_body({Kind::Length, 6}, {"hello!"}, limits).fault, 413U);
  EXPECT_TRUE(test::decode_body({Kind::Length, 5}, {"hello"}, limits).done);
  EXPECT_TRUE(test::decode_body(kChunked, {"5\r\nhello\r\n0\r\n\r\n"}, limits).done);
  EXPECT_EQ(test::decode_body(kChunked, {"3\r\nhel\r\n3\r\n"}, limits).fault, 413U);
}

TEST(BodyDecoder, CountsThePayload) {
  BodyDecoder decoder(kChunked);
  const auto step = decoder.feed("5\r\nhello");
  EXPECT_EQ(step.data, "hello");
  EXPECT_EQ(step.state, BodyDecoder::State::Data);
  EXPECT_EQ(decoder.received(), 5U);
}

}  // namespace
}  // namespace waybill::http
