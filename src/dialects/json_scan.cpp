// The tokens of JSON: strings and numbers.

#include <algorithm>
#include <charconv>
#include <system_error>

#include "waybill/base/ascii.hpp"
#include "waybill/base/json_bytes.hpp"

#include "json_walk.hpp"

namespace waybill::dialects {
namespace {

constexpr std::string_view kBadNumber = "a number is not written as JSON wants it";

const char* skip_digits(const char* at, const char* end) noexcept {
  while (at != end && is_digit(*at)) {
    ++at;
  }
  return at;
}

// One of those that stand for one byte.
bool is_short_escape(char c) noexcept {
  switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': return true;
    default: return false;
  }
}

const char* find_special(const char* at, const char* end) noexcept {
  return find_json_special<JsonSearch::PassNonAscii>(at, end);
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

std::optional<unsigned> hex4_of(std::string_view digits) noexcept {
  if (digits.size() < 4) {
    return std::nullopt;
  }
  unsigned unit = 0;
  // from_chars takes neither a sign nor a prefix for an unsigned type.
  const char* const stop = digits.data() + 4;
  const auto [end, ec] = std::from_chars(digits.data(), stop, unit, 16);
  if (ec != std::errc() || end != stop) {
    return std::nullopt;
  }
  return unit;
}

}  // namespace

std::optional<unsigned> JsonWalker::hex4(const char* at) const noexcept {
  return hex4_of({at, end_});
}

bool JsonWalker::scan_surrogate(JsonText& text, unsigned first) {
  const bool another = std::string_view(at_, end_).starts_with("\\u");
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

// Requires: at_ stands at "\u".
bool JsonWalker::scan_unicode_escape(JsonText& text) {
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

// A string that does not just end at `stop`, where its first special byte stands.
// Requires: *at_ == '"'.
bool JsonWalker::scan_escapes(JsonText& text, const char* stop) {
  ++at_;
  text = JsonText{};
  text.raw.begin = offset(at_);
  for (;; stop = find_special(at_, end_)) {
    text.decoded_size += static_cast<std::uint32_t>(stop - at_);
    at_ = stop;
    if (at_ == end_) {
      return fail("it ends in the middle of a string");
    }
    if (*at_ == '"') {
      text.raw.end = offset(at_++);
      return true;
    }
    if (*at_ != '\\') {
      return fail("a control byte stands in a string");
    }
    if (at_ + 1 == end_) {
      return fail("it ends in the middle of a string", end_);
    }
    text.escaped = true;
    if (is_short_escape(at_[1])) {
      at_ += 2;
      ++text.decoded_size;
    } else if (at_[1] != 'u') {
      return fail("a backslash begins no known escape");
    } else if (!scan_unicode_escape(text)) {
      return false;
    }
  }
}

// RFC 8259 §6.
bool JsonWalker::scan_number() {
  const char* const begin = at_;
  const char* const whole = *begin == '-' ? begin + 1 : begin;
  const char* at = skip_digits(whole, end_);
  if (at == whole || (*whole == '0' && at - whole > 1)) {
    return fail(kBadNumber, begin);
  }
  at_ = at;
  const bool is_whole = at == end_ || (*at != '.' && (*at | 0x20) != 'e');
  bool unusual = at - whole > 200;  // with an exponent of two digits it may be 1e308
  if (!is_whole && !scan_fraction(begin, unusual)) {
    return false;
  }
  if (unusual && origin_ == JsonOrigin::Client && !representable(begin)) {
    return fail("a number is too large for a double", begin, JsonFaultKind::Ambiguous);
  }
  return true;
}

// Behind the digits of a number that began at `begin`: fraction and exponent.
bool JsonWalker::scan_fraction(const char* begin, bool& unusual) {
  const char* at = at_;
  const auto take = [&](char c) {
    const bool there = at != end_ && *at == c;
    at += there ? 1 : 0;
    return there;
  };
  const auto take_digits = [&] {
    const char* const first = at;
    at = skip_digits(at, end_);
    return at - first;
  };
  if (take('.') && take_digits() == 0) {
    return fail(kBadNumber, begin);
  }
  if (take('e') || take('E')) {
    if (!take('+')) {
      take('-');
    }
    const auto exponent = take_digits();
    if (exponent == 0) {
      return fail(kBadNumber, begin);
    }
    unusual = unusual || exponent > 2;
  }
  at_ = at;
  return true;
}

// False for what overflows a double; what underflows is zero and harmless.
bool JsonWalker::representable(const char* begin) const {
  const std::string_view token(begin, at_);
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

void append_decoded(std::string& out, std::string_view escaped) {
  const std::string_view raw = escaped;
  for (std::size_t i = 0; i < raw.size();) {
    const std::size_t plain = std::min(raw.find('\\', i), raw.size()) - i;
    out += raw.substr(i, plain);
    i += plain;
    if (i + 1 >= raw.size()) {
      break;
    }
    const char c = raw[i + 1];
    if (c != 'u') {
      constexpr std::string_view kNames = "bfnrt";
      constexpr std::string_view kBytes = "\b\f\n\r\t";
      const std::size_t known = kNames.find(c);
      out += known == std::string_view::npos ? c : kBytes[known];
      i += 2;
      continue;
    }
    unsigned unit = hex4_of(raw.substr(i + 2)).value_or(0xFFFD);
    i += 6;
    if (is_lead_surrogate(unit) && i < raw.size() && raw.substr(i, 2) == "\\u") {
      const unsigned tail = hex4_of(raw.substr(i + 2)).value_or(0);
      if (is_tail_surrogate(tail)) {
        unit = join_surrogates(unit, tail);
        i += 6;
      }
    }
    append_utf8(out, unit >= 0xD800 && unit <= 0xDFFF ? 0xFFFDU : unit);
  }
}

std::uint64_t decoded_size(std::string_view escaped) {
  if (escaped.find('\\') == std::string_view::npos) {
    return escaped.size();
  }
  std::string decoded;
  append_decoded(decoded, escaped);
  return decoded.size();
}

std::string_view JsonWalker::resolve_escapes(ByteRange range) {
  scratch_.clear();
  append_decoded(scratch_, range.of(text()));
  return scratch_;
}

}  // namespace waybill::dialects
