// Properties: where a stream is cut changes neither its events nor its end; no event is
// larger than the limit; its data, written as an event, is read as itself.
// The first byte chooses the size of the pieces.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/http/sse_parser.hpp"

namespace {

using namespace waybill::http;

constexpr std::size_t kMaxEvent = 256;

struct Event {
  SseEvent::Kind kind = SseEvent::Kind::Event;
  std::string type;
  std::string data;

  friend bool operator==(const Event&, const Event&) = default;
};

struct Outcome {
  std::vector<Event> events;
  bool failed = false;

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

Outcome parse(std::string_view bytes, std::size_t step) {
  SseParser parser({.max_event_bytes = kMaxEvent, .comments = SseParser::Comments::Report});
  Outcome out;
  const auto keep = [&](const SseEvent& event) {
    require(event.data.size() <= kMaxEvent);
    out.events.push_back({event.kind, std::string(event.type), std::string(event.data)});
  };
  for (std::size_t at = 0; at < bytes.size(); at += step) {
    // A copy that ends with the feed, so that a view kept too long is found.
    const std::vector<char> piece(
        bytes.begin() + static_cast<std::ptrdiff_t>(at),
        bytes.begin() + static_cast<std::ptrdiff_t>(std::min(bytes.size(), at + step)));
    parser.feed({piece.data(), piece.size()});
    while (const auto event = parser.next()) {
      keep(*event);
    }
  }
  if (const auto last = parser.finish()) {
    keep(*last);
  }
  out.failed = parser.error().has_value();
  return out;
}

// `data: ` before each line; a CR would be a line end, so none is in what was parsed.
std::string written(const Event& event) {
  std::string out = "event: " + event.type + "\ndata: ";
  for (const char c : event.data) {
    out += c;
    if (c == '\n') {
      out += "data: ";
    }
  }
  return out + "\n\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) {
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const Outcome whole = parse(bytes, bytes.size() + 1);
  require(parse(bytes, 1) == whole);
  require(parse(bytes, 1U + data[0] % 32) == whole);
  for (const Event& event : whole.events) {
    if (event.kind == SseEvent::Kind::Comment || event.data.size() > kMaxEvent / 2) {
      continue;
    }
    const Outcome again = parse(written(event), std::string_view::npos / 2);
    require(again.events.size() == 1 && again.events[0].type == event.type &&
            again.events[0].data == event.data);
  }
  return 0;
}
