// The store on one SQLite file in WAL mode.

#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <sys/types.h>

#include "waybill/ledger/ledger.hpp"

#include "sqlite.hpp"
#include "store.hpp"

namespace waybill::ledger {

// The only writing connection to the file, which is also the only one that
// checkpoints: SQLite 3.40.1 has a bug that needs two.  The caller holds the lock
// file (lock_file.hpp) for that.
class SqliteStore final : public Store {
 public:
  // Creates the file (mode 0600) where there is none, and migrates it.
  static Result<std::unique_ptr<SqliteStore>> open(const Options& options);
  ~SqliteStore() override;

  Result<StoreState> load() override;
  Result<void> begin() override;
  Result<void> commit() override;
  void rollback() noexcept override;
  Result<Inserted> insert(const Position& position,
                          const Settlement& settlement,
                          const Sha256& hash) override;
  Result<std::optional<StoredGeneration>> find(const GenerationId& id) override;
  Result<void> insert(const StoredAdjustment& row) override;
  Result<std::optional<StoredAdjustment>> find_adjustment(const std::string& id) override;
  Result<Money> refunded(const GenerationId& id) override;
  Result<void> visit_rows(std::int64_t after, const VisitRow& visit) override;
  Result<std::optional<Sha256>> hash_at(std::int64_t seq) override;
  Result<void> add_account(std::int64_t id, const std::string& name) override;
  Result<void> put_account(const Account& account) override;
  Result<void> put_balances_at(std::int64_t seq) override;
  Result<DayUsage> day_usage(KeyId key, Day day) override;
  Result<void> put_day_usage(KeyId key, Day day, const DayUsage& usage) override;
  Result<void> put_checkpoint(const Checkpoint& checkpoint) override;
  Result<std::vector<Checkpoint>> checkpoints_after(std::int64_t seq, std::size_t most) override;
  Result<void> put_price(const StoredPrice& price) override;
  Result<KeyId> add_key(const KeyRecord& key) override;
  Result<void> update_key(const KeyRecord& key) override;
  Result<void> put_idempotency(const IdempotencyRecord& record) override;
  Result<std::vector<IdempotencyRecord>> idempotency(WallTime now) override;
  Result<std::size_t> drop_idempotency(WallTime now, std::size_t most) override;
  Result<bool> tidy(Effort effort) override;
  [[nodiscard]] std::uint64_t untidy_pages() const noexcept override { return wal_pages_; }
  Result<void> still_there() override;

 private:
  SqliteStore(Connection connection, const Options& options);

  Result<void> configure(Durability durability);
  Result<void> prepare_statements();
  Result<void> load_meta(StoreState& state);
  Result<void> load_head(StoreState& state);
  Result<void> load_checkpoint(StoreState& state);
  Result<void> load_accounts(StoreState& state);

  std::string path_;
  std::chrono::milliseconds busy_timeout_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::uint64_t wal_pages_ = 0;
  Connection connection_;  // before the statements: they are finalized first
  Statement begin_;
  Statement commit_;
  Statement insert_;
  Statement insert_attempt_;
  Statement find_;
  Statement attempts_;
  Statement put_account_;
  Statement day_usage_;
  Statement put_day_usage_;
  Statement put_idempotency_;
};

// All keys, by id; the reader uses it too.
Result<std::vector<KeyRecord>> read_keys(Connection& connection);

}  // namespace waybill::ledger
