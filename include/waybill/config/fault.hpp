// What is wrong with the settings: each fault has its place and what to write instead.

#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace waybill::config {

// A place in a settings file.  Lines and columns count from 1, columns in bytes.
struct Position {
  std::string file;  // as the file was named when it was read
  unsigned line = 0;
  unsigned column = 0;

  friend bool operator==(const Position&, const Position&) = default;
};

// One mistake.  Neither text ever repeats the value of a secret member.
struct Fault {
  Position at;
  std::string sentence;
  std::string suggestion;  // empty if there is nothing better to write

  friend bool operator==(const Fault&, const Fault&) = default;
};

// The lines that `waybill check` prints, one fault each with its suggestion
// below it, without the closing count:
//
//   waybill.yaml:14:7  unknown key 'up_stream_model' in models."openai/gpt-4o-mini".endpoints[0]
//                      did you mean 'upstream_model'?
[[nodiscard]] std::string render(std::span<const Fault> faults);

// "3 faults, nothing started\n".  Requires: count > 0.
[[nodiscard]] std::string closing_line(std::size_t count);

// The same as a JSON array of {file, line, column, sentence, suggestion}.
[[nodiscard]] std::string render_json(std::span<const Fault> faults);

}  // namespace waybill::config
