// SHA-256, HMAC, CRC32C, hexadecimal, and bytes from the system's random generator.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace waybill {

using Sha256 = std::array<std::uint8_t, 32>;

// FIPS 180-4, by OpenSSL.  Terminates the process if the library cannot
// compute it (no memory).
[[nodiscard]] Sha256 sha256(std::string_view bytes);

// RFC 2104 with SHA-256, by OpenSSL.  Terminates the process as sha256() does.
[[nodiscard]] Sha256 hmac_sha256(std::string_view key, std::string_view bytes);

// Equality in time that does not depend on where the values differ.
[[nodiscard]] bool equal_constant_time(const Sha256& a, const Sha256& b) noexcept;

// CRC-32C (Castagnoli, RFC 3720 appendix B.4), continued from `seed` (the value
// of the bytes before).
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0) noexcept;

[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);

// Lower or upper case; nothing unless exactly 64 hexadecimal digits.
[[nodiscard]] std::optional<Sha256> parse_sha256_hex(std::string_view text) noexcept;

// Fills `out` from OpenSSL's generator, seeded by the system.  Terminates the
// process if there is no entropy: keys without it would be worthless.
void fill_random(std::span<std::uint8_t> out);

}  // namespace waybill
