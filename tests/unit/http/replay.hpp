// Feeds bytes to the parsers as a connection would, and cuts them into pieces.

#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/http/body.hpp"
#include "waybill/http/sse_parser.hpp"

namespace waybill::http::test {

using Pieces = std::vector<std::string>;

inline Pieces by_bytes(std::string_view bytes) {
  Pieces pieces;
  for (const char c : bytes) {
    pieces.emplace_back(1, c);
  }
  return pieces;
}

// A cut after each CR and each LF.
inline Pieces at_line_ends(std::string_view bytes) {
  Pieces pieces;
  while (!bytes.empty()) {
    const std::size_t end = std::min(bytes.find_first_of("\r\n"), bytes.size() - 1) + 1;
    pieces.emplace_back(bytes.substr(0, end));
    bytes.remove_prefix(end);
  }
  return pieces;
}

// Up to eight pieces, some of them empty.
inline Pieces randomly(std::string_view bytes, std::mt19937& random) {
  std::vector<std::size_t> cuts{0, bytes.size()};
  for (unsigned i = random() % 8; i > 0; --i) {
    cuts.push_back(random() % (bytes.size() + 1));
  }
  std::sort(cuts.begin(), cuts.end());
  Pieces pieces;
  for (std::size_t i = 1; i < cuts.size(); ++i) {
    pieces.emplace_back(bytes.substr(cuts[i - 1], cuts[i] - cuts[i - 1]));
  }
  return pieces;
}

struct Decoded {
  std::string data;
  std::size_t consumed = 0;
  unsigned fault = 0;  // status; 0 where there is none
  bool done = false;
  bool clean_end = false;

  friend bool operator==(const Decoded&, const Decoded&) = default;
};

inline Decoded decode_body(Framing framing, const Pieces& pieces, const BodyLimits& limits = {}) {
  BodyDecoder decoder(framing, limits);
  Decoded out;
  for (const std::string& piece : pieces) {
    std::string_view rest = piece;
    while (!rest.empty() && !decoder.done() && !decoder.fault()) {
      const BodyDecoder::Step step = decoder.feed(rest);
      out.data += step.data;
      out.consumed += step.consumed;
      rest.remove_prefix(step.consumed);
    }
  }
  out.fault = decoder.fault() ? decoder.fault()->status : 0;
  out.done = decoder.done();
  out.clean_end = decoder.at_clean_end();
  return out;
}

// One event, or what ended the stream, as text: easy to compare and to read in a diff.
struct Events {
  std::vector<std::string> all;
  std::optional<std::string> unterminated{};
  bool failed = false;

  friend bool operator==(const Events&, const Events&) = default;
};

inline std::string describe(const SseEvent& event) {
  return event.kind == SseEvent::Kind::Comment
             ? ":" + std::string(event.data)
             : std::string(event.type) + "|" + std::string(event.data);
}

inline Events parse_events(const Pieces& pieces, const SseParser::Options& options = {}) {
  SseParser parser(options);
  Events out;
  for (const std::string& piece : pieces) {
    // The parser may keep nothing of a piece: each lives only until its events are out.
    const std::vector<char> bytes(piece.begin(), piece.end());
    parser.feed({bytes.data(), bytes.size()});
    while (const auto event = parser.next()) {
      out.all.push_back(describe(*event));
    }
  }
  if (const auto last = parser.finish()) {
    out.unterminated = describe(*last);
  }
  out.failed = parser.error().has_value();
  return out;
}

}  // namespace waybill::http::test
