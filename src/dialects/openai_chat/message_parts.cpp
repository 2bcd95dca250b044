#include "message_parts.hpp"

#include <algorithm>

#include "../escaped.hpp"

namespace waybill::dialects::openai_chat {
namespace {

constexpr std::size_t kMostCalls = 1'000;

}  // namespace

void ChoiceTeller::tell(const JsonRef& message, EventSink& sink) {
  tell_reasoning(message, sink);
  tell_content(message["content"], sink);
  if (message["refusal"].is_string() && !message["refusal"].escaped().empty()) {
    Event refusal = event(EventKind::Refusal);
    refusal.text = message["refusal"].escaped();
    sink.take(refusal);
  }
  tell_media(message, sink);
  for (const JsonRef annotation : message["annotations"]) {
    if (annotation.is_object()) {
      const Citation citation = read_annotation(annotation);
      Event cited = event(EventKind::Citation);
      cited.citation = &citation;
      sink.take(cited);
    }
  }
  tell_calls(message["tool_calls"], sink);
  // Some servers send every member that there is, empty.
  if (!message["function_call"]["name"].escaped().empty() ||
      !message["function_call"]["arguments"].escaped().empty()) {
    tell_legacy_call(message["function_call"], sink);
  }
}

// A string; or a list of parts, of which Mistral's hold thoughts and references.
void ChoiceTeller::tell_content(const JsonRef& content, EventSink& sink) {
  if (content.is_string()) {
    Event text = event(EventKind::Text);
    text.text = content.escaped();
    if (!text.text.empty()) {
      sink.take(text);
    }
    return;
  }
  if (!content.is_array()) {
    return;
  }
  for (const JsonRef part : content) {
    if (part["type"].equals("thinking")) {
      const JsonRef thinking = part["thinking"];
      Event thought = event(EventKind::Reasoning);
      if (thinking.is_string()) {
        thought.text = thinking.escaped();
        sink.take(thought);
      }
      for (const JsonRef piece : thinking) {
        thought.text = piece["text"].escaped();
        sink.take(thought);
      }
    } else if (part["text"].is_string()) {
      Event text = event(EventKind::Text);
      text.text = part["text"].escaped();
      sink.take(text);
    }
  }
}

// The same thoughts may stand under several names: the form that says most is told.
void ChoiceTeller::tell_reasoning(const JsonRef& message, EventSink& sink) {
  const JsonRef details = message["reasoning_details"];
  if (details.is_array() && !details.empty()) {
    for (const JsonRef detail : details) {
      if (detail.is_object()) {
        tell_detail(detail, sink);
      }
    }
    return;
  }
  for (const std::string_view name : {"reasoning", "reasoning_content", "thinking"}) {
    const JsonRef plain = message[name];
    if (plain.is_string() && !plain.escaped().empty()) {
      Event thought = event(EventKind::Reasoning);
      thought.text = plain.escaped();
      sink.take(thought);
      return;
    }
  }
}

void ChoiceTeller::tell_detail(const JsonRef& detail, EventSink& sink) {
  const ReasoningPart part = read_reasoning_detail(detail);
  Event thought = event(EventKind::Reasoning,
                        static_cast<std::uint32_t>(detail["index"].count().value_or(0) & 0xFFFFU));
  thought.reasoning = part.kind;
  thought.text = detail[part.kind == ReasoningPart::Kind::Summary ? "summary" : "text"].escaped();
  thought.signature = part.signature;
  thought.data = part.data;
  thought.id = part.id;
  thought.name = part.format;
  sink.take(thought);
}

void ChoiceTeller::tell_calls(const JsonRef& calls, EventSink& sink) {
  if (!calls.is_array()) {
    return;
  }
  for (const JsonRef call : calls) {
    if (call.is_object()) {
      tell_call(call, sink);
    }
  }
}

// Which call it is of.  Providers count, or leave the count out (Mistral), or count every
// call as the first (some of the compatible ones): another id is another call.
std::uint32_t ChoiceTeller::call_of(const JsonRef& call, bool& fresh) {
  const auto index = call["index"].integer();
  const std::string id = call["id"].text();
  for (std::size_t i = calls_.size(); i-- > 0;) {
    const bool same_index = index && calls_[i].index == *index;
    const bool same_id = id.empty() || calls_[i].id.empty() || calls_[i].id == id;
    const bool last = !index && i + 1 == calls_.size();
    if ((same_index && same_id) || (!index && !id.empty() && calls_[i].id == id) ||
        (last && id.empty() && !call["function"]["name"].is_string())) {
      calls_[i].id = calls_[i].id.empty() ? id : calls_[i].id;
      fresh = false;
      return static_cast<std::uint32_t>(i);
    }
  }
  fresh = true;
  calls_.push_back({index.value_or(-1), id});
  return static_cast<std::uint32_t>(calls_.size() - 1);
}

void ChoiceTeller::tell_call(const JsonRef& call, EventSink& sink) {
  if (calls_.size() >= kMostCalls) {
    return;
  }
  bool fresh = false;
  const std::uint32_t index = call_of(call, fresh);
  const bool custom = call["custom"].is_object();
  const JsonRef function = call[custom ? "custom" : "function"];
  if (fresh) {
    std::string id = call["id"].text();
    if (id.empty()) {
      id = "call_" + std::to_string(choice_) + "_" + std::to_string(index);
    }
    const std::string name = function["name"].text();
    Event begin = event(EventKind::ToolCall, index);
    begin.custom = custom;
    begin.id = id;
    begin.name = name;
    sink.take(begin);
  }
  const JsonRef arguments = function[custom ? "input" : "arguments"];
  Event more = event(EventKind::ToolArguments, index);
  std::string text;
  if (arguments.is_object()) {  // some send the object itself
    append_escaped(text, arguments.raw());
    more.text = text;
  } else {
    more.text = arguments.escaped();
  }
  if (!more.text.empty()) {
    sink.take(more);
  }
}

void ChoiceTeller::tell_legacy_call(const JsonRef& call, EventSink& sink) {
  if (calls_.empty()) {
    calls_.push_back({0, {}});
    const std::string name = call["name"].text();
    const std::string id = "call_" + name;
    Event begin = event(EventKind::ToolCall);
    begin.id = id;
    begin.name = name;
    sink.take(begin);
  }
  Event more = event(EventKind::ToolArguments);
  more.text = call["arguments"].escaped();
  if (!more.text.empty()) {
    sink.take(more);
  }
}

void ChoiceTeller::tell_media(const JsonRef& message, EventSink& sink) {
  const JsonRef audio = message["audio"];
  if (audio.is_object()) {
    const std::string data = audio["data"].text();
    const std::string id = audio["id"].text();
    Event sound = event(EventKind::Audio);
    sound.data = data;
    sound.id = id;
    sound.text = audio["transcript"].escaped();
    if (!data.empty() || !id.empty() || !sound.text.empty()) {
      sink.take(sound);
    }
  }
  for (const JsonRef image : message["images"]) {
    const std::string url = image["image_url"]["url"].text();
    MediaPart media{.kind = MediaPart::Kind::Image};
    const std::size_t comma = url.find(";base64,");
    if (url.starts_with("data:") && comma != std::string::npos) {
      media.media_type = url.substr(5, comma - 5);
      media.data = url.substr(comma + 8);
    } else {
      media.source = MediaPart::Source::Url;
      media.data = url;
    }
    Event picture = event(EventKind::Image);
    picture.media = &media;
    sink.take(picture);
  }
}

}  // namespace waybill::dialects::openai_chat
