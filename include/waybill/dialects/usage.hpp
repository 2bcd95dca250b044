// Token counts as OpenAI-shaped providers report them, and what to believe.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/money.hpp"

namespace waybill::dialects {

// Counts of one generation, in tokens.  OpenAI's meaning: `prompt` includes
// cached_read and cache_write, `completion` includes reasoning.
struct Usage {
  std::uint64_t prompt = 0;
  std::uint64_t completion = 0;
  std::uint64_t cached_read = 0;
  std::uint64_t cache_write = 0;
  std::uint64_t reasoning = 0;
  std::uint64_t audio_prompt = 0;
  std::uint64_t audio_completion = 0;
  std::uint64_t image_completion = 0;
  std::uint64_t cache_write_1h = 0;  // of cache_write, what is kept for an hour

  friend bool operator==(const Usage&, const Usage&) = default;
};

// A count above this is not believed; no model's context comes near.
inline constexpr std::uint64_t kLargestCount = 1'000'000'000;

// Where a provider departs from OpenAI's shape.  Data of the endpoint, from its
// preset.  Cached tokens are looked for in prompt_tokens_details.cached_tokens,
// else prompt_cache_hit_tokens, cache_read_input_tokens and cached_tokens beside
// the counts, whichever comes first; reasoning that is not part of
// completion_tokens is recognised by total_tokens.  What these rules cannot see
// stands here.
struct UsageQuirks {
  enum class Cached : std::uint8_t {
    InPrompt,      // prompt_tokens includes the cached tokens (OpenAI)
    BesidePrompt,  // it does not
  };
  enum class Reasoning : std::uint8_t {
    ByTotal,           // beside completion_tokens if total_tokens says so
    InCompletion,      // completion_tokens includes it (OpenAI)
    BesideCompletion,  // it does not
  };
  Cached cached = Cached::InPrompt;
  Reasoning reasoning = Reasoning::ByTotal;
  // A top-level member that holds `usage` where the usual place has none, such
  // as "x_groq"; "" for none.  Refers to storage that outlives the call.
  std::string_view envelope{};
};

enum class UsageFault : std::uint8_t {
  None,
  Missing,        // no usage, null, not an object, or no counts in it
  Repeated,       // given twice, or a count in it
  Negative,       // a count below zero
  NotInteger,     // a count that is a string, a fraction, a list, ...
  TooLarge,       // a count above kLargestCount; the value is clamped to it
  Contradictory,  // cached > prompt or reasoning > completion or below zero: clamped
  Empty,          // zero tokens although text was produced
};

enum class BillBy : std::uint8_t {
  Usage,     // the counts, as clamped
  Estimate,  // estimate_tokens() of the bytes; the counts are not there
  Cap,       // the counts, but at most the endpoint's limits
};

// What a fault means for the bill.  Everything but None and Missing is an anomaly to record.
[[nodiscard]] BillBy bill_by(UsageFault fault) noexcept;
[[nodiscard]] std::string_view name(UsageFault fault) noexcept;

// The fault of a whole answer: counts of no output at all are not believed where
// text came.  `output_bytes` is ReplyFacts::output_bytes, or a stream's sum of
// ChunkFacts::output_bytes.  (read_reply() has done this, read_chunk() cannot.)
[[nodiscard]] UsageFault check_output(UsageFault fault,
                                      const std::optional<Usage>& usage,
                                      std::uint64_t output_bytes) noexcept;

// Tokens in `bytes` bytes of text where nobody counted: a third, rounded up.
[[nodiscard]] constexpr std::uint64_t estimate_tokens(std::uint64_t bytes) noexcept {
  return bytes / 3 + (bytes % 3 != 0 ? 1 : 0);
}

enum class KeyOwner : std::uint8_t {
  Waybill,
  Client,  // "bring your own key": is_byok
};

enum class CountedBy : std::uint8_t {
  Provider,
  Estimate,
};

// What a generation cost, as `usage` tells it.
struct Charge {
  Money total;       // what the client pays: `cost`
  Money prompt;      // the provider's price of the prompt
  Money completion;  // the provider's price of the answer
  KeyOwner key = KeyOwner::Waybill;
  CountedBy counted_by = CountedBy::Provider;  // Estimate: the counts are ours
};

// What the reader of a provider's `usage` saw of it.
enum class UsageForm : std::uint8_t {
  Unknown,
  Plain,  // an object with members, and none of them `cost`, `is_byok` or `cost_details`
};

// Appends the `usage` object for the client.  `upstream` is the object as the
// provider sent it: its members stay byte for byte, `cost`, `is_byok` and
// `cost_details` are added or replaced.  Where it is empty or not an object, or
// where the counts are an estimate, the object is built from `usage` in
// OpenRouter's shape.  One whose form is unknown is walked once more.
void append_usage(std::string& out,
                  std::string_view upstream,
                  const Usage& usage,
                  const Charge& charge,
                  UsageForm form = UsageForm::Unknown);

}  // namespace waybill::dialects
