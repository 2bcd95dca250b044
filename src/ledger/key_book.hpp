// The keys: changed by the writer thread, read by everybody.

#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "waybill/ledger/key_index.hpp"
#include "waybill/ledger/ledger.hpp"

#include "store.hpp"

namespace waybill::ledger {

// Thread safety: index() and version() from any thread; the rest is the writer's.
class KeyBook {
 public:
  KeyBook(Store& store, std::vector<KeyRecord> keys);

  enum class Change : std::uint8_t {
    Disable,
    Enable,
    Delete
  };

  // Durable and published when they return.
  Result<CreatedKey> create(const NewKey& wanted, WallTime now);
  Result<KeyRecord> change(const Sha256& hash, Change change);

  [[nodiscard]] std::uint64_t version() const noexcept {
    return version_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::shared_ptr<const KeyIndex> index() const;

 private:
  void publish();

  Store& store_;
  std::vector<KeyRecord> keys_;
  std::atomic<std::uint64_t> version_{0};
  mutable std::mutex mutex_;  // guards index_
  std::shared_ptr<const KeyIndex> index_;
};

}  // namespace waybill::ledger
