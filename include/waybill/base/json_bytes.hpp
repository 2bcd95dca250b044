// The bytes of a JSON string that do not stand for themselves (RFC 8259 §7).

#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include <experimental/simd>

namespace waybill {

// Which bytes above 0x7F a search stops at.
enum class JsonSearch : std::uint8_t {
  PassNonAscii,
  StopAtNonAscii,
};

// The first byte of [at, end) that is a quote, a backslash or a control byte, and
// where that is asked for one that is not ASCII; `end` if there is none.  As many
// bytes at a time as a register holds.
template <JsonSearch kSearch>
[[nodiscard]] inline const char* find_json_special(const char* at, const char* end) noexcept {
  // Read as signed, bytes above 0x7F are below every control byte.
  using Byte =
      std::conditional_t<kSearch == JsonSearch::StopAtNonAscii, signed char, unsigned char>;
  using Block = std::experimental::native_simd<Byte>;
  constexpr Byte kQuote = '"';
  constexpr Byte kBackslash = '\\';
  constexpr Byte kBlank = ' ';
  constexpr auto kBlockSize = static_cast<std::ptrdiff_t>(Block::size());
  for (; end - at >= kBlockSize; at += kBlockSize) {
    const Block block(reinterpret_cast<const Byte*>(at), std::experimental::element_aligned);
    const auto special = block < kBlank || block == kQuote || block == kBackslash;
    if (any_of(special)) {
      return at + find_first_set(special);
    }
  }
  for (; at != end; ++at) {
    const auto byte = static_cast<Byte>(*at);
    if (byte < kBlank || byte == kQuote || byte == kBackslash) {
      break;
    }
  }
  return at;
}

}  // namespace waybill
