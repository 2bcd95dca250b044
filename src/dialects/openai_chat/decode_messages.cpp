// The messages of a client's request.

#include <utility>

#include "openai_chat.hpp"

namespace waybill::dialects::openai_chat {
namespace {

using Kind = MediaPart::Kind;
using Source = MediaPart::Source;

constexpr std::string_view kDataScheme = "data:";

}  // namespace

void MessagesDecoder::read(const JsonRef& messages) {
  if (!reader_.array(messages)) {
    return;
  }
  if (messages.empty()) {
    reader_.refuse(messages, "a list of at least one message");
  }
  for (const JsonRef message : messages) {
    if (reader_.good()) {
      read_message(message);
    }
  }
}

void MessagesDecoder::read_message(const JsonRef& source) {
  if (!source.is_object()) {
    reader_.refuse(source, R"(an object with "role" and "content")");
    return;
  }
  constexpr Role kRoles[]{Role::System,    Role::Developer, Role::User,
                          Role::Assistant, Role::Tool,      Role::Tool};
  const JsonRef role = reader_.need(source, "role", "who speaks");
  const auto word =
      reader_.one_of(role, {"system", "developer", "user", "assistant", "tool", "function"});
  Message message{.role = kRoles[word.value_or(2)]};
  if (message.role == Role::Tool) {
    read_tool(source, message);
  } else {
    message.name = reader_.text(source["name"]);
    if (message.role == Role::Assistant) {
      read_assistant(source, message);
    } else {
      message.parts = read_content(source["content"]);
    }
  }
  // Several results of one turn are one message.
  if (message.role == Role::Tool && !request_.messages.empty() &&
      request_.messages.back().role == Role::Tool) {
    request_.messages.back().parts.push_back(std::move(message.parts.front()));
    return;
  }
  request_.messages.push_back(std::move(message));
}

void MessagesDecoder::read_tool(const JsonRef& source, Message& message) {
  ToolResultPart result;
  const bool legacy = source["role"].equals("function");
  result.name = reader_.text(source["name"]);
  result.call_id = legacy
                       ? "call_" + result.name
                       : reader_.text(reader_.need(source, "tool_call_id", "the call it answers"));
  result.content = read_content(source["content"]);
  Part part{.value = std::move(result)};
  part.cache = cache_mark(source);
  message.parts.push_back(std::move(part));
}

// Thoughts come first, as they did; then what was said; then the calls.
void MessagesDecoder::read_assistant(const JsonRef& source, Message& message) {
  if (!source["reasoning_details"].empty() && reader_.array(source["reasoning_details"])) {
    for (const JsonRef detail : source["reasoning_details"]) {
      message.parts.push_back({read_reasoning_detail(detail)});
    }
  } else {
    const JsonRef plain =
        source["reasoning"].given() ? source["reasoning"] : source["reasoning_content"];
    if (std::string text = reader_.text(plain); !text.empty()) {
      message.parts.push_back({ReasoningPart{.text = std::move(text)}});
    }
  }
  for (Part& part : read_content(source["content"])) {
    message.parts.push_back(std::move(part));
  }
  if (std::string refusal = reader_.text(source["refusal"]); !refusal.empty()) {
    message.parts.push_back({RefusalPart{std::move(refusal)}});
  }
  if (source["audio"].is_object()) {
    message.parts.push_back({MediaPart{.kind = Kind::Audio,
                                       .source = Source::Id,
                                       .data = source["audio"]["id"].text(),
                                       .id = source["audio"]["id"].text(),
                                       .transcript = source["audio"]["transcript"].text()}});
  }
  for (const JsonRef image : source["images"]) {
    MediaPart media{.kind = Kind::Image};
    reader_.media_url(image["image_url"]["url"], media);
    message.parts.push_back({std::move(media)});
  }
  read_calls(source, message);
}

void MessagesDecoder::read_calls(const JsonRef& source, Message& message) {
  const auto add = [&](std::string id, const JsonRef& function, const JsonRef& arguments,
                       bool custom) {
    ToolCallPart call{.id = std::move(id), .custom = custom};
    call.name = reader_.text(reader_.need(function, "name", "the tool that is called"));
    // A string, but some clients send the object itself.
    call.arguments = arguments.is_object() ? std::string(arguments.raw()) : reader_.text(arguments);
    message.parts.push_back({std::move(call)});
  };
  if (reader_.array(source["tool_calls"])) {
    for (const JsonRef call : source["tool_calls"]) {
      const bool custom = call["type"].equals("custom");
      const JsonRef function =
          reader_.need(call, custom ? "custom" : "function", "the tool that is called");
      if (reader_.object(function)) {
        add(reader_.text(reader_.need(call, "id", "the id of the call")), function,
            function[custom ? "input" : "arguments"], custom);
      }
    }
  }
  const JsonRef legacy = source["function_call"];
  if (reader_.object(legacy)) {
    add("call_" + legacy["name"].text(), legacy, legacy["arguments"], false);
  }
}

std::vector<Part> MessagesDecoder::read_content(const JsonRef& content) {
  std::vector<Part> parts;
  if (content.is_string()) {
    parts.push_back({TextPart{content.text(), {}}});
    return parts;
  }
  if (content.given() && !content.is_array()) {
    reader_.refuse(content, "a string or a list of parts");
    return parts;
  }
  for (const JsonRef part : content) {
    if (part.is_string()) {
      parts.push_back({TextPart{part.text(), {}}});
    } else if (part.is_object()) {
      parts.push_back(read_part(part));
    } else {
      reader_.refuse(part, "a content part (an object)");
      return parts;
    }
  }
  return parts;
}

Part MessagesDecoder::read_part(const JsonRef& part) {
  Part out;
  const auto url_of = [&](std::string_view member, Kind kind) {
    MediaPart media{.kind = kind};
    const JsonRef holder = reader_.need(part, member, "an object with \"url\"");
    reader_.media_url(holder.is_string() ? holder : reader_.need(holder, "url", "a URL"), media);
    media.detail = reader_.text(holder["detail"]);
    return media;
  };
  const JsonRef type = reader_.need(part, "type", "the kind of the part");
  if (type.equals("text") || type.equals("input_text") || type.equals("output_text")) {
    out.value = TextPart{reader_.text(reader_.need(part, "text", "a string")), {}};
  } else if (type.equals("refusal")) {
    out.value = RefusalPart{reader_.text(part["refusal"])};
  } else if (type.equals("image_url")) {
    out.value = url_of("image_url", Kind::Image);
  } else if (type.equals("video_url") || type.equals("input_video")) {
    out.value = url_of("video_url", Kind::Video);
  } else if (type.equals("audio_url")) {
    out.value = url_of("audio_url", Kind::Audio);
  } else if (type.equals("input_audio")) {
    const JsonRef audio = reader_.need(part, "input_audio", "an object with \"data\"");
    MediaPart media{.kind = Kind::Audio};
    media.data = reader_.text(reader_.need(audio, "data", "the bytes in base64"));
    const std::string format = reader_.text(audio["format"]);
    media.media_type = format.empty() ? "" : "audio/" + format;
    out.value = std::move(media);
  } else if (type.equals("file")) {
    out.value = read_file(part);
  } else {
    reader_.refuse(type,
                   R"(one of "text", "image_url", "input_audio", "video_url", "file", "refusal")");
  }
  out.cache = cache_mark(part);
  return out;
}

MediaPart MessagesDecoder::read_file(const JsonRef& part) {
  MediaPart media{.kind = Kind::File};
  const JsonRef file = reader_.need(part, "file", "an object");
  media.name = reader_.text(file["filename"]);
  if (file["file_id"].given()) {
    media.source = Source::Id;
    media.data = reader_.text(file["file_id"]);
    return media;
  }
  const JsonRef data = reader_.need(file, "file_data", "a data URL, or file_id");
  const std::string text = reader_.text(data);
  const bool url =
      text.starts_with(kDataScheme) || text.substr(0, 16).find(':') != std::string::npos;
  if (url) {
    reader_.media_url(data, media);
  } else {
    media.data = text;  // bare base64
  }
  return media;
}

CacheMark MessagesDecoder::cache_mark(const JsonRef& holder) {
  if (holder["prompt_cache_breakpoint"].is_object()) {
    return CacheMark::Default;
  }
  const JsonRef mark = holder["cache_control"];
  if (!reader_.object(mark)) {
    return CacheMark::None;
  }
  const auto ttl = reader_.one_of(mark["ttl"], {"5m", "1h"});
  return ttl == 0 ? CacheMark::FiveMinutes : ttl == 1 ? CacheMark::OneHour : CacheMark::Default;
}

ReasoningPart read_reasoning_detail(const JsonRef& detail) {
  ReasoningPart part;
  part.id = detail["id"].text();
  part.format = detail["format"].text();
  if (part.format == "unknown") {
    part.format.clear();
  }
  const JsonRef type = detail["type"];
  if (type.equals("reasoning.encrypted")) {
    part.kind = ReasoningPart::Kind::Encrypted;
    part.data = detail["data"].text();
  } else if (type.equals("reasoning.summary")) {
    part.kind = ReasoningPart::Kind::Summary;
    part.text = detail["summary"].text();
  } else {
    part.text = detail["text"].text();
    part.signature = detail["signature"].text();
  }
  return part;
}

}  // namespace waybill::dialects::openai_chat
