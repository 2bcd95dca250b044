// The reader of `messages`: counts text and media, checks media URLs.

#pragma once

#include "request_context.hpp"

namespace waybill::dialects {

// The value of `messages` comes next.
bool read_messages(RequestContext& context);

// An object with `content` comes next, as in a multimodal embedding's `input`.
bool read_embedding_part(RequestContext& context, std::uint64_t index);

}  // namespace waybill::dialects
