#include "chain.hpp"

#include <string_view>

#include "adjustment_row.hpp"
#include "bytes.hpp"
#include "settlement_codec.hpp"

namespace waybill::ledger {
namespace {

constexpr std::uint64_t kAdjustmentVersion = 1;

}  // namespace

Sha256 genesis_hash(const LaneId& lane) {
  std::string bytes = "waybill ledger lane ";
  bytes.append(reinterpret_cast<const char*>(lane.data()), lane.size());
  return sha256(bytes);
}

Sha256 ChainHasher::next(const Sha256& previous,
                         const Position& position,
                         const Settlement& settlement) {
  buffer_.assign(reinterpret_cast<const char*>(previous.data()), previous.size());
  ByteWriter out(buffer_);
  out.signed_number(position.seq);
  out.signed_number(position.settled.time_since_epoch().count());
  out.signed_number(position.legs.customer_debit);
  out.signed_number(position.legs.customer_credit);
  out.signed_number(position.legs.provider_debit);
  out.signed_number(position.legs.provider_credit);
  encode_settlement(settlement, buffer_);
  return sha256(buffer_);
}

Sha256 ChainHasher::next(const Sha256& previous, const StoredAdjustment& row) {
  buffer_.assign(reinterpret_cast<const char*>(previous.data()), previous.size());
  ByteWriter out(buffer_);
  out.signed_number(0);  // where a settlement's row has its number, which is never zero
  out.number(kAdjustmentVersion);
  out.signed_number(row.seq);
  out.signed_number(row.booked.time_since_epoch().count());
  out.signed_number(row.debit);
  out.signed_number(row.credit);
  out.text(row.adjustment.id);
  out.id(row.adjustment.generation);
  out.signed_number(row.adjustment.refund.count());
  out.number(row.adjustment.whole ? 1 : 0);
  out.text(row.adjustment.reason);
  return sha256(buffer_);
}

}  // namespace waybill::ledger
