#include "content_encoder.hpp"

#include <array>
#include <utility>

#include "waybill/base/text.hpp"

#include "../anthropic_messages/anthropic_messages.hpp"

namespace waybill::dialects::gemini {
namespace {

using Kind = MediaPart::Kind;
using Source = MediaPart::Source;

// What a call that another model made bears instead of a signature ("Thought signatures",
// Gemini docs: transferring a history from a different model), for Gemini 3 demands one of
// the first call of a turn.
constexpr std::string_view kForeignCall = "skip_thought_signature_validator";

struct BeginRow {
  std::string_view base64;
  std::string_view media_type;
};
// The first bytes of files, in base64.
constexpr std::array<BeginRow, 5> kBegins{{
    {"iVBORw0KGgo", "image/png"},
    {"/9j/", "image/jpeg"},
    {"R0lGOD", "image/gif"},
    {"UklGR", "image/webp"},
    {"JVBERi", "application/pdf"},
}};

struct ExtensionRow {
  std::string_view extension;
  std::string_view media_type;
};
constexpr std::array<ExtensionRow, 12> kExtensions{{
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".pdf", "application/pdf"},
    {".mp3", "audio/mpeg"},
    {".wav", "audio/wav"},
    {".mp4", "video/mp4"},
    {".webm", "video/webm"},
    {".txt", "text/plain"},
    {".html", "text/html"},
}};

// Google demands one with bytes.
std::string_view media_type_of(const MediaPart& media) noexcept {
  if (!media.media_type.empty()) {
    return media.media_type;
  }
  for (const BeginRow& row : kBegins) {
    if (media.source == Source::Data && media.data.starts_with(row.base64)) {
      return row.media_type;
    }
  }
  const std::string_view path = std::string_view(media.data).substr(0, media.data.find('?'));
  for (const ExtensionRow& row : kExtensions) {
    const bool of_url = media.source != Source::Data && path.ends_with(row.extension);
    if (of_url || media.name.ends_with(row.extension)) {
      return row.media_type;
    }
  }
  switch (media.kind) {
    case Kind::Image: return "image/jpeg";
    case Kind::Audio: return "audio/wav";
    case Kind::Video: return "video/mp4";
    case Kind::File: break;
  }
  return media.source == Source::Text ? "text/plain" : "application/pdf";
}

bool is_instruction(const Message& message) noexcept {
  return message.role == Role::System || message.role == Role::Developer;
}

}  // namespace

void ContentEncoder::write_system(const Conversation& conversation) {
  bool any = false;
  for (const Message& message : conversation.messages) {
    for (const Part& part : message.parts) {
      const auto* const text = std::get_if<TextPart>(&part.value);
      if (!is_instruction(message) || text == nullptr || text->text.empty()) {
        continue;
      }
      if (!std::exchange(any, true)) {
        json_.begin_object("systemInstruction");
        json_.begin_array("parts");
      }
      json_.begin_object();
      json_.text("text", text->text);
      json_.end_object();
    }
  }
  if (any) {
    json_.end_array();
    json_.end_object();
  }
}

void ContentEncoder::write_contents(const Conversation& conversation) {
  json_.begin_array("contents");
  for (const Message& message : conversation.messages) {
    if (!is_instruction(message)) {
      write_message(message);
    }
  }
  write_results();
  close();
  json_.end_array();
  if (!any_ && !fault_) {
    fault_.emplace(ErrorKind::InvalidRequest, "invalid_request",
                   "\"messages\" must hold a message with content that is not an instruction.");
  }
}

// Roles alternate; results of tools belong to the user's turn.
void ContentEncoder::open(std::string_view role) {
  if (open_role_ == role) {
    return;
  }
  close();
  open_role_ = role;
  any_ = true;
  called_ = false;
  json_.begin_object();
  json_.text("role", role);
  json_.begin_array("parts");
}

void ContentEncoder::close() {
  if (!open_role_.empty()) {
    json_.end_array();
    json_.end_object();
    open_role_ = {};
  }
}

void ContentEncoder::write_message(const Message& message) {
  if (message.role != Role::Tool) {
    write_results();
  }
  if (message.role == Role::Assistant) {
    note_signatures(message);
  }
  for (const Part& part : message.parts) {
    write_part(part, message.role);
  }
  flush_signature();
}

// Chat clients return a message's thoughts apart from its calls: a signature finds its call
// by the id.
void ContentEncoder::note_signatures(const Message& message) {
  of_calls_.clear();
  for (const Part& part : message.parts) {
    const auto* const call = std::get_if<ToolCallPart>(&part.value);
    if (call == nullptr) {
      continue;
    }
    for (const Part& other : message.parts) {
      const auto* const thought = std::get_if<ReasoningPart>(&other.value);
      if (thought != nullptr && thought->kind == ReasoningPart::Kind::Encrypted &&
          thought->format == kReasoningFormat && !thought->id.empty() && thought->id == call->id) {
        of_calls_.insert_or_assign(thought->id, thought->data);
      }
    }
  }
}

void ContentEncoder::write_part(const Part& part, Role role) {
  const std::string_view word = role == Role::Assistant ? "model" : "user";
  if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
    results_.push_back(result);
    return;
  }
  write_results();
  if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
    write_reasoning(*thought);
    return;
  }
  if (const auto* const native = std::get_if<NativePart>(&part.value)) {
    JsonTree tree;
    if (native->dialect != kName) {
      losses_.drop(Feature::NativeParts);
    } else if (tree.parse(native->json, JsonOrigin::Client) && !tree.root().empty() &&
               !is_candidate_member((*tree.root().begin()).name())) {
      flush_signature();
      open(word);
      json_.raw(native->json);
    }
    return;
  }
  if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
    open(word);
    write_call(*call);
    return;
  }
  const auto* const text = std::get_if<TextPart>(&part.value);
  const auto* const refusal = std::get_if<RefusalPart>(&part.value);
  const auto* const media = std::get_if<MediaPart>(&part.value);
  const bool spoken = media != nullptr && role == Role::Assistant && media->kind == Kind::Audio;
  if (media != nullptr && !spoken) {
    open(word);
    write_media_part(*media);
    return;
  }
  // What was said aloud is a matter of its words.
  const std::string_view said = text != nullptr      ? std::string_view(text->text)
                                : refusal != nullptr ? std::string_view(refusal->text)
                                                     : std::string_view(media->transcript);
  if (!said.empty() || !signature_.empty()) {  // Google refuses empty parts
    open(word);
    write_text(said, false);
  }
}

void ContentEncoder::write_signature() {
  if (!signature_.empty()) {
    json_.text("thoughtSignature", signature_);
    signature_.clear();
  }
}

void ContentEncoder::flush_signature() {
  if (!signature_.empty()) {
    open("model");
    write_text({}, false);
  }
}

void ContentEncoder::write_text(std::string_view text, bool thought) {
  json_.begin_object();
  json_.text("text", text);
  if (thought) {
    json_.flag("thought", true);
  }
  write_signature();
  json_.end_object();
}

// Thoughts of other models mean nothing to Gemini.
void ContentEncoder::write_reasoning(const ReasoningPart& part) {
  if (part.format != kReasoningFormat) {
    losses_.drop(Feature::ReasoningReplay);
    return;
  }
  if (part.kind != ReasoningPart::Kind::Encrypted) {
    if (!part.text.empty() || !signature_.empty()) {
      open("model");
      write_text(part.text, true);
    }
    return;
  }
  if (part.id.empty() || !of_calls_.contains(part.id)) {
    flush_signature();
    signature_ = part.data;
  }
}

void ContentEncoder::write_call(const ToolCallPart& call) {
  if (const auto found = of_calls_.find(call.id); found != of_calls_.end()) {
    flush_signature();
    signature_ = found->second;
  }
  calls_.insert_or_assign(call.id, Call{call.name, next_call_++});
  json_.begin_object();
  json_.begin_object("functionCall");
  if (!is_made_id(call.id)) {
    json_.text_if_any("id", call.id);
  }
  json_.text("name", call.name);
  json_.raw("args", anthropic::input_of(call.arguments));
  json_.end_object();
  if (signature_.empty() && gemini_3_ && !called_) {
    signature_ = kForeignCall;
  }
  called_ = true;
  write_signature();
  json_.end_object();
}

// In the order of their calls: without ids that is what tells them apart.
void ContentEncoder::write_results() {
  if (results_.empty()) {
    return;
  }
  std::multimap<std::uint64_t, const ToolResultPart*> ordered;
  for (const ToolResultPart* const result : results_) {
    const auto call = calls_.find(result->call_id);
    ordered.emplace(call == calls_.end() ? next_call_ : call->second.position, result);
  }
  open("user");
  for (const auto& [position, result] : ordered) {
    write_result(*result);
  }
  results_.clear();
}

void ContentEncoder::write_result(const ToolResultPart& result) {
  std::optional<std::string> text;
  std::vector<const MediaPart*> media;
  for (const Part& part : result.content) {
    if (const auto* const said = std::get_if<TextPart>(&part.value)) {
      text = text.value_or("") + said->text;
    } else if (const auto* const seen = std::get_if<MediaPart>(&part.value)) {
      media.push_back(seen);
    } else {
      losses_.drop(Feature::NativeParts);
    }
  }
  const auto call = calls_.find(result.call_id);
  const std::string_view name = !result.name.empty()   ? std::string_view(result.name)
                                : call == calls_.end() ? std::string_view("tool")
                                                       : std::string_view(call->second.name);
  json_.begin_object();
  json_.begin_object("functionResponse");
  if (!is_made_id(result.call_id)) {
    json_.text_if_any("id", result.call_id);
  }
  json_.text("name", name);
  if (text || result.is_error) {
    write_response(result, text.value_or(""));
  } else {
    json_.raw("response", "{}");
  }
  // "Multimodal function responses", Gemini docs: since Gemini 3.
  if (gemini_3_ && !media.empty()) {
    json_.begin_array("parts");
    for (const MediaPart* const each : media) {
      write_media(*each);
    }
    json_.end_array();
  }
  json_.end_object();
  json_.end_object();
  for (const MediaPart* const each : media) {
    if (!gemini_3_) {
      write_media(*each);
    }
  }
}

// See ContentDecoder::read_response.
void ContentEncoder::write_response(const ToolResultPart& result, std::string_view text) {
  JsonTree tree;
  const bool json = tree.parse(text, JsonOrigin::Upstream) && tree.root().is_object();
  if (json && !result.is_error) {
    json_.raw("response", text);
    return;
  }
  const std::string_view member = result.is_error ? "error" : "output";
  json_.begin_object("response");
  if (json) {
    json_.raw(member, text);
  } else {
    json_.text(member, text);
  }
  json_.end_object();
}

void ContentEncoder::write_media_part(const MediaPart& media) {
  if (media.source == Source::Id && media.data.find("://") == std::string::npos &&
      !media.data.starts_with("files/") && !fault_) {
    fault_.emplace(ErrorKind::InvalidRequest, "invalid_request",
                   "The file \"" + printable(media.data) + "\" is not one that Google keeps.");
  }
  write_media(media);
}

void ContentEncoder::write_media(const MediaPart& media) {
  const bool by_url = media.source == Source::Url || media.source == Source::Id;
  json_.begin_object();
  json_.begin_object(by_url ? "fileData" : "inlineData");
  // A video page has none.
  if (!by_url || !media.media_type.empty() || media.kind != Kind::Video) {
    json_.text("mimeType", media_type_of(media));
  }
  if (by_url) {
    json_.text("fileUri", media.data);
  } else {
    json_.text("data", media.source == Source::Text ? to_base64(media.data) : media.data);
  }
  json_.end_object();
  write_signature();
  json_.end_object();
}

}  // namespace waybill::dialects::gemini
