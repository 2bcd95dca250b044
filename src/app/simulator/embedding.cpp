#include "embedding.hpp"

#include <bit>
#include <cmath>
#include <cstdint>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

#include "wording.hpp"

namespace waybill::app::simulator {

std::vector<float> embed(std::string_view text, std::size_t dimensions) {
  std::vector<double> sum(dimensions, 0.0);
  const auto add = [&sum](std::string_view word) {
    Random random(hash_text(word));
    for (double& value : sum) {
      value += random.unit() * 2 - 1;
    }
  };
  for (const std::string& piece : pieces(text)) {
    std::string word;
    for (const char c : piece) {
      if (c != ' ') {
        word += ascii_lower(c);
      }
    }
    add(word);
  }
  if (text.empty()) {
    add("");
  }
  double length = 0;
  for (const double value : sum) {
    length += value * value;
  }
  length = std::sqrt(length);
  std::vector<float> vector;
  vector.reserve(dimensions);
  for (const double value : sum) {
    vector.push_back(static_cast<float>(value / length));
  }
  return vector;
}

std::string to_base64(const std::vector<float>& vector) {
  std::string bytes;
  bytes.reserve(vector.size() * 4);
  for (const float value : vector) {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    for (unsigned shift = 0; shift < 32; shift += 8) {
      bytes += static_cast<char>((bits >> shift) & 0xFFU);
    }
  }
  return waybill::to_base64(bytes);
}

}  // namespace waybill::app::simulator
