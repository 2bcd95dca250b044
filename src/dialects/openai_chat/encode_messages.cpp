// The messages of a request towards a provider.

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "openai_chat.hpp"

namespace waybill::dialects::openai_chat {
namespace {

using Kind = MediaPart::Kind;
using Source = MediaPart::Source;

std::string data_url(const MediaPart& media, std::string_view fallback_type) {
  if (media.source == Source::Url) {
    return media.data;
  }
  std::string out = "data:";
  out += media.media_type.empty() ? fallback_type : std::string_view(media.media_type);
  return out.append(";base64,").append(media.data);
}

class MessageWriter {
 public:
  MessageWriter(JsonWriter& json, const EncodeTarget& target, Losses& losses) noexcept
      : json_(json),
        target_(target),
        losses_(losses) {}

  void write(const Message& message);

 private:
  void write_results(const Message& message);
  void write_assistant(const Message& message);
  void write_content(const std::vector<Part>& parts);
  void write_thoughts(const Message& message);
  void write_calls(const Message& message);
  void write_part(const Part& part);
  void write_media(const MediaPart& media);
  void write_cache(CacheMark cache);

  JsonWriter& json_;
  const EncodeTarget& target_;
  Losses& losses_;
};

std::string_view word_of(Role role) noexcept {
  switch (role) {
    case Role::System: return "system";
    case Role::Developer: return "developer";
    case Role::User: return "user";
    case Role::Assistant: return "assistant";
    case Role::Tool: return "tool";
  }
  return "user";
}

// What stands in `content`; the rest has members of its own.
bool is_content_part(const Part& part) noexcept {
  const auto* const media = std::get_if<MediaPart>(&part.value);
  return std::holds_alternative<TextPart>(part.value) || media != nullptr;
}

// One plain text: a string, which every server understands.
const TextPart* plain_text(const std::vector<Part>& parts) noexcept {
  const TextPart* found = nullptr;
  for (const Part& part : parts) {
    if (!is_content_part(part)) {
      continue;
    }
    const auto* const text = std::get_if<TextPart>(&part.value);
    if (text == nullptr || found != nullptr || part.cache != CacheMark::None) {
      return nullptr;
    }
    found = text;
  }
  return found;
}

void MessageWriter::write(const Message& message) {
  if (message.role == Role::Tool) {
    write_results(message);
    return;
  }
  json_.begin_object();
  json_.text("role", word_of(message.role));
  if (message.role == Role::Assistant) {
    write_assistant(message);
  } else {
    write_content(message.parts);
  }
  json_.text_if_any("name", message.name);
  json_.end_object();
}

// One message a result.  This dialect has no word for a failure: it is in the text.
void MessageWriter::write_results(const Message& message) {
  for (const Part& part : message.parts) {
    const auto* const result = std::get_if<ToolResultPart>(&part.value);
    if (result == nullptr) {
      continue;
    }
    json_.begin_object();
    json_.text("role", "tool");
    json_.text("tool_call_id", result->call_id);
    if (result->content.empty()) {
      json_.text("content", "");
    } else {
      write_content(result->content);
    }
    write_cache(part.cache);
    json_.end_object();
  }
}

void MessageWriter::write_assistant(const Message& message) {
  const bool speaks = std::ranges::any_of(message.parts, [](const Part& part) {
    const auto* const media = std::get_if<MediaPart>(&part.value);
    return std::holds_alternative<TextPart>(part.value) ||
           (media != nullptr && media->kind != Kind::Audio);
  });
  if (speaks) {
    write_content(message.parts);
  } else {
    json_.null("content");
  }
  for (const Part& part : message.parts) {
    const auto* const media = std::get_if<MediaPart>(&part.value);
    if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
      json_.text("refusal", refusal->text);
    } else if (media != nullptr && media->kind == Kind::Audio && !media->id.empty()) {
      json_.begin_object("audio");
      json_.text("id", media->id);
      json_.end_object();
    } else if (std::holds_alternative<NativePart>(part.value)) {
      losses_.drop(Feature::NativeParts);
    }
  }
  write_thoughts(message);
  write_calls(message);
}

void MessageWriter::write_thoughts(const Message& message) {
  std::vector<const ReasoningPart*> thoughts;
  for (const Part& part : message.parts) {
    if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      thoughts.push_back(thought);
    }
  }
  if (thoughts.empty()) {
    return;
  }
  const std::string_view member = target_.chat.reasoning_member;
  if (member.empty()) {
    losses_.drop(Feature::ReasoningReplay);
    return;
  }
  std::string text;
  for (const ReasoningPart* const thought : thoughts) {
    text += thought->text;
  }
  if (member != "reasoning_details") {
    json_.text(member, text);
    return;
  }
  json_.text_if_any("reasoning", text);
  json_.begin_array(member);
  for (std::size_t i = 0; i < thoughts.size(); ++i) {
    write_reasoning_detail(json_, *thoughts[i], i);
  }
  json_.end_array();
}

void MessageWriter::write_calls(const Message& message) {
  bool any = false;
  for (const Part& part : message.parts) {
    const auto* const call = std::get_if<ToolCallPart>(&part.value);
    if (call == nullptr) {
      continue;
    }
    if (!any) {
      json_.begin_array("tool_calls");
      any = true;
    }
    json_.begin_object();
    json_.text("id", call->id);
    json_.text("type", call->custom ? "custom" : "function");
    json_.begin_object(call->custom ? "custom" : "function");
    json_.text("name", call->name);
    json_.text(call->custom ? "input" : "arguments",
               call->arguments.empty() && !call->custom ? "{}" : std::string_view(call->arguments));
    json_.end_object();
    json_.end_object();
  }
  if (any) {
    json_.end_array();
  }
}

void MessageWriter::write_content(const std::vector<Part>& parts) {
  if (const TextPart* const text = plain_text(parts)) {
    json_.text("content", text->text);
    return;
  }
  json_.begin_array("content");
  for (const Part& part : parts) {
    if (is_content_part(part)) {
      write_part(part);
    }
  }
  json_.end_array();
}

void MessageWriter::write_part(const Part& part) {
  const auto* const text = std::get_if<TextPart>(&part.value);
  const auto* const media = std::get_if<MediaPart>(&part.value);
  if (media != nullptr && media->kind == Kind::Audio && media->source == Source::Id) {
    return;  // of an assistant's: named beside the content
  }
  json_.begin_object();
  if (text != nullptr) {
    json_.text("type", "text");
    json_.text("text", text->text);
  } else if (media != nullptr) {
    write_media(*media);
  }
  write_cache(part.cache);
  json_.end_object();
}

void MessageWriter::write_media(const MediaPart& media) {
  switch (media.kind) {
    case Kind::Image:
      json_.text("type", "image_url");
      json_.begin_object("image_url");
      json_.text("url", data_url(media, "image/png"));
      json_.text_if_any("detail", media.detail);
      break;
    case Kind::Video:
      json_.text("type", "video_url");
      json_.begin_object("video_url");
      json_.text("url", data_url(media, "video/mp4"));
      break;
    case Kind::Audio: {
      const std::string_view type = media.media_type;
      const std::string_view format = type.substr(type.find('/') + 1);
      json_.text("type", "input_audio");
      json_.begin_object("input_audio");
      json_.text("data", media.data);
      json_.text("format", format.empty()                          ? "wav"
                           : format == "mpeg"                      ? "mp3"
                           : format == "x-wav" || format == "wave" ? "wav"
                                                                   : format);
      break;
    }
    case Kind::File:
      json_.text("type", "file");
      json_.begin_object("file");
      if (media.source == Source::Id) {
        json_.text("file_id", media.data);
      } else if (media.source == Source::Text) {
        MediaPart encoded = media;
        encoded.data = to_base64(media.data);
        json_.text("filename", media.name.empty() ? "document.txt" : std::string_view(media.name));
        json_.text("file_data", data_url(encoded, "text/plain"));
      } else {
        json_.text("filename", media.name.empty() ? "document.pdf" : std::string_view(media.name));
        json_.text("file_data", data_url(media, "application/pdf"));
      }
      break;
  }
  json_.end_object();
}

void MessageWriter::write_cache(CacheMark cache) {
  if (cache == CacheMark::None) {
    return;
  }
  const std::string_view member = target_.chat.cache_member;
  if (member.empty()) {
    losses_.drop(Feature::CacheControl);
    return;
  }
  json_.begin_object(member);
  if (member == "cache_control") {
    json_.text("type", "ephemeral");
    if (cache != CacheMark::Default) {
      json_.text("ttl", cache == CacheMark::OneHour ? "1h" : "5m");
    }
  } else {
    json_.text("mode", "explicit");
  }
  json_.end_object();
}

}  // namespace

void write_message(JsonWriter& json,
                   const Message& message,
                   const EncodeTarget& target,
                   Losses& losses) {
  MessageWriter(json, target, losses).write(message);
}

}  // namespace waybill::dialects::openai_chat
