#include "part_writer.hpp"

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "../anthropic_messages/anthropic_messages.hpp"
#include "../escaped.hpp"
#include "citations.hpp"
#include "gemini.hpp"

namespace waybill::dialects::gemini {
namespace {

// What Gemini's own speech is; clients of chat streams are sent the same.
constexpr std::string_view kSound = "audio/L16;codec=pcm;rate=24000";

void add_member(std::string& out, std::string_view name, std::string_view text) {
  out.append(out.ends_with('{') ? "\"" : ",\"").append(name).append("\":");
  append_json_string(out, text);
}

}  // namespace

std::uint32_t PartWriter::choices() const noexcept {
  return static_cast<std::uint32_t>(std::max<std::size_t>(states_.size(), 1));
}

void PartWriter::flush() {
  sequencer_.flush();
  for (std::uint32_t choice = 0; choice < states_.size(); ++choice) {
    flush_signature(choice);
  }
  const Answer tokens = logprobs_.finish();
  for (std::size_t i = 0; i < tokens.choices.size() && i < states_.size(); ++i) {
    states_[i].logprobs = write_logprobs(tokens.choices[i].logprobs_json);
  }
}

// "thoughtSignature ... may be in a part with empty text" (Thought signatures, Gemini docs).
void PartWriter::flush_signature(std::uint32_t choice) {
  if (!states_[choice].signature.empty()) {
    std::string json = R"({"text":"")";
    end_part(choice, json);
  }
}

void PartWriter::end_part(std::uint32_t choice, std::string& json) {
  std::string& signature = states_[choice].signature;
  if (!signature.empty()) {
    add_member(json, "thoughtSignature", signature);
    signature.clear();
  }
  json += '}';
  out_.part(choice, json);
}

void PartWriter::write(const Event& event) {
  if (states_.size() <= event.choice) {
    states_.resize(event.choice + 1);
  }
  State& state = states_[event.choice];
  switch (event.kind) {
    case EventKind::Text:
    case EventKind::Refusal: write_text(event, false); break;
    case EventKind::Reasoning: write_reasoning(event); break;
    case EventKind::ToolCall:
      state.id = event.id;
      state.name = event.name;
      state.arguments.clear();
      break;
    case EventKind::ToolArguments: state.arguments += event.text; break;
    case EventKind::ToolCallEnd: write_call(event.choice); break;
    case EventKind::Citation: state.citations.push_back(*event.citation); break;
    case EventKind::Image:
    case EventKind::Audio: write_media(event); break;
    case EventKind::Native: write_native(event); break;
    case EventKind::Logprobs: logprobs_.take(event); break;
    case EventKind::ServiceTier: service_tier_ = decoded(event.text); break;
    case EventKind::Finish:
      state.finish = event.finish;
      state.native = event.name;
      break;
    case EventKind::Start:
    case EventKind::Usage:
    case EventKind::Fault: break;
  }
}

void PartWriter::write_text(const Event& event, bool thought) {
  if (event.text.empty() && states_[event.choice].signature.empty()) {
    return;
  }
  std::string json = "{\"text\":";
  append_quoted(json, event.text);
  if (thought) {
    json += ",\"thought\":true";
  } else {
    append_decoded(states_[event.choice].said, event.text);
  }
  end_part(event.choice, json);
}

void PartWriter::write_reasoning(const Event& event) {
  State& state = states_[event.choice];
  const bool hidden = event.reasoning == ReasoningPart::Kind::Encrypted;
  const std::string signature =
      (hidden ? event.data : event.signature).empty()
          ? std::string()
          : signature_for_client({.kind = event.reasoning,
                                  .signature = std::string(event.signature),
                                  .data = std::string(event.data),
                                  .format = std::string(event.name)});
  if (hidden) {
    if (!event.id.empty() && event.name == kReasoningFormat) {
      state.of_calls.insert_or_assign(std::string(event.id), signature);
    } else {
      flush_signature(event.choice);
      state.signature = signature;
    }
    return;
  }
  // What is signed must come back signed, also where it is not to be seen.
  if (!signature.empty()) {
    flush_signature(event.choice);
    state.signature = signature;
  }
  if (!hide_reasoning_) {
    write_text(event, true);
  } else {
    flush_signature(event.choice);
  }
}

void PartWriter::write_call(std::uint32_t choice) {
  State& state = states_[choice];
  if (const auto found = state.of_calls.find(state.id); found != state.of_calls.end()) {
    flush_signature(choice);
    state.signature = found->second;
    state.of_calls.erase(found);
  }
  std::string json = "{\"functionCall\":{";
  if (!state.id.empty()) {
    add_member(json, "id", state.id);
  }
  add_member(json, "name", state.name);
  json += ",\"args\":";
  append_one_line(json, anthropic::input_of(decoded(state.arguments)));
  json += '}';
  end_part(choice, json);
}

void PartWriter::write_media(const Event& event) {
  if (event.kind == EventKind::Audio) {
    write_text(event, false);  // the transcript
    if (event.data.empty()) {
      return;
    }
  } else if (event.media == nullptr) {
    return;
  }
  const std::string_view type =
      event.media == nullptr ? std::string_view{} : std::string_view(event.media->media_type);
  const bool url = event.media != nullptr && event.media->source == MediaPart::Source::Url;
  std::string json = url ? "{\"fileData\":{" : "{\"inlineData\":{";
  const std::string_view otherwise = event.kind == EventKind::Audio ? kSound : "image/png";
  add_member(json, "mimeType", type.empty() ? otherwise : type);
  add_member(json, url ? "fileUri" : "data",
             event.kind == EventKind::Audio ? event.data : std::string_view(event.media->data));
  json += '}';
  end_part(event.choice, json);
}

void PartWriter::write_native(const Event& event) {
  JsonTree tree;
  if (event.name != kName || !tree.parse(event.data, JsonOrigin::Upstream) ||
      !tree.root().is_object() || tree.root().empty()) {
    return;
  }
  const JsonRef first = *tree.root().begin();
  if (!is_candidate_member(first.name())) {
    flush_signature(event.choice);
    std::string json;
    append_one_line(json, event.data);
    out_.part(event.choice, json);
    return;
  }
  State& state = states_[event.choice];
  state.grounded = true;
  state.metadata.append(",\"").append(first.name()).append("\":");
  append_one_line(state.metadata, first.raw());
}

void PartWriter::write_end(std::uint32_t choice, std::string& out) const {
  static const State kNothing;
  const State& state = choice < states_.size() ? states_[choice] : kNothing;
  add_member(out, "finishReason", word_of(state.finish, state.native));
  out.append(",\"index\":").append(std::to_string(choice)).append(state.metadata);
  if (!state.grounded && !state.citations.empty()) {
    out.append(",\"groundingMetadata\":").append(write_grounding(state.citations, state.said));
  }
  if (!state.logprobs.empty()) {
    out.append(",\"logprobsResult\":");
    append_one_line(out, state.logprobs);
  }
}

}  // namespace waybill::dialects::gemini
