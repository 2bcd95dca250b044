#include "answer_teller.hpp"

#include <algorithm>

#include "../escaped.hpp"

namespace waybill::dialects::responses {
namespace {

std::uint64_t number_of(const JsonRef& event, std::string_view member) {
  return event[member].count().value_or(0);
}

std::string_view part_member(TextKind kind) noexcept {
  return kind == TextKind::Summary ? "summary_index" : "content_index";
}

std::string_view text_member(TextKind kind) noexcept {
  return kind == TextKind::Refusal ? "refusal" : "text";
}

std::uint64_t part_key(TextKind kind, std::uint64_t part) noexcept {
  return (part << 2U) | static_cast<std::uint64_t>(kind);
}

std::string own_id(const JsonRef& id) {
  std::string text = id.text();
  return text.starts_with("rs_tmp_") ? std::string() : text;
}

bool is_call(const JsonRef& item) {
  return item["type"].equals("function_call") || item["type"].equals("custom_tool_call");
}

// A provider gave up, or was stopped.
bool is_failure(const JsonRef& response) {
  const JsonRef status = response["status"];
  return status.equals("failed") || status.equals("cancelled") || response["error"].is_object();
}

}  // namespace

void AnswerTeller::start(const JsonRef& response, EventSink& sink) {
  if (started_ || !response.is_object()) {
    return;
  }
  started_ = true;
  const std::string id = response["id"].text();
  const std::string model = response["model"].text();
  sink.take({.kind = EventKind::Start, .id = id, .model = model});
}

AnswerTeller::Item& AnswerTeller::item_of(const JsonRef& event) {
  Item& item = items_[number_of(event, "output_index")];
  if (item.id.empty() && event["item_id"].is_string()) {
    item.id = own_id(event["item_id"]);
  }
  return item;
}

std::uint32_t AnswerTeller::block_of(std::uint64_t number, std::uint64_t kind, std::uint64_t part) {
  const std::array<std::uint64_t, 3> place{number, kind + 1, part};
  if (place != place_) {
    place_ = place;
    ++block_;
  }
  return block_;
}

void AnswerTeller::add_item(const JsonRef& event, EventSink& sink) {
  const JsonRef json = event["item"];
  Item& item = item_of(event);
  if (json["type"].equals("reasoning")) {
    item.id = own_id(json["id"]);
  } else if (is_call(json)) {
    begin_call(json, item, sink);
  }
}

void AnswerTeller::begin_call(const JsonRef& json, Item& item, EventSink& sink) {
  const std::string name = json["name"].text();
  if (item.call || name.empty()) {
    return;
  }
  item.call = calls_++;
  const JsonRef id = json["call_id"];
  const std::string call_id = id.escaped().empty() ? json["id"].text() : id.text();
  sink.take({.kind = EventKind::ToolCall,
             .index = *item.call,
             .custom = json["type"].equals("custom_tool_call"),
             .id = call_id,
             .name = name});
}

void AnswerTeller::tell_text(std::string_view escaped,
                             TextKind kind,
                             std::uint64_t number,
                             std::uint64_t part,
                             Item& item,
                             EventSink& sink) {
  if (escaped.empty()) {
    return;
  }
  item.told[static_cast<std::size_t>(kind)] = true;
  item.parts.insert(part_key(kind, part));
  Event told{.kind = kind == TextKind::Output    ? EventKind::Text
                     : kind == TextKind::Refusal ? EventKind::Refusal
                                                 : EventKind::Reasoning,
             .index = block_of(number, static_cast<std::uint64_t>(kind), part),
             .text = escaped};
  if (told.kind == EventKind::Reasoning) {
    told.reasoning =
        kind == TextKind::Summary ? ReasoningPart::Kind::Summary : ReasoningPart::Kind::Text;
    told.id = item.id;
    told.name = kReasoningFormat;
  }
  sink.take(told);
}

void AnswerTeller::add_text(const JsonRef& event, TextKind kind, EventSink& sink) {
  Item& item = item_of(event);
  tell_text(event["delta"].escaped(), kind, number_of(event, "output_index"),
            number_of(event, part_member(kind)), item, sink);
  if (kind == TextKind::Output) {
    tell_logprobs(event["logprobs"], item, sink);
  }
}

void AnswerTeller::end_text(const JsonRef& event, TextKind kind, EventSink& sink) {
  Item& item = item_of(event);
  const std::uint64_t part = number_of(event, part_member(kind));
  if (!item.parts.contains(part_key(kind, part))) {
    tell_text(event[text_member(kind)].escaped(), kind, number_of(event, "output_index"), part,
              item, sink);
  }
  if (kind == TextKind::Output && !item.logprobs) {
    tell_logprobs(event["logprobs"], item, sink);
  }
}

void AnswerTeller::end_part(const JsonRef& event, EventSink& sink) {
  Item& item = item_of(event);
  std::size_t& told = item.citations[number_of(event, "content_index")];
  tell_citations(event["part"], told, sink);
  told = std::max(told, event["part"]["annotations"].size());
}

void AnswerTeller::tell_logprobs(const JsonRef& list, Item& item, EventSink& sink) {
  if (!list.is_array() || list.empty()) {
    return;
  }
  item.logprobs = true;
  // As a choice of OpenAI's chat has them; the elements are the same.
  std::string data = R"({"content":)";
  data.append(list.raw()).append(R"(,"refusal":null})");
  sink.take({.kind = EventKind::Logprobs, .data = data});
}

void AnswerTeller::add_arguments(const JsonRef& event, EventSink& sink) {
  Item& item = item_of(event);
  const std::string_view piece = event["delta"].escaped();
  if (item.call && !item.over && !piece.empty()) {
    item.arguments = true;
    sink.take({.kind = EventKind::ToolArguments, .index = *item.call, .text = piece});
  }
}

void AnswerTeller::end_arguments(const JsonRef& arguments, const JsonRef& event, EventSink& sink) {
  tell_arguments(arguments, item_of(event), sink);
}

void AnswerTeller::tell_arguments(const JsonRef& arguments, Item& item, EventSink& sink) {
  if (!item.call || item.arguments || item.over) {
    return;
  }
  // A string; some send the object itself.
  const std::string object = arguments.is_object() ? escaped(arguments.raw()) : std::string();
  const std::string_view text = arguments.is_object() ? object : arguments.escaped();
  if (!text.empty()) {
    item.arguments = true;
    sink.take({.kind = EventKind::ToolArguments, .index = *item.call, .text = text});
  }
}

void AnswerTeller::add_citation(const JsonRef& event, EventSink& sink) {
  if (!event["annotation"].is_object()) {
    return;
  }
  ++item_of(event).citations[number_of(event, "content_index")];
  const Citation citation = read_citation(event["annotation"]);
  sink.take({.kind = EventKind::Citation, .index = block_, .citation = &citation});
}

void AnswerTeller::tell_citations(const JsonRef& part, std::size_t skip, EventSink& sink) {
  for (const JsonRef annotation : part["annotations"]) {
    if (skip > 0) {
      --skip;
    } else if (annotation.is_object()) {
      const Citation citation = read_citation(annotation);
      sink.take({.kind = EventKind::Citation, .index = block_, .citation = &citation});
    }
  }
}

void AnswerTeller::end_item(const JsonRef& event, EventSink& sink) {
  end_item(event["item"], item_of(event), number_of(event, "output_index"), sink);
}

void AnswerTeller::end_item(const JsonRef& json,
                            Item& item,
                            std::uint64_t number,
                            EventSink& sink) {
  if (item.over || !json.is_object()) {
    return;
  }
  const JsonRef type = json["type"];
  if (type.equals("message")) {
    end_message(json, item, number, sink);
  } else if (type.equals("reasoning")) {
    end_reasoning(json, item, number, sink);
  } else if (is_call(json)) {
    end_call(json, item, sink);
  } else {
    sink.take({.kind = EventKind::Native,
               .index = block_of(number, kTextKinds, 0),
               .name = kName,
               .data = json.raw()});
  }
  item.over = true;
}

// Which part is which is not asked: providers number parts in one way while they stream, and
// in another when they are done (Bedrock's content_index is the item's number).
void AnswerTeller::end_message(const JsonRef& json,
                               Item& item,
                               std::uint64_t number,
                               EventSink& sink) {
  const bool text = !item.told[static_cast<std::size_t>(TextKind::Output)];
  const bool refusal = !item.told[static_cast<std::size_t>(TextKind::Refusal)];
  const bool logprobs = !item.logprobs;
  std::size_t cited = 0;
  for (const auto& [part, count] : item.citations) {
    cited += count;
  }
  std::uint64_t part_number = 0;
  for (const JsonRef part : json["content"]) {
    if (text && part["text"].is_string()) {
      tell_text(part["text"].escaped(), TextKind::Output, number, part_number, item, sink);
    } else if (refusal && part["refusal"].is_string()) {
      tell_text(part["refusal"].escaped(), TextKind::Refusal, number, part_number, item, sink);
    }
    tell_citations(part, cited, sink);
    cited -= std::min(cited, part["annotations"].size());
    if (logprobs) {
      tell_logprobs(part["logprobs"], item, sink);
    }
    ++part_number;
  }
}

void AnswerTeller::end_reasoning(const JsonRef& json,
                                 Item& item,
                                 std::uint64_t number,
                                 EventSink& sink) {
  const auto told = item.told;
  std::uint64_t part_number = 0;
  for (const ReasoningPart& part : read_reasoning(json)) {
    const TextKind kind =
        part.kind == ReasoningPart::Kind::Summary ? TextKind::Summary : TextKind::Thoughts;
    Event event{.kind = EventKind::Reasoning,
                .reasoning = part.kind,
                .id = part.id,
                .name = part.format,
                .signature = part.signature,
                .data = part.data};
    std::string text;
    if (part.kind == ReasoningPart::Kind::Encrypted || !told[static_cast<std::size_t>(kind)]) {
      text = escaped(part.text);
      event.text = text;
      event.index = block_of(number, kTextKinds + 1, part_number++);
      sink.take(event);
    } else if (part.format != kReasoningFormat) {
      event.index = block_;  // what the deltas did not say of it
      sink.take(event);
    }
  }
}

void AnswerTeller::end_call(const JsonRef& json, Item& item, EventSink& sink) {
  begin_call(json, item, sink);
  tell_arguments(json["type"].equals("custom_tool_call") ? json["input"] : json["arguments"], item,
                 sink);
  if (item.call) {
    sink.take({.kind = EventKind::ToolCallEnd, .index = *item.call});
  }
}

void AnswerTeller::tell_usage(const JsonRef& response, EventSink& sink) {
  JsonRef usage = response["usage"];
  if (!usage.given() && !quirks_.envelope.empty()) {
    usage = response[quirks_.envelope]["usage"];
  }
  if (!usage.given()) {
    return;
  }
  const ReadUsage reading = read_usage(usage, quirks_);
  sink.take({.kind = EventKind::Usage,
             .usage_fault = reading.fault,
             .usage = reading.usage ? &*reading.usage : nullptr});
}

void AnswerTeller::finish(const JsonRef& response, bool failed, EventSink& sink) {
  start(response, sink);
  if (items_.empty()) {  // nothing was streamed: all is here
    std::uint64_t number = 0;
    for (const JsonRef json : response["output"]) {
      end_item(json, items_[number], number, sink);
      ++number;
    }
  }
  if (!response["service_tier"].escaped().empty()) {
    sink.take({.kind = EventKind::ServiceTier, .text = response["service_tier"].escaped()});
  }
  tell_usage(response, sink);
  if (failed || is_failure(response)) {
    const UpstreamFault fault = read_fault(response["error"]);
    sink.take({.kind = EventKind::Fault, .fault = &fault});
    return;
  }
  std::string word = "completed";
  FinishReason finish = calls_ > 0 ? FinishReason::ToolCalls : FinishReason::Stop;
  const JsonRef reason = response["incomplete_details"]["reason"];
  if (response["status"].equals("incomplete") || reason.is_string()) {
    word = reason.is_string() ? reason.text() : "incomplete";
    finish = word == "content_filter" ? FinishReason::ContentFilter : FinishReason::Length;
  }
  sink.take({.kind = EventKind::Finish, .finish = finish, .name = word});
}

}  // namespace waybill::dialects::responses
