// Reads a provider's token counts, one by one.

#pragma once

#include <algorithm>
#include <cstdint>

#include "waybill/dialects/usage.hpp"

#include "json_tree.hpp"

namespace waybill::dialects {

// Counts come from outside: what is no count leaves the old value and is noted.  A value.
class CountReader {
 public:
  // Does nothing for a value that is absent or null.
  void read(const JsonRef& value, std::uint64_t& count) noexcept {
    if (!value.given()) {
      return;
    }
    known_ = true;
    const auto found = value.count();
    if (!found) {
      fault_ = value.number().value_or(0) < 0 ? UsageFault::Negative : UsageFault::NotInteger;
      return;
    }
    if (*found > kLargestCount) {
      fault_ = UsageFault::TooLarge;
    }
    count = std::min(*found, kLargestCount);
  }

  // `part` is counted in `whole`: it is cut to it where it is larger.
  void within(std::uint64_t& part, std::uint64_t whole) noexcept {
    if (part > whole) {
      part = whole;
      fault_ = fault_ == UsageFault::None ? UsageFault::Contradictory : fault_;
    }
  }

  [[nodiscard]] bool known() const noexcept { return known_; }
  [[nodiscard]] UsageFault fault() const noexcept { return known_ ? fault_ : UsageFault::Missing; }

 private:
  UsageFault fault_ = UsageFault::None;
  bool known_ = false;
};

}  // namespace waybill::dialects
