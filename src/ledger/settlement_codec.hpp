// The canonical bytes of a settlement: what the chain hashes, what the spill file
// holds, and what decides whether two settlements are the same.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

// Appends to `bytes`.  Every member counts; a new member needs a new version byte,
// because rows that stand must keep their hash.
void encode_settlement(const Settlement& s, std::string& bytes);

// Nothing unless `bytes` is exactly what encode_settlement() gives for some settlement.
[[nodiscard]] std::optional<Settlement> decode_settlement(std::string_view bytes);

}  // namespace waybill::ledger
