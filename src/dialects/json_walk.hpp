// A strict JSON walker that builds nothing: it validates every byte on the way
// and tells the caller where things stand.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/splice.hpp"

namespace waybill::dialects {

enum class JsonType : std::uint8_t {
  None,  // no value here; the walker has failed
  Object,
  Array,
  String,
  Number,
  True,
  False,
  Null,
};

// The type of the value that a byte begins.
inline constexpr std::array<JsonType, 256> kJsonTypes = [] {
  std::array<JsonType, 256> types{};  // all None
  types['{'] = JsonType::Object;
  types['['] = JsonType::Array;
  types['"'] = JsonType::String;
  types['t'] = JsonType::True;
  types['f'] = JsonType::False;
  types['n'] = JsonType::Null;
  for (const char c : std::string_view("-0123456789")) {
    types[static_cast<std::uint8_t>(c)] = JsonType::Number;
  }
  return types;
}();

// Who wrote the text.  RFC 8259 leaves two things open: escapes that name half
// of a surrogate pair, and numbers that no double can hold.  From a client both
// are refused, because the next parser may read them otherwise.  From an
// upstream both pass: a character split over two chunks is joined by the client.
enum class JsonOrigin : std::uint8_t {
  Client,
  Upstream,
};

// A string, without its quotes.
struct JsonText {
  ByteRange raw;
  std::uint32_t decoded_size = 0;  // bytes of UTF-8 once the escapes are resolved
  bool escaped = false;
};

enum class JsonFaultKind : std::uint8_t {
  Grammar,    // RFC 8259 forbids it
  Ambiguous,  // it allows it, but two readers may differ
};

// `what` completes the sentence "... is not valid JSON: ".
struct JsonFault {
  std::string_view what;
  std::uint32_t offset = 0;
  JsonFaultKind kind = JsonFaultKind::Grammar;
};

// Walks `text` once, front to back.  The caller steers: it enters the objects
// and arrays it knows (ObjectWalk, ArrayWalk) and takes all other values whole.
// Nothing recurses on the input; containers nest at most `max_depth` <= 64 deep.
//
// Every function returns false (or None) after the first fault, which sticks: the
// walker then stands at the end of the text, where every step is refused, so that
// no step has to ask first.
// Thread safety: none.  Requires: `text` outlives the walker, and is shorter
// than 4 GiB.
class JsonWalker {
 public:
  static constexpr unsigned kMaxDepth = 64;

  explicit JsonWalker(std::string_view text,
                      JsonOrigin origin,
                      unsigned max_depth = kMaxDepth) noexcept
      : begin_(text.data()),
        end_(text.data() + text.size()),
        at_(text.data()),
        max_depth_(max_depth < kMaxDepth ? max_depth : kMaxDepth),
        origin_(origin) {}

  // Checks what concerns the text as a whole (not empty, no byte order mark,
  // UTF-8).  Called once, before anything else.
  bool begin();

  // The type of the value that comes next.
  JsonType peek() {
    if (at_ < end_) {
      const JsonType type = kJsonTypes[static_cast<std::uint8_t>(*at_)];
      if (type != JsonType::None) {
        return type;
      }
    }
    return peek_further();
  }

  // Takes the next value, of any type.
  bool take_value();
  bool take_value(ByteRange& range) {
    if (peek() == JsonType::None) {
      return false;
    }
    range.begin = position();
    const bool good = take_value();
    range.end = position();
    return good;
  }

  // Requires: peek() == JsonType::String.
  bool take_string(JsonText& text);

  // Nothing but blanks is left.
  bool finish();

  [[nodiscard]] bool ok() const noexcept { return fault_.what.empty(); }
  [[nodiscard]] const JsonFault& fault() const noexcept { return fault_; }

  // Offset of what comes next: of a value's first byte after peek(), of the byte
  // after it once it is taken.
  [[nodiscard]] std::uint32_t position() const noexcept { return offset(at_); }

  [[nodiscard]] std::string_view text() const noexcept { return {begin_, end_}; }
  [[nodiscard]] std::string_view raw(ByteRange range) const noexcept { return range.of(text()); }

  // Decoded bytes of all string values (not names) taken so far.
  [[nodiscard]] std::uint64_t string_bytes() const noexcept { return string_bytes_; }

  // The string with its escapes resolved; half a surrogate pair becomes U+FFFD.
  // Valid until the next call.
  std::string_view decode(const JsonText& text) {
    return text.escaped ? resolve_escapes(text.raw) : raw(text.raw);
  }

 private:
  friend class ObjectWalk;
  friend class ArrayWalk;
  enum class Step : std::uint8_t {
    Failed,
    Complete,  // a value has ended
    Inside,    // a container goes on: its next value is expected
  };

  [[nodiscard]] std::uint32_t offset(const char* at) const noexcept {
    return static_cast<std::uint32_t>(at - begin_);
  }
  bool fail(std::string_view what) noexcept { return fail(what, at_); }
  bool fail(std::string_view what,
            const char* where,
            JsonFaultKind kind = JsonFaultKind::Grammar) noexcept;
  void skip_blanks() noexcept {
    if (at_ < end_ && static_cast<std::uint8_t>(*at_) <= ' ') {
      skip_run_of_blanks();
    }
  }
  void skip_run_of_blanks() noexcept;
  // Whether `c` comes next; it mostly does at once, and not behind blanks.
  bool is_next(char c) noexcept {
    if (at_ < end_ && *at_ == c) {
      return true;
    }
    skip_blanks();
    return at_ < end_ && *at_ == c;
  }
  bool miss(std::string_view what) noexcept;
  JsonType peek_further();
  bool enter();  // consumes the bracket
  void leave() noexcept {
    ++at_;
    --depth_;
  }
  bool take_name(JsonText& name);  // and the colon
  bool take_scalar(JsonType type);
  bool take_container();
  Step open_container(bool object, std::uint64_t& objects);
  Step leave_ended(unsigned outside, std::uint64_t& objects);
  bool scan_string(JsonText& text);
  bool scan_escapes(JsonText& text, const char* stop);
  bool scan_unicode_escape(JsonText& text);
  bool scan_surrogate(JsonText& text, unsigned first);
  std::optional<unsigned> hex4(const char* at) const noexcept;
  bool scan_number();
  bool scan_fraction(const char* begin, bool& unusual);
  bool representable(const char* begin) const;
  bool scan_word(std::string_view word);
  std::string_view resolve_escapes(ByteRange range);

  const char* begin_;
  const char* end_;
  const char* at_;
  std::uint64_t string_bytes_ = 0;
  unsigned depth_ = 0;
  unsigned max_depth_;
  JsonOrigin origin_;
  JsonFault fault_;
  std::string scratch_;
};

// Appends the content of a JSON string with its escapes resolved; half a surrogate pair
// becomes U+FFFD.  Requires: `escaped` stood between the quotes of a valid string.
void append_decoded(std::string& out, std::string_view escaped);
// Its size then, in bytes.
[[nodiscard]] std::uint64_t decoded_size(std::string_view escaped);

// Iterates over the members of the object that comes next:
//
//   ObjectWalk object(walker);
//   while (object.next(name)) { take exactly one value }
//   if (!walker.ok()) ...
class ObjectWalk {
 public:
  // Requires: walker.peek() == JsonType::Object.
  explicit ObjectWalk(JsonWalker& walker) : walker_(walker) {
    begin_ = walker.position();
    walker.enter();
  }

  // Moves to the next member and takes its name.  False at the end of the
  // object and after a fault.
  bool next(JsonText& name);

  // Offsets: of the opening brace, of the comma before the current member (of
  // its name if it is the first), of its name's quote, of the closing brace.
  [[nodiscard]] std::uint32_t begin() const noexcept { return begin_; }
  [[nodiscard]] std::uint32_t comma() const noexcept { return comma_; }
  [[nodiscard]] std::uint32_t name_begin() const noexcept { return name_begin_; }
  [[nodiscard]] std::uint32_t close() const noexcept { return close_; }

 private:
  JsonWalker& walker_;
  std::uint32_t begin_ = 0;
  std::uint32_t comma_ = 0;
  std::uint32_t name_begin_ = 0;
  std::uint32_t close_ = 0;
  bool first_ = true;
};

// Iterates over the elements of the array that comes next, likewise.
class ArrayWalk {
 public:
  // Requires: walker.peek() == JsonType::Array.
  explicit ArrayWalk(JsonWalker& walker) : walker_(walker) { walker.enter(); }

  // True: an element is to be taken.
  bool next();

 private:
  JsonWalker& walker_;
  bool first_ = true;
};

}  // namespace waybill::dialects
