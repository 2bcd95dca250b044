// The tables, and how an older file gets them.

#pragma once

#include "sqlite.hpp"

namespace waybill::ledger {

inline constexpr std::int64_t kApplicationId = 0x57424C31;  // "WBL1", in the file's header

// The schema this program writes; PRAGMA user_version.
inline constexpr std::int64_t kSchemaVersion = 4;

// The row that balances and daily sums are those of: rows after it are not in them yet.
inline constexpr const char* kSelectBalancesAt =
    "SELECT value FROM meta WHERE name = 'balances_at'";

// Brings the file to kSchemaVersion, one transaction for each step, so that an
// interrupted migration is resumed.  Fails with "ledger_newer_schema" for a file of a
// later program and "ledger_foreign" for a database that is none of ours.
Result<void> migrate(Connection& connection);

// The same checks without a change; an older schema is refused too.
Result<void> check_schema(Connection& connection);

}  // namespace waybill::ledger
