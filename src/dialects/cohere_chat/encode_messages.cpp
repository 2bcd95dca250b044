// The messages of a request.

#include "cohere_chat.hpp"

namespace waybill::dialects::cohere {
namespace {

class MessageEncoder {
 public:
  MessageEncoder(JsonWriter& json, Losses& losses) noexcept : json_(json), losses_(losses) {}

  void write_message(const Message& message);

 private:
  void write_result(const ToolResultPart& result);
  void write_assistant(const Message& message);
  void write_blocks(const std::vector<Part>& parts);
  void write_block(const Part& part);
  void write_image(const MediaPart& media);
  void write_calls(const std::vector<Part>& parts);
  static std::string text_of(const std::vector<Part>& parts);

  JsonWriter& json_;
  Losses& losses_;
};

void MessageEncoder::write_message(const Message& message) {
  switch (message.role) {
    case Role::Tool:
      for (const Part& part : message.parts) {
        if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
          write_result(*result);
        }
      }
      return;
    case Role::Assistant: write_assistant(message); return;
    case Role::System:
    case Role::Developer:
    case Role::User: break;
  }
  json_.begin_object();
  json_.text("role", message.role == Role::User ? "user" : "system");
  const bool plain =
      message.parts.size() == 1 && std::holds_alternative<TextPart>(message.parts[0].value);
  if (plain) {
    json_.text("content", std::get<TextPart>(message.parts[0].value).text);
  } else if (message.role == Role::User) {
    json_.begin_array("content");
    write_blocks(message.parts);
    json_.end_array();
  } else {
    json_.text("content", text_of(message.parts));
  }
  json_.end_object();
}

void MessageEncoder::write_result(const ToolResultPart& result) {
  json_.begin_object();
  json_.text("role", "tool");
  json_.text("tool_call_id", result.call_id);
  json_.text("content", text_of(result.content));
  json_.end_object();
}

void MessageEncoder::write_assistant(const Message& message) {
  std::string plan;
  bool content = false;
  bool calls = false;
  for (const Part& part : message.parts) {
    if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      const bool planned = thought->id == kPlanId;
      plan += planned ? thought->text : std::string();
      content = content || (!planned && !thought->text.empty());
      if (thought->kind == ReasoningPart::Kind::Encrypted) {
        losses_.drop(Feature::ReasoningReplay);
      }
    } else if (std::holds_alternative<ToolCallPart>(part.value)) {
      calls = true;
    } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
      content = content || media->kind == MediaPart::Kind::Image || !media->transcript.empty();
    } else {
      content = content || !std::holds_alternative<NativePart>(part.value);
    }
  }
  if (!content && !calls && plan.empty()) {
    return;  // nothing of it can be said here, and an empty message is refused
  }
  json_.begin_object();
  json_.text("role", "assistant");
  if (content) {
    json_.begin_array("content");
    write_blocks(message.parts);
    json_.end_array();
  }
  json_.text_if_any("tool_plan", plan);
  write_calls(message.parts);
  json_.end_object();
}

void MessageEncoder::write_blocks(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    write_block(part);
  }
}

void MessageEncoder::write_block(const Part& part) {
  const auto write_text = [this](std::string_view type, std::string_view text) {
    json_.begin_object();
    json_.text("type", type);
    json_.text(type, text);
    json_.end_object();
  };
  if (const auto* const text = std::get_if<TextPart>(&part.value)) {
    write_text("text", text->text);
  } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
    write_text("text", refusal->text);
  } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
    if (thought->id != kPlanId && !thought->text.empty()) {
      write_text("thinking", thought->text);
    }
  } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
    if (media->kind == MediaPart::Kind::Image) {
      write_image(*media);
    } else if (!media->transcript.empty()) {
      write_text("text", media->transcript);
    }
  }
}

void MessageEncoder::write_image(const MediaPart& media) {
  json_.begin_object();
  json_.text("type", "image_url");
  json_.begin_object("image_url");
  if (media.source == MediaPart::Source::Url) {
    json_.text("url", media.data);
  } else {
    const std::string type = media.media_type.empty() ? "image/png" : media.media_type;
    json_.text("url", "data:" + type + ";base64," + media.data);
  }
  if (media.detail == "low" || media.detail == "high" || media.detail == "auto") {
    json_.text("detail", media.detail);
  } else if (!media.detail.empty()) {
    json_.text("detail", "high");
    losses_.change(name(Feature::ImageDetail), "the detail " + media.detail + " became high");
  }
  json_.end_object();
  json_.end_object();
}

void MessageEncoder::write_calls(const std::vector<Part>& parts) {
  bool open = false;
  for (const Part& part : parts) {
    const auto* const call = std::get_if<ToolCallPart>(&part.value);
    if (call == nullptr) {
      continue;
    }
    if (!open) {
      json_.begin_array("tool_calls");
      open = true;
    }
    json_.begin_object();
    json_.text("id", call->id);
    json_.text("type", "function");
    json_.begin_object("function");
    json_.text("name", call->name);
    json_.text("arguments", call->arguments.empty() ? "{}" : call->arguments);
    json_.end_object();
    json_.end_object();
  }
  if (open) {
    json_.end_array();
  }
}

std::string MessageEncoder::text_of(const std::vector<Part>& parts) {
  std::string out;
  for (const Part& part : parts) {
    if (const auto* const text = std::get_if<TextPart>(&part.value)) {
      out += out.empty() ? "" : "\n";
      out += text->text;
    }
  }
  return out;
}

}  // namespace

void write_message(const Message& message, JsonWriter& json, Losses& losses) {
  MessageEncoder(json, losses).write_message(message);
}

}  // namespace waybill::dialects::cohere
