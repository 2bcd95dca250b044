// The rows of the chain, settlements and adjustments, in their one order.

#pragma once

#include <functional>
#include <variant>

#include "waybill/base/result.hpp"

#include "adjustment_row.hpp"
#include "generation_row.hpp"

namespace waybill::ledger {

using JournalRow = std::variant<StoredGeneration, StoredAdjustment>;
using VisitRow = std::function<Result<void>(const JournalRow&)>;

// Rows with seq > `after`, by seq, until `visit` returns an error.  A number that both
// kinds have is visited twice: what follows the chain sees it.  `attempts` is
// kSelectAttempts, prepared.
Result<void> visit_journal(Connection& connection,
                           Statement& attempts,
                           std::int64_t after,
                           const VisitRow& visit);

}  // namespace waybill::ledger
