#include <cstdint>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"
#include "waybill/http/head.hpp"

namespace waybill::http {

std::optional<std::string> decode_segment(std::string_view segment) {
  std::string out;
  out.reserve(segment.size());
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      const int high = i + 2 <= segment.size() - 1 ? hex_value(segment[i + 1]) : -1;
      const int low = i + 2 <= segment.size() - 1 ? hex_value(segment[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return std::nullopt;
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte < 0x20 || byte == 0x7F) {
      return std::nullopt;
    }
    out += c;
  }
  if (!is_valid_utf8(out)) {
    return std::nullopt;
  }
  return out;
}

}  // namespace waybill::http
