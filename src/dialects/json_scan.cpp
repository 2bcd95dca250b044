// The tokens of JSON: strings and numbers.

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>
#include <system_error>

#include "json_walk.hpp"

namespace waybill::dialects {
namespace {

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// The first byte at or after `at` that a JSON string cannot hold as it is: a
// quote, a backslash or a control byte.  Eight bytes at a time; the borrows of
// the zero-byte test only ever mark bytes behind the first true one.
std::size_t find_special(std::string_view text, std::size_t at) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    constexpr std::uint64_t kOnes = 0x0101010101010101U;
    constexpr std::uint64_t kTops = 0x8080808080808080U;
    for (; at + 8 <= text.size(); at += 8) {
      std::uint64_t block = 0;
      std::memcpy(&block, text.data() + at, sizeof block);
      const std::uint64_t quote = block ^ (kOnes * '"');
      const std::uint64_t backslash = block ^ (kOnes * '\\');
      const std::uint64_t special =
          (((block - kOnes * 0x20U) & ~block) | ((quote - kOnes) & ~quote) |
           ((backslash - kOnes) & ~backslash)) &
          kTops;
      if (special != 0) {
        return at + static_cast<std::size_t>(std::countr_zero(special)) / 8;
      }
    }
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<std::uint8_t>(text[at]);
    if (c == '"' || c == '\\' || c < 0x20) {
      break;
    }
  }
  return at;
}

std::size_t utf8_size(unsigned code_point) noexcept {
  return code_point < 0x80 ? 1U : code_point < 0x800 ? 2U : code_point < 0x10000 ? 3U : 4U;
}

void append_utf8(std::string& out, unsigned code_point) {
  const auto byte = [&](unsigned value) { out += static_cast<char>(value); };
  if (code_point < 0x80) {
    byte(code_point);
    return;
  }
  const std::size_t size = utf8_size(code_point);
  const unsigned lead = size == 2 ? 0xC0U : size == 3 ? 0xE0U : 0xF0U;
  byte(lead | code_point >> (6 * (size - 1)));
  for (std::size_t i = size - 1; i-- > 0;) {
    byte(0x80U | (code_point >> (6 * i) & 0x3FU));
  }
}

bool is_lead_surrogate(unsigned unit) noexcept {
  return unit >= 0xD800 && unit <= 0xDBFF;
}
bool is_tail_surrogate(unsigned unit) noexcept {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}
unsigned join_surrogates(unsigned lead, unsigned tail) noexcept {
  return 0x10000U + ((lead - 0xD800U) << 10U) + (tail - 0xDC00U);
}

}  // namespace

std::optional<unsigned> JsonWalker::hex4(std::size_t at) const noexcept {
  if (at + 4 > text_.size()) {
    return std::nullopt;
  }
  unsigned unit = 0;
  const char* const begin = text_.data() + at;
  // from_chars takes neither a sign nor a prefix for an unsigned type.
  const auto [end, ec] = std::from_chars(begin, begin + 4, unit, 16);
  if (ec != std::errc() || end != begin + 4) {
    return std::nullopt;
  }
  return unit;
}

bool JsonWalker::scan_surrogate(JsonText& text, unsigned first) {
  const bool another = text_.substr(at_, 2) == "\\u";
  const std::optional<unsigned> second = another ? hex4(at_ + 2) : std::nullopt;
  if (is_lead_surrogate(first) && second && is_tail_surrogate(*second)) {
    at_ += 6;
    text.decoded_size += 4;
    return true;
  }
  if (origin_ == JsonOrigin::Client) {
    return fail("an escape names half of a surrogate pair", at_ - 6, JsonFaultKind::Ambiguous);
  }
  text.decoded_size += 3;  // U+FFFD
  return true;
}

// Requires: text_[at_] == '\\'.
bool JsonWalker::scan_escape(JsonText& text) {
  if (at_ + 1 >= text_.size()) {
    return fail("it ends in the middle of a string", text_.size());
  }
  text.escaped = true;
  switch (text_[at_ + 1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
      at_ += 2;
      text.decoded_size += 1;
      return true;
    case 'u': break;
    default: return fail("a backslash begins no known escape");
  }
  const std::optional<unsigned> unit = hex4(at_ + 2);
  if (!unit) {
    return fail("\\u is not followed by four hexadecimal digits");
  }
  at_ += 6;
  if (*unit >= 0xD800 && *unit <= 0xDFFF) {
    return scan_surrogate(text, *unit);
  }
  text.decoded_size += static_cast<std::uint32_t>(utf8_size(*unit));
  return true;
}

// Requires: text_[at_] == '"'.
bool JsonWalker::scan_string(JsonText& text) {
  ++at_;
  text = JsonText{};
  text.raw.begin = static_cast<std::uint32_t>(at_);
  for (;;) {
    const std::size_t stop = find_special(text_, at_);
    text.decoded_size += static_cast<std::uint32_t>(stop - at_);
    at_ = stop;
    if (at_ == text_.size()) {
      return fail("it ends in the middle of a string");
    }
    if (text_[at_] == '"') {
      text.raw.end = static_cast<std::uint32_t>(at_++);
      return true;
    }
    if (text_[at_] != '\\') {
      return fail("a control byte stands in a string");
    }
    if (!scan_escape(text)) {
      return false;
    }
  }
}

// RFC 8259 §6.
bool JsonWalker::scan_number() {
  const std::size_t begin = at_;
  const auto digits = [&] {
    const std::size_t first = at_;
    while (at_ < text_.size() && is_digit(text_[at_])) {
      ++at_;
    }
    return at_ - first;
  };
  const auto is_next = [&](char c) { return at_ < text_.size() && text_[at_] == c; };
  if (is_next('-')) {
    ++at_;
  }
  const bool zero = is_next('0');
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) {
    return fail("a number is not written as JSON wants it", begin);
  }
  bool unusual = whole > 300;
  if (is_next('.')) {
    ++at_;
    if (digits() == 0) {
      return fail("a number is not written as JSON wants it", begin);
    }
  }
  if (is_next('e') || is_next('E')) {
    ++at_;
    if (is_next('+') || is_next('-')) {
      ++at_;
    }
    const std::size_t exponent = digits();
    if (exponent == 0) {
      return fail("a number is not written as JSON wants it", begin);
    }
    unusual = unusual || exponent > 2;
  }
  if (unusual && origin_ == JsonOrigin::Client && !representable(begin)) {
    return fail("a number is too large for a double", begin, JsonFaultKind::Ambiguous);
  }
  return true;
}

// False for what overflows a double; what underflows is zero and harmless.
bool JsonWalker::representable(std::size_t begin) const {
  const std::string_view token = text_.substr(begin, at_ - begin);
  double value = 0;
  const auto [end, ec] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (ec != std::errc::result_out_of_range) {
    return ec == std::errc();
  }
  // Out of range: too large if digits before the point and exponent say so.
  const std::size_t e = std::min(token.find_first_of("eE"), token.size());
  const std::string_view mantissa = token.substr(0, e);
  const std::size_t first = mantissa.find_first_of("123456789");
  const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
  const auto whole = static_cast<long>(first < point ? point - first : 0);
  long exponent = 0;
  if (e < token.size()) {
    const std::size_t digits = e + (token[e + 1] == '+' ? 2 : 1);
    if (std::from_chars(token.data() + digits, token.data() + token.size(), exponent).ec !=
        std::errc()) {
      exponent = token[e + 1] == '-' ? -1'000'000'000 : 1'000'000'000;
    }
  }
  return whole + exponent < 300;
}

std::string_view JsonWalker::decode(const JsonText& text) {
  const std::string_view raw = text.raw.of(text_);
  if (!text.escaped) {
    return raw;
  }
  scratch_.clear();
  for (std::size_t i = 0; i < raw.size();) {
    if (raw[i] != '\\') {
      scratch_ += raw[i++];
      continue;
    }
    const char c = raw[i + 1];
    if (c != 'u') {
      constexpr std::string_view kNames = "bfnrt";
      constexpr std::string_view kBytes = "\b\f\n\r\t";
      const std::size_t known = kNames.find(c);
      scratch_ += known == std::string_view::npos ? c : kBytes[known];
      i += 2;
      continue;
    }
    unsigned unit = hex4(text.raw.begin + i + 2).value_or(0xFFFD);
    i += 6;
    if (is_lead_surrogate(unit) && raw.substr(i, 2) == "\\u") {
      const unsigned tail = hex4(text.raw.begin + i + 2).value_or(0);
      if (is_tail_surrogate(tail)) {
        unit = join_surrogates(unit, tail);
        i += 6;
      }
    }
    append_utf8(scratch_, unit >= 0xD800 && unit <= 0xDFFF ? 0xFFFDU : unit);
  }
  return scratch_;
}

}  // namespace waybill::dialects
