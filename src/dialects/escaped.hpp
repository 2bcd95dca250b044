// The content of JSON strings, with and without its escapes.

#pragma once

#include <string>
#include <string_view>

#include "waybill/base/text.hpp"

#include "json_walk.hpp"

namespace waybill::dialects {

// Appends `text` as a JSON string holds it between its quotes.
inline void append_escaped(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  append_json_string(out, text);
  out.pop_back();
  out.erase(begin, 1);
}

inline std::string escaped(std::string_view text) {
  std::string out;
  append_escaped(out, text);
  return out;
}

inline std::string decoded(std::string_view text) {
  std::string out;
  append_decoded(out, text);
  return out;
}

// Appends a JSON string whose content is escaped already.
inline void append_quoted(std::string& out, std::string_view escaped_text) {
  out += '"';
  out += escaped_text;
  out += '"';
}

// Appends one JSON value without line ends: between tokens they are blanks, and in a stream
// an event is a line.
inline void append_one_line(std::string& out, std::string_view json) {
  const std::size_t begin = out.size();
  out += json;
  for (std::size_t i = begin; i < out.size(); ++i) {
    if (out[i] == '\n' || out[i] == '\r') {
      out[i] = ' ';
    }
  }
}

}  // namespace waybill::dialects
