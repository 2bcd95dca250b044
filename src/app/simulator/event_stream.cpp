#include "event_stream.hpp"

#include <cstddef>
#include <cstdint>

#include <zlib.h>

namespace waybill::app::simulator {
namespace {

void append_number(std::string& out, std::size_t value, unsigned bytes) {
  for (unsigned shift = bytes * 8; shift > 0; shift -= 8) {
    out += static_cast<char>(value >> (shift - 8) & 0xFFU);
  }
}

void append_checksum(std::string& out) {
  const auto sum =
      ::crc32(0, reinterpret_cast<const Bytef*>(out.data()), static_cast<uInt>(out.size()));
  append_number(out, sum, 4);
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
  constexpr char kString = 7;
  append_number(out, name.size(), 1);
  out.append(name);
  out += kString;
  append_number(out, value.size(), 2);
  out.append(value);
}

std::string message(std::string_view kind, std::string_view type, std::string_view payload) {
  constexpr std::size_t kFrame = 16;  // two lengths and two checksums
  std::string headers;
  append_header(headers, kind == "event" ? ":event-type" : ":exception-type", type);
  append_header(headers, ":content-type", "application/json");
  append_header(headers, ":message-type", kind);
  std::string out;
  append_number(out, kFrame + headers.size() + payload.size(), 4);
  append_number(out, headers.size(), 4);
  append_checksum(out);
  out.append(headers).append(payload);
  append_checksum(out);
  return out;
}

}  // namespace

std::string aws_event(std::string_view type, std::string_view payload) {
  return message("event", type, payload);
}

std::string aws_exception(std::string_view type, std::string_view payload) {
  return message("exception", type, payload);
}

}  // namespace waybill::app::simulator
