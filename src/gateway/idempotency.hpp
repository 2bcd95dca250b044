// A client's Idempotency-Key: what it may look like, and what a repeat is told.
//
// The header as draft-ietf-httpapi-idempotency-key-header and Stripe have it, except
// that the value is any visible ASCII and need not be a quoted string.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/digest.hpp"
#include "waybill/base/result.hpp"
#include "waybill/gateway/client_api.hpp"
#include "waybill/http/head.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::gateway {

// The header's value, valid while `head` lives; nothing where it was not sent.  Fails
// with "idempotency_key_invalid": sent twice, or not 1 to 255 visible characters.
Result<std::optional<std::string_view>> presented_idempotency_key(const http::RequestHead& head);

// Two requests are the same if this is: the same endpoint and the same bytes.
[[nodiscard]] Sha256 fingerprint(Api api, std::string_view body);

// For error_body(): the generation that has the key.
[[nodiscard]] std::string earlier_metadata(const GenerationId& earlier);
// Likewise, with what became of it: outcome, status, usage and cost.
[[nodiscard]] std::string repeat_metadata(const ledger::Settlement& settled);

}  // namespace waybill::gateway
