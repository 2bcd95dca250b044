#include "input_decoder.hpp"

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

namespace waybill::dialects::responses {
namespace {

using Kind = MediaPart::Kind;
using Source = MediaPart::Source;

constexpr std::size_t kMostUnknown = 64;

// "input[3].content[0].x" as "input[].content[].x".
std::string without_numbers(std::string_view path) {
  std::string out;
  bool inside = false;
  for (const char c : path) {
    inside = inside && c != ']';
    if (!inside) {
      out += c;
    }
    inside = inside || c == '[';
  }
  return out;
}

// What a client adds itself; all other items that only this dialect has are the model's.
bool is_clients(std::string_view type) noexcept {
  return type.ends_with("_output") || type == "mcp_approval_response" || type == "additional_tools";
}

}  // namespace

void InputDecoder::names(const JsonRef& object, std::initializer_list<std::string_view> known) {
  std::vector<std::string> unknown;
  reader_.names(object, known, unknown);
  for (const std::string& each : unknown) {
    std::string name = without_numbers(each);
    if (request_.unknown.size() < kMostUnknown &&
        std::ranges::find(request_.unknown, name) == request_.unknown.end()) {
      request_.unknown.push_back(std::move(name));
    }
  }
}

Message& InputDecoder::turn(Role role) {
  if (request_.messages.empty() || request_.messages.back().role != role) {
    request_.messages.push_back({.role = role});
  }
  return request_.messages.back();
}

void InputDecoder::read(const JsonRef& input) {
  if (input.is_string()) {
    request_.messages.push_back({.role = Role::User, .parts = {{TextPart{input.text(), {}}}}});
    return;
  }
  if (input.given() && !input.is_array()) {
    reader_.refuse(input, "a string or a list of items");
  }
  if (!reader_.array(input)) {
    return;
  }
  if (input.empty()) {
    reader_.refuse(input, "a string or a list of at least one item");
  }
  for (const JsonRef item : input) {
    if (reader_.good()) {
      read_item(item);
    }
  }
}

void InputDecoder::read_item(const JsonRef& item) {
  if (!item.is_object()) {
    reader_.refuse(item, R"(an item (an object with "type", or with "role" and "content"))");
    return;
  }
  const JsonRef type = item["type"];
  if (!type.given() || type.equals("message")) {
    read_message(item);
    after_words_ = request_.messages.back().role == Role::Assistant;
    return;
  }
  after_words_ = false;
  reader_.text(type);
  if (type.equals("function_call") || type.equals("custom_tool_call")) {
    read_call(item, type.equals("custom_tool_call"));
  } else if (type.equals("function_call_output") || type.equals("custom_tool_call_output")) {
    read_result(item);
  } else if (type.equals("reasoning")) {
    read_thoughts(item);
  } else if (type.equals("item_reference")) {
    reader_.refuse_saying('"' + item.path() +
                          "\" refers to an item by its id, and none is kept here: send the item "
                          "itself.");
  } else {
    read_native(item);
  }
}

void InputDecoder::read_message(const JsonRef& item) {
  names(item, {"type", "role", "content", "id", "status"});
  constexpr Role kRoles[]{Role::User, Role::Assistant, Role::System, Role::Developer};
  const JsonRef role =
      reader_.need(item, "role", R"("user", "assistant", "system" or "developer")");
  const auto word = reader_.one_of(role, {"user", "assistant", "system", "developer"});
  const Role speaker = kRoles[word.value_or(0)];
  const JsonRef content = reader_.need(item, "content", "a string or a list of parts");
  std::vector<Part> parts = read_content(content);
  // Two messages of the assistant in a row stay two.
  if (speaker != Role::Assistant || after_words_) {
    request_.messages.push_back({.role = speaker, .parts = std::move(parts)});
    return;
  }
  std::vector<Part>& into = turn(speaker).parts;
  std::ranges::move(parts, std::back_inserter(into));
}

std::vector<Part> InputDecoder::read_content(const JsonRef& content) {
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
    if (!part.is_object()) {
      reader_.refuse(part, "a content part (an object)");
      return parts;
    }
    parts.push_back(read_part(part));
  }
  return parts;
}

Part InputDecoder::read_part(const JsonRef& part) {
  const JsonRef type = reader_.need(part, "type", "the kind of the part");
  if (type.equals("input_text") || type.equals("output_text") || type.equals("text")) {
    return {read_text(part)};
  }
  if (type.equals("refusal")) {
    names(part, {"type", "refusal"});
    return {RefusalPart{reader_.text(reader_.need(part, "refusal", "a string"))}};
  }
  if (type.equals("input_image")) {
    return {read_image(part)};
  }
  if (type.equals("input_file")) {
    return {read_file(part)};
  }
  if (type.equals("input_audio")) {
    return {read_audio(part)};
  }
  if (type.equals("input_video")) {  // OpenRouter's
    MediaPart media{.kind = Kind::Video};
    names(part, {"type", "video_url"});
    reader_.media_url(reader_.need(part, "video_url", "a URL"), media);
    return {std::move(media)};
  }
  reader_.refuse(type, R"(one of "input_text", "input_image", "input_file", "input_audio", )"
                       R"("input_video", "output_text", "refusal")");
  return {};
}

TextPart InputDecoder::read_text(const JsonRef& part) {
  names(part, {"type", "text", "annotations", "logprobs"});
  TextPart text{reader_.text(reader_.need(part, "text", "a string")), {}};
  if (reader_.array(part["annotations"])) {
    for (const JsonRef annotation : part["annotations"]) {
      if (annotation.is_object()) {
        text.citations.push_back(read_citation(annotation));
      }
    }
  }
  return text;
}

MediaPart InputDecoder::read_image(const JsonRef& part) {
  names(part, {"type", "image_url", "file_id", "detail"});
  MediaPart media{.kind = Kind::Image};
  media.detail = reader_.text(part["detail"]);
  if (part["file_id"].given() && !part["image_url"].given()) {
    media.source = Source::Id;
    media.data = reader_.text(part["file_id"]);
  } else {
    reader_.media_url(reader_.need(part, "image_url", "a URL, or file_id"), media);
  }
  return media;
}

MediaPart InputDecoder::read_file(const JsonRef& part) {
  names(part, {"type", "file_data", "file_id", "file_url", "filename"});
  MediaPart media{.kind = Kind::File};
  media.name = reader_.text(part["filename"]);
  if (part["file_id"].given()) {
    media.source = Source::Id;
    media.data = reader_.text(part["file_id"]);
  } else if (part["file_url"].given()) {
    reader_.media_url(part["file_url"], media);
  } else {
    const JsonRef data = reader_.need(part, "file_data", "a data URL, or file_url, or file_id");
    // Bare base64 has no colon in it.
    if (reader_.text(data).find(':') != std::string::npos) {
      reader_.media_url(data, media);
    } else {
      media.data = data.text();
    }
  }
  return media;
}

MediaPart InputDecoder::read_audio(const JsonRef& part) {
  names(part, {"type", "input_audio"});
  MediaPart media{.kind = Kind::Audio};
  const JsonRef audio = reader_.need(part, "input_audio", R"(an object with "data")");
  if (reader_.object(audio)) {
    media.data = reader_.text(reader_.need(audio, "data", "the bytes in base64"));
    const std::string format = reader_.text(audio["format"]);
    media.media_type = format.empty() ? "" : "audio/" + format;
  }
  return media;
}

void InputDecoder::read_call(const JsonRef& item, bool custom) {
  const std::string_view member = custom ? "input" : "arguments";
  names(item, {"type", "id", "call_id", "name", "status", member});
  ToolCallPart call{.custom = custom};
  call.id = reader_.text(reader_.need(item, "call_id", "the id of the call"));
  call.name = reader_.text(reader_.need(item, "name", "the tool that is called"));
  // A string, but some clients send the object itself.
  const JsonRef arguments = item[member];
  call.arguments = arguments.is_object() ? std::string(arguments.raw()) : reader_.text(arguments);
  turn(Role::Assistant).parts.push_back({std::move(call)});
}

void InputDecoder::read_result(const JsonRef& item) {
  names(item, {"type", "id", "call_id", "name", "output", "status"});
  ToolResultPart result;
  result.call_id = reader_.text(reader_.need(item, "call_id", "the call that it answers"));
  result.name = reader_.text(item["name"]);
  const JsonRef output = reader_.need(item, "output", "a string or a list of parts");
  result.content = read_content(output);
  turn(Role::Tool).parts.push_back({std::move(result)});
}

void InputDecoder::read_thoughts(const JsonRef& item) {
  names(item, {"type", "id", "summary", "content", "encrypted_content", "status"});
  reader_.text(item["id"]);
  reader_.text(item["encrypted_content"]);
  for (const std::string_view list : {"summary", "content"}) {
    if (reader_.array(item[list])) {
      for (const JsonRef part : item[list]) {
        reader_.object(part);
        reader_.text(part["text"]);
      }
    }
  }
  // One that holds nothing is but a reference to what some provider kept.
  for (ReasoningPart& part : read_reasoning(item)) {
    turn(Role::Assistant).parts.push_back({std::move(part)});
  }
}

void InputDecoder::read_native(const JsonRef& item) {
  const std::string type = item["type"].text();
  NativePart part{std::string(kName), std::string(item.raw()), printable(type, 61)};
  if (is_clients(type)) {
    request_.messages.push_back({.role = Role::User, .parts = {{std::move(part)}}});
  } else {
    turn(Role::Assistant).parts.push_back({std::move(part)});
  }
}

}  // namespace waybill::dialects::responses
