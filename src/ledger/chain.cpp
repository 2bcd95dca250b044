#include "chain.hpp"

#include <string_view>

#include "bytes.hpp"
#include "settlement_codec.hpp"

namespace waybill::ledger {

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

}  // namespace waybill::ledger
