// Posting settlements: checked, chained, balanced, in batches.

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "waybill/catalog/price.hpp"
#include "waybill/ledger/ledger.hpp"

#include "books.hpp"
#include "chain.hpp"
#include "lock_file.hpp"
#include "posting.hpp"
#include "store.hpp"

namespace waybill::ledger {

// The head of the chain, the balances and the price tables, all in memory, and the
// only way rows get into the store.
//
//   begin -> post* -> commit | rollback
//
// After an error of begin(), post() or commit() only rollback() may be called; it
// leaves journal and store as they were before begin().
//
// Thread safety: none; the writer thread's (start-up's before that).
class Journal {
 public:
  // Requires: `store` outlives the journal.
  Journal(Store& store, std::function<WallTime()> clock)
      : store_(store),
        clock_(std::move(clock)),
        books_(store) {}

  // Reads the store and checks the chain and the balances since the last checkpoint
  // row.  Fails with "ledger_corrupt", or as the store does.
  Result<void> load();

  // Compares the store with what was once durable.  Fails with "ledger_replaced",
  // "ledger_rolled_back" or "ledger_corrupt".
  Result<void> check_anchor(const Anchor& anchor, AfterRestore after_restore);

  Result<void> begin();
  // What is recorded, and stands for repeats, is remembered by its mark in the same
  // transaction.
  Result<SettleStatus> post(const Posting& posting);
  Result<void> commit();  // with a checkpoint row where one is due
  void rollback() noexcept;

  // False for what post() would refuse.
  [[nodiscard]] bool acceptable(const Settlement& settlement) const;

  // Durable when it returns.  Fails with "price_version_invalid" for a table whose
  // version is not that of its content, or as the store does.
  Result<void> add_prices(std::span<const catalog::PriceTable> tables);
  // Null where the version was never registered.
  [[nodiscard]] const catalog::PriceTable* price(std::string_view version) const;

  // A checkpoint row for what is not covered by one, in a transaction of its own.
  enum class Due : std::uint8_t {
    ByTime,
    Now
  };
  Result<void> checkpoint(Due due);

  [[nodiscard]] Anchor anchor() const noexcept {
    return {.lane = lane_, .seq = head_.seq, .hash = head_.hash};
  }
  [[nodiscard]] std::int64_t last_checkpoint() const noexcept { return checkpoint_.seq; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::size_t rows_checked() const noexcept { return rows_checked_; }
  [[nodiscard]] std::vector<KeyRecord> take_keys() noexcept { return std::move(keys_); }

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  struct Head {
    std::int64_t seq = 0;
    Sha256 hash{};
    WallTime settled;
  };

  Result<void> check_tail(const StoreState& state);
  Result<SettleStatus> compare_with_stored(const Settlement& settlement);
  Result<void> put_checkpoint(CheckpointKind kind);
  Result<void> store_prices(const std::vector<const catalog::PriceTable*>& tables);

  Store& store_;
  std::function<WallTime()> clock_;
  Books books_;
  ChainHasher hasher_;
  std::unordered_map<std::string, catalog::PriceTable, TextHash, std::equal_to<>> prices_;
  std::vector<KeyRecord> keys_;
  LaneId lane_{};
  std::uint64_t epoch_ = 0;
  std::size_t rows_checked_ = 0;
  Head head_;
  Head head_before_;  // of the open batch
  Checkpoint checkpoint_;
  Checkpoint checkpoint_before_;
};

}  // namespace waybill::ledger
