// A checkpoint as a row of SQLite.

#pragma once

#include <optional>

#include "bytes.hpp"
#include "checkpoint.hpp"
#include "sqlite.hpp"

namespace waybill::ledger {

inline constexpr const char* kInsertCheckpoint =
    "INSERT INTO checkpoint (kind, seq, hash, at, customer_total, provider_total, debits, credits,"
    " public_key, signature) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
// What follows FROM checkpoint is the caller's.
inline constexpr const char* kSelectCheckpoints =
    "SELECT kind, seq, hash, at, customer_total, provider_total, debits, credits, public_key,"
    " signature FROM checkpoint ";

// Binds a checkpoint; must outlive the statement's run(), as `checkpoint` must.
class CheckpointBinding {
 public:
  explicit CheckpointBinding(const Checkpoint& checkpoint) noexcept
      : checkpoint_(checkpoint),
        customer_(to_bytes(checkpoint.customer_total)),
        provider_(to_bytes(checkpoint.provider_total)),
        debits_(to_bytes(checkpoint.debits)),
        credits_(to_bytes(checkpoint.credits)) {}

  void bind(Statement& insert) const noexcept;

 private:
  const Checkpoint& checkpoint_;
  BalanceBytes customer_;
  BalanceBytes provider_;
  BalanceBytes debits_;
  BalanceBytes credits_;
};

// The current row; nothing where it is damaged.  In a row older than signing the sums
// are what the two totals make.
[[nodiscard]] std::optional<Checkpoint> read_checkpoint(const Statement& row) noexcept;

}  // namespace waybill::ledger
