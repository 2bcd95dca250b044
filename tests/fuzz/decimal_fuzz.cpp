// Property: what parses as money prints as text that parses to the same money,
// and nothing else parses.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "waybill/base/money.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto parsed = waybill::parse_money(text);
  if (!parsed) {
    return 0;
  }
  if (text.find_first_not_of("-.0123456789") != std::string_view::npos) {
    std::abort();
  }
  const auto again = waybill::parse_money(waybill::to_decimal(*parsed));
  if (!again || *again != *parsed) {
    std::abort();
  }
  return 0;
}
