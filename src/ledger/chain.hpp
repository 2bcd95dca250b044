// The hash chain: each row's hash covers the row before it, so that a row changed,
// removed, added or moved afterwards shows.

#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "waybill/base/digest.hpp"
#include "waybill/base/time.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

// Random, made with the file; the start of its chain.
using LaneId = std::array<std::uint8_t, 16>;

// The accounts a row debits and credits: the customer's leg (customer to revenue,
// by cost.total) and the provider's (cost of goods to what we owe the provider, by
// provider_cost).  Failed attempts post to their own provider's accounts.
struct Legs {
  std::int64_t customer_debit = 0;
  std::int64_t customer_credit = 0;
  std::int64_t provider_debit = 0;
  std::int64_t provider_credit = 0;

  friend bool operator==(const Legs&, const Legs&) = default;
};

struct StoredAdjustment;

// Where a row stands.
struct Position {
  std::int64_t seq = 0;
  WallTime settled;
  Legs legs;
};

[[nodiscard]] Sha256 genesis_hash(const LaneId& lane);

// SHA-256 over previous hash, position and canonical settlement.  Keeps its buffer
// between calls.
class ChainHasher {
 public:
  [[nodiscard]] Sha256 next(const Sha256& previous,
                            const Position& position,
                            const Settlement& settlement);
  // The same for an adjustment; no settlement has its bytes.
  [[nodiscard]] Sha256 next(const Sha256& previous, const StoredAdjustment& row);

 private:
  std::string buffer_;
};

}  // namespace waybill::ledger
