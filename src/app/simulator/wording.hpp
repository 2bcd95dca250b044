// The words the simulator answers with.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::app::simulator {

// SplitMix64 (Steele, Lea, Flood 2014): the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept;
  // Below `bound`.  Requires: bound > 0.
  std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(next() % bound); }
  // In [0, 1).
  double unit() noexcept { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

// FNV-1a, 64 bits.
[[nodiscard]] std::uint64_t hash_text(std::string_view text) noexcept;

// Roughly the word pieces of a tokenizer: a word with the blank before it,
// punctuation alone, long words in parts.  Joined they are the text again.
[[nodiscard]] std::vector<std::string> pieces(std::string_view text);

// What is to be written, and how long.
struct WordingRequest {
  std::string_view voice;  // "storyteller", "echo", "counter", "lorem"; else storyteller
  std::string_view prompt;
  std::uint64_t seed = 1;
  std::optional<std::size_t> tokens{};  // exactly so many pieces
};

// The answer in pieces.  The same request gives the same words.
[[nodiscard]] std::vector<std::string> write_answer(const WordingRequest& request);

// Exactly `count` pieces of thinking aloud.
[[nodiscard]] std::vector<std::string> write_reasoning(std::size_t count);

}  // namespace waybill::app::simulator
