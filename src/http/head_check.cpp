#include "head_check.hpp"

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

bool is_value_char(char c) noexcept {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

std::optional<FieldLine> split_line(std::string_view line) noexcept {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) {
    return std::nullopt;
  }
  for (const char c : line.substr(0, colon)) {
    if (!is_token_char(c)) {
      return std::nullopt;
    }
  }
  const std::string_view value = trim_ows(line.substr(colon + 1));
  for (const char c : value) {
    if (!is_value_char(c)) {
      return std::nullopt;
    }
  }
  return FieldLine{line.substr(0, colon), value};
}

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

bool FieldLines::split(std::string_view head, std::size_t max_fields) {
  std::size_t end = head.find("\r\n");
  if (end == std::string_view::npos || !head.ends_with("\r\n\r\n")) {
    return false;
  }
  first_line_ = head.substr(0, end);
  std::string_view rest = head.substr(end + 2);
  rest.remove_suffix(2);
  while (!rest.empty()) {
    end = rest.find("\r\n");
    if (count_ >= kCapacity || count_ >= max_fields) {
      too_many_ = true;
      return false;
    }
    const auto line = split_line(rest.substr(0, end));
    if (!line) {
      return false;
    }
    lines_[count_++] = *line;
    rest.remove_prefix(end + 2);
  }
  return true;
}

FieldLines::Found FieldLines::find(std::string_view name) const noexcept {
  Found found;
  for (const FieldLine& line : all()) {
    if (line.name.size() == name.size() && iequals(line.name, name)) {
      ++found.count;
      found.value = line.value;
    }
  }
  return found;
}

FramingFields read_framing(const FieldLines& lines, unsigned version) {
  FramingFields out;
  const FieldLines::Found length = lines.find("Content-Length");
  const FieldLines::Found coding = lines.find("Transfer-Encoding");
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

bool has_list_member(const FieldLines& lines,
                     std::string_view field,
                     std::string_view member) noexcept {
  for (const FieldLine& line : lines.all()) {
    if (!iequals(line.name, field)) {
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
