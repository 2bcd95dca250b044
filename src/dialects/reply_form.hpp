// A body, or one event of a stream.

#pragma once

#include <cstddef>
#include <cstdint>

namespace waybill::dialects {

// Of a provider's short words (finish reasons, error codes), in bytes.
inline constexpr std::size_t kMaxWord = 64;

enum class ReplyForm : std::uint8_t {
  Body,   // usage is replaced, a missing system_fingerprint added
  Chunk,  // usage and a null system_fingerprint are cut
};

}  // namespace waybill::dialects
