// Text from outside on its way into a log line.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "waybill/base/time.hpp"

namespace waybill::telemetry {

// Appends `text`, at most `limit` bytes of it, with everything replaced by '?'
// that could end the line, move a terminal's cursor or reorder what a reader
// sees: C0, DEL and C1 controls, U+2028, U+2029 and the bidirectional controls.
void append_clean(std::string& out, std::string_view text, std::size_t limit);

// The same as a JSON string with its quotes.
void append_clean_json(std::string& out, std::string_view text, std::size_t limit);

void append_number(std::string& out, std::uint64_t number);
void append_number(std::string& out, std::int64_t number);
// Shortest form that reads back the same; "null" for what is no number.
void append_number(std::string& out, double number);

// Decimal digits, filled with zeros to `width`.  Requires: 1 <= width <= 20.
void append_padded(std::string& out, std::uint64_t number, unsigned width);

// "2026-11-25" and "22:41:07.123": the parts of a time stamp, without a zone.
void append_date(std::string& out, WallTime time);
void append_time_of_day(std::string& out, WallTime time);
void append_time_of_day_ms(std::string& out, WallTime time);

}  // namespace waybill::telemetry
