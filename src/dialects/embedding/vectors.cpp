// Vectors in their two forms.

#include "vectors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <limits>

#include "waybill/base/text.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects::embedding {
namespace {

int base64_digit(char c) noexcept {
  if (c >= 'A' && c <= 'Z') {
    return c - 'A';
  }
  if (c >= 'a' && c <= 'z') {
    return c - 'a' + 26;
  }
  if (c >= '0' && c <= '9') {
    return c - '0' + 52;
  }
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

void append_float(std::string& out, float value) {
  if (!std::isfinite(value)) {
    out += '0';  // JSON has no word for it, and clients demand numbers
    return;
  }
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  out.append(digits.data(), end.ptr);
}

}  // namespace

std::optional<std::string> bytes_of_base64(std::string_view text) {
  while (text.ends_with('=')) {
    text.remove_suffix(1);
  }
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) {
      return std::nullopt;
    }
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>((bits >> count) & 0xFF);
    }
  }
  return count < 6 ? std::optional(std::move(out)) : std::nullopt;
}

std::string base64_of_list(std::string_view list) {
  JsonTree tree;
  std::string bytes;
  if (tree.parse(list, JsonOrigin::Upstream)) {
    bytes.reserve(tree.root().size() * sizeof(float));
    for (const JsonRef number : tree.root()) {
      constexpr double kMost = std::numeric_limits<float>::max();
      const double value = std::clamp(number.number().value_or(0), -kMost, kMost);
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(value));
      for (unsigned shift = 0; shift < 32; shift += 8) {
        bytes += static_cast<char>((bits >> shift) & 0xFF);
      }
    }
  }
  return to_base64(bytes);
}

std::string list_of_base64(std::string_view base64) {
  const std::string bytes = bytes_of_base64(base64).value_or(std::string());
  std::string out = "[";
  for (std::size_t at = 0; at + sizeof(float) <= bytes.size(); at += sizeof(float)) {
    std::uint32_t bits = 0;
    for (unsigned i = 0; i < 4; ++i) {
      bits |= static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[at + i])) << (8 * i);
    }
    out += at == 0 ? "" : ",";
    append_float(out, std::bit_cast<float>(bits));
  }
  return out + ']';
}

}  // namespace waybill::dialects::embedding

namespace waybill::dialects {

std::string vector_as(const EmbeddingVector& vector, VectorEncoding encoding) {
  if (vector.encoding == encoding) {
    return vector.value;
  }
  return encoding == VectorEncoding::Base64 ? embedding::base64_of_list(vector.value)
                                            : embedding::list_of_base64(vector.value);
}

}  // namespace waybill::dialects
