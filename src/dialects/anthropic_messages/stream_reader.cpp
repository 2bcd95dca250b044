// A provider's stream in Anthropic's dialect.

#include <utility>
#include <vector>

#include "waybill/base/text.hpp"

#include "../escaped.hpp"
#include "anthropic_messages.hpp"

namespace waybill::dialects::anthropic {
namespace {

class StreamReader final : public EventReader {
 public:
  bool read(const Frame& frame, EventSink& sink) override;
  [[nodiscard]] bool ended() const noexcept override { return ended_; }

 private:
  enum class BlockKind : std::uint8_t {
    None,
    Text,
    Thinking,
    ToolCall,
    Native,  // of a tool that the provider runs
  };
  // A block of the content, by its index.
  struct Block {
    BlockKind kind = BlockKind::None;
    std::uint32_t call = 0;  // its number among the tool calls
    std::string start{};     // Native: the block as it began
    std::string input{};     // Native: its input as it comes; ToolCall: what it began with
    bool has_input = false;  // deltas came
  };
  static constexpr std::uint64_t kMaxBlocks = 10'000;

  void start_message(const JsonRef& message, EventSink& sink);
  void start_block(const JsonRef& event, EventSink& sink);
  void read_delta(const JsonRef& event, EventSink& sink);
  void stop_block(const JsonRef& event, EventSink& sink);
  void read_message_delta(const JsonRef& event, EventSink& sink);
  void tell_usage(EventSink& sink, bool so_far);
  Block* block_of(const JsonRef& event);

  JsonTree tree_;
  std::vector<Block> blocks_;
  UsageCounts counts_;
  std::uint32_t calls_ = 0;
  bool started_ = false;
  bool ended_ = false;
};

bool StreamReader::read(const Frame& frame, EventSink& sink) {
  if (!tree_.parse(frame.data, JsonOrigin::Upstream) || !tree_.root().is_object()) {
    return false;
  }
  const JsonRef event = tree_.root();
  const JsonRef type = event["type"];
  if (type.equals("content_block_delta")) {
    read_delta(event, sink);
  } else if (type.equals("content_block_start")) {
    start_block(event, sink);
  } else if (type.equals("content_block_stop")) {
    stop_block(event, sink);
  } else if (type.equals("message_start")) {
    start_message(event["message"], sink);
  } else if (type.equals("message_delta")) {
    read_message_delta(event, sink);
  } else if (type.equals("message_stop")) {
    ended_ = true;
  } else if (type.equals("error")) {
    const UpstreamFault fault = read_fault(event["error"]);
    sink.take({.kind = EventKind::Fault, .fault = &fault});
  }
  return true;  // pings, and kinds that are to come
}

void StreamReader::start_message(const JsonRef& message, EventSink& sink) {
  if (started_) {
    return;  // some gateways send it twice
  }
  started_ = true;
  const std::string id = message["id"].text();
  const std::string model = message["model"].text();
  sink.take({.kind = EventKind::Start, .id = id, .model = model});
  counts_.read(message["usage"]);
  tell_usage(sink, true);
}

StreamReader::Block* StreamReader::block_of(const JsonRef& event) {
  const auto index = event["index"].count();
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
  const JsonRef content = event["content_block"];
  if (block == nullptr || !content.is_object()) {
    return;
  }
  *block = {};
  const auto index = static_cast<std::uint32_t>(block - blocks_.data());
  const JsonRef type = content["type"];
  if (type.equals("text")) {
    block->kind = BlockKind::Text;
    if (!content["text"].escaped().empty()) {
      sink.take({.kind = EventKind::Text, .index = index, .text = content["text"].escaped()});
    }
  } else if (type.equals("thinking")) {
    block->kind = BlockKind::Thinking;
    const std::string signature = content["signature"].text();
    sink.take({.kind = EventKind::Reasoning,
               .index = index,
               .text = content["thinking"].escaped(),
               .name = kReasoningFormat,
               .signature = signature});
  } else if (type.equals("redacted_thinking")) {
    const std::string data = content["data"].text();
    sink.take({.kind = EventKind::Reasoning,
               .index = index,
               .reasoning = ReasoningPart::Kind::Encrypted,
               .name = kReasoningFormat,
               .data = data});
  } else if (type.equals("tool_use")) {
    block->kind = BlockKind::ToolCall;
    block->call = calls_++;
    block->input = content["input"].empty() ? std::string() : std::string(content["input"].raw());
    const std::string id = content["id"].text();
    const std::string name = content["name"].text();
    sink.take({.kind = EventKind::ToolCall, .index = block->call, .id = id, .name = name});
  } else {
    block->kind = BlockKind::Native;
    block->start = content.raw();
  }
}

void StreamReader::read_delta(const JsonRef& event, EventSink& sink) {
  Block* const block = block_of(event);
  const JsonRef delta = event["delta"];
  if (block == nullptr || !delta.is_object()) {
    return;
  }
  const auto index = static_cast<std::uint32_t>(block - blocks_.data());
  const JsonRef type = delta["type"];
  if (type.equals("text_delta")) {
    sink.take({.kind = EventKind::Text, .index = index, .text = delta["text"].escaped()});
  } else if (type.equals("thinking_delta")) {
    sink.take({.kind = EventKind::Reasoning,
               .index = index,
               .text = delta["thinking"].escaped(),
               .name = kReasoningFormat});
  } else if (type.equals("signature_delta")) {
    const std::string signature = delta["signature"].text();
    sink.take({.kind = EventKind::Reasoning,
               .index = index,
               .name = kReasoningFormat,
               .signature = signature});
  } else if (type.equals("input_json_delta")) {
    const std::string_view piece = delta["partial_json"].escaped();
    block->has_input = block->has_input || !piece.empty();
    if (block->kind == BlockKind::Native) {
      append_decoded(block->input, piece);
    } else if (block->kind == BlockKind::ToolCall && !piece.empty()) {
      sink.take({.kind = EventKind::ToolArguments, .index = block->call, .text = piece});
    }
  } else if (type.equals("citations_delta") && delta["citation"].is_object()) {
    const Citation citation = read_citation(delta["citation"]);
    sink.take({.kind = EventKind::Citation, .index = index, .citation = &citation});
  }
}

void StreamReader::stop_block(const JsonRef& event, EventSink& sink) {
  Block* const block = block_of(event);
  if (block == nullptr) {
    return;
  }
  if (block->kind == BlockKind::ToolCall) {
    if (!block->has_input) {  // what it began with is all there is
      const std::string input = escaped(block->input.empty() ? "{}" : block->input);
      sink.take({.kind = EventKind::ToolArguments, .index = block->call, .text = input});
    }
    sink.take({.kind = EventKind::ToolCallEnd, .index = block->call});
  } else if (block->kind == BlockKind::Native) {
    std::string json = std::exchange(block->start, {});
    JsonTree start;
    if (block->has_input && start.parse(json, JsonOrigin::Upstream) &&
        start.root()["input"].there()) {
      JsonTree input;
      if (input.parse(block->input, JsonOrigin::Upstream)) {
        const std::string_view old = start.root()["input"].raw();
        json.replace(static_cast<std::size_t>(old.data() - json.data()), old.size(), block->input);
      }
    }
    sink.take({.kind = EventKind::Native, .name = kName, .data = json});
  }
  block->kind = BlockKind::None;
}

void StreamReader::read_message_delta(const JsonRef& event, EventSink& sink) {
  counts_.read(event["usage"]);
  const JsonRef reason = event["delta"]["stop_reason"];
  if (reason.is_string()) {
    const std::string word = reason.text();
    sink.take({.kind = EventKind::Finish,
               .finish = finish_of(word),
               .text = event["delta"]["stop_sequence"].escaped(),
               .name = word});
  }
  tell_usage(sink, !reason.is_string());
}

void StreamReader::tell_usage(EventSink& sink, bool so_far) {
  if (!counts_.known()) {
    return;
  }
  const Usage usage = counts_.usage();
  sink.take({.kind = EventKind::Usage,
             .so_far = so_far,
             .usage_fault = counts_.fault(),
             .usage = &usage});
  if (!so_far && !counts_.service_tier().empty()) {
    const std::string tier = escaped(counts_.service_tier());
    sink.take({.kind = EventKind::ServiceTier, .text = tier});
  }
}

}  // namespace

std::unique_ptr<EventReader> make_reader(const UsageQuirks&) {
  return std::make_unique<StreamReader>();
}

}  // namespace waybill::dialects::anthropic
