// The Ed25519 key pair that vouches for checkpoints.

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"

// OpenSSL's, so that its headers stay in the source file.
struct evp_pkey_st;

namespace waybill::ledger {

using PublicKey = std::array<std::uint8_t, 32>;  // RFC 8032, raw
using Signature = std::array<std::uint8_t, 64>;

// The secret half in a PEM file (PKCS #8) of its own, which nobody but the daemon's user
// may read: whoever rewrites the ledger without it cannot sign what they wrote.
//
// Thread safety: const methods may be called from any thread.
class SigningKey {
 public:
  // Reads the key at `path`, or makes one there (mode 0600, durable when it returns).
  // Fails with "signing_key_invalid" for a file that holds no Ed25519 key,
  // "signing_key_exposed" for one that others may read or change, and
  // "ledger_unwritable".
  static Result<SigningKey> open(const std::string& path);

  [[nodiscard]] Signature sign(std::string_view text) const;
  [[nodiscard]] const PublicKey& public_key() const noexcept { return public_key_; }

  // Writes the public half as PEM to `path` unless it stands there.  An errno value or 0.
  [[nodiscard]] int publish(const std::string& path) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const noexcept;
  };
  using Handle = std::unique_ptr<evp_pkey_st, Free>;

  explicit SigningKey(Handle key);
  static Result<Handle> make(const std::string& path);
  static Result<Handle> parse(const std::string& pem, const std::string& path);

  Handle key_;
  PublicKey public_key_{};
};

// True where `signature` is that of `text` by the owner of `key`.
[[nodiscard]] bool is_signed_by(const PublicKey& key,
                                std::string_view text,
                                const Signature& signature) noexcept;

// The public half of the PEM file at `path`, be it of a secret or of a public key;
// nothing where it cannot be read or holds none.
[[nodiscard]] std::optional<PublicKey> read_public_key(const std::string& path);

}  // namespace waybill::ledger
