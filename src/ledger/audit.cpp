#include "audit.hpp"

namespace waybill::ledger {

std::string describe(const StoredGeneration& row) {
  return "row " + std::to_string(row.position.seq) + " (" + row.settlement.generation.to_string() +
         ")";
}

std::string describe(const StoredAdjustment& row) {
  return "row " + std::to_string(row.seq) + " (adjustment " + row.adjustment.id + " of " +
         row.adjustment.generation.to_string() + ")";
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

template <class Row>
Result<void> ChainWalk::check_next(std::int64_t seq, const Row& row) const {
  if (seq == seq_ + 1) {
    return {};
  }
  return corrupt("The ledger lacks row " + std::to_string(seq_ + 1) + ": after row " +
                 std::to_string(seq_) + " stands " + describe(row) + ".");
}

template <class Row>
Result<void> ChainWalk::advance(std::int64_t seq, const Row& row, const Sha256& expected) {
  if (!equal_constant_time(expected, row.hash)) {
    return corrupt("The ledger was changed at " + describe(row) +
                   ": its hash does not follow from its content and row " + std::to_string(seq_) +
                   ".");
  }
  seq_ = seq;
  hash_ = row.hash;
  return {};
}

Result<void> ChainWalk::follow(const StoredGeneration& row) {
  if (auto done = check_next(row.position.seq, row); !done) {
    return done;
  }
  if (auto done = advance(row.position.seq, row, hasher_.next(hash_, row.position, row.settlement));
      !done) {
    return done;
  }
  customer_sum_ += row.settlement.cost.total.count();
  provider_sum_ += provider_total(row.settlement);
  return {};
}

Result<void> ChainWalk::follow(const StoredAdjustment& row) {
  if (auto done = check_next(row.seq, row); !done) {
    return done;
  }
  if (auto done = advance(row.seq, row, hasher_.next(hash_, row)); !done) {
    return done;
  }
  refund_sum_ += row.adjustment.refund.count();
  return {};
}

}  // namespace waybill::ledger
