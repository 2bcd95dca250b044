// Posting settlements: checked, chained, balanced, in batches.

#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "waybill/catalog/price.hpp"
#include "waybill/ledger/ledger.hpp"

#include "books.hpp"
#include "chain.hpp"
#include "lock_file.hpp"
#include "posting.hpp"
#include "signing_key.hpp"
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
  // Enough to make signing cheap, little enough to be tampered with unseen: a checkpoint
  // is due when that many rows, or the first of them that long ago, are not covered.
  static constexpr std::int64_t kCheckpointRows = 10'000;
  static constexpr std::chrono::seconds kCheckpointTime{60};

  // Requires: `store` and `key` outlive the journal.
  Journal(Store& store, const SigningKey& key, std::function<WallTime()> clock, Money largest_entry)
      : store_(store),
        key_(key),
        clock_(std::move(clock)),
        largest_entry_(largest_entry),
        books_(store) {}

  // Reads the store and checks the chain and the balances since the last checkpoint
  // row.  Fails with "ledger_corrupt", or as the store does.
  Result<void> load();

  // Compares the store with what was once durable.  Fails with "ledger_replaced",
  // "ledger_rolled_back" or "ledger_corrupt".
  Result<void> check_anchor(const Anchor& anchor, AfterRestore after_restore);

  // The last line of the second file, empty for none: a database that does not fit it was
  // rewritten or is an older copy, and fails as check_anchor().  What was signed after it
  // and did not get there comes with the next take_lines().
  Result<void> check_line(std::string_view last_line, AfterRestore after_restore);

  // A signed checkpoint at the head where the last one is not by this key: after an
  // update, with a new key, and for a restored copy.
  enum class Vouched : std::uint8_t {
    Already,
    Now
  };
  Result<Vouched> vouch();

  Result<void> begin();
  // What is recorded, and stands for repeats, is remembered by its mark in the same
  // transaction.
  Result<SettleStatus> post(const Posting& posting);
  // A transaction of its own (between others), durable when it returns.  Fails with
  // "adjustment_invalid", "adjustment_conflict", "generation_not_found", "nothing_charged"
  // or "refund_too_large" without a change, or as the store does.
  Result<Adjusted> adjust(const NewAdjustment& wanted);
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
    Now,
    Again  // though one covers all
  };
  Result<void> checkpoint(Due due);

  // The lines of checkpoints that were committed since the last call, oldest first.
  [[nodiscard]] std::vector<std::string> take_lines() noexcept { return std::exchange(lines_, {}); }

  [[nodiscard]] Anchor anchor() const noexcept {
    return {.lane = lane_, .seq = head_.seq, .hash = head_.hash};
  }
  // What whoever makes a settlement must keep to.  post() itself refuses only what is
  // above the hard limit: a lower setting must not lose what was priced before it.
  [[nodiscard]] Money largest_entry() const noexcept { return largest_entry_; }
  [[nodiscard]] std::int64_t last_checkpoint() const noexcept { return checkpoint_.seq; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::size_t rows_checked() const noexcept { return rows_checked_; }
  [[nodiscard]] std::vector<KeyRecord> take_keys() noexcept { return std::move(keys_); }

 private:
  [[nodiscard]] bool is_checkpoint_old() const;
  struct TextHash {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the standard's name
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
  Result<void> post_again(const StoredGeneration& row);
  Result<void> post_again(const StoredAdjustment& row);
  Result<void> check_last_checkpoint();
  static Result<Adjusted> repeat(const StoredAdjustment& stored,
                                 const NewAdjustment& wanted,
                                 Adjusted out);
  Result<StoredAdjustment> book(Adjustment adjustment);
  Result<SettleStatus> compare_with_stored(const Settlement& settlement);
  Result<void> put_checkpoint(CheckpointKind kind);
  Result<void> commit_store();
  Result<void> store_prices(const std::vector<const catalog::PriceTable*>& tables);

  Store& store_;
  const SigningKey& key_;
  std::function<WallTime()> clock_;
  Money largest_entry_;
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
  bool checkpoint_open_ = false;  // put into the open batch
  std::vector<std::string> lines_;
};

}  // namespace waybill::ledger
