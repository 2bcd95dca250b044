// All keys by their digest: what authentication reads.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "waybill/base/digest.hpp"
#include "waybill/base/time.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

// Immutable; shared by every worker as shared_ptr<const KeyIndex>.  Holds the
// disabled and expired keys too, so that refusing those takes the same path as
// refusing an unknown one.
class KeyIndex {
 public:
  explicit KeyIndex(std::vector<KeyRecord> keys, std::uint64_t version = 0);

  // The key whose digest this is, if it may be used now; nullptr for an unknown,
  // disabled, deleted or expired one, and nobody can tell which from the time
  // taken.  The whole digest is compared, in constant time.
  [[nodiscard]] const KeyRecord* find_usable(const Sha256& hash, WallTime now) const noexcept;

  // For management: usable or not.
  [[nodiscard]] const KeyRecord* find(const Sha256& hash) const noexcept;

  // The usable key with this name, for listeners that serve requests without one;
  // nullptr where none or several are so named.  Looks at every key.
  [[nodiscard]] const KeyRecord* find_named(std::string_view name, WallTime now) const noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return by_hash_.size(); }
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }

 private:
  // Digests are uniform already: their first bytes are as good as any hash of them.
  struct Prefix {
    std::size_t operator()(const Sha256& hash) const noexcept;
  };
  struct Equal {
    bool operator()(const Sha256& a, const Sha256& b) const noexcept {
      return equal_constant_time(a, b);
    }
  };

  [[nodiscard]] const KeyRecord& find_or_nobody(const Sha256& hash) const noexcept;

  std::unordered_map<Sha256, KeyRecord, Prefix, Equal> by_hash_;
  KeyRecord nobody_;  // disabled: what an unknown digest finds
  std::uint64_t version_;
};

}  // namespace waybill::ledger
