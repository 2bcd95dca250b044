// JSON that fits a JSON Schema, simply: for structured answers and tool arguments.

#pragma once

#include <cstdint>
#include <string_view>

#include <nlohmann/json.hpp>

namespace waybill::app::simulator {

using Json = nlohmann::ordered_json;  // members in the order they are written

// An instance of `schema` with plausible values: a name in `prompt` fills the first
// text it may belong to, known property names ("city", "date") get what they ask
// for.  Understands type, enum, const, default, properties, items, anyOf, oneOf,
// allOf, local $ref, the common formats and the bounds of numbers, texts and arrays;
// ignores patterns.  Never fails: what it does not understand becomes a text.
[[nodiscard]] Json instance_of(const Json& schema, std::string_view prompt, std::uint64_t seed);

}  // namespace waybill::app::simulator
