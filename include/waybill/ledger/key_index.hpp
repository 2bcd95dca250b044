// All keys by their digest: what authentication reads.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
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
  // The key with the least digest that is not below `hash`: the one it belongs to, if
  // there is one.  The steps of the search depend on how many keys there are, not on
  // whether one of them is found.  Where they go tells something of the digest, which
  // is no secret's prefix: nobody can choose a key by its digest.
  [[nodiscard]] const KeyRecord& nearest(const Sha256& hash) const noexcept;

  std::vector<KeyRecord> by_hash_;  // sorted
  KeyRecord nobody_;                // disabled: what a digest above all others finds
  std::uint64_t version_;
};

}  // namespace waybill::ledger
