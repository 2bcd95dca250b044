#include <utility>

#include "waybill/base/text.hpp"

#include "../anthropic_messages/anthropic_messages.hpp"
#include "../bedrock_converse/bedrock_converse.hpp"
#include "../json_tree.hpp"
#include "anthropic_cloud.hpp"

namespace waybill::dialects::anthropic_cloud {
namespace {

class ChunkReader final : public EventReader {
 public:
  explicit ChunkReader(std::unique_ptr<EventReader> inner) noexcept : inner_(std::move(inner)) {}

  bool read(const Frame& frame, EventSink& sink) override {
    if (frame.is_exception) {
      const UpstreamFault fault = bedrock::read_exception(frame.name, frame.data);
      sink.take({.kind = EventKind::Fault, .fault = &fault});
      return true;
    }
    if (frame.name != "chunk") {
      return true;  // a kind that is to come
    }
    if (!tree_.parse(frame.data, JsonOrigin::Upstream)) {
      return false;
    }
    const auto event = from_base64(tree_.root()["bytes"].text());
    return event && inner_->read({.name = {}, .data = *event}, sink);
  }
  [[nodiscard]] bool ended() const noexcept override { return inner_->ended(); }
  void finish(EventSink& sink) override { inner_->finish(sink); }

 private:
  std::unique_ptr<EventReader> inner_;
  JsonTree tree_;
};

}  // namespace

std::unique_ptr<EventReader> make_bedrock_reader(const UsageQuirks& quirks) {
  return std::make_unique<ChunkReader>(anthropic::make_reader(quirks));
}

}  // namespace waybill::dialects::anthropic_cloud
