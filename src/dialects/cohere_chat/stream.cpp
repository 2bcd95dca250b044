// Answers as they are streamed.

#include <algorithm>
#include <vector>

#include "cohere_chat.hpp"

namespace waybill::dialects::cohere {
namespace {

class ChatReader final : public EventReader {
 public:
  bool read(const Frame& frame, EventSink& sink) override;
  [[nodiscard]] bool ended() const noexcept override { return ended_; }

 private:
  void read_event(const JsonRef& root, EventSink& sink);
  static void read_content(const JsonRef& root, EventSink& sink);
  void read_call(const JsonRef& root, bool begins, EventSink& sink);
  void read_call_end(const JsonRef& root, EventSink& sink) const;
  static void read_citations(const JsonRef& citations, EventSink& sink);
  void read_end(const JsonRef& delta, EventSink& sink);
  [[nodiscard]] std::uint32_t find_call(const JsonRef& root) const;

  JsonTree tree_;
  std::vector<std::uint64_t> calls_;  // the provider's numbers of them
  bool ended_ = false;
};

bool ChatReader::read(const Frame& frame, EventSink& sink) {
  if (frame.data == "[DONE]") {
    ended_ = true;
    return true;
  }
  if (!tree_.parse(frame.data, JsonOrigin::Upstream) || !tree_.root().is_object()) {
    return false;
  }
  read_event(tree_.root(), sink);
  return true;
}

void ChatReader::read_event(const JsonRef& root, EventSink& sink) {
  const JsonRef type = root["type"];
  const JsonRef message = root["delta"]["message"];
  if (type.equals("message-start")) {
    const std::string id = root["id"].text();
    sink.take({.kind = EventKind::Start, .id = id});
  } else if (type.equals("content-start") || type.equals("content-delta")) {
    read_content(root, sink);
  } else if (type.equals("tool-plan-delta")) {
    const JsonRef plan = message["tool_plan"];
    if (!plan.escaped().empty()) {
      sink.take({.kind = EventKind::Reasoning, .text = plan.escaped(), .id = kPlanId});
    }
  } else if (type.equals("tool-call-start")) {
    read_call(root, true, sink);
  } else if (type.equals("tool-call-delta")) {
    read_call(root, false, sink);
  } else if (type.equals("tool-call-end")) {
    read_call_end(root, sink);
  } else if (type.equals("citation-start")) {
    read_citations(message["citations"], sink);
  } else if (type.equals("message-end")) {
    read_end(root["delta"], sink);
  } else if (!type.is_string() && (root["message"].is_string() || root["error"].given())) {
    const UpstreamFault fault = read_fault(root);
    ended_ = true;
    sink.take({.kind = EventKind::Fault, .fault = &fault});
  }
}

// A block's number; 0 is the plan's, which has none of its own.
std::uint32_t block_of(const JsonRef& root) noexcept {
  return static_cast<std::uint32_t>(
             std::min<std::uint64_t>(root["index"].count().value_or(0), 1'000'000)) +
         1;
}

void ChatReader::read_content(const JsonRef& root, EventSink& sink) {
  const JsonRef content = root["delta"]["message"]["content"];
  const JsonRef thinking = content["thinking"];
  if (!thinking.escaped().empty()) {
    sink.take({.kind = EventKind::Reasoning, .index = block_of(root), .text = thinking.escaped()});
  }
  const JsonRef text = content["text"];
  if (!text.escaped().empty()) {
    sink.take({.kind = EventKind::Text, .index = block_of(root), .text = text.escaped()});
  }
  if (const std::string item = logprobs_item(root["logprobs"]); !item.empty()) {
    const std::string data = "{\"content\":[" + item + "]}";
    sink.take({.kind = EventKind::Logprobs, .data = data});
  }
}

// The call that an event is about, by the provider's number; calls_.size() for none.
std::uint32_t ChatReader::find_call(const JsonRef& root) const {
  const std::uint64_t number = root["index"].count().value_or(0);
  return static_cast<std::uint32_t>(std::ranges::find(calls_, number) - calls_.begin());
}

void ChatReader::read_call(const JsonRef& root, bool begins, EventSink& sink) {
  const JsonRef call = root["delta"]["message"]["tool_calls"];
  const JsonRef function = call["function"];
  std::uint32_t index = find_call(root);
  if (begins && index == calls_.size()) {
    calls_.push_back(root["index"].count().value_or(0));
    const std::string id = call["id"].text();
    const std::string name = function["name"].text();
    sink.take({.kind = EventKind::ToolCall, .index = index, .id = id, .name = name});
  }
  const JsonRef arguments = function["arguments"];
  if (index < calls_.size() && !arguments.escaped().empty()) {
    sink.take({.kind = EventKind::ToolArguments, .index = index, .text = arguments.escaped()});
  }
}

void ChatReader::read_call_end(const JsonRef& root, EventSink& sink) const {
  const std::uint32_t index = find_call(root);
  if (index < calls_.size()) {
    sink.take({.kind = EventKind::ToolCallEnd, .index = index});
  }
}

// One citation, though the member's name is of several.
void ChatReader::read_citations(const JsonRef& citations, EventSink& sink) {
  const auto tell_one = [&](const JsonRef& one) {
    if (one.is_object() && is_of_text(one)) {
      const Citation citation = read_citation(one);
      sink.take({.kind = EventKind::Citation, .citation = &citation});
    }
  };
  if (citations.is_array()) {
    for (const JsonRef each : citations) {
      tell_one(each);
    }
  } else {
    tell_one(citations);
  }
}

void ChatReader::read_end(const JsonRef& delta, EventSink& sink) {
  ended_ = true;
  std::optional<Usage> usage;
  const UsageFault usage_fault = read_usage(delta["usage"], usage);
  sink.take(
      {.kind = EventKind::Usage, .usage_fault = usage_fault, .usage = usage ? &*usage : nullptr});
  if (const auto fault = read_failure(delta)) {
    sink.take({.kind = EventKind::Fault, .fault = &*fault});
    return;
  }
  const std::string reason = delta["finish_reason"].text();
  sink.take({.kind = EventKind::Finish, .finish = finish_of(reason), .name = reason});
}

}  // namespace

std::unique_ptr<EventReader> make_reader(const UsageQuirks&) {
  return std::make_unique<ChatReader>();
}

}  // namespace waybill::dialects::cohere
