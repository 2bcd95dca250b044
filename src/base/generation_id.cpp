#include "waybill/base/generation_id.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>

#include "waybill/base/digest.hpp"
#include "waybill/base/money.hpp"

namespace waybill {
namespace {

__extension__ using Uint128 = unsigned __int128;

constexpr std::string_view kPrefix = "gen-";
constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyz";
constexpr std::size_t kSecondsDigits = 10;
constexpr std::size_t kRandomDigits = 20;
constexpr std::size_t kSecondsBytes = 4;
constexpr std::uint32_t kBase = 36;
constexpr std::uint32_t kGroup = kBase * kBase * kBase * kBase * kBase;
constexpr std::size_t kGroupDigits = 5;
static_assert(kAlphabet.size() == kBase && kRandomDigits % kGroupDigits == 0);

int digit_value(char c) noexcept {
  const std::size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

}  // namespace

GenerationId GenerationId::make(WallTime now, std::span<const std::uint8_t> random) noexcept {
  assert(random.size() == 12);
  const auto seconds = static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  Bytes bytes{};
  for (std::size_t i = 0; i < kSecondsBytes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(seconds >> (8 * (kSecondsBytes - 1 - i)));
  }
  std::copy(random.begin(), random.end(), bytes.begin() + kSecondsBytes);
  // 20 bits hold the microsecond; the low half of the third byte stays random.
  const auto micros = static_cast<std::uint32_t>(
      std::chrono::floor<std::chrono::microseconds>(now.time_since_epoch()).count() % 1'000'000);
  bytes[4] = static_cast<std::uint8_t>(micros >> 12U);
  bytes[5] = static_cast<std::uint8_t>((micros >> 4U) & 0xFFU);
  bytes[6] = static_cast<std::uint8_t>(((micros << 4U) & 0xF0U) | (bytes[6] & 0x0FU));
  return GenerationId(bytes);
}

std::uint32_t GenerationId::read_word(std::size_t at) const noexcept {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    word = (word << 8U) | bytes_[at + i];
  }
  return word;
}

std::string GenerationId::to_string() const {
  std::string out(kTextSize, '0');
  std::copy(kPrefix.begin(), kPrefix.end(), out.begin());
  std::uint32_t seconds = read_word(0);
  for (std::size_t i = kPrefix.size() + kSecondsDigits; i-- > kPrefix.size(); seconds /= 10) {
    out[i] = static_cast<char>('0' + seconds % 10);
  }
  out[kPrefix.size() + kSecondsDigits] = '-';
  // 36^20 > 2^96, so twenty digits always suffice: five at a time, so that no
  // division is wider than 64 bits.
  std::array<std::uint32_t, 3> random{read_word(4), read_word(8), read_word(12)};
  for (std::size_t end = kTextSize; end > kTextSize - kRandomDigits; end -= kGroupDigits) {
    std::uint64_t rest = 0;
    for (std::uint32_t& word : random) {
      rest = rest << 32U | word;
      word = static_cast<std::uint32_t>(rest / kGroup);
      rest %= kGroup;
    }
    auto group = static_cast<std::uint32_t>(rest);
    for (std::size_t i = end; i-- > end - kGroupDigits; group /= kBase) {
      out[i] = kAlphabet[group % kBase];
    }
  }
  return out;
}

std::optional<GenerationId> GenerationId::parse(std::string_view text) noexcept {
  if (text.size() != kTextSize || !text.starts_with(kPrefix) ||
      text[kPrefix.size() + kSecondsDigits] != '-') {
    return std::nullopt;
  }
  std::uint32_t seconds = 0;
  const char* const begin = text.data() + kPrefix.size();
  const char* const end = begin + kSecondsDigits;
  const auto [stop, failure] = std::from_chars(begin, end, seconds);
  if (failure != std::errc{} || stop != end) {
    return std::nullopt;
  }
  Uint128 random = 0;
  for (const char c : text.substr(kTextSize - kRandomDigits)) {
    const int value = digit_value(c);
    if (value < 0) {
      return std::nullopt;
    }
    random = random * kAlphabet.size() + static_cast<Uint128>(value);
  }
  if ((random >> 96U) != 0) {
    return std::nullopt;
  }
  Bytes bytes{};
  for (std::size_t i = 0; i < kSecondsBytes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(seconds >> (8 * (kSecondsBytes - 1 - i)));
  }
  for (std::size_t i = bytes.size(); i-- > kSecondsBytes; random >>= 8U) {
    bytes[i] = static_cast<std::uint8_t>(random & 0xFFU);
  }
  return GenerationId(bytes);
}

GenerationId GenerationIdSource::next(WallTime now) {
  if (used_ == block_.size()) {
    fill_random(block_);
    used_ = 0;
  }
  const std::span<const std::uint8_t> piece = std::span(block_).subspan(used_, 12);
  used_ += piece.size();
  return GenerationId::make(now, piece);
}

}  // namespace waybill
