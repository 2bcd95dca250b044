// Why an attempt failed, as its stages say it.

#pragma once

#include <optional>

#include "waybill/dialects/openai_reply.hpp"
#include "waybill/routing/outcome.hpp"

namespace waybill::gateway {

[[nodiscard]] inline std::optional<routing::AttemptOutcome> failed(routing::OutcomeKind kind) {
  return routing::AttemptOutcome{kind};
}

// With what the provider says about it; `status` is 0 where it named none.
[[nodiscard]] inline routing::AttemptOutcome error_outcome(routing::OutcomeKind kind,
                                                           int status,
                                                           const dialects::UpstreamFault& fault) {
  routing::AttemptOutcome outcome;
  outcome.kind = kind;
  outcome.status = status;
  outcome.provider_code = fault.code.empty() ? fault.type : fault.code;
  outcome.provider_message = fault.message;
  return outcome;
}

}  // namespace waybill::gateway
