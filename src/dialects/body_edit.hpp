// Changes the members at the top of a JSON object's text.

#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace waybill::dialects {

// `object` without the members `removed`, and with `added` before all others: one or more
// members as they are written, without a comma at either end; "" for none.  Values stay
// byte for byte.  Nothing where `object` is none, or is nested too deeply to be read.
[[nodiscard]] std::optional<std::string> edit_members(
    std::string_view object,
    std::initializer_list<std::string_view> removed,
    std::string_view added);

}  // namespace waybill::dialects
