// application/vnd.amazon.eventstream (Smithy, "Amazon Event Stream Specification"):
//
//   total length, headers' length, CRC of those  (four bytes each, big-endian)
//   headers: name's length (1), name, type (1), value
//   payload
//   CRC of all before it (4)

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include <zlib.h>

#include "frames.hpp"

namespace waybill::dialects {
namespace {

constexpr std::size_t kPrelude = 12;
constexpr std::size_t kChecksum = 4;
// The specification's limit for headers; a message has ours.
constexpr std::size_t kMaxHeaders = std::size_t{128} * 1024;

std::uint32_t checksum(std::string_view bytes) noexcept {
  return static_cast<std::uint32_t>(
      ::crc32(0, reinterpret_cast<const Bytef*>(bytes.data()), static_cast<uInt>(bytes.size())));
}

// The first `width` bytes, which are there, as a number.
std::uint32_t big_endian(std::string_view bytes, std::size_t width) noexcept {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(0, width)) {
    value = value << 8U | static_cast<std::uint8_t>(c);
  }
  return value;
}

// What the headers of a message say of it.
struct EventStreamHeaders {
  std::string_view message_type;
  std::string_view event_type;
  std::string_view exception_type;
  std::string_view error_code;
  std::string_view error_message;

  void note(std::string_view name, std::string_view value) noexcept {
    const std::array<std::pair<std::string_view, std::string_view*>, 5> known{{
        {":message-type", &message_type},
        {":event-type", &event_type},
        {":exception-type", &exception_type},
        {":error-code", &error_code},
        {":error-message", &error_message},
    }};
    for (const auto& [known_name, place] : known) {
      if (name == known_name) {
        *place = value;
      }
    }
  }

  // False: they are not in the format.
  bool read(std::string_view bytes) noexcept;
};

bool EventStreamHeaders::read(std::string_view bytes) noexcept {
  // By type: true, false, byte, short, integer, long, bytes, string, time, UUID.
  constexpr std::array<std::size_t, 10> kSizes{0, 0, 1, 2, 4, 8, 0, 0, 8, 16};
  constexpr std::uint32_t kBytes = 6;
  constexpr std::uint32_t kString = 7;
  while (!bytes.empty()) {
    const std::size_t name_size = big_endian(bytes, 1);
    if (bytes.size() < name_size + 2) {
      return false;
    }
    const std::string_view name = bytes.substr(1, name_size);
    const std::uint32_t type = big_endian(bytes.substr(1 + name_size), 1);
    bytes.remove_prefix(name_size + 2);
    if (type >= kSizes.size()) {
      return false;
    }
    std::size_t size = kSizes[type];
    if (type == kBytes || type == kString) {
      if (bytes.size() < 2) {
        return false;
      }
      size = big_endian(bytes, 2);
      bytes.remove_prefix(2);
    }
    if (bytes.size() < size) {
      return false;
    }
    if (type == kString) {
      note(name, bytes.substr(0, size));
    }
    bytes.remove_prefix(size);
  }
  return true;
}

// Holds at most one message: what of it has come, never what it only announces.
class AwsEventStream final : public FrameSource {
 public:
  void feed(std::string_view bytes) override { input_ = bytes; }

  std::optional<Frame> next() override {
    if (delivered_) {
      partial_.clear();
      delivered_ = false;
    }
    while (!failed_) {
      const std::string_view message = next_message();
      if (message.empty()) {
        break;
      }
      const auto frame = read_message(message);
      delivered_ = !partial_.empty();
      if (frame) {
        return frame;
      }
      partial_.clear();
      delivered_ = false;
    }
    return std::nullopt;
  }

  // A message that was cut off says nothing, and its checksum is missing.
  std::optional<Frame> finish() override {
    failed_ = failed_ || (!partial_.empty() && !delivered_);
    return std::nullopt;
  }

  [[nodiscard]] bool failed() const noexcept override { return failed_; }

 private:
  // The next whole message, in the input or in `partial_`; empty if there is none.
  std::string_view next_message() {
    if (partial_.empty()) {
      const auto size = message_size(input_);
      if (size && *size <= input_.size()) {
        const std::string_view message = input_.substr(0, *size);
        input_.remove_prefix(*size);
        return message;
      }
    }
    while (!failed_ && !input_.empty()) {
      const auto size = message_size(partial_);
      if (failed_) {
        break;
      }
      const std::size_t wanted = size.value_or(kPrelude) - partial_.size();
      const std::string_view piece = input_.substr(0, wanted);
      partial_ += piece;
      input_.remove_prefix(piece.size());
      if (size && piece.size() == wanted) {
        return partial_;
      }
    }
    return {};
  }

  // Nothing while the prelude is not whole, or where it is not to be believed (failed_).
  std::optional<std::size_t> message_size(std::string_view bytes) noexcept {
    if (bytes.size() < kPrelude) {
      return std::nullopt;
    }
    const std::size_t total = big_endian(bytes, 4);
    const std::size_t headers = big_endian(bytes.substr(4), 4);
    const bool sound = checksum(bytes.substr(0, 8)) == big_endian(bytes.substr(8), 4) &&
                       total <= kMaxFrame && headers <= kMaxHeaders &&
                       total >= kPrelude + kChecksum + headers;
    failed_ = failed_ || !sound;
    return sound ? std::optional(total) : std::nullopt;
  }

  // Nothing for a message of a type that is to come.
  std::optional<Frame> read_message(std::string_view message) noexcept {
    const std::size_t end = message.size() - kChecksum;
    EventStreamHeaders headers;
    const std::size_t headers_size = big_endian(message.substr(4), 4);
    if (checksum(message.substr(0, end)) != big_endian(message.substr(end), 4) ||
        !headers.read(message.substr(kPrelude, headers_size))) {
      failed_ = true;
      return std::nullopt;
    }
    const std::size_t begin = kPrelude + headers_size;
    const std::string_view payload = message.substr(begin, end - begin);
    if (headers.message_type == "exception") {
      return Frame{headers.exception_type, payload, true};
    }
    if (headers.message_type == "error") {
      return Frame{headers.error_code, payload.empty() ? headers.error_message : payload, true};
    }
    if (headers.message_type == "event" || headers.message_type.empty()) {
      return Frame{headers.event_type, payload, false};
    }
    return std::nullopt;
  }

  std::string_view input_;
  std::string partial_;
  bool delivered_ = false;  // the frame told last lies in partial_
  bool failed_ = false;
};

}  // namespace

std::unique_ptr<FrameSource> make_aws_event_stream() {
  return std::make_unique<AwsEventStream>();
}

}  // namespace waybill::dialects
