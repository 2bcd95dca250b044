// Content codings (RFC 9110 §8.4) of bodies, decoded within limits.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"

namespace waybill::http {

enum class ContentCoding : std::uint8_t {
  Identity,
  Gzip,     // RFC 1952, one member
  Deflate,  // RFC 1950 (zlib); raw deflate is refused
  Brotli,   // RFC 7932
  Zstd,     // RFC 8878, one frame, window at most 8 MiB
};

// The value of a Content-Encoding field, or empty where there is none.  Chains
// ("gzip, br") and unknown codings fail with "unsupported_content_encoding" (415).
[[nodiscard]] Result<ContentCoding> parse_content_coding(std::string_view value);

struct DecodeLimits {
  std::size_t max_output = std::size_t{32} * 1024 * 1024;  // bytes
  // Output above `free_output` may be at most `max_ratio` times the input.
  std::size_t free_output = std::size_t{64} * 1024;
  std::size_t max_ratio = 200;
};

// Decodes one body, piece by piece.
//
// Errors are final, and of kind InvalidRequest: "content_too_large" (413) as soon as a
// limit would be passed, with no more than the limit's bytes ever produced, and
// "content_malformed" (400) for broken data, a bad checksum, a second gzip member or
// bytes after the end.  A caller that decodes an upstream's body answers 502 instead.
//
// Memory: the coding's window, at most 8 MiB (zstd) or 16 MiB (brotli).
// Thread safety: none; one per body.
class ContentDecoder {
 public:
  explicit ContentDecoder(ContentCoding coding, const DecodeLimits& limits = {});
  ~ContentDecoder();
  ContentDecoder(ContentDecoder&&) noexcept;
  ContentDecoder& operator=(ContentDecoder&&) noexcept;

  // Appends what `bytes` decode to.
  Result<void> feed(std::string_view bytes, std::string& out);

  // To be called when the body has ended: "content_malformed" if it was cut short.
  Result<void> finish();

  class Codec;  // private to the implementation

 private:
  std::unique_ptr<Codec> codec_;
  DecodeLimits limits_;
  std::size_t consumed_ = 0;
  std::size_t produced_ = 0;
  bool identity_ = false;
  bool failed_ = false;
};

}  // namespace waybill::http
