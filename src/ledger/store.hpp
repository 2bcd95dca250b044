// Where a ledger's rows live.  SQLite is one; another database is another class.

#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/money.hpp"
#include "waybill/base/result.hpp"
#include "waybill/ledger/records.hpp"

#include "adjustment_row.hpp"
#include "chain.hpp"
#include "checkpoint.hpp"
#include "generation_row.hpp"
#include "journal_rows.hpp"

namespace waybill::ledger {

// One account of the double entry; balances are what journal rows sum to.
struct Account {
  std::int64_t id = 0;
  std::string name;
  Int128 debits = 0;
  Int128 credits = 0;
};

// What a key spent on one UTC day.
struct DayUsage {
  Int128 amount = 0;
  std::int64_t generations = 0;
};

using Day = std::int64_t;  // since 1970-01-01, UTC

struct StoredPrice {
  std::string version;
  std::string text;  // catalog::to_text
};

// All the writer keeps in memory.
struct StoreState {
  LaneId lane{};
  std::uint64_t epoch = 0;
  std::int64_t head_seq = 0;
  Sha256 head_hash{};  // the genesis hash in an empty ledger
  WallTime head_settled;
  std::optional<Checkpoint> checkpoint;  // the last
  std::vector<Account> accounts;         // as of row `balances_at`
  std::int64_t balances_at = 0;
  std::vector<KeyRecord> keys;
  std::vector<StoredPrice> prices;
};

enum class Inserted : std::uint8_t {
  Yes,
  Exists
};

// Errors: kind Unavailable where nothing was written and a later try may succeed
// ("store_full", "store_busy"); anything else means stop.  After an error inside a
// transaction only rollback() may be called.
//
// Thread safety: none; the writer thread's alone.
class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  // Also raises the epoch, in a transaction of its own.
  virtual Result<StoreState> load() = 0;

  virtual Result<void> begin() = 0;
  virtual Result<void> commit() = 0;  // durable when it returns, as the store was opened
  virtual void rollback() noexcept = 0;

  virtual Result<Inserted> insert(const Position& position,
                                  const Settlement& settlement,
                                  const Sha256& hash) = 0;
  virtual Result<std::optional<StoredGeneration>> find(const GenerationId& id) = 0;
  virtual Result<void> insert(const StoredAdjustment& row) = 0;
  virtual Result<std::optional<StoredAdjustment>> find_adjustment(const std::string& id) = 0;
  // What was given back of a generation's charge so far.
  virtual Result<Money> refunded(const GenerationId& id) = 0;
  // Rows with seq > `after`, in order, until `visit` returns an error.
  virtual Result<void> visit_rows(std::int64_t after, const VisitRow& visit) = 0;
  // The hash of row `seq`; nothing where there is none.
  virtual Result<std::optional<Sha256>> hash_at(std::int64_t seq) = 0;

  // Balances and daily sums are those of one row, which put_balances_at() names: rows
  // after it are not in them yet.
  virtual Result<void> add_account(std::int64_t id, const std::string& name) = 0;  // if it is new
  virtual Result<void> put_account(const Account& account) = 0;
  virtual Result<void> put_balances_at(std::int64_t seq) = 0;
  virtual Result<DayUsage> day_usage(KeyId key, Day day) = 0;
  virtual Result<void> put_day_usage(KeyId key, Day day, const DayUsage& usage) = 0;
  virtual Result<void> put_checkpoint(const Checkpoint& checkpoint) = 0;
  // The signed ones with seq > `seq`, oldest first, at most the last `most`.
  virtual Result<std::vector<Checkpoint>> checkpoints_after(std::int64_t seq, std::size_t most) = 0;
  virtual Result<void> put_price(const StoredPrice& price) = 0;
  virtual Result<KeyId> add_key(const KeyRecord& key) = 0;
  virtual Result<void> update_key(const KeyRecord& key) = 0;

  // Which requests are remembered by an Idempotency-Key: an index that expires, beside
  // the rows that stay.  Of two for one key the one that expires later is kept.
  virtual Result<void> put_idempotency(const IdempotencyRecord& record) = 0;
  // Those that have not expired at `now`.
  virtual Result<std::vector<IdempotencyRecord>> idempotency(WallTime now) = 0;
  // Deletes at most `most` that have; how many it were.
  virtual Result<std::size_t> drop_idempotency(WallTime now, std::size_t most) = 0;

  // Housekeeping between transactions.  What it could not do now (a reader in the
  // way, a full disk) is no error; true when all is in the main file.
  enum class Effort : std::uint8_t {
    Passive,
    Truncate
  };
  virtual Result<bool> tidy(Effort effort) = 0;
  // How much waits for tidy(), in pages.
  [[nodiscard]] virtual std::uint64_t untidy_pages() const noexcept = 0;

  // Fails when the storage is no longer the one that was opened (file deleted or
  // replaced).
  virtual Result<void> still_there() = 0;
};

}  // namespace waybill::ledger
