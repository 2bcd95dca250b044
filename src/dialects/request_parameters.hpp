// Checks of single request members.

#pragma once

#include "request_context.hpp"

namespace waybill::dialects {

// The value of `member` comes next and is not null.
bool read_parameter(RequestContext& context, RequestMember member);

// The value of `prompt` or `input` comes next: text, texts, tokens or parts.
bool read_prompt(RequestContext& context, RequestMember member);

}  // namespace waybill::dialects
