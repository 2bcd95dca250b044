// A generation as a row of SQLite: which member stands in which column.

#pragma once

#include <string>

#include "waybill/ledger/records.hpp"

#include "chain.hpp"
#include "sqlite.hpp"

namespace waybill::ledger {

struct StoredGeneration {
  Position position;
  Settlement settlement;
  Sha256 hash{};
};

// INSERT of one row that does nothing where the generation exists.
[[nodiscard]] const std::string& insert_generation_sql();
// SELECT of all columns; what follows FROM generation is the caller's.
[[nodiscard]] const std::string& select_generation_sql();

// The arguments must outlive the statement's run().
void bind_generation(Statement& statement,
                     const Position& position,
                     const Settlement& settlement,
                     const Sha256& hash);

// Reads the current row, without its failed attempts.  `attempts` gets their number.
// False where a value is out of its range.
[[nodiscard]] bool read_generation(const Statement& statement,
                                   StoredGeneration& out,
                                   std::size_t& attempts);

inline constexpr const char* kInsertAttempt =
    "INSERT INTO attempt VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
inline constexpr const char* kSelectAttempts =
    "SELECT number, provider, endpoint, upstream_model, status, error_code, latency, provider_cost"
    " FROM attempt WHERE seq = ? ORDER BY position";

void bind_attempt(Statement& statement,
                  std::int64_t seq,
                  std::int64_t position,
                  const FailedAttempt& attempt);

// The failed attempts of row `seq`, by kSelectAttempts.
Result<std::vector<FailedAttempt>> read_attempts(Statement& select, std::int64_t seq);

// The current row of `statement` with its attempts.  Fails with "ledger_corrupt".
Result<StoredGeneration> read_whole(const Statement& statement, Statement& select_attempts);

}  // namespace waybill::ledger
