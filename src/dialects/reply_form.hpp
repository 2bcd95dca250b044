// A body, or one event of a stream.

#pragma once

#include <cstdint>

namespace waybill::dialects {

enum class ReplyForm : std::uint8_t {
  Body,   // usage is replaced, a missing system_fingerprint added
  Chunk,  // usage and a null system_fingerprint are cut
};

}  // namespace waybill::dialects
