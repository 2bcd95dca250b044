// Whose key a request carries.

#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"
#include "waybill/http/head.hpp"
#include "waybill/ledger/key_index.hpp"

namespace waybill::gateway {

// A key that may be used, and the index that holds it.
struct Caller {
  std::shared_ptr<const ledger::KeyIndex> keys;
  const ledger::KeyRecord* key = nullptr;  // lives in *keys
};

// The key text in Authorization (Bearer), x-api-key, api-key or x-goog-api-key;
// empty if there is none.  Valid while `head` lives.
//
// Fails with InvalidRequest/"ambiguous_credentials" where several disagree and
// "key_in_query" where the query string has one: such keys end up in logs.
Result<std::string_view> presented_key(const http::RequestHead& head);

// Looks the key up.  One answer, Unauthenticated/"invalid_api_key", for unknown,
// disabled, deleted and expired ones.
Result<Caller> authenticate(std::string_view key_text,
                            std::shared_ptr<const ledger::KeyIndex> keys,
                            WallTime now);

}  // namespace waybill::gateway
