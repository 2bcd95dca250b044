// Sources: Amazon Bedrock API Reference, "Converse" and "ConverseStream".

#include "waybill/base/json_writer.hpp"
#include "waybill/base/text.hpp"

#include "provider_writers.hpp"

namespace waybill::app::simulator {
namespace {

using dialects::Event;
using dialects::EventKind;
using dialects::FinishReason;

constexpr std::uint64_t kLatency = 42;  // ms; nobody's clock is here

std::string_view stop_reason(FinishReason reason) {
  switch (reason) {
    case FinishReason::Length: return "max_tokens";
    case FinishReason::ToolCalls: return "tool_use";
    case FinishReason::ContentFilter: return "content_filtered";
    default: return "end_turn";
  }
}

void write_usage(JsonWriter& json, const dialects::Usage& usage) {
  json.begin_object("usage");
  json.number("inputTokens", usage.prompt - usage.cached_read - usage.cache_write);
  json.number("outputTokens", usage.completion);
  json.number("totalTokens", usage.prompt + usage.completion);
  json.number("cacheReadInputTokens", usage.cached_read);
  json.number("cacheWriteInputTokens", usage.cache_write);
  json.end_object();
  json.begin_object("metrics");
  json.number("latencyMs", kLatency);
  json.end_object();
}

void write_block(JsonWriter& json, const dialects::Part& part) {
  json.begin_object();
  if (const auto* const text = std::get_if<dialects::TextPart>(&part.value)) {
    json.text("text", text->text);
  } else if (const auto* const thought = std::get_if<dialects::ReasoningPart>(&part.value)) {
    json.begin_object("reasoningContent");
    json.begin_object("reasoningText");
    json.text("text", thought->text);
    json.text("signature", thought->signature);
    json.end_object();
    json.end_object();
  } else if (const auto* const call = std::get_if<dialects::ToolCallPart>(&part.value)) {
    json.begin_object("toolUse");
    json.text("toolUseId", call->id);
    json.text("name", call->name);
    json.raw("input", call->arguments.empty() ? "{}" : call->arguments);
    json.end_object();
  }
  json.end_object();
}

void encode_response(const dialects::Answer& answer,
                     const dialects::ReplyContext& /*context*/,
                     const dialects::ReplyBill& bill,
                     std::string& out) {
  JsonWriter json;
  json.begin_object();
  json.begin_object("output");
  json.begin_object("message");
  json.text("role", "assistant");
  json.begin_array("content");
  FinishReason finish = FinishReason::Stop;
  if (!answer.choices.empty()) {
    finish = answer.choices[0].finish;
    for (const dialects::Part& part : answer.choices[0].parts) {
      write_block(json, part);
    }
  }
  json.end_array();
  json.end_object();
  json.end_object();
  json.text("stopReason", stop_reason(finish));
  write_usage(json, bill.usage);
  json.end_object();
  out += json.written();
}

class StreamWriter final : public dialects::EventWriter {
 public:
  explicit StreamWriter(std::string& out) : out_(out) {}

  void take(const Event& event) override;
  void end(const dialects::ReplyBill& bill) override;
  void fail(const dialects::StreamError& /*error*/) override {}  // scripts break streams off

 private:
  void tell(std::string_view name, std::string_view payload) {
    out_.append("event: ").append(name).append("\ndata: ").append(payload).append("\n\n");
  }
  void start();
  void open(BlockKind kind);
  void close();
  // `delta` is JSON, its texts written by their provider.
  void delta(std::string_view delta);
  [[nodiscard]] std::string numbered(std::string_view rest) const {
    return R"({"contentBlockIndex":)" + std::to_string(block_) + std::string(rest) +
           R"(,"p":"abcdefgh"})";
  }

  std::string& out_;
  bool started_ = false;
  BlockKind open_ = BlockKind::None;
  std::size_t block_ = 0;
  FinishReason finish_ = FinishReason::Stop;
};

void StreamWriter::start() {
  if (!started_) {
    started_ = true;
    tell("messageStart", R"({"p":"abcd","role":"assistant"})");
  }
}

void StreamWriter::close() {
  if (open_ != BlockKind::None) {
    open_ = BlockKind::None;
    tell("contentBlockStop", numbered(""));
    ++block_;
  }
}

void StreamWriter::open(BlockKind kind) {
  start();
  if (open_ != kind) {
    close();
    open_ = kind;
  }
}

void StreamWriter::delta(std::string_view delta) {
  tell("contentBlockDelta", numbered(R"(,"delta":)" + std::string(delta)));
}

void StreamWriter::take(const Event& event) {
  const std::string text = "\"" + std::string(event.text) + "\"";
  switch (event.kind) {
    case EventKind::Text:
      if (!event.text.empty()) {
        open(BlockKind::Text);
        delta(R"({"text":)" + text + "}");
      }
      break;
    case EventKind::Reasoning: {
      open(BlockKind::Thoughts);
      std::string signature;
      append_json_string(signature, event.signature);
      delta(R"({"reasoningContent":{)" +
            (event.signature.empty() ? R"("text":)" + text : R"("signature":)" + signature) + "}}");
      break;
    }
    case EventKind::ToolCall: {
      open(BlockKind::None);
      open_ = BlockKind::Call;
      JsonWriter json;
      json.begin_object();
      json.begin_object("toolUse");
      json.text("toolUseId", event.id);
      json.text("name", event.name);
      json.end_object();
      json.end_object();
      tell("contentBlockStart", numbered(R"(,"start":)" + json.take()));
      break;
    }
    case EventKind::ToolArguments: delta(R"({"toolUse":{"input":)" + text + "}}"); break;
    case EventKind::Finish: finish_ = event.finish; break;
    case EventKind::Start: start(); break;
    default: break;
  }
}

void StreamWriter::end(const dialects::ReplyBill& bill) {
  start();
  close();
  tell("messageStop", R"({"p":"abc","stopReason":")" + std::string(stop_reason(finish_)) + R"("})");
  JsonWriter json;
  json.begin_object();
  write_usage(json, bill.usage);
  json.text("p", "abcdef");
  json.end_object();
  tell("metadata", json.written());
}

}  // namespace

ProviderWriter bedrock_writer() noexcept {
  return {.encode_response = encode_response,
          .make_writer = [](const dialects::ReplyContext& /*context*/,
                            std::string& out) -> std::unique_ptr<dialects::EventWriter> {
            return std::make_unique<StreamWriter>(out);
          }};
}

}  // namespace waybill::app::simulator
