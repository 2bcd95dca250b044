// A provider's stream in OpenAI's Responses dialect.

#include <algorithm>
#include <array>

#include "answer_teller.hpp"

namespace waybill::dialects::responses {
namespace {

enum class StreamStep : std::uint8_t {
  Other,
  TextDelta,
  TextDone,
  RefusalDelta,
  RefusalDone,
  SummaryDelta,
  SummaryDone,
  ThoughtsDelta,
  ThoughtsDone,
  ArgumentsDelta,
  ArgumentsDone,
  InputDone,
  Annotation,
  ItemAdded,
  ItemDone,
  PartDone,
  Created,
  Finished,
  Failed,
  Error,
};

// "Streaming events", OpenAI docs; the most frequent first.
constexpr std::array<std::pair<std::string_view, StreamStep>, 24> kSteps{{
    {"response.output_text.delta", StreamStep::TextDelta},
    {"response.function_call_arguments.delta", StreamStep::ArgumentsDelta},
    {"response.reasoning_summary_text.delta", StreamStep::SummaryDelta},
    {"response.reasoning_text.delta", StreamStep::ThoughtsDelta},
    {"response.custom_tool_call_input.delta", StreamStep::ArgumentsDelta},
    {"response.refusal.delta", StreamStep::RefusalDelta},
    {"response.output_item.added", StreamStep::ItemAdded},
    {"response.output_item.done", StreamStep::ItemDone},
    {"response.output_text.done", StreamStep::TextDone},
    {"response.content_part.done", StreamStep::PartDone},
    {"response.function_call_arguments.done", StreamStep::ArgumentsDone},
    {"response.custom_tool_call_input.done", StreamStep::InputDone},
    {"response.reasoning_summary_text.done", StreamStep::SummaryDone},
    {"response.reasoning_text.done", StreamStep::ThoughtsDone},
    {"response.refusal.done", StreamStep::RefusalDone},
    {"response.output_text.annotation.added", StreamStep::Annotation},
    {"response.created", StreamStep::Created},
    {"response.in_progress", StreamStep::Created},
    {"response.completed", StreamStep::Finished},
    {"response.incomplete", StreamStep::Finished},
    {"response.failed", StreamStep::Failed},
    {"response.cancelled", StreamStep::Failed},
    {"error", StreamStep::Error},
    {"response.error", StreamStep::Error},
}};

class StreamReader final : public EventReader {
 public:
  explicit StreamReader(const UsageQuirks& quirks) noexcept : teller_(quirks) {}

  bool read(const Frame& frame, EventSink& sink) override;
  [[nodiscard]] bool ended() const noexcept override { return ended_; }

 private:
  static StreamStep step_of(const JsonRef& event, const Frame& frame);
  void tell(const JsonRef& event, StreamStep step, EventSink& sink);
  void tell_fault(const JsonRef& event, EventSink& sink);

  JsonTree tree_;
  AnswerTeller teller_;
  bool ended_ = false;
};

bool StreamReader::read(const Frame& frame, EventSink& sink) {
  if (frame.data == "[DONE]") {
    ended_ = true;
    return true;
  }
  if (!tree_.parse(frame.data, JsonOrigin::Upstream) || !tree_.root().is_object()) {
    return false;
  }
  tell(tree_.root(), step_of(tree_.root(), frame), sink);
  return true;
}

// The type is in the data; the event's name repeats it, or is not there.
StreamStep StreamReader::step_of(const JsonRef& event, const Frame& frame) {
  const JsonRef type = event["type"];
  const auto* const row = std::ranges::find_if(kSteps, [&](const auto& each) {
    return type.is_string() ? type.equals(each.first) : frame.name == each.first;
  });
  if (row != kSteps.end()) {
    return row->second;
  }
  // As gateways report what went wrong in front of the provider.
  return event["error"].is_object() ? StreamStep::Error : StreamStep::Other;
}

void StreamReader::tell(const JsonRef& event, StreamStep step, EventSink& sink) {
  switch (step) {
    case StreamStep::TextDelta: teller_.add_text(event, TextKind::Output, sink); break;
    case StreamStep::TextDone: teller_.end_text(event, TextKind::Output, sink); break;
    case StreamStep::RefusalDelta: teller_.add_text(event, TextKind::Refusal, sink); break;
    case StreamStep::RefusalDone: teller_.end_text(event, TextKind::Refusal, sink); break;
    case StreamStep::SummaryDelta: teller_.add_text(event, TextKind::Summary, sink); break;
    case StreamStep::SummaryDone: teller_.end_text(event, TextKind::Summary, sink); break;
    case StreamStep::ThoughtsDelta: teller_.add_text(event, TextKind::Thoughts, sink); break;
    case StreamStep::ThoughtsDone: teller_.end_text(event, TextKind::Thoughts, sink); break;
    case StreamStep::ArgumentsDelta: teller_.add_arguments(event, sink); break;
    case StreamStep::ArgumentsDone: teller_.end_arguments(event["arguments"], event, sink); break;
    case StreamStep::InputDone: teller_.end_arguments(event["input"], event, sink); break;
    case StreamStep::Annotation: teller_.add_citation(event, sink); break;
    case StreamStep::ItemAdded: teller_.add_item(event, sink); break;
    case StreamStep::ItemDone: teller_.end_item(event, sink); break;
    case StreamStep::PartDone: teller_.end_part(event, sink); break;
    case StreamStep::Created: teller_.start(event["response"], sink); break;
    case StreamStep::Finished:
    case StreamStep::Failed:
      ended_ = true;
      teller_.finish(event["response"], step == StreamStep::Failed, sink);
      break;
    case StreamStep::Error: tell_fault(event, sink); break;
    case StreamStep::Other: break;
  }
}

// {"type":"error","code":...,"message":...}, or the same in an object `error`.
void StreamReader::tell_fault(const JsonRef& event, EventSink& sink) {
  ended_ = true;
  const JsonRef inner = event["error"];
  UpstreamFault fault = read_fault(inner.given() ? inner : event);
  if (fault.type == "error") {
    fault.type.clear();  // the event's
  }
  sink.take({.kind = EventKind::Fault, .fault = &fault});
}

}  // namespace

std::unique_ptr<EventReader> make_reader(const UsageQuirks& quirks) {
  return std::make_unique<StreamReader>(quirks);
}

}  // namespace waybill::dialects::responses
