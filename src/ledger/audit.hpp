// Walking the chain: the checks that start-up and verify() share.

#pragma once

#include <string>

#include "waybill/base/money.hpp"
#include "waybill/base/result.hpp"

#include "adjustment_row.hpp"
#include "chain.hpp"
#include "generation_row.hpp"

namespace waybill::ledger {

// "row 17 (gen-...)".
[[nodiscard]] std::string describe(const StoredGeneration& row);
// "row 18 (adjustment adj-... of gen-...)".
[[nodiscard]] std::string describe(const StoredAdjustment& row);

// The code is "ledger_corrupt".
[[nodiscard]] Error corrupt(const std::string& sentence);

// What the provider's side of a settlement sums to, failed attempts included.
[[nodiscard]] Int128 provider_total(const Settlement& settlement) noexcept;

// Follows rows from a known hash and sums them.
class ChainWalk {
 public:
  // After row `seq`, whose hash is `hash` (the genesis hash for seq 0).
  ChainWalk(std::int64_t seq, const Sha256& hash) noexcept : seq_(seq), hash_(hash) {}

  // The next row.  Fails with "ledger_corrupt" when it is not the row that once
  // followed.
  Result<void> follow(const StoredGeneration& row);
  Result<void> follow(const StoredAdjustment& row);

  [[nodiscard]] std::int64_t seq() const noexcept { return seq_; }
  [[nodiscard]] const Sha256& hash() const noexcept { return hash_; }
  [[nodiscard]] Int128 customer_sum() const noexcept { return customer_sum_; }
  [[nodiscard]] Int128 provider_sum() const noexcept { return provider_sum_; }
  [[nodiscard]] Int128 refund_sum() const noexcept { return refund_sum_; }
  // What all accounts were debited, and, every row being balanced, credited.
  [[nodiscard]] Int128 posted_sum() const noexcept {
    return customer_sum_ + provider_sum_ + refund_sum_;
  }

 private:
  template <class Row>
  [[nodiscard]] Result<void> check_next(std::int64_t seq, const Row& row) const;
  template <class Row>
  Result<void> advance(std::int64_t seq, const Row& row, const Sha256& expected);

  std::int64_t seq_;
  Sha256 hash_;
  Int128 customer_sum_ = 0;
  Int128 provider_sum_ = 0;
  Int128 refund_sum_ = 0;
  ChainHasher hasher_;
};

}  // namespace waybill::ledger
