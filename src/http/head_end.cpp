#include <cstdint>

#include "head_check.hpp"

namespace waybill::http {

HeadScan find_head_end(std::string_view bytes, std::size_t from) noexcept {
  // A line can only start at this place after a blank one: no other line is so short.
  constexpr std::size_t kBlankLine = 2;
  // `from` is the start of a line: a line that was incomplete is looked at again.
  std::size_t line = from;
  for (std::size_t i = find_control(bytes, from); i < bytes.size();
       i = find_control(bytes, i + 1)) {
    const char c = bytes[i];
    if (c == '\t') {
      continue;
    }
    if (c != '\r') {
      return {HeadScan::State::Malformed, i};
    }
    if (i + 1 == bytes.size()) {
      break;
    }
    if (bytes[i + 1] != '\n') {
      return {HeadScan::State::Malformed, i};
    }
    if (i == line && line > kBlankLine) {
      return {HeadScan::State::Complete, i + 2};
    }
    if (i == line && line == kBlankLine) {
      return {HeadScan::State::Malformed, i};  // a second one before the first line
    }
    line = i + 2;
    ++i;
  }
  return {HeadScan::State::NeedMore, line};
}

Rejection malformed_head() {
  return {400, Error(ErrorKind::InvalidRequest, "malformed_request",
                     "The request is not HTTP/1.1 as RFC 9112 defines it.")};
}

Rejection oversized_head(std::string_view bytes) {
  // Only what any connection has read by then, so that the answer does not depend on how
  // the bytes came.
  bytes = bytes.substr(0, HeadLimits{}.max_bytes);
  if (bytes.find('\r') == std::string_view::npos) {
    return {414, Error(ErrorKind::InvalidRequest, "target_too_long",
                       "The request's target is too long.")};
  }
  return {431, Error(ErrorKind::InvalidRequest, "head_too_large",
                     "The request's header fields are too large; send fewer or shorter ones.")};
}

}  // namespace waybill::http
