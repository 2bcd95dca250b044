// Time as a value: every function that depends on the time takes it as an argument.

#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace waybill {

// For deadlines and durations: monotonic, not affected by clock changes.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;

// For records that people read: microseconds since 1970-01-01 UTC.
using WallTime = std::chrono::sys_time<std::chrono::microseconds>;

// The system's clock now.  Called by the I/O layers and the application only.
[[nodiscard]] WallTime wall_now() noexcept;

// RFC 3339 with milliseconds, in UTC: "2026-11-25T10:23:14.123Z".
[[nodiscard]] std::string to_rfc3339(WallTime time);

}  // namespace waybill
