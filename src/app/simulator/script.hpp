// What goes over the wire, and when: a reply, and the steps it becomes.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "options.hpp"

namespace waybill::app::simulator {

enum class StepKind : std::uint8_t {
  Send,   // write the bytes
  Reset,  // end the connection with a TCP reset
  Stall,  // say nothing more until the client goes
  Close,  // end the connection
};

struct Step {
  Duration wait{0};  // after the step before
  StepKind kind = StepKind::Send;
  std::string bytes{};

  friend bool operator==(const Step&, const Step&) = default;
};

struct Script {
  std::vector<Step> steps;
};

// One server-sent event, or any other part of a body that is sent by itself.
struct Event {
  Duration wait{0};
  std::string bytes{};
};

struct Reply {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string fields{};         // further header lines, each with its CRLF
  Duration wait{0};             // before the head
  std::string body{};           // of a reply that is whole
  std::vector<Event> events{};  // of a stream
  std::string id{};             // of the answer, for events that faults add
  bool streams = false;
  // What faults put into a stream in another dialect than OpenAI's chat, where they are not
  // empty, and how many events are the end that FaultKind::NoDone leaves out.
  std::string broken_event{};
  std::string error_event{};
  std::size_t ending = 0;
};

enum class Framing : std::uint8_t {
  Chunked,     // of a stream, for HTTP/1.1
  UntilClose,  // for HTTP/1.0 clients
};

// The steps of a reply under the faults that are in force.  A stream's head leaves
// with its first event; each event is one chunk.
[[nodiscard]] Script render(const Reply& reply, const std::vector<Fault>& faults, Framing framing);

// What an error in the middle of a stream says.
inline constexpr std::string_view kErrorInStream =
    "The simulated server had an error in the middle of its answer.";

[[nodiscard]] const Fault* find(const std::vector<Fault>& faults, FaultKind kind) noexcept;

// An error in OpenAI's shape.
struct ApiError {
  int status = 400;
  std::string_view type;
  std::string_view code;  // empty: null
  std::string message;
};
[[nodiscard]] std::string error_body(const ApiError& error);
[[nodiscard]] Reply error_reply(const ApiError& error);

}  // namespace waybill::app::simulator
