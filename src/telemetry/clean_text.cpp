#include "clean_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "waybill/base/text.hpp"

namespace waybill::telemetry {
namespace {

using std::chrono::floor;

// Nothing to clean, nothing to escape: nearly every text there is.
bool is_plain(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

// Length of the control character outside ASCII that starts here, 0 if none does.
std::size_t wide_control(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
  };
  if (byte(0) == 0xC2 && byte(1) >= 0x80 && byte(1) <= 0x9F) {
    return 2;  // C1
  }
  if (byte(0) == 0xE2 && byte(1) == 0x80 && byte(2) >= 0xA8 && byte(2) <= 0xAE) {
    return 3;  // line and paragraph separator, embeddings and overrides
  }
  if (byte(0) == 0xE2 && byte(1) == 0x81 && byte(2) >= 0xA6 && byte(2) <= 0xA9) {
    return 3;  // isolates
  }
  return 0;
}

std::string cleaned(std::string_view text, std::size_t limit) {
  const std::string shown = printable(text, limit);  // cut, C0 and DEL gone, valid UTF-8
  std::string out;
  out.reserve(shown.size());
  for (std::size_t i = 0; i < shown.size();) {
    const std::size_t control = wide_control(std::string_view(shown).substr(i));
    out += control > 0 ? '?' : shown[i];
    i += std::max<std::size_t>(control, 1);
  }
  return out;
}

template <class Number>
void append_chars(std::string& out, Number number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

}  // namespace

void append_clean(std::string& out, std::string_view text, std::size_t limit) {
  if (text.size() <= limit && is_plain(text)) {
    out += text;
    return;
  }
  out += cleaned(text, limit);
}

void append_clean_json(std::string& out, std::string_view text, std::size_t limit) {
  if (text.size() <= limit && is_plain(text)) {
    out += '"';
    out += text;
    out += '"';
    return;
  }
  append_json_string(out, cleaned(text, limit));
}

void append_number(std::string& out, std::uint64_t number) {
  append_chars(out, number);
}

void append_number(std::string& out, std::int64_t number) {
  append_chars(out, number);
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  append_chars(out, number);
}

void append_padded(std::string& out, std::uint64_t number, unsigned width) {
  std::array<char, 20> digits{};  // of the largest number
  std::size_t first = digits.size();
  for (; number > 0 || digits.size() - first < width; number /= 10) {
    digits[--first] = static_cast<char>('0' + number % 10);
  }
  out.append(digits.data() + first, digits.size() - first);
}

void append_date(std::string& out, WallTime time) {
  const std::chrono::year_month_day date(floor<std::chrono::days>(time));
  append_padded(out, static_cast<std::uint64_t>(std::max(static_cast<int>(date.year()), 0)), 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
}

void append_time_of_day(std::string& out, WallTime time) {
  const auto seconds = static_cast<std::uint64_t>(
      floor<std::chrono::seconds>(time - floor<std::chrono::days>(time)).count());
  append_padded(out, seconds / 3600, 2);
  out += ':';
  append_padded(out, seconds / 60 % 60, 2);
  out += ':';
  append_padded(out, seconds % 60, 2);
}

void append_time_of_day_ms(std::string& out, WallTime time) {
  append_time_of_day(out, time);
  out += '.';
  append_padded(
      out,
      static_cast<std::uint64_t>(
          floor<std::chrono::milliseconds>(time - floor<std::chrono::seconds>(time)).count()),
      3);
}

}  // namespace waybill::telemetry
