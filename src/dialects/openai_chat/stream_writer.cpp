// A client's stream in OpenAI's chat dialect, with OpenRouter's members.

#include <algorithm>
#include <utility>
#include <vector>

#include "waybill/base/text.hpp"

#include "../escaped.hpp"
#include "openai_chat.hpp"

namespace waybill::dialects::openai_chat {
namespace {

class StreamWriter final : public EventWriter {
 public:
  StreamWriter(const ReplyContext& context, std::string& out)
      : out_(out),
        id_(context.id),
        model_(context.model),
        provider_(context.provider),
        created_(context.created),
        hide_reasoning_(context.hide_reasoning),
        tell_usage_(context.tell_usage) {
    JsonWriter json;
    json.begin_object();
    json.text("id", id_);
    json.text("object", "chat.completion.chunk");
    json.integer("created", created_);
    json.text("model", model_);
    json.text("provider", provider_);
    json.begin_array("choices");
    opening_ = "data: " + json.take() + "{\"index\":";
  }

  void take(const Event& event) override;
  void end(const ReplyBill& bill) override;
  void fail(const StreamError& error) override;

 private:
  struct State {
    FinishReason finish = FinishReason::None;
    std::string native;
    bool has_role = false;    // was told
    std::size_t details = 0;  // reasoning details so far
    std::uint32_t block = UINT32_MAX;
    ReasoningPart::Kind kind = ReasoningPart::Kind::Text;
  };

  // Begins a chunk up to its delta's members; what is appended then begins with a comma.
  void begin(const Event& event, std::string_view content);
  // Up to the delta's members.  The role is told once: OpenAI's own helpers join what comes
  // twice.
  void begin_delta(std::uint32_t choice);
  void close() { out_ += "},\"finish_reason\":null,\"native_finish_reason\":null}]}\n\n"; }
  void write_text(const Event& event);
  void write_reasoning(const Event& event);
  void write_call(const Event& event);
  void write_media(const Event& event);
  State& state_of(std::uint32_t choice);
  void write_finish(std::uint32_t choice, const State& state);

  std::string& out_;
  std::string id_;
  std::string model_;
  std::string provider_;
  std::int64_t created_;
  bool hide_reasoning_;
  bool tell_usage_;
  std::string opening_;
  std::vector<State> states_;
  std::string service_tier_;  // escaped
};

StreamWriter::State& StreamWriter::state_of(std::uint32_t choice) {
  if (states_.size() <= choice) {
    states_.resize(choice + 1);
  }
  return states_[choice];
}

void StreamWriter::begin(const Event& event, std::string_view content) {
  begin_delta(event.choice);
  out_ += content;
}

void StreamWriter::begin_delta(std::uint32_t choice) {
  State& state = state_of(choice);
  out_ += opening_;
  out_ += std::to_string(choice);
  out_ += state.has_role ? R"(,"delta":{"content":)" : R"(,"delta":{"role":"assistant","content":)";
  state.has_role = true;
}

void StreamWriter::take(const Event& event) {
  switch (event.kind) {
    case EventKind::Text:
    case EventKind::Refusal: write_text(event); break;
    case EventKind::Reasoning:
      if (!hide_reasoning_) {
        write_reasoning(event);
      }
      break;
    case EventKind::ToolCall:
    case EventKind::ToolArguments: write_call(event); break;
    case EventKind::Image:
    case EventKind::Audio: write_media(event); break;
    case EventKind::Citation: {
      JsonWriter json;
      write_annotation(json, *event.citation);
      begin(event, "\"\"");
      out_ += ",\"annotations\":[";
      append_one_line(out_, json.written());
      out_ += ']';
      close();
      break;
    }
    case EventKind::Logprobs:
      begin(event, "\"\"");
      out_ += "},\"logprobs\":";
      append_one_line(out_, event.data);
      out_ += ",\"finish_reason\":null,\"native_finish_reason\":null}]}\n\n";
      break;
    case EventKind::Finish: {
      State& state = state_of(event.choice);
      state.finish = event.finish;
      state.native = event.name;
      break;
    }
    case EventKind::ServiceTier: service_tier_ = event.text; break;
    case EventKind::Start:
    case EventKind::ToolCallEnd:
    case EventKind::Native:
    case EventKind::Usage:
    case EventKind::Fault: break;
  }
}

void StreamWriter::write_text(const Event& event) {
  if (event.text.empty()) {
    return;
  }
  if (event.kind == EventKind::Refusal) {
    begin(event, "\"\"");
    out_ += ",\"refusal\":";
    append_quoted(out_, event.text);
  } else {
    begin_delta(event.choice);
    append_quoted(out_, event.text);
  }
  close();
}

// The text twice, as OpenRouter sends it: plain, and as a detail with what belongs to it.
void StreamWriter::write_reasoning(const Event& event) {
  State& state = state_of(event.choice);
  if (state.details == 0 || state.block != event.index || state.kind != event.reasoning) {
    ++state.details;
    state.block = event.index;
    state.kind = event.reasoning;
  }
  if (event.text.empty() && event.signature.empty() && event.data.empty() && event.id.empty()) {
    return;
  }
  begin(event, "\"\"");
  if (!event.text.empty()) {
    out_ += ",\"reasoning\":";
    append_quoted(out_, event.text);
  }
  out_ += event.reasoning == ReasoningPart::Kind::Encrypted
              ? R"(,"reasoning_details":[{"type":"reasoning.encrypted","data":)"
          : event.reasoning == ReasoningPart::Kind::Summary
              ? R"(,"reasoning_details":[{"type":"reasoning.summary","summary":)"
              : R"(,"reasoning_details":[{"type":"reasoning.text","text":)";
  if (event.reasoning == ReasoningPart::Kind::Encrypted) {
    append_json_string(out_, event.data);
  } else {
    append_quoted(out_, event.text);
  }
  const auto member = [this](std::string_view name, std::string_view text) {
    if (!text.empty()) {
      out_.append(",\"").append(name).append("\":");
      append_json_string(out_, text);
    }
  };
  member("signature", event.signature);
  member("id", event.id);
  member("format", event.name.empty() ? "unknown" : event.name);
  out_.append(",\"index\":").append(std::to_string(state.details - 1)).append("}]");
  close();
}

void StreamWriter::write_call(const Event& event) {
  const bool begins = event.kind == EventKind::ToolCall;
  begin(event, "null");
  out_.append(",\"tool_calls\":[{\"index\":").append(std::to_string(event.index));
  const std::string_view type = event.custom ? "custom" : "function";
  if (begins) {
    out_ += ",\"id\":";
    append_json_string(out_, event.id);
  }
  out_.append(",\"type\":\"").append(type).append("\",\"").append(type).append("\":{");
  if (begins) {
    out_ += "\"name\":";
    append_json_string(out_, event.name);
    out_ += ',';
  }
  out_ += event.custom ? "\"input\":" : "\"arguments\":";
  append_quoted(out_, event.text);
  out_ += "}}]";
  close();
}

void StreamWriter::write_media(const Event& event) {
  JsonWriter json;
  if (event.kind == EventKind::Image) {
    write_image(json, *event.media);
    begin(event, "\"\"");
    out_.append(",\"images\":[").append(json.written()).append("]");
  } else {
    json.begin_object();
    json.text_if_any("id", event.id);
    json.text_if_any("data", event.data);
    if (!event.text.empty()) {
      json.raw("transcript", '"' + std::string(event.text) + '"');
    }
    json.end_object();
    begin(event, "\"\"");
    out_.append(",\"audio\":").append(json.written());
  }
  close();
}

void StreamWriter::write_finish(std::uint32_t choice, const State& state) {
  out_ += opening_;
  out_ += std::to_string(choice);
  out_ += R"(,"delta":{"content":""},"finish_reason":)";
  append_json_string(out_, state.finish == FinishReason::None ? "stop" : name(state.finish));
  out_ += ",\"native_finish_reason\":";
  append_json_string(out_, state.native);
  out_ += "}]}\n\n";
}

void StreamWriter::end(const ReplyBill& bill) {
  state_of(0);
  for (std::uint32_t i = 0; i < states_.size(); ++i) {
    write_finish(i, states_[i]);
  }
  if (tell_usage_) {
    StreamSummary summary;
    summary.created = created_;
    if (!service_tier_.empty()) {
      append_quoted(summary.service_tier, service_tier_);
    }
    const State& first = states_.front();
    summary.finish_reason = first.finish == FinishReason::None ? "stop" : name(first.finish);
    append_json_string(summary.native_finish_reason, first.native);
    out_ += "data: ";
    write_usage_chunk(out_, summary, {id_, model_, provider_}, bill);
    out_ += "\n\n";
  }
  out_ += "data: [DONE]\n\n";
}

void StreamWriter::fail(const StreamError& error) {
  StreamSummary summary;
  summary.created = created_;
  out_ += "data: ";
  write_error_chunk(out_, summary, {id_, model_, provider_}, error);
  out_ += "\n\ndata: [DONE]\n\n";
}

}  // namespace

std::unique_ptr<EventWriter> make_writer(const ReplyContext& context, std::string& out) {
  return std::make_unique<StreamWriter>(context, out);
}

}  // namespace waybill::dialects::openai_chat
