#include "json_walk.hpp"

#include <simdjson.h>

#include "waybill/base/json_bytes.hpp"
#include "waybill/base/text.hpp"

namespace waybill::dialects {
namespace {

constexpr std::string_view kCut = "it ends in the middle of a value";
constexpr std::string_view kAfterMember = "a comma or a closing brace is expected";
constexpr std::string_view kAfterElement = "a comma or a closing bracket is expected";

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Where the first ill-formed sequence of a text that is not UTF-8 begins.
std::size_t utf8_fault(std::string_view text) noexcept {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t size = 1;
    while (size <= 4 && !is_valid_utf8(text.substr(at, size))) {
      ++size;
    }
    if (size > 4) {
      break;
    }
    at += size;
  }
  return at;
}

}  // namespace

bool JsonWalker::fail(std::string_view what, const char* where, JsonFaultKind kind) noexcept {
  if (ok()) {
    fault_ = JsonFault{what, offset(where), kind};
  }
  at_ = end_;
  return false;
}

// Something else than what must come next, or the end.
bool JsonWalker::miss(std::string_view what) noexcept {
  return fail(at_ == end_ ? kCut : what);
}

void JsonWalker::skip_run_of_blanks() noexcept {
  while (at_ < end_ && is_blank(*at_)) {
    ++at_;
  }
}

bool JsonWalker::begin() {
  if (text().starts_with("\xEF\xBB\xBF")) {
    return fail("it begins with a byte order mark");
  }
  if (!simdjson::validate_utf8(begin_, text().size())) {
    return fail("it is not UTF-8", begin_ + utf8_fault(text()));
  }
  skip_blanks();
  if (at_ == end_) {
    return fail("it is empty");
  }
  return true;
}

// Behind blanks, at the end, or where no value begins.
JsonType JsonWalker::peek_further() {
  skip_blanks();
  if (at_ == end_) {
    fail(kCut);
    return JsonType::None;
  }
  const JsonType type = kJsonTypes[static_cast<std::uint8_t>(*at_)];
  if (type == JsonType::None) {
    fail("a value is expected");
  }
  return type;
}

bool JsonWalker::finish() {
  skip_blanks();
  if (at_ != end_) {
    fail("something follows the value");
  }
  return ok();
}

bool JsonWalker::enter() {
  if (depth_ >= max_depth_) {
    return fail("objects and arrays nest too deeply");
  }
  ++at_;
  ++depth_;
  return true;
}

// Requires: *at_ == '"'.
inline bool JsonWalker::scan_string(JsonText& text) {
  const char* const first = at_ + 1;
  const char* const stop = find_json_special<JsonSearch::PassNonAscii>(first, end_);
  if (stop == end_ || *stop != '"') [[unlikely]] {
    return scan_escapes(text, stop);
  }
  text.raw = {offset(first), offset(stop)};
  text.decoded_size = text.raw.end - text.raw.begin;
  text.escaped = false;
  at_ = stop + 1;
  return true;
}

bool JsonWalker::take_string(JsonText& text) {
  if (!scan_string(text)) {
    return false;
  }
  string_bytes_ += text.decoded_size;
  return true;
}

// Of every member; a call of its own would cost a tenth of the walk.
[[gnu::always_inline]] inline bool JsonWalker::take_name(JsonText& name) {
  if (!is_next('"')) {
    return miss("a member name in quotes is expected");
  }
  if (!scan_string(name)) {
    return false;
  }
  if (!is_next(':')) {
    return miss("a colon is expected");
  }
  ++at_;
  skip_blanks();
  return true;
}

bool JsonWalker::scan_word(std::string_view word) {
  if (!std::string_view(at_, end_).starts_with(word)) {
    return fail("a value is expected");
  }
  at_ += word.size();
  return true;
}

// Requires: `type` is what peek() said, and no container.
bool JsonWalker::take_scalar(JsonType type) {
  switch (type) {
    case JsonType::String: {
      JsonText ignored;
      return take_string(ignored);
    }
    case JsonType::Number: return scan_number();
    case JsonType::True: return scan_word("true");
    case JsonType::False: return scan_word("false");
    case JsonType::Null: return scan_word("null");
    case JsonType::None:
    case JsonType::Object:
    case JsonType::Array: break;
  }
  return false;
}

bool JsonWalker::take_value() {
  const JsonType type = peek();
  const bool container = type == JsonType::Object || type == JsonType::Array;
  return container ? take_container() : take_scalar(type);
}

// Requires: *at_ opens a container.
bool JsonWalker::take_container() {
  const unsigned outside = depth_;
  std::uint64_t objects = 0;  // bit 0: the innermost container is an object
  Step step = Step::Inside;
  while (step == Step::Inside) {
    const JsonType type = peek();
    if (type == JsonType::Object || type == JsonType::Array) {
      step = open_container(type == JsonType::Object, objects);
    } else {
      step = take_scalar(type) ? Step::Complete : Step::Failed;
    }
    if (step == Step::Complete) {
      step = leave_ended(outside, objects);
    }
  }
  return step == Step::Complete;
}

// Takes the bracket, and the first name where one follows; all of an empty one.
JsonWalker::Step JsonWalker::open_container(bool object, std::uint64_t& objects) {
  if (!enter()) {
    return Step::Failed;
  }
  if (is_next(object ? '}' : ']')) {
    leave();
    return Step::Complete;
  }
  objects = objects << 1U | (object ? 1U : 0U);
  JsonText name;
  return !object || take_name(name) ? Step::Inside : Step::Failed;
}

// Behind a value: goes to the next one in the same container, or closes
// containers until there is one or as many are open as `outside`.
JsonWalker::Step JsonWalker::leave_ended(unsigned outside, std::uint64_t& objects) {
  while (depth_ > outside) {
    const bool object = (objects & 1U) != 0;
    if (is_next(',')) {
      ++at_;
      JsonText name;
      return !object || take_name(name) ? Step::Inside : Step::Failed;
    }
    if (!is_next(object ? '}' : ']')) {
      miss(object ? kAfterMember : kAfterElement);
      return Step::Failed;
    }
    leave();
    objects >>= 1U;
  }
  return Step::Complete;
}

bool ObjectWalk::next(JsonText& name) {
  JsonWalker& w = walker_;
  if (!first_ && w.is_next(',')) {
    comma_ = w.position();
    ++w.at_;
  } else if (w.is_next('}')) {
    close_ = w.position();
    w.leave();
    return false;
  } else if (!first_) {
    return w.miss(kAfterMember);
  } else {
    comma_ = w.position();
    first_ = false;
  }
  if (!w.take_name(name)) {
    return false;
  }
  name_begin_ = name.raw.begin - 1;
  return true;
}

bool ArrayWalk::next() {
  JsonWalker& w = walker_;
  if (!first_ && w.is_next(',')) {
    ++w.at_;
    return true;
  }
  if (w.is_next(']')) {
    w.leave();
    return false;
  }
  if (!first_) {
    return w.miss(kAfterElement);
  }
  first_ = false;
  return w.at_ != w.end_ || w.fail(kCut);
}

}  // namespace waybill::dialects
