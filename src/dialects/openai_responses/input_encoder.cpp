#include "input_encoder.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "waybill/base/text.hpp"

namespace waybill::dialects::responses {
namespace {

using Kind = MediaPart::Kind;
using Source = MediaPart::Source;

bool is_spoken(const Part& part) {
  return std::holds_alternative<TextPart>(part.value) ||
         std::holds_alternative<RefusalPart>(part.value) ||
         std::holds_alternative<MediaPart>(part.value);
}

// OpenAI refuses a file without a name, and reads its kind from it.
std::string file_name(const MediaPart& media) {
  if (!media.name.empty()) {
    return media.name;
  }
  const bool text = media.source == Source::Text || media.media_type.starts_with("text/");
  return text ? "document.txt" : "document.pdf";
}

// What becomes one `reasoning` item.
struct Thoughts {
  std::string_view id{};
  std::string_view data{};
  std::vector<const ReasoningPart*> texts{};
};

class InputEncoder {
 public:
  InputEncoder(JsonWriter& json, const ResponsesQuirks& quirks, Losses& losses) noexcept
      : json_(json),
        quirks_(quirks),
        losses_(losses) {}

  void write(const Message& message);

 private:
  using Parts = std::vector<Part>::const_iterator;

  void write_words(Role role, Parts begin, Parts end);
  void write_part(const Part& part, bool output);
  void write_text(const TextPart& text, bool output);
  void write_media(const MediaPart& media, bool output);
  void write_file(const MediaPart& media);
  void write_audio(const MediaPart& media);
  Parts write_thoughts(Parts begin, Parts end);
  void write_reasoning(const Thoughts& thoughts);
  void write_thought_texts(std::string_view member, const Thoughts& thoughts, bool summary);
  [[nodiscard]] bool is_summary(const ReasoningPart& part) const noexcept;
  void write_call(const ToolCallPart& call);
  void write_result(const ToolResultPart& result);
  void write_native(const NativePart& native);

  JsonWriter& json_;
  const ResponsesQuirks& quirks_;
  Losses& losses_;
  std::set<std::string, std::less<>> custom_calls_;
};

// Words that stand together are one item; thoughts, calls and results are items of their own.
void InputEncoder::write(const Message& message) {
  if (message.parts.empty() && message.role != Role::Assistant && message.role != Role::Tool) {
    write_words(message.role, message.parts.end(), message.parts.end());
  }
  for (auto at = message.parts.begin(); at != message.parts.end();) {
    if (is_spoken(*at)) {
      const auto end = std::find_if_not(at, message.parts.end(), is_spoken);
      write_words(message.role, at, end);
      at = end;
    } else if (std::holds_alternative<ReasoningPart>(at->value)) {
      at = write_thoughts(at, message.parts.end());
    } else {
      write_part(*at++, false);
    }
  }
}

// A single text is written as a string: every server takes that, while some demand an id of
// an assistant's message with parts.
void InputEncoder::write_words(Role role, Parts begin, Parts end) {
  const bool assistant = role == Role::Assistant;
  const auto* const only = end - begin == 1 ? std::get_if<TextPart>(&begin->value) : nullptr;
  json_.begin_object();
  json_.text("type", "message");
  json_.text("role", assistant                 ? "assistant"
                     : role == Role::System    ? "system"
                     : role == Role::Developer ? "developer"
                                               : "user");
  if (begin == end || (only != nullptr && only->citations.empty())) {
    json_.text("content", only == nullptr ? std::string_view{} : only->text);
  } else {
    json_.begin_array("content");
    for (; begin != end; ++begin) {
      write_part(*begin, assistant);
    }
    json_.end_array();
  }
  json_.end_object();
}

void InputEncoder::write_part(const Part& part, bool output) {
  if (const auto* const text = std::get_if<TextPart>(&part.value)) {
    write_text(*text, output);
  } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
    if (!output) {  // only a model refuses
      write_text({refusal->text, {}}, false);
      return;
    }
    json_.begin_object();
    json_.text("type", "refusal");
    json_.text("refusal", refusal->text);
    json_.end_object();
  } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
    write_media(*media, output);
  } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
    write_call(*call);
  } else if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
    write_result(*result);
  } else if (const auto* const native = std::get_if<NativePart>(&part.value)) {
    write_native(*native);
  }
}

void InputEncoder::write_text(const TextPart& text, bool output) {
  json_.begin_object();
  json_.text("type", output ? "output_text" : "input_text");
  json_.text("text", text.text);
  if (output) {
    json_.begin_array("annotations");
    for (const Citation& citation : text.citations) {
      if (citation.native_dialect == kName) {
        json_.raw(citation.native_json);
      }
    }
    json_.end_array();
  }
  json_.end_object();
}

void InputEncoder::write_media(const MediaPart& media, bool output) {
  if (output || media.kind == Kind::Video) {
    // Of an assistant's: what it said aloud is known by its words, what it drew is not.
    if (media.kind == Kind::Audio) {
      write_text({media.transcript, {}}, output);
    } else {
      losses_.drop(Feature::ImageOutput);
      write_text({}, output);
    }
    return;
  }
  if (media.kind == Kind::File) {
    write_file(media);
    return;
  }
  if (media.kind == Kind::Audio) {
    write_audio(media);
    return;
  }
  json_.begin_object();
  json_.text("type", "input_image");
  if (media.source == Source::Id) {
    json_.text("file_id", media.data);
  } else if (media.source == Source::Url) {
    json_.text("image_url", media.data);
  } else {
    const std::string_view type =
        media.media_type.empty() ? std::string_view("image/png") : media.media_type;
    json_.text("image_url", "data:" + std::string(type) + ";base64," + media.data);
  }
  json_.text_if_any("detail", media.detail);
  json_.end_object();
}

void InputEncoder::write_file(const MediaPart& media) {
  json_.begin_object();
  json_.text("type", "input_file");
  switch (media.source) {
    case Source::Id: json_.text("file_id", media.data); break;
    case Source::Url:
      json_.text("file_url", media.data);
      json_.text_if_any("filename", media.name);
      break;
    case Source::Text:
      json_.text("filename", file_name(media));
      json_.text("file_data", "data:text/plain;base64," + to_base64(media.data));
      break;
    case Source::Data: {
      const std::string_view type =
          media.media_type.empty() ? std::string_view("application/pdf") : media.media_type;
      json_.text("filename", file_name(media));
      json_.text("file_data", "data:" + std::string(type) + ";base64," + media.data);
      break;
    }
  }
  json_.end_object();
}

void InputEncoder::write_audio(const MediaPart& media) {
  std::string_view format = media.media_type;
  format.remove_prefix(std::min(format.find('/') + 1, format.size()));
  format = format == "mpeg" ? "mp3" : format == "x-wav" || format.empty() ? "wav" : format;
  json_.begin_object();
  json_.text("type", "input_audio");
  json_.begin_object("input_audio");
  json_.text("data", media.data);
  json_.text("format", format);
  json_.end_object();
  json_.end_object();
}

// Parts that came from one item become one again.  Thoughts of other makers' models are left
// out: nobody but them can read the signatures.
InputEncoder::Parts InputEncoder::write_thoughts(Parts begin, Parts end) {
  const auto& first = std::get<ReasoningPart>(begin->value);
  Thoughts thoughts{.id = first.id};
  auto at = begin;
  for (; at != end; ++at) {
    const auto* const part = std::get_if<ReasoningPart>(&at->value);
    const bool encrypted = part != nullptr && part->kind == ReasoningPart::Kind::Encrypted;
    // Without an id, what is encrypted ends its item.
    if (part == nullptr || part->id != first.id || part->format != first.format ||
        (!thoughts.data.empty() && (encrypted || first.id.empty()))) {
      break;
    }
    const bool usable =
        is_own_format(part->format) || (part->format.empty() && part->signature.empty());
    if (!usable || (encrypted ? part->data.empty() : part->text.empty())) {
      losses_.drop(Feature::ReasoningReplay);
    } else if (encrypted) {
      thoughts.data = part->data;
    } else {
      thoughts.texts.push_back(part);
    }
  }
  if (!thoughts.texts.empty() || !thoughts.data.empty()) {
    write_reasoning(thoughts);
  }
  return at;
}

// What nobody knows the maker of is a summary too: that is taken everywhere.
bool InputEncoder::is_summary(const ReasoningPart& part) const noexcept {
  return part.kind == ReasoningPart::Kind::Summary || part.format.empty() ||
         !quirks_.plain_reasoning;
}

void InputEncoder::write_thought_texts(std::string_view member,
                                       const Thoughts& thoughts,
                                       bool summary) {
  json_.begin_array(member);
  for (const ReasoningPart* const part : thoughts.texts) {
    if (is_summary(*part) == summary) {
      json_.begin_object();
      json_.text("type", summary ? "summary_text" : "reasoning_text");
      json_.text("text", part->text);
      json_.end_object();
    }
  }
  json_.end_array();
}

void InputEncoder::write_reasoning(const Thoughts& thoughts) {
  // "Expected an ID that begins with 'rs'", of at most 64 characters; Copilot's are longer.
  // Beside nothing encrypted it would be looked up, and nothing is kept: "Item with id
  // 'rs_...' not found".
  constexpr std::size_t kMostId = 64;
  const bool known =
      !thoughts.data.empty() && thoughts.id.starts_with("rs_") && thoughts.id.size() <= kMostId;
  json_.begin_object();
  json_.text("type", "reasoning");
  if (known) {
    json_.text("id", thoughts.id);
  }
  write_thought_texts("summary", thoughts, true);
  if (!std::ranges::all_of(thoughts.texts, [&](const auto* part) { return is_summary(*part); })) {
    write_thought_texts("content", thoughts, false);
  }
  json_.text_if_any("encrypted_content", thoughts.data);
  json_.end_object();
}

void InputEncoder::write_call(const ToolCallPart& call) {
  if (call.custom) {
    custom_calls_.insert(call.id);
  }
  json_.begin_object();
  json_.text("type", call.custom ? "custom_tool_call" : "function_call");
  json_.text("call_id", call.id);
  json_.text("name", call.name);
  json_.text(call.custom ? "input" : "arguments",
             call.arguments.empty() && !call.custom ? "{}" : std::string_view(call.arguments));
  json_.end_object();
}

void InputEncoder::write_result(const ToolResultPart& result) {
  json_.begin_object();
  json_.text("type", custom_calls_.contains(result.call_id) ? "custom_tool_call_output"
                                                            : "function_call_output");
  json_.text("call_id", result.call_id);
  const auto* const only =
      result.content.size() == 1 ? std::get_if<TextPart>(&result.content.front().value) : nullptr;
  if (result.content.empty() || only != nullptr) {
    json_.text("output", only == nullptr ? std::string_view{} : only->text);
  } else {
    json_.begin_array("output");
    for (const Part& part : result.content) {
      if (is_spoken(part)) {
        write_part(part, false);
      } else {
        losses_.drop(Feature::NativeParts);
      }
    }
    json_.end_array();
  }
  json_.end_object();
}

void InputEncoder::write_native(const NativePart& native) {
  if (native.dialect == kName) {
    json_.raw(native.json);
  } else {
    losses_.drop(Feature::NativeParts);
  }
}

}  // namespace

void write_input(JsonWriter& json,
                 const Conversation& conversation,
                 const ResponsesQuirks& quirks,
                 Losses& losses) {
  InputEncoder encoder(json, quirks, losses);
  json.begin_array("input");
  for (const Message& message : conversation.messages) {
    encoder.write(message);
  }
  json.end_array();
}

}  // namespace waybill::dialects::responses
