// How the simulator answers: what the command line and a model's name can say.

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"

namespace waybill::app::simulator {

using Duration = std::chrono::microseconds;

enum class UsageReport : std::uint8_t {
  Always,  // in streams too, asked or not
  Asked,   // in streams only with stream_options.include_usage
  Never,
};

enum class FaultKind : std::uint8_t {
  Status,           // =CODE: an error in OpenAI's shape
  RetryAfter,       // =SECONDS: the field Retry-After; 429 unless a status is given
  Reset,            // TCP reset before any byte
  ResetAfter,       // =N: TCP reset after N events
  StallAfter,       // =N: silence after N events (0: after the head)
  TruncateAfter,    // =N: the connection ends after N events, without a last chunk
  MalformedAfter,   // =N: an event of broken JSON after N events
  ErrorEventAfter,  // =N: an error object as event, after N events
  NoDone,           // no `data: [DONE]`
  EmptyBody,        // 200 and nothing
  HtmlBody,         // 200 and a page for people
  Error200,         // 200 and an error object
  NoChoices,        // 200 and an answer without choices
  SlowBytes,        // [=DURATION]: one byte at a time
};

struct Fault {
  FaultKind kind = FaultKind::Reset;
  std::int64_t argument = 0;  // events, status or seconds
  Duration delay{};           // SlowBytes
  double probability = 1;

  friend bool operator==(const Fault&, const Fault&) = default;
};

enum class Echo : std::uint8_t {
  Nothing,
  Headers,
  Body
};

struct Behaviour {
  Duration ttft{0};                     // until the first byte of a response
  double rate = 0;                      // tokens a second; 0: as fast as possible
  std::optional<std::size_t> tokens{};  // exact length; else the text ends by itself
  std::size_t chunk_tokens = 1;         // tokens in one event
  UsageReport usage = UsageReport::Asked;
  std::uint64_t seed = 1;
  std::optional<std::size_t> cached{};  // prompt_tokens_details.cached_tokens
  std::size_t reasoning = 0;            // tokens of reasoning before the answer
  std::size_t bytes = 900;              // body size of the model `canned`
  Echo echo = Echo::Nothing;            // answer with what was received
  std::optional<std::size_t> times{};   // faults hit this many requests, then none
  std::vector<Fault> faults{};
};

// "200ms", "1.5s", "50us", "2m"; a bare number is milliseconds.
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);

// "always", "asked" or "never".
[[nodiscard]] Result<UsageReport> parse_usage(std::string_view text);

// "KIND[=ARGUMENT][@PROBABILITY]"; '-' and '_' are the same in a kind.
[[nodiscard]] Result<Fault> parse_fault(std::string_view text);

// What follows the '?' in a model's name: "status=503&retry_after=2&times=1".
// Every kind of fault is a directive, and so is every member of Behaviour.
[[nodiscard]] Result<Behaviour> apply_directives(Behaviour base, std::string_view directives);

}  // namespace waybill::app::simulator
