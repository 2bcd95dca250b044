// Writes messages of application/vnd.amazon.eventstream.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <zlib.h>

namespace waybill::dialects::test {

inline std::string big_endian(std::uint64_t value, unsigned width) {
  std::string out;
  for (unsigned i = width; i-- > 0;) {
    out += static_cast<char>(value >> (8U * i) & 0xFFU);
  }
  return out;
}

inline std::string with_checksum(std::string bytes) {
  const auto crc =
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size()));
  return bytes + big_endian(crc, 4);
}

// With lengths that need not be true.
inline std::string raw_message(std::uint64_t total,
                               std::uint64_t headers_size,
                               std::string_view headers_and_payload) {
  return with_checksum(with_checksum(big_endian(total, 4) + big_endian(headers_size, 4)) +
                       std::string(headers_and_payload));
}

inline std::string string_header(std::string_view name, std::string_view value) {
  return big_endian(name.size(), 1) + std::string(name) + '\7' + big_endian(value.size(), 2) +
         std::string(value);
}

inline std::string message_with(std::string_view headers, std::string_view payload) {
  return raw_message(16 + headers.size() + payload.size(), headers.size(),
                     std::string(headers) + std::string(payload));
}

inline std::string event_message(std::string_view type, std::string_view payload) {
  return message_with(string_header(":event-type", type) +
                          string_header(":content-type", "application/json") +
                          string_header(":message-type", "event"),
                      payload);
}

inline std::string exception_message(std::string_view type, std::string_view payload) {
  return message_with(
      string_header(":exception-type", type) + string_header(":message-type", "exception"),
      payload);
}

}  // namespace waybill::dialects::test
