#include "head_check.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "waybill/base/text.hpp"

namespace waybill::http {
namespace {

constexpr std::array<bool, 256> make_token_table() {
  std::array<bool, 256> table{};
  for (const char c : std::string_view(
           "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")) {
    table[static_cast<std::uint8_t>(c)] = true;
  }
  return table;
}

constexpr auto kToken = make_token_table();

// More than a request of the usual clients has.
constexpr std::size_t kUsualFields = 24;

std::optional<std::uint64_t> parse_length(std::string_view text) noexcept {
  constexpr std::uint64_t kLimit = std::uint64_t{1} << 63U;
  if (text.empty() || text.size() > 19) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return std::nullopt;
    }
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value < kLimit ? std::optional(value) : std::nullopt;
}

}  // namespace

bool is_token_char(char c) noexcept {
  return kToken[static_cast<std::uint8_t>(c)];
}

std::size_t find_control(std::string_view text, std::size_t from) noexcept {
  constexpr std::uint64_t kOnes = 0x0101'0101'0101'0101;
  constexpr std::uint64_t kHighs = 0x8080'8080'8080'8080;
  std::size_t i = from;
  // Eight bytes at a time: a borrow out of a byte's high bit tells that it is less than what
  // was taken from it ("Determine if a word has a byte less than n", Bit Twiddling Hacks).
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + i, sizeof word);
    const std::uint64_t below_blank = (word - kOnes * 0x20) & ~word;
    const std::uint64_t without_del = word ^ (kOnes * 0x7F);
    const std::uint64_t del = (without_del - kOnes) & ~without_del;
    if (((below_blank | del) & kHighs) != 0) {
      break;
    }
  }
  for (; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) {
      break;
    }
  }
  return i;
}

bool is_value_text(std::string_view text) noexcept {
  std::size_t i = find_control(text);
  while (i < text.size() && text[i] == '\t') {
    i = find_control(text, i + 1);
  }
  return i == text.size();
}

SplitHead split_head(std::string_view head, std::size_t max_fields) {
  SplitHead out;
  std::size_t end = head.find("\r\n");
  if (end == std::string_view::npos || !head.ends_with("\r\n\r\n")) {
    out.state = SplitHead::State::Malformed;
    return out;
  }
  out.first_line = head.substr(0, end);
  std::string_view rest = head.substr(end + 2);
  rest.remove_suffix(2);
  out.fields.reserve(rest.size(), kUsualFields);
  while (!rest.empty()) {
    if (out.fields.size() >= max_fields) {
      out.state = SplitHead::State::TooMany;
      return out;
    }
    end = rest.find("\r\n");
    const std::string_view line = rest.substr(0, end);
    const std::string_view name = line.substr(0, line.find(':'));
    if (name.empty() || name.size() == line.size() || !std::ranges::all_of(name, is_token_char)) {
      out.state = SplitHead::State::Malformed;
      return out;
    }
    const std::string_view value = trim_ows(line.substr(name.size() + 1));
    if (!is_value_text(value)) {
      out.state = SplitHead::State::Malformed;
      return out;
    }
    out.fields.add(name, value);
    rest.remove_prefix(end + 2);
  }
  return out;
}

FramingFields read_framing(const Fields& fields, unsigned version) {
  FramingFields out;
  const Fields::Found length = fields.find("Content-Length");
  const Fields::Found coding = fields.find("Transfer-Encoding");
  if (coding.count > 0) {
    const bool chunked = coding.count == 1 && iequals(coding.value, "chunked");
    if (length.count > 0) {
      out.fault = FramingFault::Both;
    } else if (version == 10) {
      out.fault = FramingFault::BadCoding;
    } else if (!chunked) {
      bool plain_token = coding.count == 1 && !coding.value.empty();
      for (const char c : coding.value) {
        plain_token = plain_token && is_token_char(c);
      }
      out.fault = plain_token ? FramingFault::UnknownCoding : FramingFault::BadCoding;
    }
    out.chunked = chunked;
    return out;
  }
  if (length.count > 0) {
    out.length = parse_length(length.value);
    if (length.count > 1 || !out.length) {
      out.fault = FramingFault::BadLength;
    }
  }
  return out;
}

bool has_list_member(const Fields& fields,
                     std::string_view name,
                     std::string_view member) noexcept {
  if (fields.find(name).count == 0) {
    return false;
  }
  for (const Fields::Line line : fields) {
    if (!iequals(line.name, name)) {
      continue;
    }
    std::string_view rest = line.value;
    while (!rest.empty()) {
      const std::string_view item = rest.substr(0, rest.find(','));
      if (iequals(trim_ows(item), member)) {
        return true;
      }
      rest.remove_prefix(item.size() == rest.size() ? rest.size() : item.size() + 1);
    }
  }
  return false;
}

}  // namespace waybill::http
