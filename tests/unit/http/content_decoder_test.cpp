// Content codings within limits (attacks.md J13, E29).

#include "waybill/http/content_decoder.hpp"

#include <string>
#include <vector>

#include <zlib.h>
#include <zstd.h>

#include <gtest/gtest.h>

#include "replay.hpp"

namespace waybill::http {
namespace {

enum class Wrapper : int {
  Zlib = 15,
  Gzip = 31,
  Raw = -15,
};

std::string deflated(std::string_view text, Wrapper wrapper) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, static_cast<int>(wrapper), 9, Z_DEFAULT_STRATEGY),
            Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  std::string in(text);
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string gzipped(std::string_view text) {
  return deflated(text, Wrapper::Gzip);
}

std::string zstandard(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 19));
  return out;
}

// "hello" as one uncompressed meta-block, and the last, empty one (RFC 7932 §9.2).
const std::string kBrotliHello(
    "\x0B\x02\x80"
    "hello"
    "\x03",
    9);

struct Outcome {
  std::string out;
  std::string code{};  // "" where all went well

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome decode(ContentCoding coding, const test::Pieces& pieces, const DecodeLimits& limits = {}) {
  ContentDecoder decoder(coding, limits);
  Outcome outcome;
  for (const std::string& piece : pieces) {
    if (const auto fed = decoder.feed(piece, outcome.out); !fed) {
      outcome.code = fed.error().code();
      EXPECT_EQ(fed.error().kind(), ErrorKind::InvalidRequest);
      EXPECT_FALSE(decoder.feed("x", outcome.out));
      EXPECT_FALSE(decoder.finish());
      return outcome;
    }
  }
  if (const auto finished = decoder.finish(); !finished) {
    outcome.code = finished.error().code();
  }
  return outcome;
}

struct Case {
  std::string_view name;
  ContentCoding coding = ContentCoding::Gzip;
  std::string bytes;
  std::string out;
  std::string code;

  friend void PrintTo(const Case& self, std::ostream* os) { *os << self.name; }
};

std::string flipped(std::string bytes, std::size_t from_end) {
  bytes[bytes.size() - from_end] = static_cast<char>(bytes[bytes.size() - from_end] ^ 1);
  return bytes;
}

std::string shorter(std::string bytes) {
  bytes.pop_back();
  return bytes;
}

const std::vector<Case> kCases{
    {"identity", ContentCoding::Identity, "hello", "hello", ""},
    {"identity_of_nothing", ContentCoding::Identity, "", "", ""},
    {"gzip", ContentCoding::Gzip, gzipped("hello"), "hello", ""},
    {"gzip_of_nothing", ContentCoding::Gzip, gzipped(""), "", ""},
    {"deflate", ContentCoding::Deflate, deflated("hello", Wrapper::Zlib), "hello", ""},
    {"brotli", ContentCoding::Brotli, kBrotliHello, "hello", ""},
    {"zstd", ContentCoding::Zstd, zstandard("hello"), "hello", ""},
    {"J13_no_bytes_are_no_gzip", ContentCoding::Gzip, "", "", "content_malformed"},
    {"J13_no_bytes_are_no_zstd", ContentCoding::Zstd, "", "", "content_malformed"},
    {"J13_raw_deflate", ContentCoding::Deflate, deflated("hello", Wrapper::Raw), "",
     "content_malformed"},
    {"J13_gzip_as_deflate", ContentCoding::Deflate, gzipped("hello"), "", "content_malformed"},
    {"J13_plain_as_gzip", ContentCoding::Gzip, "{\"model\":\"m\"}", "", "content_malformed"},
    {"J13_plain_as_zstd", ContentCoding::Zstd, "{\"model\":\"m\"}", "", "content_malformed"},
    {"J13_gzip_cut_short", ContentCoding::Gzip, shorter(gzipped("hello")), "hello",
     "content_malformed"},
    {"J13_zstd_cut_short", ContentCoding::Zstd, shorter(zstandard("hello")), "",
     "content_malformed"},
    {"J13_brotli_cut_short", ContentCoding::Brotli, shorter(kBrotliHello), "hello",
     "content_malformed"},
    {"J13_bad_size_in_gzip", ContentCoding::Gzip, flipped(gzipped("hello"), 1), "hello",
     "content_malformed"},
    {"J13_bad_checksum_in_gzip", ContentCoding::Gzip, flipped(gzipped("hello"), 5), "hello",
     "content_malformed"},
    {"J13_two_members", ContentCoding::Gzip, gzipped("hello") + gzipped("x"), "hello",
     "content_malformed"},
    {"J13_two_frames", ContentCoding::Zstd, zstandard("hello") + zstandard("x"), "hello",
     "content_malformed"},
    {"J13_rest_after_brotli", ContentCoding::Brotli, kBrotliHello + "x", "hello",
     "content_malformed"},
    {"J13_rest_after_deflate", ContentCoding::Deflate, deflated("hello", Wrapper::Zlib) + "x",
     "hello", "content_malformed"},
    {"J13_zstd_before_rfc_8878", ContentCoding::Zstd,
     std::string("\x27\xB5\x2F\xFD\x04\x00\x00\x00\x00", 9), "", "content_malformed"},
    {"J13_zstd_shorter_than_declared", ContentCoding::Zstd,
     std::string("\x28\xB5\x2F\xFD\x60\x02\x00\x01\x00\x00", 10), "", "content_malformed"},
    {"J13_zstd_run_of_nothing", ContentCoding::Zstd,
     std::string("\x28\xB5\x2F\xFD\x30\x00\x03\x00\x00\x00", 10), "", "content_malformed"},
    {"J13_zstd_frame_of_nothing", ContentCoding::Zstd,
     std::string("\x50\x2A\x4D\x18\x00\x00\x00\x00", 8), "", "content_malformed"},
    // A frame of nine bytes that asks for a window of 2 GiB (RFC 8878 §3.1.1.1.2).
    {"J13_zstd_window_of_2_GiB", ContentCoding::Zstd,
     std::string("\x28\xB5\x2F\xFD\x00\xA8\x01\x00\x00", 9), "", "content_malformed"},
};

class ContentTable : public ::testing::TestWithParam<Case> {};

TEST_P(ContentTable, IsDecodedOrRefusedWhole) {
  const Outcome outcome = decode(GetParam().coding, {GetParam().bytes});
  EXPECT_EQ(outcome.code, GetParam().code);
  if (outcome.code.empty()) {
    EXPECT_EQ(outcome.out, GetParam().out);
  }
}

TEST_P(ContentTable, IsDecodedOrRefusedByteByByte) {
  const Outcome outcome = decode(GetParam().coding, test::by_bytes(GetParam().bytes));
  EXPECT_EQ(outcome.code, GetParam().code);
  if (outcome.code.empty()) {
    EXPECT_EQ(outcome.out, GetParam().out);
  }
}

TEST_P(ContentTable, IsDecodedOrRefusedInAnyTwoPieces) {
  const std::string_view bytes = GetParam().bytes;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    const Outcome outcome = decode(
        GetParam().coding, {std::string(bytes.substr(0, cut)), std::string(bytes.substr(cut))});
    EXPECT_EQ(outcome.code, GetParam().code) << cut;
    if (outcome.code.empty()) {
      EXPECT_EQ(outcome.out, GetParam().out) << cut;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Bodies, ContentTable, ::testing::ValuesIn(kCases), [](const auto& info) {
  return std::string(info.param.name);
});

TEST(ContentDecoder, J13ABombStopsAtTheRatioLongBeforeTheLimit) {
  const std::string zeros(std::size_t{64} * 1024 * 1024, '\0');
  for (const auto& [coding, bytes] : std::vector<std::pair<ContentCoding, std::string>>{
           {ContentCoding::Gzip, gzipped(zeros)}, {ContentCoding::Zstd, zstandard(zeros)}}) {
    const Outcome outcome = decode(coding, {bytes});
    EXPECT_EQ(outcome.code, "content_too_large");
    EXPECT_LE(outcome.out.size(), std::max(std::size_t{64} * 1024, bytes.size() * 201));
  }
}

TEST(ContentDecoder, J13NeverProducesMoreThanTheLimit) {
  DecodeLimits limits;
  limits.max_output = 100'000;
  limits.max_ratio = 1'000'000;
  const std::string bytes = gzipped(std::string(100'001, 'a'));
  const Outcome outcome = decode(ContentCoding::Gzip, {bytes}, limits);
  EXPECT_EQ(outcome.code, "content_too_large");
  EXPECT_LE(outcome.out.size(), limits.max_output);
  const std::string fits = gzipped(std::string(100'000, 'a'));
  EXPECT_EQ(decode(ContentCoding::Gzip, {fits}, limits).code, "");
  EXPECT_EQ(decode(ContentCoding::Identity, {std::string(100'001, 'a')}, limits).code,
            "content_too_large");
}

TEST(ContentDecoder, IdentityKnowsNoRatio) {
  const std::string bytes(1'000'000, 'a');
  EXPECT_EQ(decode(ContentCoding::Identity, {bytes}), (Outcome{bytes, ""}));
}

TEST(ContentDecoder, DecodesMoreThanItsBufferHowever) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) {
    text += std::to_string(i * 7919 % 10'007);
  }
  for (const auto& [coding, bytes] : std::vector<std::pair<ContentCoding, std::string>>{
           {ContentCoding::Gzip, gzipped(text)},
           {ContentCoding::Deflate, deflated(text, Wrapper::Zlib)},
           {ContentCoding::Zstd, zstandard(text)}}) {
    EXPECT_EQ(decode(coding, {bytes}), (Outcome{text, ""}));
    EXPECT_EQ(decode(coding, test::by_bytes(bytes)), (Outcome{text, ""}));
  }
}

TEST(ContentDecoder, GivesAllOfAnOutputThatFillsItsBufferExactly) {
  for (const std::size_t size : {16'384U, 16'385U, 32'768U}) {
    const std::string text(size, 'a');
    EXPECT_EQ(decode(ContentCoding::Gzip, {gzipped(text)}), (Outcome{text, ""}));
    EXPECT_EQ(decode(ContentCoding::Zstd, {zstandard(text)}), (Outcome{text, ""}));
  }
}

TEST(ContentCoding, IsOneKnownNameOrRefused) {
  const std::vector<std::pair<std::string, std::optional<ContentCoding>>> cases{
      {"", ContentCoding::Identity},
      {"identity", ContentCoding::Identity},
      {" GZip ", ContentCoding::Gzip},
      {"x-gzip", ContentCoding::Gzip},
      {"deflate", ContentCoding::Deflate},
      {"br", ContentCoding::Brotli},
      {"zstd", ContentCoding::Zstd},
      {"gzip, br", std::nullopt},
      {"gzip,gzip,gzip,gzip,gzip", std::nullopt},
      {"compress", std::nullopt},
      {"gzip;q=1", std::nullopt},
      {",gzip", std::nullopt},
  };
  for (const auto& [value, coding] : cases) {
    const auto parsed = parse_content_coding(value);
    EXPECT_EQ(parsed.has_value(), coding.has_value()) << value;
    if (parsed && coding) {
      EXPECT_EQ(*parsed, *coding) << value;
    } else if (!parsed) {
      EXPECT_EQ(parsed.error().code(), "unsupported_content_encoding");
    }
  }
}

}  // namespace
}  // namespace waybill::http
