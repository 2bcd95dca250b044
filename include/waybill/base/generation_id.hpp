// The id of a generation: time-ordered, unguessable, `gen-<unix seconds>-<20 base36>`.

#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "waybill/base/time.hpp"

namespace waybill {

// 16 bytes, big-endian: 32 bits of unix seconds, 20 of the microsecond in it, 76 random
// bits, so that ids made later sort later and the ledger's unique index is appended to.
//
// The text form has 35 characters for every time until the year 2286:
//   "gen-" 10 decimal digits "-" 20 characters [0-9a-z]
class GenerationId {
 public:
  static constexpr std::size_t kTextSize = 35;
  using Bytes = std::array<std::uint8_t, 16>;

  constexpr GenerationId() noexcept = default;  // all zero: no generation
  explicit constexpr GenerationId(const Bytes& bytes) noexcept : bytes_(bytes) {}

  // Requires: random.size() == 12, of which the first 20 bits are not used.
  static GenerationId make(WallTime now, std::span<const std::uint8_t> random) noexcept;

  // Nothing unless `text` is exactly what to_string() gives for some id.
  static std::optional<GenerationId> parse(std::string_view text) noexcept;

  [[nodiscard]] const Bytes& bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::int64_t unix_seconds() const noexcept { return read_word(0); }
  [[nodiscard]] std::string to_string() const;

  friend auto operator<=>(const GenerationId&, const GenerationId&) noexcept = default;

 private:
  [[nodiscard]] std::uint32_t read_word(std::size_t at) const noexcept;  // big-endian

  Bytes bytes_{};
};

// Hands out 12-byte pieces of a random block, so that an id costs no call into
// the generator.  Thread safety: none; one per worker.
class GenerationIdSource {
 public:
  GenerationId next(WallTime now);

 private:
  std::array<std::uint8_t, 768> block_{};  // 64 ids' worth
  std::size_t used_ = sizeof(block_);
};

}  // namespace waybill
