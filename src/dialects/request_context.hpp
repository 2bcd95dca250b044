// What the readers of one request share.

#pragma once

#include <optional>
#include <string>
#include <utility>

#include "waybill/base/error.hpp"
#include "waybill/dialects/openai_request.hpp"

#include "json_walk.hpp"

namespace waybill::dialects {

// Readers return false when they stop; then either `error` holds why or the
// walker holds a JSON fault.
struct RequestContext {
  JsonWalker& walker;
  RequestFacts& facts;
  const RequestLimits& limits;
  std::optional<Error> error;

  bool refuse(std::string sentence) {
    error.emplace(ErrorKind::InvalidRequest, "invalid_request", std::move(sentence));
    return false;
  }
};

}  // namespace waybill::dialects
