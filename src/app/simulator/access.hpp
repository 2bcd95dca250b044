// Who may ask: keys, in the header that each dialect has for them, and AWS's signatures.

#pragma once

#include <optional>

#include "dialect_routes.hpp"
#include "engine.hpp"

namespace waybill::app::simulator {

// The refusal, in the words of the dialect; null `route`: OpenAI's.  Nothing: may ask.
[[nodiscard]] std::optional<Reply> refuse_stranger(const EngineOptions& options,
                                                   const Request& request,
                                                   const DialectRoute* route);

}  // namespace waybill::app::simulator
