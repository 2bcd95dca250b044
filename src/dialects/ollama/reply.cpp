// Answers and errors as Ollama's clients read them.

#include <chrono>
#include <utility>
#include <vector>

#include "waybill/base/text.hpp"
#include "waybill/base/time.hpp"
#include "waybill/dialects/usage.hpp"

#include "../escaped.hpp"
#include "ollama.hpp"

namespace waybill::dialects::ollama {
namespace {

// A line is one JSON value: line ends that stand between tokens of a value of somebody
// else's become blanks.  (Within strings JSON has none.)
std::string in_one_line(std::string json) {
  for (char& c : json) {
    c = c == '\n' || c == '\r' ? ' ' : c;
  }
  return json;
}

std::string_view done_reason_of(FinishReason finish, std::string_view native) noexcept {
  if (native == "load" || native == "unload") {
    return native;
  }
  switch (finish) {
    case FinishReason::Length: return "length";
    case FinishReason::ContentFilter: return "content_filter";
    case FinishReason::Error: return "error";
    case FinishReason::None:
    case FinishReason::Stop:
    case FinishReason::ToolCalls: break;
  }
  return "stop";
}

struct PendingCall {
  std::uint32_t index = 0;
  std::string id;
  std::string name;
  std::string arguments;
};

// What a message holds, in JSON strings' content.
struct MessageContent {
  std::string_view text{};
  std::string_view thinking{};
  std::vector<std::string_view> images{};
  std::vector<PendingCall> calls{};
  std::string_view logprobs{};  // a list
};

// Writes one line, or the whole answer.
class LineWriter {
 public:
  LineWriter(Route route, const ReplyContext& context)
      : route_(route),
        id_(context.id),
        provider_(context.provider) {
    head_ = "{\"model\":";
    append_json_string(head_, context.model);
    head_ += ",\"created_at\":\"";
    head_ += to_rfc3339(WallTime(std::chrono::seconds(context.created)));
    head_ += "\",";
  }

  void write(std::string& out, const MessageContent& content) const {
    begin(out, content);
    out += ",\"done\":false}";
  }

  void write_last(std::string& out,
                  const MessageContent& content,
                  std::string_view done_reason,
                  const ReplyBill& bill) const {
    begin(out, content);
    out += ",\"done\":true,\"done_reason\":";
    append_json_string(out, done_reason);
    out += ",\"total_duration\":0,\"load_duration\":0,\"prompt_eval_count\":";
    out += std::to_string(bill.usage.prompt);
    out += ",\"prompt_eval_duration\":0,\"eval_count\":";
    out += std::to_string(bill.usage.completion);
    out += ",\"eval_duration\":0,\"id\":";
    append_json_string(out, id_);
    out += ",\"provider\":";
    append_json_string(out, provider_);
    out += ",\"usage\":";
    append_usage(out, {}, bill.usage, bill.charge);
    out += '}';
  }

 private:
  void begin(std::string& out, const MessageContent& content) const {
    const bool chat = route_ == Route::Chat;
    out += head_;
    out += chat ? R"("message":{"role":"assistant","content":)" : "\"response\":";
    append_quoted(out, content.text);
    if (!content.thinking.empty()) {
      out += ",\"thinking\":";
      append_quoted(out, content.thinking);
    }
    write_images(out, content.images);
    write_calls(out, content.calls);
    out += chat ? "}" : "";
    if (!content.logprobs.empty()) {
      out += ",\"logprobs\":";
      out += in_one_line(std::string(content.logprobs));
    }
  }

  static void write_images(std::string& out, const std::vector<std::string_view>& images) {
    for (std::size_t i = 0; i < images.size(); ++i) {
      out += i == 0 ? ",\"images\":[" : ",";
      append_json_string(out, images[i]);
    }
    out += images.empty() ? "" : "]";
  }

  static void write_calls(std::string& out, const std::vector<PendingCall>& calls) {
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const PendingCall& call = calls[i];
      out += i == 0 ? ",\"tool_calls\":[{\"id\":" : ",{\"id\":";
      append_json_string(out, call.id);
      out += ",\"function\":{\"index\":";
      out += std::to_string(call.index);
      out += ",\"name\":";
      append_json_string(out, call.name);
      out += ",\"arguments\":";
      out += in_one_line(arguments_object(call.arguments));
      out += "}}";
    }
    out += calls.empty() ? "" : "]";
  }

  Route route_;
  std::string id_;
  std::string provider_;
  std::string head_;
};

// The list in OpenAI's `logprobs`; Ollama's is the same.
std::string logprobs_list(std::string_view logprobs_json) {
  JsonTree tree;
  const bool good = tree.parse(logprobs_json, JsonOrigin::Upstream);
  const JsonRef list = good ? tree.root()["content"] : JsonRef();
  return list.is_array() ? std::string(list.raw()) : std::string();
}

class StreamWriter final : public EventWriter {
 public:
  StreamWriter(Route route, const ReplyContext& context, std::string& out)
      : line_(route, context),
        out_(out) {}

  void take(const Event& event) override;
  void end(const ReplyBill& bill) override;
  void fail(const StreamError& error) override;

 private:
  void line(const MessageContent& content) {
    line_.write(out_, content);
    out_ += '\n';
  }
  void take_call(const Event& event);

  LineWriter line_;
  std::string& out_;
  std::vector<PendingCall> pending_;
  FinishReason finish_ = FinishReason::None;
  std::string native_finish_;
};

void StreamWriter::take(const Event& event) {
  if (event.choice != 0) {
    return;  // there is one choice, and no request for more gets here
  }
  switch (event.kind) {
    case EventKind::Text:
    case EventKind::Refusal:
    case EventKind::Audio:
      if (!event.text.empty()) {
        line({.text = event.text});
      }
      return;
    case EventKind::Reasoning:
      if (!event.text.empty()) {
        line({.thinking = event.text});
      }
      return;
    case EventKind::Image:
      if (event.media->source == MediaPart::Source::Data) {
        line({.images = {event.media->data}});
      }
      return;
    case EventKind::Logprobs:
      if (const std::string list = logprobs_list(event.data); !list.empty()) {
        line({.logprobs = list});
      }
      return;
    case EventKind::ToolCall:
    case EventKind::ToolArguments:
    case EventKind::ToolCallEnd: take_call(event); return;
    case EventKind::Finish:
      finish_ = event.finish;
      native_finish_ = event.name;
      return;
    case EventKind::Start:
    case EventKind::Citation:
    case EventKind::Native:
    case EventKind::Usage:
    case EventKind::ServiceTier:
    case EventKind::Fault: return;
  }
}

// Calls come whole in this dialect.
void StreamWriter::take_call(const Event& event) {
  if (event.kind == EventKind::ToolCall) {
    pending_.push_back({event.index, std::string(event.id), std::string(event.name), {}});
    return;
  }
  for (auto call = pending_.begin(); call != pending_.end(); ++call) {
    if (call->index != event.index) {
      continue;
    }
    if (event.kind == EventKind::ToolArguments) {
      call->arguments += event.text;  // escaped still: an escape may be cut in two
      return;
    }
    PendingCall whole = std::move(*call);
    pending_.erase(call);
    whole.arguments = decoded(whole.arguments);
    line({.calls = {std::move(whole)}});
    return;
  }
}

void StreamWriter::end(const ReplyBill& bill) {
  for (PendingCall& call : pending_) {
    call.arguments = decoded(call.arguments);
    line({.calls = {std::move(call)}});
  }
  pending_.clear();
  line_.write_last(out_, {}, done_reason_of(finish_, native_finish_), bill);
  out_ += '\n';
}

void StreamWriter::fail(const StreamError& error) {
  JsonWriter json(std::move(out_));
  json.begin_object();
  json.text("error", error.message);
  json.number("status_code", static_cast<std::uint64_t>(error.code));
  json.text_if_any("error_type", error.error_type);
  json.text_if_any("provider_code", error.provider_code);
  json.end_object();
  out_ = json.take();
  out_ += '\n';
}

}  // namespace

void encode_response(Route route,
                     const Answer& answer,
                     const ReplyContext& context,
                     const ReplyBill& bill,
                     std::string& out) {
  const Choice nothing;
  const Choice& choice = answer.choices.empty() ? nothing : answer.choices.front();
  std::string text;
  std::string thinking;
  MessageContent content;
  for (const Part& part : choice.parts) {
    if (const auto* const said = std::get_if<TextPart>(&part.value)) {
      append_escaped(text, said->text);
    } else if (const auto* const refused = std::get_if<RefusalPart>(&part.value)) {
      append_escaped(text, refused->text);
    } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      append_escaped(thinking, thought->text);
    } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
      const auto index = static_cast<std::uint32_t>(content.calls.size());
      content.calls.push_back({index, call->id, call->name, call->arguments});
    } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
      append_escaped(text, media->transcript);
      if (media->kind == MediaPart::Kind::Image && media->source == MediaPart::Source::Data) {
        content.images.push_back(media->data);
      }
    }
  }
  const std::string logprobs = logprobs_list(choice.logprobs_json);
  content.text = text;
  content.thinking = thinking;
  content.logprobs = logprobs;
  LineWriter(route, context)
      .write_last(out, content, done_reason_of(choice.finish, choice.native_finish), bill);
}

std::unique_ptr<EventWriter> make_writer(Route route,
                                         const ReplyContext& context,
                                         std::string& out) {
  return std::make_unique<StreamWriter>(route, context, out);
}

void encode_error(const ErrorNote& error, std::string& out) {
  JsonWriter json(std::move(out));
  json.begin_object();
  json.text("error", error.message);
  json.text("code", error.code);
  json.text("error_type", error.error_type);
  json.text_if_any("id", error.id);
  json.end_object();
  out = json.take();
}

}  // namespace waybill::dialects::ollama
