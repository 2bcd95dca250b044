// Errors as clients read them.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/base/error.hpp"
#include "waybill/dialects/codec.hpp"
#include "waybill/routing/final_failure.hpp"

namespace waybill::gateway {

// The HTTP status of an error of ours; docs/errors.md has the table.
[[nodiscard]] unsigned status_of(const Error& error) noexcept;

// OpenRouter's name for the kind of trouble ("invalid_request", "timeout", ...;
// OpenRouter API reference, error_type vocabulary).
[[nodiscard]] std::string_view error_type_of(const Error& error) noexcept;

// The JSON body:
//   {"error":{"code":404,"message":"...","type":"model_not_found","param":null,
//             "metadata":{"error_type":"not_found"}}}
// `code` is the HTTP status, always an integer; `type` is our stable code.
// `metadata` is what else metadata says: members, each after a comma.
[[nodiscard]] std::string error_body(unsigned status,
                                     const Error& error,
                                     std::string_view metadata = {});

// The same in a client's dialect; `id` is the generation's, "" for none.
[[nodiscard]] std::string error_body(const dialects::Dialect& dialect,
                                     unsigned status,
                                     const Error& error,
                                     std::string_view metadata,
                                     std::string_view id);

// The same for a generation whose attempts all failed; metadata also names the
// provider, its code and what it said, and the attempts before.
[[nodiscard]] std::string failure_body(const dialects::Dialect& dialect,
                                       const routing::FinalFailure& failure,
                                       std::string_view provider_name,
                                       std::string_view id);

}  // namespace waybill::gateway
