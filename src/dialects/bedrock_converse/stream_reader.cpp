// ConverseStream's events.

#include <utility>

#include "waybill/base/text.hpp"

#include "../escaped.hpp"
#include "bedrock_converse.hpp"

namespace waybill::dialects::bedrock {
namespace {

class StreamReader final : public EventReader {
 public:
  bool read(const Frame& frame, EventSink& sink) override;
  [[nodiscard]] bool ended() const noexcept override { return ended_; }
  void finish(EventSink& sink) override;

 private:
  enum class BlockKind : std::uint8_t {
    None,  // text and thoughts need no beginning
    ToolCall,
    Native,  // a call or a result of a tool that the provider runs
    Image,
  };
  struct Block {
    BlockKind kind = BlockKind::None;
    std::uint32_t call = 0;  // its number among the tool calls
    bool has_input = false;
    std::string start;  // Native: the object as it began, open for one more member; Image: format
    std::string data;   // Native: input or the elements of content; Image: base64
    bool result = false;
  };
  static constexpr std::uint64_t kMaxBlocks = 10'000;

  void start(EventSink& sink);
  Block* block_of(const JsonRef& event);
  [[nodiscard]] std::uint32_t index_of(const Block* block) const noexcept {
    return static_cast<std::uint32_t>(block - blocks_.data());
  }
  void start_block(const JsonRef& event, EventSink& sink);
  void read_delta(const JsonRef& event, EventSink& sink);
  void read_reasoning(const JsonRef& content, std::uint32_t index, EventSink& sink) const;
  static void read_native(const JsonRef& delta, Block& block);
  void stop_block(const JsonRef& event, EventSink& sink);
  void read_message_stop(const JsonRef& event, EventSink& sink);
  void read_metadata(const JsonRef& event, EventSink& sink);

  JsonTree tree_;
  std::vector<Block> blocks_;
  std::uint32_t calls_ = 0;
  bool started_ = false;
  bool stopped_ = false;  // messageStop came
  bool counted_ = false;  // metadata came
  bool ended_ = false;
};

bool StreamReader::read(const Frame& frame, EventSink& sink) {
  if (frame.is_exception) {
    const UpstreamFault fault = read_exception(frame.name, frame.data);
    sink.take({.kind = EventKind::Fault, .fault = &fault});
    return true;
  }
  if (!tree_.parse(frame.data, JsonOrigin::Upstream) || !tree_.root().is_object()) {
    return false;
  }
  const JsonRef event = tree_.root();
  if (frame.name == "messageStart") {
    start(sink);
  } else if (frame.name == "contentBlockDelta") {
    read_delta(event, sink);
  } else if (frame.name == "contentBlockStart") {
    start_block(event, sink);
  } else if (frame.name == "contentBlockStop") {
    stop_block(event, sink);
  } else if (frame.name == "messageStop") {
    read_message_stop(event, sink);
  } else if (frame.name == "metadata") {
    read_metadata(event, sink);
  }
  return true;  // kinds that are to come
}

// Neither an id nor the model's name is told.
void StreamReader::start(EventSink& sink) {
  if (!started_) {
    started_ = true;
    sink.take({.kind = EventKind::Start});
  }
}

StreamReader::Block* StreamReader::block_of(const JsonRef& event) {
  const auto index = event["contentBlockIndex"].count();
  if (!index || *index >= kMaxBlocks) {
    return nullptr;
  }
  if (blocks_.size() <= *index) {
    blocks_.resize(*index + 1);
  }
  return &blocks_[*index];
}

void StreamReader::start_block(const JsonRef& event, EventSink& sink) {
  Block* const block = block_of(event);
  if (block == nullptr) {
    return;
  }
  start(sink);
  *block = {};
  const JsonRef call = event["start"]["toolUse"];
  const JsonRef result = event["start"]["toolResult"];
  if (call.is_object() && !is_server_tool(call)) {
    block->kind = BlockKind::ToolCall;
    block->call = calls_++;
    const std::string id = call["toolUseId"].text();
    const std::string name = call["name"].text();
    sink.take({.kind = EventKind::ToolCall, .index = block->call, .id = id, .name = name});
  } else if (call.is_object() || result.is_object()) {
    block->kind = BlockKind::Native;
    block->result = result.is_object();
    const JsonRef members = block->result ? result : call;
    block->start = members.raw();
    block->start.pop_back();
    block->start += members.empty() ? "" : ",";
  } else if (event["start"]["image"].is_object()) {
    block->kind = BlockKind::Image;
    block->start = event["start"]["image"]["format"].text();
  }
}

void StreamReader::read_delta(const JsonRef& event, EventSink& sink) {
  Block* const block = block_of(event);
  const JsonRef delta = event["delta"];
  if (block == nullptr || !delta.is_object()) {
    return;
  }
  start(sink);
  const std::uint32_t index = index_of(block);
  if (delta["text"].is_string()) {
    sink.take({.kind = EventKind::Text, .index = index, .text = delta["text"].escaped()});
  } else if (delta["reasoningContent"].is_object()) {
    read_reasoning(delta["reasoningContent"], index, sink);
  } else if (delta["citation"].is_object()) {
    const Citation citation = read_citation(delta["citation"]);
    sink.take({.kind = EventKind::Citation, .index = index, .citation = &citation});
  } else if (block->kind == BlockKind::ToolCall) {
    const std::string_view piece = delta["toolUse"]["input"].escaped();
    if (!piece.empty()) {
      block->has_input = true;
      sink.take({.kind = EventKind::ToolArguments, .index = block->call, .text = piece});
    }
  } else if (block->kind == BlockKind::Native) {
    read_native(delta, *block);
  } else if (block->kind == BlockKind::Image) {
    block->data += delta["image"]["source"]["bytes"].text();
  }
}

void StreamReader::read_reasoning(const JsonRef& content,
                                  std::uint32_t index,
                                  EventSink& sink) const {
  Event event{.kind = EventKind::Reasoning, .index = index};
  if (content["redactedContent"].is_string()) {
    const Redacted redacted = read_redacted(content["redactedContent"]);
    event.reasoning = ReasoningPart::Kind::Encrypted;
    event.name = redacted.format;
    event.data = redacted.data;
    sink.take(event);
    return;
  }
  const std::string signature = content["signature"].text();
  event.text = content["text"].escaped();
  event.signature = signature;
  event.name = signature.empty() ? std::string_view{} : kClaudeFormat;
  if (!event.text.empty() || !signature.empty()) {
    sink.take(event);
  }
}

void StreamReader::read_native(const JsonRef& delta, Block& block) {
  if (!block.result) {
    append_decoded(block.data, delta["toolUse"]["input"].escaped());
    return;
  }
  for (const JsonRef piece : delta["toolResult"]) {
    block.data += block.data.empty() ? "" : ",";
    block.data += piece.raw();
  }
}

void StreamReader::stop_block(const JsonRef& event, EventSink& sink) {
  Block* const block = block_of(event);
  if (block == nullptr) {
    return;
  }
  const Block whole = std::exchange(*block, {});
  if (whole.kind == BlockKind::ToolCall) {
    if (!whole.has_input) {
      sink.take({.kind = EventKind::ToolArguments, .index = whole.call, .text = "{}"});
    }
    sink.take({.kind = EventKind::ToolCallEnd, .index = whole.call});
  } else if (whole.kind == BlockKind::Native) {
    JsonTree input;
    const bool good = whole.result || input.parse(whole.data, JsonOrigin::Upstream);
    std::string json = whole.result ? R"({"toolResult":)" : R"({"toolUse":)";
    json += whole.start;
    json += whole.result ? R"("content":[)" : R"("input":)";
    json += good ? std::string_view(whole.data) : std::string_view("{}");
    json += whole.result ? "]}}" : "}}";
    sink.take({.kind = EventKind::Native, .index = index_of(block), .name = kName, .data = json});
  } else if (whole.kind == BlockKind::Image && !whole.data.empty()) {
    const MediaPart media{
        .kind = MediaPart::Kind::Image, .media_type = "image/" + whole.start, .data = whole.data};
    sink.take({.kind = EventKind::Image, .index = index_of(block), .media = &media});
  }
}

void StreamReader::read_message_stop(const JsonRef& event, EventSink& sink) {
  if (std::exchange(stopped_, true)) {
    return;
  }
  start(sink);
  const std::string word = event["stopReason"].text();
  const std::string stop = escaped(stop_sequence_of(event["additionalModelResponseFields"]));
  sink.take({.kind = EventKind::Finish, .finish = finish_of(word), .text = stop, .name = word});
  ended_ = counted_;
}

// Comes behind messageStop.
void StreamReader::read_metadata(const JsonRef& event, EventSink& sink) {
  counted_ = true;
  const UsageCounts counts = read_usage(event["usage"]);
  if (counts.fault != UsageFault::Missing) {
    sink.take({.kind = EventKind::Usage, .usage_fault = counts.fault, .usage = &counts.usage});
  }
  const JsonRef tier = event["serviceTier"]["type"];
  if (tier.is_string()) {
    sink.take({.kind = EventKind::ServiceTier, .text = tier.escaped()});
  }
  ended_ = stopped_;
}

// An answer whose counts never came is whole nevertheless.
void StreamReader::finish(EventSink& sink) {
  static_cast<void>(sink);
  ended_ = ended_ || stopped_;
}

}  // namespace

std::unique_ptr<EventReader> make_reader(const UsageQuirks&) {
  return std::make_unique<StreamReader>();
}

}  // namespace waybill::dialects::bedrock
