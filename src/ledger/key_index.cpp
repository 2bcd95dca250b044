#include "waybill/ledger/key_index.hpp"

#include <cstring>
#include <utility>

namespace waybill::ledger {

std::size_t KeyIndex::Prefix::operator()(const Sha256& hash) const noexcept {
  std::size_t prefix = 0;
  std::memcpy(&prefix, hash.data(), sizeof(prefix));
  return prefix;
}

KeyIndex::KeyIndex(std::vector<KeyRecord> keys, std::uint64_t version) : version_(version) {
  nobody_.disabled = true;
  by_hash_.reserve(keys.size());
  for (KeyRecord& key : keys) {
    const Sha256 hash = key.hash;
    by_hash_.emplace(hash, std::move(key));
  }
}

const KeyRecord& KeyIndex::find_or_nobody(const Sha256& hash) const noexcept {
  const auto found = by_hash_.find(hash);
  return found == by_hash_.end() ? nobody_ : found->second;
}

const KeyRecord* KeyIndex::find_usable(const Sha256& hash, WallTime now) const noexcept {
  const KeyRecord& key = find_or_nobody(hash);
  // Both are always computed, so that an unknown key costs what a disabled one does.
  const bool same = equal_constant_time(key.hash, hash);
  const bool usable = key.usable(now);
  return (static_cast<unsigned>(same) & static_cast<unsigned>(usable)) != 0 ? &key : nullptr;
}

const KeyRecord* KeyIndex::find(const Sha256& hash) const noexcept {
  const KeyRecord& key = find_or_nobody(hash);
  return &key == &nobody_ ? nullptr : &key;
}

const KeyRecord* KeyIndex::find_named(std::string_view name, WallTime now) const noexcept {
  const KeyRecord* found = nullptr;
  for (const auto& [hash, key] : by_hash_) {
    if (key.name == name && key.usable(now)) {
      if (found != nullptr) {
        return nullptr;
      }
      found = &key;
    }
  }
  return found;
}

}  // namespace waybill::ledger
