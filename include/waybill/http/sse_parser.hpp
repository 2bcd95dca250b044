// Incremental parser for text/event-stream (WHATWG HTML §9.2).
//
// Sans-I/O: bytes go in, events come out.  The grammar, as implemented:
//
//   stream  = [BOM] *event
//   event   = *(comment / field) EOL
//   comment = ":" *any-char EOL
//   field   = name [":" [SP] value] EOL        name in {data, event}
//   EOL     = CRLF / LF / CR
//
// Other fields (id and retry too) are ignored; an event without a data field is
// dropped.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/error.hpp"

namespace waybill::http {

struct SseEvent {
  enum class Kind : std::uint8_t {
    Event,
    Comment,       // `data` is the text after the colon
    Unterminated,  // from finish() only: the stream ended before the blank line
  };
  Kind kind = Kind::Event;
  std::string_view type;  // empty means "message"
  std::string_view data;  // lines joined with '\n', no trailing newline

  friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

// Turns a byte stream into events.
//
//   parser.feed(bytes);
//   while (auto event = parser.next()) { use(*event); }
//   if (parser.error()) { ... }
//   ...
//   auto last = parser.finish();     // the stream has ended
//
// Where the boundaries between feeds fall never changes the events (the fuzz target
// holds the parser to that).  An event that lies in one feed and has one data line is
// handed out as views into the caller's bytes; only an unfinished tail is copied.
//
// Memory: nothing between events (buffers above 4 KiB are given back); within one, at
// most two copies of it.
//
// Thread safety: none; one parser belongs to one stream on one worker.
class SseParser {
 public:
  enum class Comments : std::uint8_t {
    Skip,
    Report,
  };
  struct Options {
    std::size_t max_event_bytes = std::size_t{8} * 1024 * 1024;
    Comments comments = Comments::Skip;
  };

  SseParser() noexcept = default;
  explicit SseParser(const Options& options) noexcept : options_(options) {}
  SseParser(const SseParser&) = delete;  // its views may point into itself
  SseParser& operator=(const SseParser&) = delete;

  // Requires: the last next() returned nothing, or this is the first call; `bytes`
  // stays valid and unchanged until next() returns nothing.  Ignored after an error.
  void feed(std::string_view bytes) noexcept;

  // The oldest complete event not handed out yet.  Its views are valid until the next
  // call of any member function.
  [[nodiscard]] std::optional<SseEvent> next();

  // To be called once, when the stream has ended and next() returned nothing: the
  // event that lacks its blank line, if it has data.  WHATWG drops it; whether it
  // counts is the caller's to decide ("data: [DONE]" commonly comes so).
  [[nodiscard]] std::optional<SseEvent> finish();

  // Set once an event is larger than the limit; next() then returns nothing for ever.
  // UpstreamFailed "event_too_large".
  [[nodiscard]] const std::optional<Error>& error() const noexcept { return error_; }

 private:
  enum class Line : std::uint8_t {
    Nothing,
    Event,
    Comment,
  };

  bool skip_start();
  std::optional<std::string_view> take_line_bytes();
  Line take_line(std::string_view line);
  void add_data(std::string_view value);
  void keep_tail();
  void begin_event() noexcept;
  [[nodiscard]] bool within_limit(std::size_t more);

  Options options_;
  std::optional<Error> error_;

  std::string_view input_;        // the caller's bytes that are not consumed
  bool skip_lf_ = false;          // the last line ended in CR: swallow one LF
  bool at_start_ = true;          // a BOM is still acceptable
  bool deliver_pending_ = false;  // an event was handed out; forget it on the next call
  std::string partial_;           // the beginning of a line from earlier feeds
  std::string assembled_;         // a line that lay in several feeds

  // The event being assembled: views into the caller's bytes or the buffers below.
  std::string_view data_;
  bool has_data_ = false;
  bool data_owned_ = false;
  std::string data_buffer_;
  std::string type_;
  std::string comment_;
};

}  // namespace waybill::http
