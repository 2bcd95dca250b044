// The messages of a request.

#include "waybill/base/text.hpp"

#include "../anthropic_messages/anthropic_messages.hpp"
#include "bedrock_converse.hpp"
#include "request_parts.hpp"

namespace waybill::dialects::bedrock {
namespace {

using Kind = MediaPart::Kind;
using Source = MediaPart::Source;

std::string_view block_name(Kind kind) noexcept {
  switch (kind) {
    case Kind::Image: return "image";
    case Kind::Audio: return "audio";
    case Kind::Video: return "video";
    case Kind::File: break;
  }
  return "document";
}

bool is_by_data(const MediaPart& media) noexcept {
  return media.source == Source::Data || (media.source == Source::Text && media.kind == Kind::File);
}

// Only thoughts that are signed, or hidden, are accepted back, and only their maker's.
bool is_replayable(const ReasoningPart& part) noexcept {
  const bool encrypted = part.kind == ReasoningPart::Kind::Encrypted;
  const bool known = part.format == kClaudeFormat || part.format.empty();
  return known && !(encrypted ? part.data : part.signature).empty();
}

}  // namespace

void MessageWriter::write(const Conversation& conversation) {
  json_.begin_array("messages");
  for (const Message& message : conversation.messages) {
    if (message.role != Role::System && message.role != Role::Developer) {
      write_message(message, &message == &conversation.messages.back());
    }
  }
  if (!open_role_.empty() && !ends_with_point_) {
    points_.write(conversation.cache);
  }
  close_message();
  json_.end_array();
  if (!any_message_ && !fault_) {
    fault_.emplace(ErrorKind::InvalidRequest, "invalid_request",
                   "\"messages\" must hold a message with content that is not an instruction.");
  }
}

// Roles alternate; results of tools belong to the user's turn.
void MessageWriter::open_message(std::string_view role) {
  if (open_role_ == role) {
    return;
  }
  close_message();
  open_role_ = role;
  any_message_ = true;
  has_text_ = false;
  has_document_ = false;
  json_.begin_object();
  json_.text("role", role);
  json_.begin_array("content");
}

void MessageWriter::close_message() {
  if (open_role_.empty()) {
    return;
  }
  if (has_document_ && !has_text_) {  // "Message", API Reference: text must stand beside it
    write_block("text", "(see the document)");
    losses_.change("messages", "got a line of text beside a document: the provider demands one");
  }
  json_.end_array();
  json_.end_object();
  open_role_ = {};
}

void MessageWriter::write_message(const Message& message, bool last) {
  const bool assistant = message.role == Role::Assistant;
  for (const Part& part : message.parts) {
    if (!is_sayable(part, assistant)) {
      continue;
    }
    open_message(assistant ? "assistant" : "user");
    write_part(part, assistant && last && &part == &message.parts.back());
    const CacheMark mark = mark_of(part);
    // A breakpoint cannot follow thoughts ("Extended thinking", Anthropic docs).
    ends_with_point_ =
        mark != CacheMark::None && !std::holds_alternative<ReasoningPart>(part.value);
    if (ends_with_point_) {
      points_.write(mark);
    }
  }
}

// Whether Converse has a place for it; what it has none for is reported.
bool MessageWriter::is_sayable(const Part& part, bool assistant) {
  if (const auto* const text = std::get_if<TextPart>(&part.value)) {
    return !is_blank(text->text);  // refused by the provider, and says nothing
  }
  if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
    return !is_blank(refusal->text);
  }
  if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
    if (!is_replayable(*thought)) {
      losses_.drop(Feature::ReasoningReplay);
      return false;
    }
    return true;
  }
  if (const auto* const native = std::get_if<NativePart>(&part.value)) {
    if (native->dialect != kName) {
      losses_.drop(Feature::NativeParts);
    }
    return native->dialect == kName;
  }
  if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
    if (!assistant) {
      return can_write(*media);
    }
    // "You can only include images and documents if the role is user."
    if (is_blank(media->transcript)) {
      losses_.drop(media->kind == Kind::Audio ? Feature::Audio : Feature::Images);
    }
    return !is_blank(media->transcript);
  }
  return true;
}

// Requires: is_sayable().
void MessageWriter::write_part(const Part& part, bool trim) {
  if (const auto* const text = std::get_if<TextPart>(&part.value)) {
    write_text(*text, trim);
  } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
    write_text({refusal->text, {}}, trim);
  } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
    write_reasoning(*thought);
  } else if (const auto* const native = std::get_if<NativePart>(&part.value)) {
    json_.raw(native->json);
  } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
    if (open_role_ == "assistant") {
      write_text({media->transcript, {}}, trim);
    } else {
      write_media(*media);
      has_document_ = has_document_ || media->kind == Kind::File;
    }
  } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
    json_.begin_object();
    json_.begin_object("toolUse");
    json_.text("toolUseId", tool_use_id(call->id));
    json_.text("name", call->name);
    json_.raw("input", anthropic::input_of(call->arguments));
    json_.end_object();
    json_.end_object();
  } else if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
    write_result(*result);
  }
}

void MessageWriter::write_block(std::string_view member, std::string_view text) {
  json_.begin_object();
  json_.text(member, text);
  json_.end_object();
}

void MessageWriter::write_text(const TextPart& part, bool trim) {
  std::string_view text = part.text;
  if (trim) {  // "final assistant content cannot end with trailing whitespace"
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  }
  has_text_ = true;
  bool cited = false;
  for (const Citation& citation : part.citations) {
    cited = cited || citation.native_dialect == kName;
  }
  if (!cited) {
    write_block("text", text);
    return;
  }
  json_.begin_object();
  json_.begin_object("citationsContent");
  json_.begin_array("content");
  write_block("text", text);
  json_.end_array();
  json_.begin_array("citations");
  for (const Citation& citation : part.citations) {
    if (citation.native_dialect == kName) {
      json_.raw(citation.native_json);
    }
  }
  json_.end_array();
  json_.end_object();
  json_.end_object();
}

void MessageWriter::write_reasoning(const ReasoningPart& part) {
  json_.begin_object();
  json_.begin_object("reasoningContent");
  if (part.kind == ReasoningPart::Kind::Encrypted) {
    // See Redacted: Claude's is text, which this member takes in base64.
    json_.text("redactedContent",
               part.format == kClaudeFormat ? to_base64(part.data) : std::string(part.data));
  } else {
    json_.begin_object("reasoningText");
    json_.text("text", part.text);
    json_.text("signature", part.signature);
    json_.end_object();
  }
  json_.end_object();
  json_.end_object();
}

void MessageWriter::write_result(const ToolResultPart& result) {
  json_.begin_object();
  json_.begin_object("toolResult");
  json_.text("toolUseId", tool_use_id(result.call_id));
  json_.begin_array("content");
  bool any = false;
  for (const Part& part : result.content) {
    any = write_result_part(part) || any;
  }
  if (!any) {
    write_block("text", "(no output)");
    losses_.change("messages",
                   "say \"(no output)\" where a tool's result is empty: the provider refuses that");
  }
  json_.end_array();
  if (result.is_error) {
    json_.text("status", "error");
  }
  json_.end_object();
  json_.end_object();
}

// False: nothing was written.
bool MessageWriter::write_result_part(const Part& part) {
  if (const auto* const text = std::get_if<TextPart>(&part.value)) {
    if (!is_blank(text->text)) {
      write_block("text", text->text);
      return true;
    }
    return false;
  }
  const auto* const media = std::get_if<MediaPart>(&part.value);
  if (media == nullptr) {
    losses_.drop(Feature::NativeParts);
    return false;
  }
  if (media->kind == Kind::Audio || !is_by_data(*media)) {
    losses_.drop(Feature::ToolResultMedia);
    return false;
  }
  if (!can_write(*media)) {
    return false;
  }
  write_media(*media);
  return true;
}

bool MessageWriter::can_write(const MediaPart& media) {
  if (is_by_data(media) && !format_of(media).empty()) {
    return true;
  }
  if (!fault_) {
    const std::string type = !is_by_data(media)         ? "that is not sent as data"
                             : media.media_type.empty() ? "of unknown type"
                                                        : "of " + printable(media.media_type, 60);
    fault_.emplace(
        ErrorKind::InvalidRequest, "invalid_request",
        "This provider takes no " + std::string(block_name(media.kind)) + ' ' + type + '.');
  }
  return false;
}

// Requires: can_write().
void MessageWriter::write_media(const MediaPart& media) {
  const std::string_view format = format_of(media);
  json_.begin_object();
  json_.begin_object(block_name(media.kind));
  json_.text("format", format);
  if (media.kind == Kind::File) {
    json_.text("name", unique_name(document_name(media.name, format)));
  }
  json_.begin_object("source");
  json_.text("bytes", media.source == Source::Text ? to_base64(media.data) : media.data);
  json_.end_object();
  json_.end_object();
  json_.end_object();
}

// "Documents must have unique names" is said of all of a request's.
std::string MessageWriter::unique_name(std::string name) {
  std::string candidate = name;
  for (std::size_t number = 2; !document_names_.insert(candidate).second; ++number) {
    candidate = name + " (" + std::to_string(number) + ')';
  }
  return candidate;
}

}  // namespace waybill::dialects::bedrock
