#include "waybill/http/sse_parser.hpp"

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

namespace waybill::http {
namespace {

constexpr std::string_view kBom = "\xEF\xBB\xBF";
constexpr std::size_t kKeptCapacity = 4096;

void give_back(std::string& buffer) {
  if (buffer.capacity() > kKeptCapacity) {
    free_memory(buffer);
  } else {
    buffer.clear();
  }
}

// In windows, so that in a stream whose lines end in CR alone no search runs to the end
// of the input for a LF that never comes.
std::size_t find_line_end(std::string_view text) noexcept {
  constexpr std::size_t kWindow = 512;
  for (std::size_t at = 0; at < text.size(); at += kWindow) {
    const std::string_view window = text.substr(at, kWindow);
    const std::size_t lf = window.find('\n');
    const std::size_t end = std::min(lf, window.substr(0, lf).find('\r'));
    if (end != std::string_view::npos) {
      return at + end;
    }
  }
  return std::string_view::npos;
}

}  // namespace

void SseParser::feed(std::string_view bytes) noexcept {
  input_ = error_ ? std::string_view{} : bytes;
}

// Swallows a BOM and the LF of a CRLF; false while more bytes are needed to tell.
bool SseParser::skip_start() {
  if (at_start_) {
    const std::size_t known = partial_.size();
    const std::size_t wanted = std::min(kBom.size() - known, input_.size());
    if (input_.substr(0, wanted) == kBom.substr(known, wanted)) {
      if (known + wanted < kBom.size()) {
        partial_.append(input_);
        input_ = {};
        return false;
      }
      partial_.clear();
      input_.remove_prefix(wanted);
    }
    at_start_ = false;
  }
  if (skip_lf_ && !input_.empty()) {
    if (input_.front() == '\n') {
      input_.remove_prefix(1);
    }
    skip_lf_ = false;
  }
  return true;
}

bool SseParser::within_limit(std::size_t more) {
  if (data_.size() + more <= options_.max_event_bytes) {
    return true;
  }
  error_.emplace(ErrorKind::UpstreamFailed, "event_too_large",
                 "An event of the provider's stream is larger than is accepted.");
  begin_event();
  give_back(partial_);
  input_ = {};
  return false;
}

// The next whole line without its end, if there is one; otherwise keeps the tail.
std::optional<std::string_view> SseParser::take_line_bytes() {
  const std::size_t end = find_line_end(input_);
  if (!within_limit(partial_.size() + std::min(end, input_.size()))) {
    return std::nullopt;
  }
  if (end == std::string_view::npos) {
    keep_tail();
    return std::nullopt;
  }
  std::string_view line = input_.substr(0, end);
  skip_lf_ = input_[end] == '\r';
  input_.remove_prefix(end + 1);
  if (!partial_.empty()) {
    assembled_.swap(partial_);
    assembled_.append(line);
    give_back(partial_);
    line = assembled_;
  }
  return line;
}

// What has come of an event must outlive the caller's bytes.
void SseParser::keep_tail() {
  partial_.append(input_);
  input_ = {};
  if (has_data_ && !data_owned_) {
    data_buffer_.assign(data_);
    data_ = data_buffer_;
    data_owned_ = true;
  }
}

void SseParser::begin_event() noexcept {
  data_ = {};
  has_data_ = false;
  data_owned_ = false;
  give_back(data_buffer_);
  give_back(assembled_);
  type_.clear();
}

std::optional<SseEvent> SseParser::next() {
  if (deliver_pending_) {
    deliver_pending_ = false;
    begin_event();
  }
  while (!error_) {
    if (!skip_start() || (input_.empty() && partial_.empty() && !has_data_)) {
      return std::nullopt;
    }
    const auto line = take_line_bytes();
    if (!line) {
      return std::nullopt;
    }
    switch (take_line(*line)) {
      case Line::Nothing: break;
      case Line::Event:
        deliver_pending_ = true;
        return SseEvent{SseEvent::Kind::Event, type_, data_};
      case Line::Comment: return SseEvent{SseEvent::Kind::Comment, {}, comment_};
    }
  }
  return std::nullopt;
}

SseParser::Line SseParser::take_line(std::string_view line) {
  if (line.empty()) {
    if (has_data_) {
      return Line::Event;
    }
    begin_event();
    return Line::Nothing;
  }
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::string_view value =
      colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (colon == 0) {
    if (options_.comments == Comments::Skip) {
      return Line::Nothing;
    }
    comment_.assign(value);
    return Line::Comment;
  }
  if (value.starts_with(' ')) {
    value.remove_prefix(1);
  }
  if (field == "data") {
    add_data(value);
  } else if (field == "event") {
    type_.assign(value);
  }
  return Line::Nothing;
}

void SseParser::add_data(std::string_view value) {
  const bool lies_in_buffer =
      value.data() >= assembled_.data() && value.data() <= assembled_.data() + assembled_.size();
  if (!has_data_ && !lies_in_buffer) {
    data_ = value;
    data_owned_ = false;
  } else {
    if (has_data_ && !data_owned_) {
      data_buffer_.assign(data_);
    }
    if (has_data_) {
      data_buffer_ += '\n';
    }
    data_buffer_.append(value);
    data_ = data_buffer_;
    data_owned_ = true;
  }
  has_data_ = true;
}

std::optional<SseEvent> SseParser::finish() {
  if (deliver_pending_) {
    deliver_pending_ = false;
    begin_event();
  }
  if (error_) {
    return std::nullopt;
  }
  if (!partial_.empty()) {
    assembled_.swap(partial_);
    partial_.clear();
    const Line line = take_line(assembled_);
    static_cast<void>(line);  // an unfinished line cannot be the blank one
  }
  if (!has_data_) {
    return std::nullopt;
  }
  deliver_pending_ = true;
  return SseEvent{SseEvent::Kind::Unterminated, type_, data_};
}

}  // namespace waybill::http
