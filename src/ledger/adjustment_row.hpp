// An adjustment as a row of SQLite.

#pragma once

#include <optional>
#include <string>

#include "waybill/ledger/records.hpp"

#include "sqlite.hpp"

namespace waybill::ledger {

// Debits `debit` (what we bear) and credits `credit` (the customer) by the refund.
struct StoredAdjustment {
  std::int64_t seq = 0;
  WallTime booked;
  std::int64_t debit = 0;  // accounts
  std::int64_t credit = 0;
  Adjustment adjustment;
  Sha256 hash{};
};

inline constexpr const char* kInsertAdjustment =
    "INSERT INTO adjustment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
// What follows FROM adjustment is the caller's.
inline constexpr const char* kSelectAdjustments =
    "SELECT seq, id, gen_id, booked, debit, credit, refund, whole, reason, hash FROM adjustment ";
inline constexpr const char* kSelectRefunds = "SELECT refund FROM adjustment WHERE gen_id = ?";

// `row` must outlive the statement's run().
void bind_adjustment(Statement& statement, const StoredAdjustment& row);

// The current row, or nothing at the end.  Fails with "ledger_corrupt" where a value is
// out of its range, or as SQLite does.
Result<std::optional<StoredAdjustment>> next_adjustment(Statement& select);

// The sum of a generation's refunds, by kSelectRefunds.
Result<Money> sum_refunds(Statement& select, const GenerationId& id);

}  // namespace waybill::ledger
