// Requests of other dialects, as the simulator answers them: in OpenAI's shape.

#pragma once

#include <string>
#include <string_view>

#include "waybill/base/result.hpp"

#include "dialect_routes.hpp"
#include "schema_answer.hpp"

namespace waybill::app::simulator {

struct DialectRequest {
  Json chat;            // a body of OpenAI's chat
  bool thinks = false;  // thoughts are asked for
};

// Fails with a sentence for whoever asked.
[[nodiscard]] Result<DialectRequest> read_request(const DialectRoute& route, std::string_view body);

// --- dialects that Waybill speaks to providers only

[[nodiscard]] Result<DialectRequest> read_bedrock(const Json& body);
[[nodiscard]] Result<DialectRequest> read_cohere(const Json& body);

}  // namespace waybill::app::simulator
