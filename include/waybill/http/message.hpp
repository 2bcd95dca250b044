// Heads that we send: written into the caller's buffer, and never with a value that
// could start another line.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <boost/beast/http/field.hpp>
#include <boost/beast/http/verb.hpp>

#include "waybill/base/result.hpp"
#include "waybill/base/time.hpp"

namespace waybill::http {

using Verb = boost::beast::http::verb;
using Field = boost::beast::http::field;

// Appends one head to a string.
//
//   HeadWriter head = HeadWriter::response(out, 200);
//   head.add(Field::content_type, "application/json").add_content_length(body.size());
//   Result<void> done = head.finish();
//
// A name that is not a token, a value with a control character other than HTAB, and a
// target or method with anything but visible ASCII are refused: the writer then adds
// nothing more, and finish() takes back all it wrote and fails with Internal
// "invalid_header" (whoever passes on text from outside checks it first with
// is_field_value()).  So no header injection is possible, whatever the caller does.
//
// Lifetime: `out` must outlive the writer and not be changed in between.
class HeadWriter {
 public:
  // "HTTP/1.1 404 Not Found".  Requires: 100 <= status <= 599.
  static HeadWriter response(std::string& out, unsigned status);

  // "POST /v1/chat/completions HTTP/1.1" and the Host field.  `target` starts with '/'.
  static HeadWriter request(std::string& out,
                            std::string_view method,
                            std::string_view target,
                            std::string_view host);

  HeadWriter& add(std::string_view name, std::string_view value);
  HeadWriter& add(Field name, std::string_view value);
  HeadWriter& add_content_length(std::uint64_t length);
  HeadWriter& add_chunked();  // Transfer-Encoding: chunked

  // Ends the head with its blank line.  To be called once, last.
  Result<void> finish();

 private:
  explicit HeadWriter(std::string& out) noexcept : out_(&out), start_(out.size()) {}

  std::string* out_;
  std::size_t start_;
  bool refused_ = false;
};

// RFC 9110 §5.6.2 and §5.5 (without leading and trailing blanks; obs-text allowed).
[[nodiscard]] bool is_token(std::string_view text) noexcept;
[[nodiscard]] bool is_field_value(std::string_view text) noexcept;

// Appends one header line, "Name: value" CRLF.  A value that cannot stand in a
// header (a control character from outside) is left out with its line.
void append_field(std::string& out, std::string_view name, std::string_view value);

// "Not Found"; "Unknown" for a status without a registered phrase.
[[nodiscard]] std::string_view reason_phrase(unsigned status) noexcept;

// Room for the size line of a chunk: 16 digits and CRLF.
inline constexpr std::size_t kMaxChunkHeader = 18;
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Appends "1f\r\n".  Requires: size > 0 (a size of 0 would end the body).  The caller
// appends the data and "\r\n".
void append_chunk_header(std::string& out, std::size_t size);

// The value of a Date field (RFC 9110 §5.6.7), formatted once a second.
//
// Thread safety: none; one per worker.
class DateCache {
 public:
  // "Sun, 06 Nov 1994 08:49:37 GMT".  Valid until the next call.
  std::string_view at(WallTime now);

 private:
  static constexpr std::size_t kSize = 29;

  std::int64_t second_ = -1;
  std::array<char, kSize> text_{};
};

}  // namespace waybill::http
