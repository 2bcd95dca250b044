// Faults that replace a whole answer.

#pragma once

#include <optional>
#include <vector>

#include "dialect_routes.hpp"
#include "options.hpp"

namespace waybill::app::simulator {

// What is said instead of `reply`, by the first such fault that is in force.  Null `route`:
// in OpenAI's shape.
[[nodiscard]] std::optional<Reply> replaced(const std::vector<Fault>& faults,
                                            const Reply& reply,
                                            const DialectRoute* route);

}  // namespace waybill::app::simulator
