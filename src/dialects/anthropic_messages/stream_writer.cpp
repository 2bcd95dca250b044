// A client's stream in Anthropic's dialect.

#include <utility>

#include "../escaped.hpp"
#include "../sequencer.hpp"
#include "anthropic_messages.hpp"

namespace waybill::dialects::anthropic {
namespace {

// Writes blocks as they come, one open at a time.
class StreamWriter final : public EventWriter {
 public:
  StreamWriter(const ReplyContext& context, std::string& out)
      : out_(out),
        id_(context.id),
        model_(context.model),
        provider_(context.provider),
        prompt_estimate_(context.prompt_estimate),
        started_(context.begun_frames > 0),
        blocks_(*this),
        sequencer_(blocks_) {}

  void take(const Event& event) override { sequencer_.take(event); }
  void end(const ReplyBill& bill) override;
  void fail(const StreamError& error) override;

 private:
  enum class BlockKind : std::uint8_t {
    None,
    Text,
    Thinking,
    ToolCall,
  };
  // What the sequencer tells.
  class Blocks final : public EventSink {
   public:
    explicit Blocks(StreamWriter& owner) noexcept : owner_(owner) {}
    void take(const Event& event) override { owner_.write(event); }

   private:
    StreamWriter& owner_;
  };

  void write(const Event& event);
  void write_reasoning(const Event& event);
  void write_media(const Event& event);
  void start_message();
  // Makes a block of this kind the open one; `index` tells blocks of one kind apart.
  void open(BlockKind kind, std::uint32_t index);
  void begin_block(std::string_view content_block);
  void close();
  void whole_block(std::string_view content_block);
  void begin_event(std::string_view name);
  void delta(std::string_view type, std::string_view member, std::string_view escaped_text);

  std::string& out_;
  std::string id_;
  std::string model_;
  std::string provider_;
  std::uint64_t prompt_estimate_;
  bool started_;
  Blocks blocks_;
  Sequencer sequencer_;

  BlockKind open_ = BlockKind::None;
  std::uint32_t source_index_ = 0;  // of the open block, as the provider counts
  std::uint32_t next_block_ = 0;
  bool over_ = false;
  std::optional<std::uint64_t> prompt_tokens_;
  Usage counted_;
  FinishReason finish_ = FinishReason::None;
  std::string native_;
  std::string stop_sequence_;  // escaped
  std::string service_tier_;
};

void StreamWriter::begin_event(std::string_view name) {
  out_.append("event: ").append(name).append("\ndata: {\"type\":\"").append(name).append("\"");
}

void StreamWriter::start_message() {
  if (started_) {
    return;
  }
  started_ = true;
  begin_event("message_start");
  JsonWriter json;
  json.begin_object();
  json.text("id", id_);
  json.text("type", "message");
  json.text("role", "assistant");
  json.text("model", model_);
  json.text("provider", provider_);
  json.begin_array("content");
  json.end_array();
  json.null("container");
  json.null("stop_reason");
  json.null("stop_sequence");
  // Clients take the prompt's size from here; the last message_delta has what was counted.
  json.begin_object("usage");
  json.number("input_tokens", prompt_tokens_
                                  ? counted_.prompt - counted_.cached_read - counted_.cache_write
                                  : prompt_estimate_);
  json.number("output_tokens", 0);
  json.number("cache_creation_input_tokens", counted_.cache_write);
  json.number("cache_read_input_tokens", counted_.cached_read);
  json.end_object();
  json.end_object();
  out_.append(",\"message\":").append(json.written()).append("}\n\n");
}

void StreamWriter::begin_block(std::string_view content_block) {
  start_message();
  begin_event("content_block_start");
  out_.append(",\"index\":").append(std::to_string(next_block_));
  out_ += ",\"content_block\":";
  append_one_line(out_, content_block);
  out_ += "}\n\n";
}

void StreamWriter::close() {
  if (open_ != BlockKind::None) {
    open_ = BlockKind::None;
    begin_event("content_block_stop");
    out_.append(",\"index\":").append(std::to_string(next_block_++)).append("}\n\n");
  }
}

void StreamWriter::open(BlockKind kind, std::uint32_t index) {
  if (open_ == kind && source_index_ == index) {
    return;
  }
  close();
  begin_block(kind == BlockKind::Text ? R"({"type":"text","text":"","citations":null})"
                                      : R"({"type":"thinking","thinking":"","signature":""})");
  open_ = kind;
  source_index_ = index;
}

void StreamWriter::whole_block(std::string_view content_block) {
  close();
  begin_block(content_block);
  begin_event("content_block_stop");
  out_.append(",\"index\":").append(std::to_string(next_block_++)).append("}\n\n");
}

void StreamWriter::delta(std::string_view type,
                         std::string_view member,
                         std::string_view escaped_text) {
  begin_event("content_block_delta");
  out_.append(",\"index\":").append(std::to_string(next_block_));
  out_.append(",\"delta\":{\"type\":\"").append(type).append("\",\"");
  out_.append(member).append("\":\"").append(escaped_text).append("\"}}\n\n");
}

void StreamWriter::write(const Event& event) {
  if (event.choice != 0 || over_) {
    return;  // this dialect has one answer
  }
  switch (event.kind) {
    case EventKind::Text:
    case EventKind::Refusal:
      if (!event.text.empty()) {
        open(BlockKind::Text, event.index);
        delta("text_delta", "text", event.text);
      }
      break;
    case EventKind::Reasoning: write_reasoning(event); break;
    case EventKind::ToolCall: {
      close();
      JsonWriter json;
      json.begin_object();
      json.text("type", "tool_use");
      json.text("id", event.id);
      json.text("name", event.name);
      json.raw("input", "{}");
      json.end_object();
      begin_block(json.written());
      open_ = BlockKind::ToolCall;
      break;
    }
    case EventKind::ToolArguments:
      if (!event.text.empty() && open_ == BlockKind::ToolCall) {
        delta("input_json_delta", "partial_json", event.text);
      }
      break;
    case EventKind::ToolCallEnd: close(); break;
    case EventKind::Citation: {
      open(BlockKind::Text, open_ == BlockKind::Text ? source_index_ : event.index);
      JsonWriter json;
      write_citation(json, *event.citation);
      begin_event("content_block_delta");
      out_.append(",\"index\":").append(std::to_string(next_block_));
      out_.append(R"(,"delta":{"type":"citations_delta","citation":)");
      append_one_line(out_, json.written());
      out_ += "}}\n\n";
      break;
    }
    case EventKind::Image:
    case EventKind::Audio: write_media(event); break;
    case EventKind::Native:
      if (event.name == kName) {
        whole_block(event.data);
      }
      break;
    case EventKind::Usage:
      if (event.usage != nullptr) {
        counted_ = *event.usage;
        prompt_tokens_ = counted_.prompt;
      }
      break;
    case EventKind::ServiceTier: service_tier_ = decoded(event.text); break;
    case EventKind::Finish:
      finish_ = event.finish;
      native_ = event.name;
      stop_sequence_ = event.text;
      break;
    case EventKind::Start:
    case EventKind::Logprobs:
    case EventKind::Fault: break;
  }
}

void StreamWriter::write_reasoning(const Event& event) {
  if (event.reasoning == ReasoningPart::Kind::Encrypted) {
    if (event.name == kReasoningFormat && !event.data.empty()) {
      JsonWriter json;
      json.begin_object();
      json.text("type", "redacted_thinking");
      json.text("data", event.data);
      json.end_object();
      whole_block(json.written());
    }
    return;
  }
  open(BlockKind::Thinking, event.index);
  if (!event.text.empty()) {
    delta("thinking_delta", "thinking", event.text);
  }
  if (!event.signature.empty()) {
    delta("signature_delta", "signature", escaped(event.signature));
  }
}

void StreamWriter::write_media(const Event& event) {
  if (event.kind == EventKind::Audio) {
    if (!event.text.empty()) {  // the transcript: sound has no place here
      open(BlockKind::Text, event.index);
      delta("text_delta", "text", event.text);
    }
    return;
  }
  JsonWriter json;
  json.begin_object();
  json.text("type", "image");
  json.begin_object("source");
  const bool url = event.media->source == MediaPart::Source::Url;
  json.text("type", url ? "url" : "base64");
  json.text_if_any("media_type", event.media->media_type);
  json.text(url ? "url" : "data", event.media->data);
  json.end_object();
  json.end_object();
  whole_block(json.written());
}

void StreamWriter::end(const ReplyBill& bill) {
  sequencer_.flush();
  start_message();
  close();
  over_ = true;
  begin_event("message_delta");
  JsonWriter delta_json;
  delta_json.begin_object();
  delta_json.text("stop_reason", stop_reason_of(finish_, native_, stop_sequence_));
  if (stop_sequence_.empty()) {
    delta_json.null("stop_sequence");
  } else {
    delta_json.text("stop_sequence", decoded(stop_sequence_));
  }
  delta_json.null("container");
  delta_json.end_object();
  JsonWriter usage_json;
  usage_json.begin_object();
  write_usage(usage_json, bill, service_tier_);
  usage_json.end_object();
  out_.append(",\"delta\":").append(delta_json.written());
  out_.append(",").append(usage_json.written(), 1).append("\n\n");
  begin_event("message_stop");
  out_ += "}\n\n";
}

void StreamWriter::fail(const StreamError& error) {
  sequencer_.flush();
  start_message();
  over_ = true;
  const ErrorNote note{.status = static_cast<unsigned>(error.code),
                       .code = error.provider_code,
                       .message = error.message,
                       .error_type = error.error_type,
                       .id = id_};
  out_ += "event: error\ndata: ";
  std::string body;
  encode_error(note, body);
  out_.append(body).append("\n\n");
}

}  // namespace

std::unique_ptr<EventWriter> make_writer(const ReplyContext& context, std::string& out) {
  return std::make_unique<StreamWriter>(context, out);
}

}  // namespace waybill::dialects::anthropic
