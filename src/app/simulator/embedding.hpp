// Vectors for texts: the same text gives the same vector, similar texts similar ones.

#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::app::simulator {

// A vector of length 1: the sum of one pseudo-random vector for each word.
// Requires: dimensions > 0.
[[nodiscard]] std::vector<float> embed(std::string_view text, std::size_t dimensions);

// RFC 4648 §4 of the numbers as 32-bit little-endian floats, as OpenAI's
// encoding_format "base64".
[[nodiscard]] std::string to_base64(const std::vector<float>& vector);

}  // namespace waybill::app::simulator
