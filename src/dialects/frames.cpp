#include "frames.hpp"

#include "waybill/http/sse_parser.hpp"

namespace waybill::dialects {
namespace {

class SseFrames final : public FrameSource {
 public:
  void feed(std::string_view bytes) override { events_.feed(bytes); }
  std::optional<Frame> next() override {
    const auto event = events_.next();
    return event ? std::optional(Frame{event->type, event->data}) : std::nullopt;
  }
  std::optional<Frame> finish() override {
    const auto event = events_.finish();
    return event ? std::optional(Frame{event->type, event->data}) : std::nullopt;
  }
  [[nodiscard]] bool failed() const noexcept override { return events_.error().has_value(); }

 private:
  http::SseParser events_{http::SseParser::Options{.max_event_bytes = kMaxFrame}};
};

// Values that end where a rule of the class says; what is not whole waits in `partial_`.
class SplitFrames : public FrameSource {
 public:
  void feed(std::string_view bytes) override { input_ = bytes; }

  std::optional<Frame> next() override {
    if (delivered_) {
      partial_.clear();
      delivered_ = false;
    }
    while (!failed_ && !input_.empty()) {
      const std::size_t end = scan(input_);
      const bool whole = end != std::string_view::npos;
      const std::string_view piece = input_.substr(0, whole ? end : input_.size());
      input_.remove_prefix(piece.size());
      if (whole && partial_.empty()) {
        if (const auto frame = to_frame(piece)) {
          return frame;
        }
        continue;
      }
      if (partial_.size() + piece.size() > kMaxFrame) {
        failed_ = true;
        break;
      }
      partial_ += piece;
      if (!whole) {
        break;
      }
      if (const auto frame = to_frame(partial_)) {
        delivered_ = true;
        return frame;
      }
      partial_.clear();
    }
    return std::nullopt;
  }

  std::optional<Frame> finish() override {
    if (failed_ || delivered_) {
      return std::nullopt;
    }
    delivered_ = true;
    return to_frame(partial_);
  }

  [[nodiscard]] bool failed() const noexcept override { return failed_; }

 protected:
  // The offset behind the value that began in an earlier piece or begins here; npos if it
  // goes on behind `bytes`.  Is told every byte once.
  virtual std::size_t scan(std::string_view bytes) = 0;
  // Nothing for a piece that holds no value.
  virtual std::optional<Frame> to_frame(std::string_view piece) = 0;
  void fail() noexcept { failed_ = true; }

 private:
  std::string_view input_;
  std::string partial_;
  bool delivered_ = false;
  bool failed_ = false;
};

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trim_blanks(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string_view::npos
             ? std::string_view{}
             : text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

class NdjsonFrames final : public SplitFrames {
 private:
  std::size_t scan(std::string_view bytes) override {
    const std::size_t end = bytes.find('\n');
    return end == std::string_view::npos ? end : end + 1;
  }
  std::optional<Frame> to_frame(std::string_view piece) override {
    const std::string_view line = trim_blanks(piece);
    return line.empty() ? std::nullopt : std::optional(Frame{{}, line});
  }
};

// The elements of one JSON array, or JSON objects one after the other.  Grammar is the
// reader's to check; this one only counts brackets outside of strings.
class JsonArrayFrames final : public SplitFrames {
 private:
  std::size_t scan(std::string_view bytes) override {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const char c = bytes[i];
      if (in_string_) {
        in_string_ = after_backslash_ || c != '"';
        after_backslash_ = !after_backslash_ && c == '\\';
      } else if (c == '"') {
        in_string_ = depth_ > 0;
      } else if (c == '{' || (c == '[' && depth_ > 0)) {
        ++depth_;
      } else if ((c == '}' || c == ']') && depth_ > 0 && --depth_ == 0) {
        return i + 1;
      }
    }
    return std::string_view::npos;
  }
  std::optional<Frame> to_frame(std::string_view piece) override {
    const std::size_t begin = piece.find_first_not_of(" \t\r\n,[]");
    return begin == std::string_view::npos ? std::nullopt
                                           : std::optional(Frame{{}, piece.substr(begin)});
  }

  unsigned depth_ = 0;
  bool in_string_ = false;
  bool after_backslash_ = false;
};

// Decides by the first byte that is no blank.
class SseOrJsonArrayFrames final : public FrameSource {
 public:
  void feed(std::string_view bytes) override {
    if (chosen_ == nullptr) {
      const std::size_t first = bytes.find_first_not_of(kBlanks);
      if (first == std::string_view::npos) {
        return;
      }
      const bool json = bytes[first] == '[' || bytes[first] == '{';
      if (json) {
        chosen_ = std::make_unique<JsonArrayFrames>();
      } else {
        chosen_ = std::make_unique<SseFrames>();
      }
    }
    chosen_->feed(bytes);
  }
  std::optional<Frame> next() override {
    return chosen_ == nullptr ? std::nullopt : chosen_->next();
  }
  std::optional<Frame> finish() override {
    return chosen_ == nullptr ? std::nullopt : chosen_->finish();
  }
  [[nodiscard]] bool failed() const noexcept override {
    return chosen_ != nullptr && chosen_->failed();
  }

 private:
  std::unique_ptr<FrameSource> chosen_;
};

}  // namespace

std::unique_ptr<FrameSource> make_frames(Framing framing) {
  switch (framing) {
    case Framing::Sse: return std::make_unique<SseFrames>();
    case Framing::Ndjson: return std::make_unique<NdjsonFrames>();
    case Framing::SseOrJsonArray: return std::make_unique<SseOrJsonArrayFrames>();
    case Framing::AwsEventStream: return make_aws_event_stream();
  }
  return nullptr;
}

}  // namespace waybill::dialects
