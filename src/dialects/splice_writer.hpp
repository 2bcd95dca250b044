// Writes a body with its splices applied.

#pragma once

#include <string>
#include <string_view>

#include "waybill/dialects/splice.hpp"

namespace waybill::dialects {

// Appends `body`, calling `replace(splice)` in place of each range that is not a
// Cut.  A splice inside an earlier one's range is skipped.
template <class Replace>
void write_spliced(std::string& out,
                   std::string_view body,
                   const SpliceList& splices,
                   Replace&& replace) {
  std::uint32_t at = 0;
  for (const Splice& splice : splices) {
    if (splice.range.begin < at) {
      continue;
    }
    out += body.substr(at, splice.range.begin - at);
    at = splice.range.end;
    if (splice.kind != SpliceKind::Cut) {
      replace(splice);
    }
  }
  out += body.substr(at);
}

}  // namespace waybill::dialects
