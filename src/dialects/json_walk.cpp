#include "json_walk.hpp"

#include <simdjson.h>

#include "waybill/base/text.hpp"

namespace waybill::dialects {
namespace {

constexpr std::string_view kCut = "it ends in the middle of a value";

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

bool JsonWalker::fail(std::string_view what, std::size_t offset, JsonFaultKind kind) noexcept {
  if (ok()) {
    fault_ = JsonFault{what, static_cast<std::uint32_t>(offset), kind};
  }
  return false;
}

void JsonWalker::skip_blanks() noexcept {
  while (at_ < text_.size() && is_blank(text_[at_])) {
    ++at_;
  }
}

bool JsonWalker::begin() {
  if (text_.starts_with("\xEF\xBB\xBF")) {
    return fail("it begins with a byte order mark", 0);
  }
  if (!simdjson::validate_utf8(text_.data(), text_.size())) {
    return fail("it is not UTF-8", utf8_fault(text_));
  }
  skip_blanks();
  if (at_ == text_.size()) {
    return fail("it is empty");
  }
  return true;
}

JsonType JsonWalker::peek() {
  if (!ok()) {
    return JsonType::None;
  }
  skip_blanks();
  if (at_ == text_.size()) {
    fail(kCut);
    return JsonType::None;
  }
  switch (text_[at_]) {
    case '{': return JsonType::Object;
    case '[': return JsonType::Array;
    case '"': return JsonType::String;
    case 't': return JsonType::True;
    case 'f': return JsonType::False;
    case 'n': return JsonType::Null;
    case '-': return JsonType::Number;
    default: break;
  }
  if (text_[at_] >= '0' && text_[at_] <= '9') {
    return JsonType::Number;
  }
  fail("a value is expected");
  return JsonType::None;
}

bool JsonWalker::finish() {
  skip_blanks();
  if (ok() && at_ != text_.size()) {
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

bool JsonWalker::take_string(JsonText& text) {
  if (!ok() || !scan_string(text)) {
    return false;
  }
  string_bytes_ += text.decoded_size;
  return true;
}

bool JsonWalker::take_name(JsonText& name) {
  skip_blanks();
  if (at_ == text_.size()) {
    return fail(kCut);
  }
  if (text_[at_] != '"') {
    return fail("a member name in quotes is expected");
  }
  if (!scan_string(name)) {
    return false;
  }
  skip_blanks();
  if (at_ == text_.size()) {
    return fail(kCut);
  }
  if (text_[at_] != ':') {
    return fail("a colon is expected");
  }
  ++at_;
  return true;
}

bool JsonWalker::scan_word(std::string_view word) {
  if (text_.substr(at_, word.size()) != word) {
    return fail("a value is expected");
  }
  at_ += word.size();
  return true;
}

// Takes a scalar, or the opening of a container and the first name in it.
JsonWalker::Step JsonWalker::start_value(Nesting& nesting) {
  const auto done = [](bool good) { return good ? Step::Complete : Step::Failed; };
  const JsonType type = peek();
  switch (type) {
    case JsonType::None: return Step::Failed;
    case JsonType::String: {
      JsonText ignored;
      return done(take_string(ignored));
    }
    case JsonType::Number: return done(scan_number());
    case JsonType::True: return done(scan_word("true"));
    case JsonType::False: return done(scan_word("false"));
    case JsonType::Null: return done(scan_word("null"));
    case JsonType::Object:
    case JsonType::Array: break;
  }
  if (!enter()) {
    return Step::Failed;
  }
  skip_blanks();
  const bool object = type == JsonType::Object;
  if (at_ < text_.size() && text_[at_] == (object ? '}' : ']')) {
    leave();
    return Step::Complete;
  }
  ++nesting.depth;
  nesting.objects = nesting.objects << 1U | (object ? 1U : 0U);
  if (object) {
    JsonText name;
    if (!take_name(name)) {
      return Step::Failed;
    }
  }
  return Step::Inside;
}

// Behind a value: goes to the next one in the same container, or closes
// containers until there is one or none is open.
JsonWalker::Step JsonWalker::after_value(Nesting& nesting) {
  while (nesting.depth > 0) {
    const bool object = (nesting.objects & 1U) != 0;
    skip_blanks();
    if (at_ == text_.size()) {
      fail(kCut);
      return Step::Failed;
    }
    if (text_[at_] == ',') {
      ++at_;
      JsonText name;
      return !object || take_name(name) ? Step::Inside : Step::Failed;
    }
    if (text_[at_] != (object ? '}' : ']')) {
      fail(object ? "a comma or a closing brace is expected"
                  : "a comma or a closing bracket is expected");
      return Step::Failed;
    }
    leave();
    nesting.objects >>= 1U;
    --nesting.depth;
  }
  return Step::Complete;
}

bool JsonWalker::take_value(ByteRange& range) {
  if (peek() == JsonType::None) {
    return false;
  }
  range.begin = static_cast<std::uint32_t>(at_);
  Nesting nesting;
  Step step = Step::Inside;
  while (step == Step::Inside) {
    step = start_value(nesting);
    if (step == Step::Complete) {
      step = after_value(nesting);
    }
  }
  range.end = static_cast<std::uint32_t>(at_);
  return step == Step::Complete;
}

bool ObjectWalk::next(JsonText& name) {
  JsonWalker& w = walker_;
  if (!w.ok()) {
    return false;
  }
  w.skip_blanks();
  if (w.at_ == w.text_.size()) {
    return w.fail(kCut);
  }
  comma_ = static_cast<std::uint32_t>(w.at_);
  const char c = w.text_[w.at_];
  if (c == '}') {
    close_ = comma_;
    w.leave();
    return false;
  }
  if (!first_) {
    if (c != ',') {
      return w.fail("a comma or a closing brace is expected");
    }
    ++w.at_;
    w.skip_blanks();
  }
  first_ = false;
  name_begin_ = static_cast<std::uint32_t>(w.at_);
  return w.take_name(name);
}

bool ArrayWalk::next() {
  JsonWalker& w = walker_;
  if (!w.ok()) {
    return false;
  }
  w.skip_blanks();
  if (w.at_ == w.text_.size()) {
    return w.fail(kCut);
  }
  const char c = w.text_[w.at_];
  if (c == ']') {
    w.leave();
    return false;
  }
  if (!first_) {
    if (c != ',') {
      return w.fail("a comma or a closing bracket is expected");
    }
    ++w.at_;
  }
  first_ = false;
  return true;
}

}  // namespace waybill::dialects
