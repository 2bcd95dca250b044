#include "waybill/dialects/codec.hpp"

#include <algorithm>
#include <utility>

#include "frames.hpp"
#include "json_tree.hpp"

namespace waybill::dialects {

Result<EncodedRequest> translate(const Dialect& dialect,
                                 Conversation& conversation,
                                 const EncodeTarget& target) {
  const auto is_foreign = [&](const Tool& tool) {
    return !tool.native_json.empty() && tool.native_dialect != dialect.name;
  };
  if (std::ranges::none_of(conversation.tools, is_foreign)) {
    return dialect.encode_request(conversation, target);
  }
  std::vector<Tool> all = conversation.tools;
  std::erase_if(conversation.tools, is_foreign);
  auto encoded = dialect.encode_request(conversation, target);
  conversation.tools = std::move(all);
  if (encoded) {
    encoded->losses.drop(Feature::NativeTools);
  }
  return encoded;
}

std::string text_member(std::string_view body, std::string_view member) {
  JsonTree tree;
  return tree.parse(body, JsonOrigin::Client) ? tree.root()[member].text() : std::string();
}

void Losses::drop(std::string_view member) {
  if (std::ranges::find(dropped_, member) == dropped_.end()) {
    dropped_.emplace_back(member);
  }
}

void Losses::change(std::string_view member, std::string what) {
  if (std::ranges::find(changed_, member, &Change::member) == changed_.end()) {
    changed_.push_back({std::string(member), std::move(what)});
  }
}

// What a StreamDecoder is made of: kept out of the header with FrameSource.
class StreamDecoder::Frames {
 public:
  explicit Frames(Framing framing) : source(make_frames(framing)) {}
  std::unique_ptr<FrameSource> source;
};

StreamDecoder::StreamDecoder(const Dialect& dialect, const UsageQuirks& quirks)
    : frames_(std::make_unique<Frames>(dialect.framing)),
      reader_(dialect.make_reader(quirks)) {}

StreamDecoder::~StreamDecoder() = default;

bool StreamDecoder::feed(std::string_view bytes, EventSink& sink, FrameWriter* tap) {
  FrameSource& source = *frames_->source;
  source.feed(bytes);
  bool good = true;
  while (const auto frame = source.next()) {
    // What comes after the end is taken, so that the framing stays whole, and not told.
    if (good && !reader_->ended()) {
      good = reader_->read(*frame, sink);
      if (good && tap != nullptr) {
        tap->take(*frame);
      }
    }
  }
  return good && !source.failed();
}

bool StreamDecoder::finish(EventSink& sink, FrameWriter* tap) {
  const auto last = frames_->source->finish();
  bool good = true;
  if (last && !reader_->ended()) {
    good = reader_->read(*last, sink);
    if (good && tap != nullptr) {
      tap->take(*last);
    }
  }
  reader_->finish(sink);
  return good && !frames_->source->failed();
}

bool StreamDecoder::ended() const noexcept {
  return reader_->ended();
}

}  // namespace waybill::dialects
