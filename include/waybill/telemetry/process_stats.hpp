// What Linux says about this process.

#pragma once

#include <cstdint>
#include <string_view>

#include "waybill/base/result.hpp"

namespace waybill::telemetry {

struct ProcessStats {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;           // the soft limit
  std::uint64_t cpu_microseconds = 0;  // user and system
  std::uint64_t start_time_unix_ms = 0;
  std::uint64_t threads = 0;
};

// The numbers of the machine that the files are written in.
struct ProcUnits {
  std::uint64_t page_bytes = 4096;
  std::uint64_t ticks_per_second = 100;
};

// From the text of /proc/self/stat and of /proc/stat (for the boot time); leaves
// the descriptors at 0.  Code "proc_unreadable" where a field is missing
// (proc(5)).
Result<ProcessStats> parse_process_stats(std::string_view self_stat,
                                         std::string_view stat,
                                         ProcUnits units);

// Reads /proc; what cannot be read stays 0, because a page without it is better
// than no page.  Blocks for some 50 us: for the scrape, not for a worker's loop.
[[nodiscard]] ProcessStats read_process_stats();

}  // namespace waybill::telemetry
