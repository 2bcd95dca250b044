#include "waybill/ledger/key_index.hpp"

#include <algorithm>
#include <utility>

namespace waybill::ledger {

KeyIndex::KeyIndex(std::vector<KeyRecord> keys, std::uint64_t version)
    : by_hash_(std::move(keys)),
      version_(version) {
  nobody_.disabled = true;
  std::ranges::sort(by_hash_, {}, &KeyRecord::hash);
}

const KeyRecord& KeyIndex::nearest(const Sha256& hash) const noexcept {
  const auto found = std::ranges::lower_bound(by_hash_, hash, {}, &KeyRecord::hash);
  return found == by_hash_.end() ? nobody_ : *found;
}

const KeyRecord* KeyIndex::find_usable(const Sha256& hash, WallTime now) const noexcept {
  const KeyRecord& key = nearest(hash);
  // Both are always computed, so that an unknown key costs what a disabled one does.
  const bool same = equal_constant_time(key.hash, hash);
  const bool usable = key.usable(now);
  return (static_cast<unsigned>(same) & static_cast<unsigned>(usable)) != 0 ? &key : nullptr;
}

const KeyRecord* KeyIndex::find(const Sha256& hash) const noexcept {
  const KeyRecord& key = nearest(hash);
  return &key != &nobody_ && equal_constant_time(key.hash, hash) ? &key : nullptr;
}

const KeyRecord* KeyIndex::find_named(std::string_view name, WallTime now) const noexcept {
  const KeyRecord* found = nullptr;
  for (const KeyRecord& key : by_hash_) {
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
