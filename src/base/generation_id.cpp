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
  return GenerationId(bytes);
}

std::int64_t GenerationId::unix_seconds() const noexcept {
  std::uint32_t seconds = 0;
  for (std::size_t i = 0; i < kSecondsBytes; ++i) {
    seconds = (seconds << 8U) | bytes_[i];
  }
  return seconds;
}

std::string GenerationId::to_string() const {
  std::string out(kTextSize, '0');
  std::copy(kPrefix.begin(), kPrefix.end(), out.begin());
  auto seconds = static_cast<std::uint32_t>(unix_seconds());
  for (std::size_t i = kPrefix.size() + kSecondsDigits; i-- > kPrefix.size(); seconds /= 10) {
    out[i] = static_cast<char>('0' + seconds % 10);
  }
  out[kPrefix.size() + kSecondsDigits] = '-';
  // 36^20 > 2^96, so twenty digits always suffice.
  Uint128 random = 0;
  for (std::size_t i = kSecondsBytes; i < bytes_.size(); ++i) {
    random = (random << 8U) | bytes_[i];
  }
  for (std::size_t i = kTextSize; i-- > kTextSize - kRandomDigits; random /= kAlphabet.size()) {
    out[i] = kAlphabet[static_cast<std::size_t>(random % kAlphabet.size())];
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
