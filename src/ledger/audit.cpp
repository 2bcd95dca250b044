#include "audit.hpp"

namespace waybill::ledger {

std::string describe(const StoredGeneration& row) {
  return "row " + std::to_string(row.position.seq) + " (" + row.settlement.generation.to_string() +
         ")";
}

Error corrupt(const std::string& sentence) {
  return {ErrorKind::Internal, "ledger_corrupt",
          sentence + " Restore the last backup, or find out who wrote the file."};
}

Int128 provider_total(const Settlement& settlement) noexcept {
  Int128 sum = settlement.provider_cost.count();
  for (const FailedAttempt& attempt : settlement.failed_attempts) {
    sum += attempt.provider_cost.count();
  }
  return sum;
}

Result<void> ChainWalk::follow(const StoredGeneration& row) {
  if (row.position.seq != seq_ + 1) {
    return corrupt("The ledger lacks row " + std::to_string(seq_ + 1) + ": after row " +
                   std::to_string(seq_) + " stands " + describe(row) + ".");
  }
  const Sha256 expected = hasher_.next(hash_, row.position, row.settlement);
  if (!equal_constant_time(expected, row.hash)) {
    return corrupt("The ledger was changed at " + describe(row) +
                   ": its hash does not follow from its content and row " + std::to_string(seq_) +
                   ".");
  }
  seq_ = row.position.seq;
  hash_ = row.hash;
  customer_sum_ += row.settlement.cost.total.count();
  provider_sum_ += provider_total(row.settlement);
  return {};
}

}  // namespace waybill::ledger
