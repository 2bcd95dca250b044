// Length + CRC32C frames, as in the intent log and the spill file.

#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace waybill::ledger {

// length (4 bytes, little-endian), CRC32C of the payload (4 bytes), payload.
inline constexpr std::size_t kFrameHead = 8;
inline constexpr std::size_t kLargestFrame = std::size_t{1} << 20U;

// Reserves room for a frame's head; the payload is appended next.  Returns where the
// frame starts.
std::size_t begin_frame(std::string& out);
// Fills in the head of the frame that starts at `start` and ends at the end of `out`.
void end_frame(std::string& out, std::size_t start);

enum class FrameEnd : std::uint8_t {
  Clean,    // the bytes end with a frame, or with zeros
  Damaged,  // they end inside a frame or with one whose checksum is wrong
};

// Calls `on_frame` with each payload up to the first frame that is torn or damaged;
// `on_frame` returns false for a payload that makes no sense, which counts as damage.
FrameEnd read_frames(std::string_view bytes, const std::function<bool(std::string_view)>& on_frame);

}  // namespace waybill::ledger
