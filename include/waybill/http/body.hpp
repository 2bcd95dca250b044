// Where the body of a message ends, and its bytes without the framing.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "waybill/http/head.hpp"

namespace waybill::http {

struct BodyLimits {
  std::uint64_t max_body = std::uint64_t{32} * 1024 * 1024;  // bytes without framing
  std::size_t max_extensions = std::size_t{4} * 1024;        // bytes of chunk extensions, all told
  std::size_t max_trailer_bytes = std::size_t{8} * 1024;
  std::size_t max_trailer_fields = 100;

  // A chunked body may spend this many bytes of framing for each byte of payload, and
  // the allowance on top; a body of one-byte chunks costs five and is cut off.
  std::uint64_t max_overhead_ratio = 4;
  std::uint64_t overhead_allowance = std::uint64_t{64} * 1024;
};

// Decodes one body, incrementally and without copying.
//
//   BodyDecoder body(head.framing, limits);
//   while (!body.done()) {
//     step = body.feed(bytes);             // bytes: what is there, maybe all, maybe one
//     bytes.remove_prefix(step.consumed);
//     use(step.data);                      // a view into `bytes`
//     if (step.state == Failed) ... body.fault()
//     if (step.state == NeedMore) ... read, or at_clean_end() when the peer has closed
//   }
//
// How the bytes are split never changes the data, the end or the fault.  What follows
// the body is not consumed.  Chunks follow RFC 9112 §7.1 to the letter: no sign, blank
// or underscore in a size, CRLF exactly, extensions of valid grammar.  Trailer fields
// are checked like a head's, counted and dropped.
//
// Memory: a few words.  Thread safety: none; one per message.
class BodyDecoder {
 public:
  enum class State : std::uint8_t {
    NeedMore,  // all bytes consumed, the body goes on
    Data,      // call again with the rest
    Done,      // the body has ended; `data` may hold its last bytes
    Failed,    // final; see fault()
  };
  struct Step {
    std::size_t consumed = 0;
    std::string_view data;
    State state = State::NeedMore;
  };

  explicit BodyDecoder(Framing framing, const BodyLimits& limits = {});

  // Requires: !done() (a body of no bytes is done before the first byte).
  [[nodiscard]] Step feed(std::string_view bytes);

  [[nodiscard]] bool done() const noexcept { return stage_ == Stage::Done; }

  // Bytes of payload so far.
  [[nodiscard]] std::uint64_t received() const noexcept { return received_; }

  // True if the peer may close here: the body is done, or ends with the connection.
  // False means truncated.
  [[nodiscard]] bool at_clean_end() const noexcept;

  // Set once the body is beyond repair: 413 (too large, or framing out of proportion),
  // 431 (trailers) or 400.  Set at once where the declared length is above the limit.
  [[nodiscard]] const std::optional<Rejection>& fault() const noexcept { return fault_; }

 private:
  enum class Stage : std::uint8_t {
    UntilClose,
    Length,
    Size,           // hexadecimal digits
    ExtensionGap,   // blanks before ';' or the end of the line
    ExtensionName,  // after ';'
    ExtensionNameGap,
    ExtensionValue,  // after '='
    ExtensionToken,
    ExtensionQuoted,
    ExtensionEscape,
    SizeLf,
    ChunkData,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    LastLf,
    Done,
    Failed,
  };

  Step take_payload(std::string_view bytes);
  bool take_framing(char c);  // false: a fault is set
  bool take_size(char c);
  bool take_extension(char c);
  bool take_extension_value(char c);
  bool take_trailer(char c);
  bool start_chunk();
  bool count_overhead();
  bool fail(unsigned status, const char* code, const char* detail);

  BodyLimits limits_;
  Stage stage_ = Stage::Done;
  std::uint64_t remaining_ = 0;  // of the body (Length) or of the chunk
  std::uint64_t received_ = 0;
  std::uint64_t overhead_ = 0;
  std::size_t extension_bytes_ = 0;
  std::size_t trailer_bytes_ = 0;
  std::size_t trailer_fields_ = 0;
  unsigned digits_ = 0;  // of the size being read
  bool named_ = false;   // the extension's name has a character
  bool blank_ = false;   // a blank came after the size, name or value
  std::optional<Rejection> fault_;
};

}  // namespace waybill::http
