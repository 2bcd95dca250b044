// A compact, canonical byte encoding: LEB128 integers and length-prefixed text.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "waybill/base/digest.hpp"
#include "waybill/base/generation_id.hpp"
#include "waybill/base/money.hpp"

namespace waybill::ledger {

// Appends to a string of the caller's, whose capacity is kept between uses.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) noexcept : out_(out) {}

  void number(std::uint64_t value) {
    if (value < 0x80U) {  // most are
      out_.push_back(static_cast<char>(value));
      return;
    }
    std::array<char, 10> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled below
    std::size_t size = 0;
    while (value >= 0x80U) {
      bytes[size++] = static_cast<char>(value | 0x80U);
      value >>= 7U;
    }
    bytes[size++] = static_cast<char>(value);
    out_.append(bytes.data(), size);
  }
  void signed_number(std::int64_t value) {
    const auto bits = static_cast<std::uint64_t>(value);
    number((bits << 1U) ^ (value < 0 ? ~std::uint64_t{0} : 0));
  }
  void text(std::string_view value) {
    number(value.size());
    out_.append(value);
  }
  void id(const GenerationId& value) {
    out_.append(reinterpret_cast<const char*>(value.bytes().data()), value.bytes().size());
  }
  void digest(const Sha256& value) {
    out_.append(reinterpret_cast<const char*>(value.data()), value.size());
  }

 private:
  std::string& out_;
};

// The inverse.  After the first malformed item ok() is false and everything reads as
// zero or empty; the views point into the input.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) noexcept : rest_(bytes) {}

  std::uint64_t number() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) {
        break;
      }
      const auto byte = static_cast<std::uint8_t>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) {
        break;  // more than 64 bits
      }
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if (byte < 0x80U) {
        if (byte == 0 && shift != 0) {
          break;  // not the shortest form: two encodings of one value are not canonical
        }
        return value;
      }
    }
    return fail();
  }
  std::int64_t signed_number() noexcept {
    const std::uint64_t bits = number();
    return static_cast<std::int64_t>((bits >> 1U) ^ (~(bits & 1U) + 1U));
  }
  // A number that fits T; enumerators and small fields.
  template <class T>
  T small(std::uint64_t limit) noexcept {
    const std::uint64_t value = number();
    return static_cast<T>(value <= limit ? value : fail());
  }
  std::string_view text() noexcept {
    const std::uint64_t size = number();
    if (size > rest_.size()) {
      fail();
      return {};
    }
    const auto out = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(out.size());
    return out;
  }
  GenerationId id() noexcept { return GenerationId(fixed<GenerationId::Bytes>()); }
  Sha256 digest() noexcept { return fixed<Sha256>(); }

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  // Everything was well formed and nothing is left.
  [[nodiscard]] bool finished() const noexcept { return ok_ && rest_.empty(); }
  // What has not been read yet.
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  template <class Bytes>
  Bytes fixed() noexcept {
    Bytes bytes{};
    if (rest_.size() < bytes.size()) {
      fail();
      return bytes;
    }
    rest_.copy(reinterpret_cast<char*>(bytes.data()), bytes.size());
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::uint64_t fail() noexcept {
    ok_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool ok_ = true;
};

// Fixed-width little-endian, for frame heads and chain positions.
template <class Unsigned>
void store_le(char* out, Unsigned value) noexcept {
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    out[i] = static_cast<char>((value >> (8 * i)) & 0xFFU);
  }
}

// Of the first bytes.  Requires: in.size() >= sizeof(Unsigned).
template <class Unsigned>
Unsigned load_le(std::string_view in) noexcept {
  Unsigned value = 0;
  for (std::size_t i = 0; i < sizeof(value); ++i) {
    value = static_cast<Unsigned>(
        value |
        static_cast<Unsigned>(static_cast<Unsigned>(static_cast<std::uint8_t>(in[i])) << (8 * i)));
  }
  return value;
}

// A balance as the database keeps it: 16 bytes, big-endian, two's complement.
using BalanceBytes = std::array<std::uint8_t, 16>;

inline BalanceBytes to_bytes(Int128 value) noexcept {
  BalanceBytes out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[out.size() - 1 - i] = static_cast<std::uint8_t>(value & 0xFF);
    value >>= 8;
  }
  return out;
}

inline Int128 from_bytes(const BalanceBytes& bytes) noexcept {
  Int128 value = (bytes[0] & 0x80U) != 0 ? -1 : 0;
  for (const std::uint8_t byte : bytes) {
    value = static_cast<Int128>(value * 256) + byte;
  }
  return value;
}

}  // namespace waybill::ledger
