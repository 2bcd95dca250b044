// Small tests and phrases that the validator's parts share.

#pragma once

#include <string>
#include <string_view>

namespace waybill::config {

[[nodiscard]] bool is_name(std::string_view text) noexcept;   // Type::Name
[[nodiscard]] bool is_token(std::string_view text) noexcept;  // RFC 9110 §5.6.2

[[nodiscard]] std::string quote(std::string_view text);               // 'text', shortened
[[nodiscard]] std::string join_choices(std::string_view choices);     // "a, b or c"
[[nodiscard]] std::string did_you_mean(std::string_view suggestion);  // did you mean 'x'?

}  // namespace waybill::config
