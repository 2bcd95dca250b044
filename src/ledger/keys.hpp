// Minting keys.

#pragma once

#include "waybill/base/result.hpp"
#include "waybill/base/time.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

// A key of 256 random bits.  The record has no id yet.  Fails with "key_name_invalid" or
// "key_model_invalid".
Result<CreatedKey> mint_key(const NewKey& wanted, WallTime now);

}  // namespace waybill::ledger
