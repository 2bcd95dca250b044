// Account balances and daily sums, in memory, with one batch that can be undone.

#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "store.hpp"

namespace waybill::ledger {

inline constexpr const char* kCustomerAccount = "customer/default";
inline constexpr const char* kRevenueAccount = "revenue";
inline constexpr const char* kGoodwillAccount = "goodwill";  // what we bear ourselves

// Balances change row by row and are written with each checkpoint only: two pages less
// in every commit's flush.  Between two checkpoints the rows say what is missing.
//
// Thread safety: none; the writer thread's.
class Books {
 public:
  explicit Books(Store& store) noexcept : store_(store) {}

  void load(std::vector<Account> accounts);

  // The accounts a settlement of this provider posts to; made where they are new.
  Legs legs(const std::string& provider);

  // Posts both legs and the failed attempts.  Fails as the store does.
  Result<void> post(const Settlement& settlement, const Legs& legs);

  // Gives `adjustment.refund` back: debits goodwill, credits the customer.  The accounts
  // are those refund_accounts() gave.
  void post(const StoredAdjustment& adjustment);
  struct RefundAccounts {
    std::int64_t debit = 0;
    std::int64_t credit = 0;
  };
  RefundAccounts refund_accounts();

  // Into the open transaction: accounts that are new, with nothing on them, so that no
  // row names one that is not stored.
  Result<void> write_accounts();
  // The same, and all balances as of row `seq`.
  Result<void> write_balances(std::int64_t seq);
  void keep_changes() noexcept;  // it was committed
  void undo_changes() noexcept;  // it was rolled back
  // What was posted since load() came from rows that are stored.
  void keep_loaded() noexcept;

  [[nodiscard]] Int128 customer_total() const noexcept { return accounts_[1].account.credits; }
  [[nodiscard]] Int128 provider_total() const noexcept { return provider_total_; }
  // Over all accounts.
  struct Totals {
    Int128 debits = 0;
    Int128 credits = 0;
  };
  [[nodiscard]] Totals totals() const noexcept;
  // Every account's debits and credits, summed, agree, and what customers were charged is
  // our revenue.
  [[nodiscard]] bool balanced() const noexcept;

  // Forgets days before `day`, which are read again if ever needed.
  void forget_days_before(Day day);

 private:
  struct Entry {
    Account account;
    Account before;      // while dirty
    bool dirty = false;  // in the open batch
    bool stored = true;
    bool unwritten = false;  // its balances
  };
  struct DayKey {
    KeyId key = 0;
    Day day = 0;
    friend bool operator==(const DayKey&, const DayKey&) = default;
  };
  struct DayHash {
    std::size_t operator()(const DayKey& day) const noexcept;
  };
  struct DayEntry {
    DayUsage usage;
    DayUsage before;
    bool dirty = false;
    bool unwritten = false;
  };
  struct ProviderAccounts {
    std::int64_t cost_of_goods = 0;
    std::int64_t payable = 0;
  };

  std::int64_t find_or_add(const std::string& name);
  ProviderAccounts provider_accounts(const std::string& provider);
  Entry& touch(std::int64_t id);
  void transfer(std::int64_t debit, std::int64_t credit, std::int64_t amount);
  Result<void> add_to_day(const Settlement& settlement);

  Store& store_;
  std::vector<Entry> accounts_;  // index = id - 1
  std::unordered_map<std::string, std::int64_t> by_name_;
  std::unordered_map<std::string, ProviderAccounts> providers_;
  std::vector<std::int64_t> dirty_;
  std::vector<std::int64_t> unwritten_;
  std::unordered_map<DayKey, DayEntry, DayHash> days_;
  std::vector<DayKey> dirty_days_;
  std::vector<DayKey> unwritten_days_;
  bool written_ = false;  // the balances, into the open batch
  Int128 provider_total_ = 0;
  Int128 provider_total_before_ = 0;
};

[[nodiscard]] Day day_of(WallTime time) noexcept;

}  // namespace waybill::ledger
