#include "keys.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include <openssl/crypto.h>

#include "waybill/base/text.hpp"

namespace waybill::ledger {
namespace {

constexpr std::string_view kPrefix = "sk-wb-";
constexpr std::size_t kLongestName = 100;
constexpr std::size_t kLabelHead = 12;
constexpr std::size_t kLabelTail = 3;

// RFC 4648 §5, without padding.
void append_base64url(std::string& out, std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const std::uint8_t byte : bytes) {
    bits = (bits << 8U) | byte;
    held += 8;
    while (held >= 6) {
      held -= 6;
      out += kAlphabet[(bits >> held) & 0x3FU];
    }
  }
  if (held > 0) {
    out += kAlphabet[(bits << (6 - held)) & 0x3FU];
  }
}

// Text that fits on a line of a list: UTF-8 without control characters.
bool is_line(std::string_view text) {
  return !text.empty() && is_valid_utf8(text) && std::ranges::none_of(text, [](char c) {
    return static_cast<unsigned char>(c) < 0x20U || c == '\x7F';
  });
}

}  // namespace

Result<CreatedKey> mint_key(const NewKey& wanted, WallTime now) {
  if (!is_line(wanted.name) || wanted.name.size() > kLongestName) {
    return Error(
        ErrorKind::InvalidRequest, "key_name_invalid",
        "A key's name has 1 to 100 bytes of UTF-8 without control characters; choose another.");
  }
  if (!std::ranges::all_of(wanted.allowed_models, is_line)) {
    return Error(
        ErrorKind::InvalidRequest, "key_model_invalid",
        "A key's allowed models are model ids without control characters; correct the list.");
  }
  std::array<std::uint8_t, 32> random{};
  fill_random(random);
  std::string text(kPrefix);
  text.reserve(kPrefix.size() + 43);
  append_base64url(text, random);
  OPENSSL_cleanse(random.data(), random.size());

  CreatedKey key;
  key.record.hash = key_hash(text);
  key.record.label = text.substr(0, kLabelHead) + "..." + text.substr(text.size() - kLabelTail);
  key.record.name = wanted.name;
  key.record.created = now;
  key.record.expires = wanted.expires;
  key.record.allowed_models = wanted.allowed_models;
  key.text = Secret(std::move(text));
  return key;
}

}  // namespace waybill::ledger
