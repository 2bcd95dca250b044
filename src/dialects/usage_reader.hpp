// Reads a `usage` object in passing.

#pragma once

#include <optional>

#include "waybill/dialects/usage.hpp"

#include "json_walk.hpp"

namespace waybill::dialects {

struct UsageReading {
  std::optional<Usage> usage;
  UsageFault fault = UsageFault::Missing;
  UsageForm form = UsageForm::Unknown;
};

// The value comes next; it may be of any type.  Check walker.ok() after.
UsageReading read_usage(JsonWalker& walker, const UsageQuirks& quirks);

}  // namespace waybill::dialects
