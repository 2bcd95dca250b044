// The `input` of a request towards a provider.

#pragma once

#include "openai_responses.hpp"

namespace waybill::dialects::responses {

// Writes the member `input`; notes in `losses` what it cannot say.
void write_input(JsonWriter& json,
                 const Conversation& conversation,
                 const ResponsesQuirks& quirks,
                 Losses& losses);

}  // namespace waybill::dialects::responses
