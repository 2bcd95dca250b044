#include "waybill/http/content_decoder.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <zlib.h>
#include <zstd.h>

#include <brotli/decode.h>

#include "waybill/base/text.hpp"

namespace waybill::http {
namespace {

using Buffer = std::array<char, std::size_t{16} * 1024>;
constexpr int kZstdWindowLog = 23;  // 8 MiB

Error malformed() {
  return {ErrorKind::InvalidRequest, "content_malformed",
          "The compressed body is damaged, cut short or followed by more."};
}

Error too_large() {
  return {ErrorKind::InvalidRequest, "content_too_large",
          "The compressed body holds more than is accepted."};
}

}  // namespace

Result<ContentCoding> parse_content_coding(std::string_view value) {
  value = trim_ows(value);
  if (value.empty() || iequals(value, "identity")) {
    return ContentCoding::Identity;
  }
  if (iequals(value, "gzip") || iequals(value, "x-gzip")) {
    return ContentCoding::Gzip;
  }
  if (iequals(value, "deflate")) {
    return ContentCoding::Deflate;
  }
  if (iequals(value, "br")) {
    return ContentCoding::Brotli;
  }
  if (iequals(value, "zstd")) {
    return ContentCoding::Zstd;
  }
  return Error(ErrorKind::InvalidRequest, "unsupported_content_encoding",
               "The body's content coding is not one of gzip, deflate, br and zstd, alone.");
}

// One library behind one face: decodes a piece of the input into a buffer.
class ContentDecoder::Codec {
 public:
  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
    bool ok = true;
  };

  Codec() = default;
  Codec(const Codec&) = delete;
  Codec& operator=(const Codec&) = delete;
  virtual ~Codec() = default;

  virtual Step step(std::string_view in, Buffer& out) = 0;
  // The coded data has come to its end.
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 protected:
  bool ended_ = false;
};

namespace {

class IdentityCodec final : public ContentDecoder::Codec {
 public:
  IdentityCodec() noexcept { ended_ = true; }
  Step step(std::string_view in, Buffer& out) override {
    const std::size_t size = std::min(in.size(), out.size());
    std::copy_n(in.begin(), size, out.begin());
    return {size, size, true};
  }
};

class ZlibCodec final : public ContentDecoder::Codec {
 public:
  explicit ZlibCodec(int window_bits) noexcept {
    ready_ = inflateInit2(&stream_, window_bits) == Z_OK;
  }
  ~ZlibCodec() override { inflateEnd(&stream_); }

  Step step(std::string_view in, Buffer& out) override {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));  // zlib only reads it
    stream_.avail_in = static_cast<uInt>(std::min<std::size_t>(in.size(), 1U << 30U));
    const uInt offered = stream_.avail_in;
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(out.size());
    const int status = ready_ ? inflate(&stream_, Z_NO_FLUSH) : Z_MEM_ERROR;
    ended_ = status == Z_STREAM_END;
    return {offered - stream_.avail_in, out.size() - stream_.avail_out,
            status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR};
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

class BrotliCodec final : public ContentDecoder::Codec {
 public:
  BrotliCodec() noexcept : state_(BrotliDecoderCreateInstance(nullptr, nullptr, nullptr)) {}
  ~BrotliCodec() override { BrotliDecoderDestroyInstance(state_); }

  Step step(std::string_view in, Buffer& out) override {
    std::size_t left = in.size();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(in.data());
    std::size_t room = out.size();
    auto* next_out = reinterpret_cast<std::uint8_t*>(out.data());
    const BrotliDecoderResult result =
        BrotliDecoderDecompressStream(state_, &left, &next_in, &room, &next_out, nullptr);
    ended_ = result == BROTLI_DECODER_RESULT_SUCCESS;
    return {in.size() - left, out.size() - room, result != BROTLI_DECODER_RESULT_ERROR};
  }

 private:
  BrotliDecoderState* state_;
};

class ZstdCodec final : public ContentDecoder::Codec {
 public:
  ZstdCodec() noexcept : context_(ZSTD_createDCtx()) {
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, kZstdWindowLog);
  }
  ~ZstdCodec() override { ZSTD_freeDCtx(context_); }

  Step step(std::string_view in, Buffer& out) override {
    // The library also reads formats of before RFC 8878, with decoders that nobody tends
    // any more, and frames that hold nothing.
    if (!in.empty() && header_size_ < kMagic.size() && in.front() != kMagic[header_size_]) {
      return {0, 0, false};
    }
    // Byte by byte past the header: the library has a second decoder for a frame that comes
    // whole, and the two do not refuse the same.
    const bool in_header = header_size_ < header_.size();
    ZSTD_inBuffer source{in.data(), in_header ? std::min<std::size_t>(in.size(), 1) : in.size(), 0};
    ZSTD_outBuffer target{out.data(), out.size(), 0};
    const std::size_t hint = ZSTD_decompressStream(context_, &target, &source);
    if (in_header && source.pos == 1) {
      header_.at(header_size_++) = in.front();
    }
    produced_ += target.pos;
    ended_ = hint == 0;
    return {source.pos, target.pos, ZSTD_isError(hint) == 0 && (!ended_ || has_declared_size())};
  }

 private:
  // The library compares the two unless an empty last block comes in pieces.
  [[nodiscard]] bool has_declared_size() const {
    const unsigned long long declared = ZSTD_getFrameContentSize(header_.data(), header_size_);
    return declared == ZSTD_CONTENTSIZE_UNKNOWN || declared == produced_;
  }

  static constexpr std::string_view kMagic = "\x28\xB5\x2F\xFD";

  ZSTD_DCtx* context_;
  std::array<char, 18> header_{};  // the frame's, at its longest (RFC 8878 §3.1.1.1)
  std::size_t header_size_ = 0;
  std::size_t produced_ = 0;
};

std::unique_ptr<ContentDecoder::Codec> make_codec(ContentCoding coding) {
  constexpr int kWindowBits = 15;
  constexpr int kGzipOnly = 16;
  switch (coding) {
    case ContentCoding::Identity: return std::make_unique<IdentityCodec>();
    case ContentCoding::Gzip: return std::make_unique<ZlibCodec>(kWindowBits + kGzipOnly);
    case ContentCoding::Deflate: return std::make_unique<ZlibCodec>(kWindowBits);
    case ContentCoding::Brotli: return std::make_unique<BrotliCodec>();
    case ContentCoding::Zstd: return std::make_unique<ZstdCodec>();
  }
  return std::make_unique<IdentityCodec>();
}

}  // namespace

ContentDecoder::ContentDecoder(ContentCoding coding, const DecodeLimits& limits)
    : codec_(make_codec(coding)),
      limits_(limits),
      identity_(coding == ContentCoding::Identity) {}
ContentDecoder::~ContentDecoder() = default;
ContentDecoder::ContentDecoder(ContentDecoder&&) noexcept = default;
ContentDecoder& ContentDecoder::operator=(ContentDecoder&&) noexcept = default;

Result<void> ContentDecoder::feed(std::string_view bytes, std::string& out) {
  Buffer buffer;
  for (bool full = false; !bytes.empty() || full;) {
    if (failed_ || (!identity_ && codec_->ended())) {
      failed_ = true;  // bytes after the end: another member, or garbage
      return malformed();
    }
    const Codec::Step step = codec_->step(bytes, buffer);
    bytes.remove_prefix(step.consumed);
    consumed_ += step.consumed;
    produced_ += step.produced;
    if (!step.ok || (step.consumed == 0 && step.produced == 0 && !bytes.empty())) {
      failed_ = true;
      return malformed();
    }
    const bool out_of_proportion =
        !identity_ && produced_ > limits_.free_output && produced_ / limits_.max_ratio > consumed_;
    if (produced_ > limits_.max_output || out_of_proportion) {
      failed_ = true;
      return too_large();
    }
    out.append(buffer.data(), step.produced);
    full = step.produced == buffer.size() && !codec_->ended();
  }
  return {};
}

Result<void> ContentDecoder::finish() {
  if (failed_ || !codec_->ended()) {
    failed_ = true;
    return malformed();
  }
  return {};
}

}  // namespace waybill::http
