// The names of request members, and which of them concern Waybill.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/openai_request.hpp"

namespace waybill::dialects {

// Nothing for a member that passes as it is.
[[nodiscard]] std::optional<RequestMember> find_request_member(std::string_view name) noexcept;

// The name of the known member that `name` differs from only in case: a provider whose
// parser folds case (Go's does, U+017F and U+212A included) would let it
// override the one we checked.
[[nodiscard]] std::optional<std::string_view> find_folded_name(std::string_view name);

// Read by the router, never sent upstream.
[[nodiscard]] constexpr bool is_router_member(RequestMember member) noexcept {
  return member == RequestMember::Models || member >= RequestMember::Provider;
}

}  // namespace waybill::dialects
