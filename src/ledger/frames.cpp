#include "frames.hpp"

#include "waybill/base/digest.hpp"

#include "bytes.hpp"

namespace waybill::ledger {

std::size_t begin_frame(std::string& out) {
  const std::size_t start = out.size();
  out.append(kFrameHead, '\0');
  return start;
}

void end_frame(std::string& out, std::size_t start) {
  const std::string_view payload = std::string_view(out).substr(start + kFrameHead);
  store_le(out.data() + start, static_cast<std::uint32_t>(payload.size()));
  store_le(out.data() + start + sizeof(std::uint32_t), crc32c(payload));
}

FrameEnd read_frames(std::string_view bytes,
                     const std::function<bool(std::string_view)>& on_frame) {
  while (!bytes.empty()) {
    if (bytes.size() < kFrameHead) {
      return bytes.find_first_not_of('\0') == std::string_view::npos ? FrameEnd::Clean
                                                                     : FrameEnd::Damaged;
    }
    const auto size = load_le<std::uint32_t>(bytes);
    const auto checksum = load_le<std::uint32_t>(bytes.substr(sizeof(std::uint32_t)));
    if (size == 0) {
      return checksum == 0 ? FrameEnd::Clean : FrameEnd::Damaged;
    }
    bytes.remove_prefix(kFrameHead);
    if (size > kLargestFrame || size > bytes.size()) {
      return FrameEnd::Damaged;
    }
    const auto payload = bytes.substr(0, size);
    if (crc32c(payload) != checksum || !on_frame(payload)) {
      return FrameEnd::Damaged;
    }
    bytes.remove_prefix(size);
  }
  return FrameEnd::Clean;
}

}  // namespace waybill::ledger
