#include "content_decoder.hpp"

#include <algorithm>
#include <utility>

namespace waybill::dialects::gemini {
namespace {

bool is_video_page(std::string_view url) noexcept {
  return url.find("youtube.com/") != std::string_view::npos ||
         url.find("youtu.be/") != std::string_view::npos;
}

// What Google keeps: the Files API's names, and Cloud Storage.
bool is_kept_by_google(std::string_view uri) noexcept {
  return !(uri.starts_with("http://") || uri.starts_with("https://")) ||
         uri.starts_with("https://generativelanguage.googleapis.com/");
}

}  // namespace

void ContentDecoder::add(Role role, PartValue value) {
  if (request_.messages.empty() || request_.messages.back().role != role) {
    request_.messages.push_back({.role = role});
  }
  request_.messages.back().parts.push_back({std::move(value)});
}

void ContentDecoder::read_system(const JsonRef& content) {
  if (!content.given()) {
    return;
  }
  if (content.is_string()) {
    add(Role::System, TextPart{content.text(), {}});
    return;
  }
  if (!reader_.object(content) || !reader_.array(content["parts"])) {
    return;
  }
  for (const JsonRef part : content["parts"]) {
    if (part["text"].is_string()) {
      add(Role::System, TextPart{part["text"].text(), {}});
    } else {
      reader_.refuse(part, "an object with \"text\": instructions are text");
    }
  }
}

void ContentDecoder::read_contents(const JsonRef& contents) {
  if (!reader_.array(contents)) {
    return;
  }
  if (contents.empty()) {
    reader_.refuse(contents, "a list of at least one content");
  }
  for (const JsonRef content : contents) {
    if (reader_.good()) {
      read_content(content);
    }
  }
}

// A user's content holds results of tools beside what the user says; a conversation keeps
// them in messages of their own, in their order.
void ContentDecoder::read_content(const JsonRef& content) {
  if (!content.is_object()) {
    reader_.refuse(content, R"(an object with "role" and "parts")");
    return;
  }
  reader_.names(content, {"role", "parts"}, request_.unknown);
  // "function" is what results were said by at first.
  const auto word = reader_.one_of(content["role"], {"user", "model", "function", "tool"});
  const Role role = word == 1 ? Role::Assistant : Role::User;
  const JsonRef parts = content["parts"];
  const std::size_t before = request_.messages.size();
  if (parts.given() && reader_.array(parts)) {
    // Two contents stay two messages, whoever says them.
    request_.messages.push_back({.role = role});
    for (const JsonRef part : parts) {
      if (!part.is_object()) {
        reader_.refuse(part, "a part (an object)");
        return;
      }
      read_part(part, role);
    }
    if (parts.size() > 0 && request_.messages[before].parts.empty()) {
      request_.messages.erase(request_.messages.begin() + static_cast<std::ptrdiff_t>(before));
    }
  } else {
    request_.messages.push_back({.role = role});
  }
}

void ContentDecoder::read_part(const JsonRef& part, Role role) {
  for (const std::string_view unsayable : {"videoMetadata", "mediaResolution"}) {
    if (const JsonRef found = member(part, unsayable); found.given()) {
      request_.unknown.push_back(found.path());
    }
  }
  if (part["text"].given()) {
    reader_.text(part["text"]);
    read_text(part, role);
    return;
  }
  const JsonRef data = member(part, "inlineData");
  const JsonRef file = member(part, "fileData");
  const JsonRef call = member(part, "functionCall");
  const JsonRef result = member(part, "functionResponse");
  if (call.given()) {
    if (reader_.object(call)) {
      read_call(part);
    }
  } else if (result.given()) {
    if (reader_.object(result)) {
      read_result(result);
    }
  } else if (data.given() || file.given()) {
    read_signature(part, role, {});
    add(role, data.given() ? read_media(data) : read_file(file));
  } else if (part.size() == 1 && member(part, "thoughtSignature").is_string()) {
    read_signature(part, role, {});
  } else if (!part.empty()) {
    add(role, NativePart{std::string(kName), std::string(part.raw()), (*part.begin()).name()});
  }
}

// Stands before what it belongs to.
void ContentDecoder::read_signature(const JsonRef& part, Role role, const std::string& call) {
  std::string signature = reader_.text(member(part, "thoughtSignature"));
  if (!signature.empty() && role == Role::Assistant) {
    ReasoningPart thought = read_client_signature(std::move(signature));
    if (thought.format == kReasoningFormat) {
      thought.id = call;
    }
    add(role, std::move(thought));
  }
}

void ContentDecoder::read_text(const JsonRef& part, Role role) {
  std::string text = part["text"].text();
  const std::string signature = reader_.text(member(part, "thoughtSignature"));
  if (!reader_.flag(part["thought"]).value_or(false) || role != Role::Assistant) {
    read_signature(part, role, {});
    const bool only_signed = text.empty() && !signature.empty();
    // Other makers' signatures came in empty parts that we made; Google's are part of theirs.
    if (!only_signed || read_client_signature(signature).format == kReasoningFormat) {
      add(role, TextPart{std::move(text), {}});
    }
    return;
  }
  ReasoningPart thought = signature.empty() ? ReasoningPart{.format = std::string(kReasoningFormat)}
                                            : read_client_signature(signature);
  if (thought.kind == ReasoningPart::Kind::Encrypted) {
    add(role, std::move(thought));
    thought = {.format = std::string(kReasoningFormat)};
  } else if (!thought.signature.empty() && text.empty() && !request_.messages.empty() &&
             !request_.messages.back().parts.empty()) {
    // Streams tell the signature behind the thought.
    auto* const before = std::get_if<ReasoningPart>(&request_.messages.back().parts.back().value);
    if (before != nullptr && before->kind == ReasoningPart::Kind::Text &&
        before->signature.empty()) {
      before->signature = thought.signature;
      before->format = thought.format;
      return;
    }
  }
  thought.text = std::move(text);
  if (!thought.text.empty() || !thought.signature.empty()) {
    add(role, std::move(thought));
  }
}

void ContentDecoder::read_call(const JsonRef& part) {
  const JsonRef call = member(part, "functionCall");
  ToolCallPart out{.id = reader_.text(call["id"])};
  out.name = reader_.text(reader_.need(call, "name", "the name of the function"));
  out.arguments = call["args"].given() ? reader_.json_object(call["args"]) : "{}";
  if (out.id.empty()) {
    out.id = made_id(calls_, {});
  }
  ++calls_;
  open_calls_.push_back({out.id, out.name});
  read_signature(part, Role::Assistant, out.id);
  add(Role::Assistant, std::move(out));
}

// Without an id a result answers the first call of that name that has no answer.
std::string ContentDecoder::answered_call(const std::string& id, const std::string& name) {
  const auto found = std::ranges::find_if(open_calls_, [&](const OpenCall& each) {
    return id.empty() ? each.name == name : each.id == id;
  });
  if (found == open_calls_.end()) {
    return id.empty() ? made_id(calls_++, {}) : id;
  }
  std::string out = found->id;
  open_calls_.erase(found);
  return out;
}

void ContentDecoder::read_result(const JsonRef& result) {
  ToolResultPart out{.call_id = {}, .name = {}, .content = {}};
  out.name = reader_.text(reader_.need(result, "name", "the name of the function"));
  out.call_id = answered_call(reader_.text(result["id"]), out.name);
  const JsonRef response = result["response"];
  if (response.given() && !response.is_object()) {
    reader_.refuse(response, "an object");
    return;
  }
  read_response(response, out);
  const JsonRef parts = result["parts"];
  if (parts.given() && reader_.array(parts)) {
    for (const JsonRef part : parts) {
      const JsonRef data = member(part, "inlineData");
      const JsonRef file = member(part, "fileData");
      if (data.is_object()) {
        out.content.push_back({read_media(data)});
      } else if (file.is_object()) {
        out.content.push_back({read_file(file)});
      }
    }
  }
  add(Role::Tool, std::move(out));
}

// "Use the output key to specify function output and the error key to specify error details.
// If they are not specified, then whole response is treated as function output."
void ContentDecoder::read_response(const JsonRef& response, ToolResultPart& result) {
  const bool alone = response.size() == 1;
  result.is_error = alone && response["error"].given();
  const JsonRef said = result.is_error                           ? response["error"]
                       : alone && response["output"].is_string() ? response["output"]
                                                                 : response;
  if (said.is_string()) {
    result.content.push_back({TextPart{said.text(), {}}});
  } else if (said.given() && !(said.is_object() && said.empty())) {
    result.content.push_back({TextPart{std::string(said.raw()), {}}});
  }
}

namespace {

// Google's Python SDK writes the URL-safe alphabet (RFC 4648 §5), which protobuf's JSON allows;
// other dialects want the plain one.
std::string plain_base64(std::string text) {
  for (char& c : text) {
    c = c == '-' ? '+' : c == '_' ? '/' : c;
  }
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

}  // namespace

MediaPart ContentDecoder::read_media(const JsonRef& blob) {
  MediaPart media;
  if (reader_.object(blob)) {
    const JsonRef type = member(blob, "mimeType");
    media.media_type = reader_.text(type);
    if (media.media_type.empty()) {
      reader_.refuse(blob, R"(an object with "mimeType" and "data")");
    }
    media.data = plain_base64(reader_.text(reader_.need(blob, "data", "the bytes in base64")));
    media.name = reader_.text(member(blob, "displayName"));
  }
  media.kind = kind_of(media.media_type);
  return media;
}

MediaPart ContentDecoder::read_file(const JsonRef& file) {
  MediaPart media;
  if (!reader_.object(file)) {
    return media;
  }
  const JsonRef uri = member(file, "fileUri");
  const std::string text = reader_.text(uri);
  if (text.empty()) {
    reader_.refuse(file, "an object with \"fileUri\"");
  }
  std::string type = reader_.text(member(file, "mimeType"));
  media.name = reader_.text(member(file, "displayName"));
  if (is_kept_by_google(text)) {
    media.source = MediaPart::Source::Id;
    media.data = text;
  } else {
    reader_.media_url(uri, media);
  }
  media.kind = type.empty() && is_video_page(text) ? MediaPart::Kind::Video : kind_of(type);
  media.media_type = std::move(type);
  return media;
}

}  // namespace waybill::dialects::gemini
