// A client's stream in OpenAI's Responses dialect.

#include "../escaped.hpp"
#include "../sequencer.hpp"
#include "output_writer.hpp"
#include "response_object.hpp"

namespace waybill::dialects::responses {
namespace {

// Of an answer that is over.
ResponseState state_of(FinishReason finish) {
  ResponseState state{.status = ResponseStatus::Completed};
  if (finish == FinishReason::Length || finish == FinishReason::ContentFilter) {
    state.status = ResponseStatus::Incomplete;
    state.incomplete_reason =
        finish == FinishReason::Length ? "max_output_tokens" : "content_filter";
  }
  return state;
}

std::string_view item_status(const ResponseState& state) noexcept {
  return state.status == ResponseStatus::Completed ? "completed" : "incomplete";
}

constexpr StreamError kGaveUp{.code = 502,
                              .message = "The provider ended the answer with an error.",
                              .error_type = "provider_unavailable"};

class StreamWriter final : public EventWriter {
 public:
  StreamWriter(const ReplyContext& context, std::string& out)
      : out_(out),
        object_(context),
        hide_reasoning_(context.hide_reasoning),
        lines_(&out, context.begun_frames),
        output_(lines_, object_.stem()),
        sequencer_(output_),
        started_(context.begun_frames > 0) {}

  void take(const Event& event) override;
  void end(const ReplyBill& bill) override;
  void fail(const StreamError& error) override;

 private:
  void start();
  void finish(std::string_view type, ResponseState state);
  void write_state(std::string_view type, const ResponseState& state);

  std::string& out_;
  ResponseObject object_;
  bool hide_reasoning_;
  EventLines lines_;
  OutputWriter output_;
  Sequencer sequencer_;
  bool started_;
  bool over_ = false;
  FinishReason finish_ = FinishReason::None;
  std::string service_tier_;  // escaped
};

void StreamWriter::write_state(std::string_view type, const ResponseState& state) {
  std::string members = "\"response\":";
  object_.write(members, state);
  lines_.write(type, members);
}

void StreamWriter::start() {
  if (!started_) {
    started_ = true;
    write_state("response.created", {});
    write_state("response.in_progress", {});
  }
}

void StreamWriter::take(const Event& event) {
  if (event.choice != 0 || over_) {
    return;  // this dialect has one answer
  }
  start();
  if (event.kind == EventKind::Finish) {
    finish_ = event.finish;
  } else if (event.kind == EventKind::ServiceTier) {
    service_tier_ = event.text;
  } else if (event.kind != EventKind::Reasoning || !hide_reasoning_) {
    sequencer_.take(event);
  }
}

void StreamWriter::finish(std::string_view type, ResponseState state) {
  over_ = true;
  state.output = output_.items();
  state.output_text = output_.output_text();
  state.service_tier = service_tier_;
  write_state(type, state);
  out_ += "data: [DONE]\n\n";
}

void StreamWriter::end(const ReplyBill& bill) {
  if (over_) {
    return;
  }
  if (finish_ == FinishReason::Error) {
    fail(kGaveUp);
    return;
  }
  start();
  ResponseState state = state_of(finish_);
  state.bill = &bill;
  output_.close(item_status(state));  // what is open is what was cut, if anything was
  sequencer_.flush();
  output_.close(item_status(state));
  finish(state.status == ResponseStatus::Completed ? "response.completed" : "response.incomplete",
         state);
}

// The official SDKs take response.failed as the end, whatever is open.
void StreamWriter::fail(const StreamError& error) {
  if (over_) {
    return;
  }
  start();
  lines_.mute();
  output_.close("incomplete");
  sequencer_.flush();
  output_.close("incomplete");
  lines_.unmute();
  finish("response.failed", {.status = ResponseStatus::Failed, .error = &error});
}

}  // namespace

std::unique_ptr<EventWriter> make_writer(const ReplyContext& context, std::string& out) {
  return std::make_unique<StreamWriter>(context, out);
}

void encode_response(const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out) {
  const ResponseObject object(context);
  EventLines nowhere(nullptr);
  OutputWriter output(nowhere, object.stem());
  const Choice nothing;
  const Choice& choice = answer.choices.empty() ? nothing : answer.choices.front();
  ResponseState state = state_of(choice.finish);
  // Whole parts come one after the other by themselves.
  Answer first;
  first.choices.push_back(choice);
  if (context.hide_reasoning) {
    std::erase_if(first.choices.front().parts, [](const Part& part) {
      return std::holds_alternative<ReasoningPart>(part.value);
    });
  }
  tell(first, output);
  output.close(item_status(state));
  const std::string tier = escaped(answer.service_tier);
  state.output = output.items();
  state.output_text = output.output_text();
  state.service_tier = tier;
  state.bill = &bill;
  if (choice.finish == FinishReason::Error) {
    state.status = ResponseStatus::Failed;
    state.error = &kGaveUp;
  }
  object.write(out, state);
}

}  // namespace waybill::dialects::responses
