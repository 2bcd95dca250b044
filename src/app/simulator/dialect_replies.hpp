// Answers in other dialects: what the simulator says in OpenAI's shape, read and written
// anew.

#pragma once

#include "chat.hpp"
#include "dialect_requests.hpp"

namespace waybill::app::simulator {

// The answer to `request`, without faults.
[[nodiscard]] Reply answer_in(const DialectRoute& route,
                              Asked asked,
                              const DialectRequest& request,
                              const Behaviour& behaviour);

// An answer that says nothing, as FaultKind::NoChoices has it.
[[nodiscard]] Reply empty_answer_in(const DialectRoute& route, const Reply& whole);

}  // namespace waybill::app::simulator
