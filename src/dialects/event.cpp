#include "waybill/dialects/event.hpp"

#include <utility>

#include "waybill/base/text.hpp"

#include "escaped.hpp"
#include "json_tree.hpp"

namespace waybill::dialects {

std::string_view name(FinishReason reason) noexcept {
  switch (reason) {
    case FinishReason::None: return "";
    case FinishReason::Stop: return "stop";
    case FinishReason::Length: return "length";
    case FinishReason::ToolCalls: return "tool_calls";
    case FinishReason::ContentFilter: return "content_filter";
    case FinishReason::Error: return "error";
  }
  return "";
}

bool is_content(const Event& event) noexcept {
  switch (event.kind) {
    case EventKind::Text:
    case EventKind::Refusal: return !event.text.empty();
    case EventKind::Reasoning: return !event.text.empty() || !event.data.empty();
    case EventKind::ToolCall:
    case EventKind::ToolArguments:
    case EventKind::Image:
    case EventKind::Audio:
    case EventKind::Native:
    case EventKind::Finish: return true;
    case EventKind::Start:
    case EventKind::ToolCallEnd:
    case EventKind::Citation:
    case EventKind::Logprobs:
    case EventKind::Usage:
    case EventKind::ServiceTier:
    case EventKind::Fault: return false;
  }
  return false;
}

std::uint64_t output_bytes(const Event& event) noexcept {
  switch (event.kind) {
    case EventKind::Text:
    case EventKind::Refusal:
    case EventKind::Reasoning:
    case EventKind::ToolArguments: return decoded_size(event.text);
    case EventKind::ToolCall: return event.name.size();
    default: return 0;
  }
}

Choice& AnswerBuilder::choice_of(const Event& event) {
  while (answer_.choices.size() <= event.choice) {
    answer_.choices.emplace_back();
    open_.emplace_back();
  }
  return answer_.choices[event.choice];
}

void AnswerBuilder::take(const Event& event) {
  switch (event.kind) {
    case EventKind::Start:
      answer_.id = event.id.empty() ? answer_.id : std::string(event.id);
      answer_.model = event.model.empty() ? answer_.model : std::string(event.model);
      return;
    case EventKind::Usage:
      answer_.usage = event.usage == nullptr ? std::nullopt : std::optional(*event.usage);
      answer_.usage_fault = event.usage_fault;
      return;
    case EventKind::ServiceTier: answer_.service_tier = decoded(event.text); return;
    case EventKind::Fault: fault_ = *event.fault; return;
    case EventKind::Finish: {
      Choice& choice = choice_of(event);
      choice.finish = event.finish;
      choice.native_finish = event.name;
      choice.stop_sequence = decoded(event.text);
      return;
    }
    case EventKind::Logprobs: add_logprobs(choice_of(event), event); return;
    default: add_part(choice_of(event), event);
  }
}

// Adds to the part that is open, or begins another.
void AnswerBuilder::add_part(Choice& choice, const Event& event) {
  OpenBlock& open = open_[event.choice];
  std::vector<Part>& parts = choice.parts;
  const bool goes_on = open.block == event.index && !parts.empty();
  switch (event.kind) {
    case EventKind::Text: {
      if (!goes_on || !std::holds_alternative<TextPart>(parts.back().value)) {
        parts.push_back({TextPart{}});
      }
      append_decoded(std::get<TextPart>(parts.back().value).text, event.text);
      break;
    }
    case EventKind::Refusal: {
      if (parts.empty() || !std::holds_alternative<RefusalPart>(parts.back().value)) {
        parts.push_back({RefusalPart{}});
      }
      append_decoded(std::get<RefusalPart>(parts.back().value).text, event.text);
      break;
    }
    case EventKind::Reasoning: add_reasoning(parts, event, goes_on); break;
    case EventKind::ToolCall:
      open.calls.resize(std::max<std::size_t>(open.calls.size(), event.index + 1));
      open.calls[event.index] = parts.size();
      parts.push_back(
          {ToolCallPart{std::string(event.id), std::string(event.name), {}, event.custom}});
      open.block.reset();
      return;
    case EventKind::ToolArguments:
      if (event.index < open.calls.size()) {
        auto& call = std::get<ToolCallPart>(parts[open.calls[event.index]].value);
        append_decoded(call.arguments, event.text);
      }
      return;
    case EventKind::Citation:
      if (!parts.empty() && std::holds_alternative<TextPart>(parts.back().value)) {
        std::get<TextPart>(parts.back().value).citations.push_back(*event.citation);
      }
      return;
    case EventKind::Image: parts.push_back({*event.media}); break;
    case EventKind::Audio: {
      if (parts.empty() || !std::holds_alternative<MediaPart>(parts.back().value)) {
        parts.push_back({MediaPart{.kind = MediaPart::Kind::Audio}});
      }
      auto& media = std::get<MediaPart>(parts.back().value);
      media.data += event.data;
      media.id = event.id.empty() ? media.id : std::string(event.id);
      append_decoded(media.transcript, event.text);
      break;
    }
    case EventKind::Native:
      parts.push_back({NativePart{std::string(event.name), std::string(event.data), {}}});
      break;
    default: return;
  }
  open.block = event.index;
}

void AnswerBuilder::add_reasoning(std::vector<Part>& parts, const Event& event, bool goes_on) {
  auto* part = goes_on ? std::get_if<ReasoningPart>(&parts.back().value) : nullptr;
  if (part == nullptr || part->kind != event.reasoning) {
    parts.push_back({ReasoningPart{.kind = event.reasoning}});
    part = &std::get<ReasoningPart>(parts.back().value);
  }
  append_decoded(part->text, event.text);
  part->signature += event.signature;
  part->data += event.data;
  part->id = event.id.empty() ? part->id : std::string(event.id);
  part->format = event.name.empty() ? part->format : std::string(event.name);
}

// A stream tells them token by token.
void AnswerBuilder::add_logprobs(Choice& choice, const Event& event) {
  OpenBlock& open = open_[event.choice];
  JsonTree tree;
  if (!tree.parse(event.data, JsonOrigin::Upstream)) {
    return;
  }
  const auto add = [](std::string& list, const JsonRef& tokens) {
    for (const JsonRef token : tokens) {
      list.append(list.empty() ? "" : ",").append(token.raw());
    }
  };
  add(open.token_logprobs, tree.root()["content"]);
  add(open.refusal_logprobs, tree.root()["refusal"]);
  if (++open.logprobs == 1) {
    choice.logprobs_json = event.data;
  }
}

Answer AnswerBuilder::finish() {
  const auto list = [](const std::string& tokens) {
    return tokens.empty() ? std::string("null") : "[" + tokens + "]";
  };
  for (std::size_t i = 0; i < open_.size(); ++i) {
    const OpenBlock& open = open_[i];
    if (open.logprobs > 1) {
      answer_.choices[i].logprobs_json = "{\"content\":" + list(open.token_logprobs) +
                                         ",\"refusal\":" + list(open.refusal_logprobs) + "}";
    }
  }
  open_.clear();
  return std::exchange(answer_, {});
}

namespace {

// Tells the parts of one choice; numbers blocks and calls as it goes.
class PartTeller {
 public:
  PartTeller(EventSink& sink, std::uint32_t choice) noexcept : sink_(sink), choice_(choice) {}

  void operator()(const TextPart& part) {
    Event event = next(EventKind::Text);
    event.text = escape(part.text);
    sink_.take(event);
    for (const Citation& citation : part.citations) {
      Event cited = event;
      cited.kind = EventKind::Citation;
      cited.citation = &citation;
      sink_.take(cited);
    }
  }
  void operator()(const RefusalPart& part) {
    Event event = next(EventKind::Refusal);
    event.text = escape(part.text);
    sink_.take(event);
  }
  void operator()(const ReasoningPart& part) {
    Event event = next(EventKind::Reasoning);
    event.reasoning = part.kind;
    event.text = escape(part.text);
    event.signature = part.signature;
    event.data = part.data;
    event.id = part.id;
    event.name = part.format;
    sink_.take(event);
  }
  void operator()(const MediaPart& part) {
    const bool audio = part.kind == MediaPart::Kind::Audio;
    Event event = next(audio ? EventKind::Audio : EventKind::Image);
    event.media = &part;
    event.data = audio ? std::string_view(part.data) : std::string_view{};
    event.text = audio ? escape(part.transcript) : std::string_view{};
    event.id = part.id;
    sink_.take(event);
  }
  void operator()(const ToolCallPart& part) {
    Event event{.kind = EventKind::ToolCall, .choice = choice_, .index = calls_++};
    event.custom = part.custom;
    event.id = part.id;
    event.name = part.name;
    sink_.take(event);
    event.kind = EventKind::ToolArguments;
    event.text = escape(part.arguments);
    if (!event.text.empty()) {
      sink_.take(event);
    }
    event.kind = EventKind::ToolCallEnd;
    event.text = {};
    sink_.take(event);
  }
  void operator()(const ToolResultPart&) {}  // a client's, never a model's
  void operator()(const NativePart& part) {
    Event event = next(EventKind::Native);
    event.name = part.dialect;
    event.data = part.json;
    sink_.take(event);
  }

 private:
  Event next(EventKind kind) noexcept {
    return {.kind = kind, .choice = choice_, .index = blocks_++};
  }
  std::string_view escape(std::string_view text) {
    escaped_.clear();
    append_escaped(escaped_, text);
    return escaped_;
  }

  EventSink& sink_;
  std::uint32_t choice_;
  std::uint32_t blocks_ = 0;
  std::uint32_t calls_ = 0;
  std::string escaped_;
};

}  // namespace

void tell(const Answer& answer, EventSink& sink) {
  sink.take({.kind = EventKind::Start, .id = answer.id, .model = answer.model});
  for (std::uint32_t i = 0; i < answer.choices.size(); ++i) {
    const Choice& choice = answer.choices[i];
    PartTeller teller(sink, i);
    for (const Part& part : choice.parts) {
      std::visit(teller, part.value);
    }
    if (!choice.logprobs_json.empty()) {
      sink.take({.kind = EventKind::Logprobs, .choice = i, .data = choice.logprobs_json});
    }
    if (choice.finish != FinishReason::None) {
      std::string stop;
      append_escaped(stop, choice.stop_sequence);
      sink.take({.kind = EventKind::Finish,
                 .choice = i,
                 .finish = choice.finish,
                 .text = stop,
                 .name = choice.native_finish});
    }
  }
  if (!answer.service_tier.empty()) {
    std::string tier;
    append_escaped(tier, answer.service_tier);
    sink.take({.kind = EventKind::ServiceTier, .text = tier});
  }
  if (answer.usage || answer.usage_fault != UsageFault::Missing) {
    sink.take({.kind = EventKind::Usage,
               .usage_fault = answer.usage_fault,
               .usage = answer.usage ? &*answer.usage : nullptr});
  }
}

}  // namespace waybill::dialects
