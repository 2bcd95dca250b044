// The messages of a stream, by its framing.

#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "waybill/dialects/codec.hpp"

namespace waybill::dialects {

// Bytes go in, cut anywhere; frames come out.
//
//   frames.feed(bytes);
//   while (auto frame = frames.next()) { ... }
//   if (frames.failed()) ...
//   auto last = frames.finish();   // once, at the end of the body
//
// Thread safety: none.
class FrameSource {
 public:
  static constexpr std::size_t kMaxFrame = std::size_t{16} * 1024 * 1024;

  FrameSource() = default;
  FrameSource(const FrameSource&) = delete;
  FrameSource& operator=(const FrameSource&) = delete;
  virtual ~FrameSource() = default;

  // Requires: next() has returned nothing since the last feed; `bytes` stays valid until
  // it does again.
  virtual void feed(std::string_view bytes) = 0;
  // Its views are valid until the next call of any member function.
  virtual std::optional<Frame> next() = 0;
  // A last frame that lacks its end, where the framing lets that count.
  virtual std::optional<Frame> finish() = 0;
  // What came is not in the framing, or a frame is larger than kMaxFrame.  Stays so.
  [[nodiscard]] virtual bool failed() const noexcept = 0;
};

[[nodiscard]] std::unique_ptr<FrameSource> make_frames(Framing framing);

// In event_stream.cpp.
[[nodiscard]] std::unique_ptr<FrameSource> make_aws_event_stream();

}  // namespace waybill::dialects
