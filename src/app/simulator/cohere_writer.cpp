// Sources: Cohere API reference, "Chat" and "Chat with Streaming", version 2.

#include "waybill/base/json_writer.hpp"
#include "waybill/base/text.hpp"

#include "provider_writers.hpp"

namespace waybill::app::simulator {
namespace {

using dialects::Event;
using dialects::EventKind;
using dialects::FinishReason;

std::string_view finish_word(FinishReason reason) {
  switch (reason) {
    case FinishReason::Length: return "MAX_TOKENS";
    case FinishReason::ToolCalls: return "TOOL_CALL";
    case FinishReason::ContentFilter: return "ERROR_TOXIC";
    default: return "COMPLETE";
  }
}

void write_counts(JsonWriter& json, std::string_view name, const dialects::Usage& usage) {
  json.begin_object(name);
  json.number("input_tokens", usage.prompt);
  json.number("output_tokens", usage.completion);
  json.end_object();
}

void write_usage(JsonWriter& json, const dialects::Usage& usage) {
  json.begin_object("usage");
  write_counts(json, "billed_units", usage);
  write_counts(json, "tokens", usage);
  json.number("cached_tokens", usage.cached_read);
  json.end_object();
}

void write_call(JsonWriter& json,
                std::string_view id,
                std::string_view name,
                std::string_view arguments) {
  json.text("id", id);
  json.text("type", "function");
  json.begin_object("function");
  json.text("name", name);
  json.text("arguments", arguments);
  json.end_object();
  json.end_object();
}

void write_content(JsonWriter& json, const std::vector<dialects::Part>& parts) {
  json.begin_array("content");
  const auto block = [&json](std::string_view type, std::string_view text) {
    json.begin_object();
    json.text("type", type);
    json.text(type, text);
    json.end_object();
  };
  for (const dialects::Part& part : parts) {
    if (const auto* const text = std::get_if<dialects::TextPart>(&part.value)) {
      block("text", text->text);
    } else if (const auto* const thought = std::get_if<dialects::ReasoningPart>(&part.value)) {
      block("thinking", thought->text);
    }
  }
  json.end_array();
}

void encode_response(const dialects::Answer& answer,
                     const dialects::ReplyContext& context,
                     const dialects::ReplyBill& bill,
                     std::string& out) {
  static const dialects::Choice kNothing;
  const dialects::Choice& choice = answer.choices.empty() ? kNothing : answer.choices.front();
  JsonWriter json;
  json.begin_object();
  json.text("id", context.id);
  json.begin_object("message");
  json.text("role", "assistant");
  write_content(json, choice.parts);
  if (choice.finish == FinishReason::ToolCalls) {
    json.begin_array("tool_calls");
    for (const dialects::Part& part : choice.parts) {
      if (const auto* const call = std::get_if<dialects::ToolCallPart>(&part.value)) {
        json.begin_object();
        write_call(json, call->id, call->name, call->arguments);
      }
    }
    json.end_array();
  }
  json.end_object();
  json.text("finish_reason", finish_word(choice.finish));
  write_usage(json, bill.usage);
  json.end_object();
  out += json.written();
}

class StreamWriter final : public dialects::EventWriter {
 public:
  StreamWriter(const dialects::ReplyContext& context, std::string& out)
      : out_(out),
        id_(context.id) {}

  void take(const Event& event) override;
  void end(const dialects::ReplyBill& bill) override;
  void fail(const dialects::StreamError& /*error*/) override {}  // scripts break streams off

 private:
  // `rest` follows the type: further members, each after a comma.
  void tell(std::string_view type, std::string_view rest) {
    out_.append("event: ").append(type).append("\ndata: {\"type\":\"").append(type);
    out_.append("\"").append(rest).append("}\n\n");
  }
  void tell_block(std::string_view type, std::string_view message) {
    tell(type, ",\"index\":" + std::to_string(block_) + ",\"delta\":{\"message\":{" +
                   std::string(message) + "}}");
  }
  void start();
  void open(BlockKind kind);
  void close();

  std::string& out_;
  std::string id_;
  bool started_ = false;
  BlockKind open_ = BlockKind::None;
  std::size_t block_ = 0;
  FinishReason finish_ = FinishReason::Stop;
};

void StreamWriter::start() {
  if (!std::exchange(started_, true)) {
    std::string id;
    append_json_string(id, id_);
    tell("message-start",
         ",\"id\":" + id +
             R"(,"delta":{"message":{"role":"assistant","content":[],"tool_plan":"",)"
             R"("tool_calls":[],"citations":[]}})");
  }
}

void StreamWriter::close() {
  const BlockKind kind = std::exchange(open_, BlockKind::None);
  if (kind != BlockKind::None) {
    tell(kind == BlockKind::Call ? "tool-call-end" : "content-end",
         ",\"index\":" + std::to_string(block_++));
  }
}

void StreamWriter::open(BlockKind kind) {
  start();
  if (open_ == kind) {
    return;
  }
  close();
  open_ = kind;
  if (kind != BlockKind::None) {
    tell_block("content-start", kind == BlockKind::Text
                                    ? R"("content":{"type":"text","text":""})"
                                    : R"("content":{"type":"thinking","thinking":""})");
  }
}

void StreamWriter::take(const Event& event) {
  const std::string text = "\"" + std::string(event.text) + "\"";
  switch (event.kind) {
    case EventKind::Text:
      if (!event.text.empty()) {
        open(BlockKind::Text);
        tell_block("content-delta", R"("content":{"text":)" + text + "}");
      }
      break;
    case EventKind::Reasoning:
      open(BlockKind::Thoughts);
      tell_block("content-delta", R"("content":{"thinking":)" + text + "}");
      break;
    case EventKind::ToolCall: {
      open(BlockKind::None);
      open_ = BlockKind::Call;
      JsonWriter json;
      json.begin_object();
      write_call(json, event.id, event.name, "");
      tell_block("tool-call-start", R"("tool_calls":)" + json.take());
      break;
    }
    case EventKind::ToolArguments:
      tell_block("tool-call-delta", R"("tool_calls":{"function":{"arguments":)" + text + "}}");
      break;
    case EventKind::Finish: finish_ = event.finish; break;
    case EventKind::Start: start(); break;
    default: break;
  }
}

void StreamWriter::end(const dialects::ReplyBill& bill) {
  start();
  close();
  JsonWriter json;
  json.begin_object();
  json.text("finish_reason", finish_word(finish_));
  write_usage(json, bill.usage);
  json.end_object();
  tell("message-end", ",\"delta\":" + json.take());
}

}  // namespace

ProviderWriter cohere_writer() noexcept {
  return {.encode_response = encode_response,
          .make_writer = [](const dialects::ReplyContext& context,
                            std::string& out) -> std::unique_ptr<dialects::EventWriter> {
            return std::make_unique<StreamWriter>(context, out);
          }};
}

}  // namespace waybill::app::simulator
