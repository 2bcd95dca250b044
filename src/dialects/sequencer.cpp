#include "sequencer.hpp"

#include <utility>

#include "escaped.hpp"
#include "json_walk.hpp"

namespace waybill::dialects {
namespace {

// Of no block: they may be told at any time.
bool is_of_no_block(EventKind kind) noexcept {
  return kind == EventKind::Start || kind == EventKind::Usage || kind == EventKind::ServiceTier ||
         kind == EventKind::Logprobs || kind == EventKind::Fault;
}

}  // namespace

Sequencer::Kept::Kept(const Event& of)
    : shape(of),
      text(of.text),
      id(of.id),
      name(of.name),
      model(of.model),
      signature(of.signature),
      data(of.data) {
  if (of.citation != nullptr) {
    citation = *of.citation;
  }
  if (of.media != nullptr) {
    media = *of.media;
  }
  if (of.fault != nullptr) {
    fault = *of.fault;
  }
  if (of.usage != nullptr) {
    usage = *of.usage;
  }
}

Event Sequencer::Kept::event() const {
  Event out = shape;
  out.text = text;
  out.id = id;
  out.name = name;
  out.model = model;
  out.signature = signature;
  out.data = data;
  out.citation = shape.citation == nullptr ? nullptr : &citation;
  out.media = shape.media == nullptr ? nullptr : &media;
  out.fault = shape.fault == nullptr ? nullptr : &fault;
  out.usage = shape.usage == nullptr ? nullptr : &usage;
  return out;
}

bool Sequencer::belongs(const Event& event) const noexcept {
  return event.choice == choice_ && event.index == call_ &&
         (event.kind == EventKind::ToolArguments || event.kind == EventKind::ToolCallEnd);
}

bool Sequencer::is_whole() const {
  if (custom_) {
    return true;  // free text: nobody can see its end
  }
  const std::string text = decoded(arguments_);
  JsonWalker walker(text, JsonOrigin::Upstream);
  return walker.begin() && walker.take_value() && walker.finish();
}

void Sequencer::take(const Event& event) {
  if (is_of_no_block(event.kind)) {
    next_.take(event);
  } else if (open_ && belongs(event)) {
    pass(event);
    if (!waiting_.empty()) {
      tell_waiting();
    }
  } else if (open_ && (!waiting_.empty() || !is_whole())) {
    waiting_.emplace_back(event);
  } else {
    close_call();
    pass(event);
  }
}

void Sequencer::pass(const Event& event) {
  if (event.kind == EventKind::ToolCallEnd) {
    close_call();
    return;
  }
  if (event.kind == EventKind::ToolCall) {
    open_ = true;
    choice_ = event.choice;
    call_ = event.index;
    custom_ = event.custom;
    arguments_.clear();
  } else if (event.kind == EventKind::ToolArguments) {
    if (!open_) {
      return;  // of a call that was closed as whole: nothing can be added to it
    }
    arguments_ += event.text;
  }
  next_.take(event);
}

void Sequencer::close_call() {
  if (open_) {
    open_ = false;
    next_.take({.kind = EventKind::ToolCallEnd, .choice = choice_, .index = call_});
  }
}

// What waits is told as far as the call that is open then allows.  Arguments of a call come
// with it, from wherever they stand.
void Sequencer::tell_waiting() {
  if (open_ && !is_whole()) {
    return;
  }
  while (!waiting_.empty()) {
    close_call();
    const Kept first = std::move(waiting_.front());
    waiting_.pop_front();
    pass(first.event());
    if (!open_) {
      continue;
    }
    std::deque<Kept> rest;
    for (Kept& each : waiting_) {
      const Event event = each.event();
      if (open_ && belongs(event)) {
        pass(event);
      } else {
        rest.push_back(std::move(each));
      }
    }
    waiting_ = std::move(rest);
    if (open_ && !is_whole()) {
      return;
    }
  }
}

void Sequencer::flush() {
  while (!waiting_.empty()) {
    close_call();
    tell_waiting();
  }
  close_call();
}

}  // namespace waybill::dialects
