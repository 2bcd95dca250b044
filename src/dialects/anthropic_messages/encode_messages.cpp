// The system text and the messages of a request.

#include <algorithm>

#include "request_encoder.hpp"

namespace waybill::dialects::anthropic {

void RequestEncoder::write_cache(CacheMark cache) {
  if (cache == CacheMark::None) {
    return;
  }
  if (marks_to_skip_ > 0) {
    --marks_to_skip_;
    return;
  }
  json_.begin_object("cache_control");
  json_.text("type", "ephemeral");
  if (cache != CacheMark::Default) {
    json_.text("ttl", cache == CacheMark::OneHour ? "1h" : "5m");
  }
  json_.end_object();
}

// Instructions stand apart, before all messages.
void RequestEncoder::write_system() {
  bool any = false;
  bool spoken = false;
  for (const Message& message : in_.messages) {
    const bool system = message.role == Role::System || message.role == Role::Developer;
    spoken = spoken || !system;
    if (!system) {
      continue;
    }
    if (spoken) {
      losses_.change("messages", "with instructions in mid-conversation were moved to its begin");
    }
    for (const Part& part : message.parts) {
      const auto* const text = std::get_if<TextPart>(&part.value);
      if (text == nullptr || text->text.empty()) {
        continue;
      }
      if (!any) {
        json_.begin_array("system");
        any = true;
      }
      write_text(*text, part.cache, false);
    }
  }
  if (any) {
    json_.end_array();
  }
}

void RequestEncoder::open_message(std::string_view role) {
  if (open_role_ == role) {
    return;
  }
  close_message();
  open_role_ = role;
  json_.begin_object();
  json_.text("role", role);
  json_.begin_array("content");
}

void RequestEncoder::close_message() {
  if (!open_role_.empty()) {
    json_.end_array();
    json_.end_object();
    open_role_ = {};
  }
}

// Roles alternate; results of tools belong to the user's turn and lead it.
void RequestEncoder::write_messages() {
  json_.begin_array("messages");
  for (const Message& message : in_.messages) {
    if (message.role != Role::System && message.role != Role::Developer) {
      write_message(message, &message == &in_.messages.back());
    }
  }
  close_message();
  json_.end_array();
}

void RequestEncoder::write_message(const Message& message, bool last) {
  const bool assistant = message.role == Role::Assistant;
  for (const Part& part : message.parts) {
    const auto* const text = std::get_if<TextPart>(&part.value);
    if (text != nullptr && text->text.empty()) {
      continue;  // refused by the provider, and says nothing
    }
    open_message(assistant ? "assistant" : "user");
    write_part(part, assistant && last && &part == &message.parts.back());
  }
}

void RequestEncoder::write_part(const Part& part, bool trim) {
  if (const auto* const text = std::get_if<TextPart>(&part.value)) {
    write_text(*text, part.cache, trim);
  } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
    write_text({refusal->text, {}}, part.cache, trim);
  } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
    write_reasoning(*thought);
  } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
    write_media(*media, part.cache);
  } else if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
    write_result(*result, part.cache);
  } else if (const auto* const native = std::get_if<NativePart>(&part.value)) {
    if (native->dialect == kName) {
      json_.raw(native->json);
    } else {
      losses_.drop(Feature::NativeParts);
    }
  } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
    json_.begin_object();
    json_.text("type", "tool_use");
    json_.text("id", tool_id(call->id));
    json_.text("name", call->name);
    json_.raw("input", input_of(call->arguments));
    write_cache(part.cache);
    json_.end_object();
  }
}

void RequestEncoder::write_text(const TextPart& part, CacheMark cache, bool trim) {
  std::string_view text = part.text;
  if (trim) {  // "final assistant content cannot end with trailing whitespace"
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  }
  json_.begin_object();
  json_.text("type", "text");
  json_.text("text", text);
  const bool native = std::ranges::any_of(
      part.citations, [](const Citation& each) { return each.native_dialect == kName; });
  if (native) {
    json_.begin_array("citations");
    for (const Citation& citation : part.citations) {
      if (citation.native_dialect == kName) {
        json_.raw(citation.native_json);
      }
    }
    json_.end_array();
  }
  write_cache(cache);
  json_.end_object();
}

// Only what this maker's models signed is accepted back.
void RequestEncoder::write_reasoning(const ReasoningPart& part) {
  const bool ours = part.format == kReasoningFormat || part.format.empty();
  const bool encrypted = part.kind == ReasoningPart::Kind::Encrypted;
  if (!ours || (encrypted ? part.data.empty() : part.signature.empty())) {
    losses_.drop(Feature::ReasoningReplay);
    return;
  }
  json_.begin_object();
  json_.text("type", encrypted ? "redacted_thinking" : "thinking");
  if (encrypted) {
    json_.text("data", part.data);
  } else {
    json_.text("thinking", part.text);
    json_.text("signature", part.signature);
  }
  json_.end_object();
}

void RequestEncoder::write_media(const MediaPart& media, CacheMark cache) {
  if (media.kind == MediaPart::Kind::Audio || media.kind == MediaPart::Kind::Video) {
    if (!media.transcript.empty()) {
      write_text({media.transcript, {}}, cache, false);
    }
    return;  // of an assistant's: as an input they never come here
  }
  json_.begin_object();
  json_.text("type", media.kind == MediaPart::Kind::Image ? "image" : "document");
  json_.begin_object("source");
  switch (media.source) {
    case MediaPart::Source::Data:
      json_.text("type", "base64");
      json_.text("media_type", !media.media_type.empty()              ? media.media_type
                               : media.kind == MediaPart::Kind::Image ? "image/png"
                                                                      : "application/pdf");
      json_.text("data", media.data);
      break;
    case MediaPart::Source::Text:
      json_.text("type", "text");
      json_.text("media_type", "text/plain");
      json_.text("data", media.data);
      break;
    case MediaPart::Source::Url:
      json_.text("type", "url");
      json_.text("url", media.data);
      break;
    case MediaPart::Source::Id:
      json_.text("type", "file");
      json_.text("file_id", media.data);
      break;
  }
  json_.end_object();
  if (media.kind == MediaPart::Kind::File) {
    json_.text_if_any("title", media.name);
  }
  write_cache(cache);
  json_.end_object();
}

void RequestEncoder::write_result(const ToolResultPart& result, CacheMark cache) {
  json_.begin_object();
  json_.text("type", "tool_result");
  json_.text("tool_use_id", tool_id(result.call_id));
  if (!result.content.empty()) {
    json_.begin_array("content");
    for (const Part& part : result.content) {
      const auto* const text = std::get_if<TextPart>(&part.value);
      if (text == nullptr || !text->text.empty()) {
        write_part(part, false);
      }
    }
    json_.end_array();
  }
  if (result.is_error) {
    json_.flag("is_error", true);
  }
  write_cache(cache);
  json_.end_object();
}

// Ids must match ^[a-zA-Z0-9_-]+$; those of other makers may not.
std::string RequestEncoder::tool_id(std::string_view id) {
  std::string out(id.empty() ? std::string_view("call") : id);
  for (char& c : out) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-';
    c = good ? c : '_';
  }
  return out;
}

}  // namespace waybill::dialects::anthropic
