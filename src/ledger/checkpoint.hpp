// A checkpoint: what the chain and the balances were at one row, signed, and the line
// of text that carries it out of the database.
//
//   waybill-checkpoint v1 lane=<hex> seq=<n> hash=<hex> debits=<n> credits=<n>
//       at=<microseconds since 1970> kind=periodic|continued key=<hex> signature=<hex>
//
// on one line.  The signature is over everything before " signature="; the sums are
// picodollars over all accounts.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/digest.hpp"
#include "waybill/base/money.hpp"
#include "waybill/base/time.hpp"

#include "chain.hpp"
#include "signing_key.hpp"

namespace waybill::ledger {

enum class CheckpointKind : std::uint8_t {
  Periodic,
  ContinuedFromCopy
};

// Who vouches for a checkpoint.
struct Voucher {
  PublicKey key{};
  Signature signature{};

  friend bool operator==(const Voucher&, const Voucher&) = default;
};

struct Checkpoint {
  CheckpointKind kind = CheckpointKind::Periodic;
  std::int64_t seq = 0;
  Sha256 hash{};
  WallTime at;
  Int128 customer_total = 0;  // of all rows up to `seq`
  Int128 provider_total = 0;
  Int128 debits = 0;  // of all accounts
  Int128 credits = 0;
  std::optional<Voucher> voucher;  // nothing in rows older than signing
};

// Signs `checkpoint` as one of chain `lane`.
void sign(Checkpoint& checkpoint, const LaneId& lane, const SigningKey& key);

// False for a signature that is not that of its key.  Requires: there is a voucher.
[[nodiscard]] bool is_signature_sound(const Checkpoint& checkpoint, const LaneId& lane);

// Without a line end.  Requires: there is a voucher.
[[nodiscard]] std::string to_line(const Checkpoint& checkpoint, const LaneId& lane);

// One line's checkpoint and the chain it is of; the two totals are not in it.  Nothing
// unless the line is exactly what to_line() gives for some checkpoint; its signature is
// not checked.
struct CheckpointLine {
  LaneId lane{};
  Checkpoint checkpoint;
};
[[nodiscard]] std::optional<CheckpointLine> parse_checkpoint_line(std::string_view line);

}  // namespace waybill::ledger
