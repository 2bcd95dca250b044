// What a server of Ollama answers, whole and streamed: a whole answer is a stream of one line.

#include <utility>

#include "waybill/base/text.hpp"

#include "../count_reader.hpp"
#include "../escaped.hpp"
#include "ollama.hpp"

namespace waybill::dialects::ollama {
namespace {

// Servers before 0.12 give calls no ids.  An answer's own time makes one that no other
// answer of the conversation has, and the same bytes always give the same.
std::string made_call_id(std::string_view created_at,
                         std::uint32_t number,
                         std::string_view name,
                         std::string_view arguments) {
  std::uint64_t hash = 0xCBF29CE484222325;  // FNV-1a
  const auto mix = [&](std::string_view bytes) {
    for (const char c : bytes) {
      hash = (hash ^ static_cast<std::uint8_t>(c)) * 0x100000001B3;
    }
    hash = (hash ^ 0xFF) * 0x100000001B3;
  };
  mix(created_at);
  mix(std::to_string(number));
  mix(name);
  mix(arguments);
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::string id = "call_";
  for (int i = 0; i < 8; ++i) {
    id += kDigits[hash % kDigits.size()];
    hash /= kDigits.size();
  }
  return id;
}

FinishReason finish_of(std::string_view done_reason, bool called) noexcept {
  if (done_reason == "length") {
    return FinishReason::Length;
  }
  if (done_reason == "content_filter") {  // as our own writer says it: Ollama has no filter
    return FinishReason::ContentFilter;
  }
  return called ? FinishReason::ToolCalls : FinishReason::Stop;
}

UpstreamFault read_fault(const JsonRef& root) {
  UpstreamFault fault;
  const JsonRef error = root["error"];
  // A proxy before Ollama may speak as OpenAI does.
  const JsonRef message = error.is_object() ? error["message"] : error;
  fault.message = printable(message.text(), UpstreamFault::kMaxBytes - 3);
  fault.type = printable(error["type"].text(), 61);
  fault.code = printable(error["code"].text(), 61);
  const auto status = root["status_code"].integer();
  if (status && *status >= 400 && *status <= 599) {
    fault.status = static_cast<int>(*status);
  }
  return fault;
}

class LineReader final : public EventReader {
 public:
  explicit LineReader(Route route) noexcept : route_(route) {}

  bool read(const Frame& frame, EventSink& sink) override {
    if (!tree_.parse(frame.data, JsonOrigin::Upstream) || !tree_.root().is_object()) {
      return false;
    }
    read_line(tree_.root(), sink);
    return true;
  }
  [[nodiscard]] bool ended() const noexcept override { return ended_; }

  void read_line(const JsonRef& root, EventSink& sink);
  void read_end(const JsonRef& root, EventSink& sink);

 private:
  void read_calls(const JsonRef& calls, std::string_view created_at, EventSink& sink);
  void read_logprobs(const JsonRef& logprobs, EventSink& sink);

  Route route_;
  JsonTree tree_;
  std::uint32_t calls_ = 0;
  bool started_ = false;
  bool ended_ = false;
};

void LineReader::read_line(const JsonRef& root, EventSink& sink) {
  if (root["error"].given()) {
    const UpstreamFault fault = read_fault(root);
    ended_ = true;
    sink.take({.kind = EventKind::Fault, .fault = &fault});
    return;
  }
  if (!started_) {
    started_ = true;
    const std::string model = root["model"].text();
    sink.take({.kind = EventKind::Start, .model = model});
  }
  const bool chat = route_ == Route::Chat;
  const JsonRef message = chat ? root["message"] : root;
  const JsonRef thinking = message["thinking"];
  if (!thinking.escaped().empty()) {
    sink.take({.kind = EventKind::Reasoning, .text = thinking.escaped()});
  }
  const JsonRef text = message[chat ? "content" : "response"];
  if (!text.escaped().empty()) {
    sink.take({.kind = EventKind::Text, .text = text.escaped()});
  }
  for (const JsonRef image : message["images"]) {
    if (image.is_string()) {
      const MediaPart media{.data = image.text()};
      sink.take({.kind = EventKind::Image, .media = &media});
    }
  }
  read_calls(message["tool_calls"], root["created_at"].escaped(), sink);
  read_logprobs(root["logprobs"], sink);
  if (root["done"].is_true()) {
    read_end(root, sink);
  }
}

void LineReader::read_calls(const JsonRef& calls, std::string_view created_at, EventSink& sink) {
  for (const JsonRef call : calls) {
    const JsonRef function = call["function"];
    if (!function.is_object()) {
      continue;
    }
    const JsonRef arguments = function["arguments"];
    // An object; imitations send OpenAI's string, which holds one.
    const std::string content = arguments.is_string() ? std::string(arguments.escaped())
                                : arguments.given()   ? escaped(arguments.raw())
                                                      : "{}";
    const std::string name = function["name"].text();
    std::string id = call["id"].text();
    if (id.empty()) {
      id = made_call_id(created_at, calls_, name, content);
    }
    Event event{.kind = EventKind::ToolCall, .index = calls_, .id = id, .name = name};
    sink.take(event);
    sink.take({.kind = EventKind::ToolArguments, .index = calls_, .text = content});
    sink.take({.kind = EventKind::ToolCallEnd, .index = calls_});
    ++calls_;
  }
}

// Their elements are the same as those of OpenAI's `logprobs.content`.
void LineReader::read_logprobs(const JsonRef& logprobs, EventSink& sink) {
  if (logprobs.is_array() && !logprobs.empty()) {
    const std::string data = "{\"content\":" + std::string(logprobs.raw()) + '}';
    sink.take({.kind = EventKind::Logprobs, .data = data});
  }
}

void LineReader::read_end(const JsonRef& root, EventSink& sink) {
  ended_ = true;
  // A count of zero is left out: Go's omitempty, as where all of a prompt was cached.
  Usage usage;
  CountReader counts;
  counts.read(root["prompt_eval_count"], usage.prompt);
  counts.read(root["eval_count"], usage.completion);
  sink.take({.kind = EventKind::Usage,
             .usage_fault = counts.fault(),
             .usage = counts.known() ? &usage : nullptr});
  const std::string reason = root["done_reason"].text();
  sink.take({.kind = EventKind::Finish, .finish = finish_of(reason, calls_ > 0), .name = reason});
}

}  // namespace

std::unique_ptr<EventReader> make_reader(Route route) {
  return std::make_unique<LineReader>(route);
}

Result<Answer> decode_response(Route route,
                               std::string_view body,
                               std::optional<UpstreamFault>& fault) {
  JsonTree tree;
  if (!tree.parse(body, JsonOrigin::Upstream)) {
    return Error(ErrorKind::UpstreamFailed, "upstream_invalid_json",
                 "The provider's answer is not valid JSON.");
  }
  const JsonRef root = tree.root();
  if (!root.is_object()) {
    return Error(ErrorKind::UpstreamFailed, "upstream_not_an_object",
                 "The provider's answer is not a JSON object.");
  }
  const bool answers =
      route == Route::Chat ? root["message"].is_object() : root["response"].is_string();
  if (!answers) {
    fault = read_fault(root);
    return Answer{};
  }
  LineReader reader(route);
  AnswerBuilder builder;
  reader.read_line(root, builder);
  if (!reader.ended()) {
    reader.read_end(root, builder);
  }
  fault = builder.fault();
  return fault ? Answer{} : builder.finish();
}

UpstreamFault decode_error(std::string_view body) {
  JsonTree tree;
  return tree.parse(body, JsonOrigin::Upstream) ? read_fault(tree.root()) : UpstreamFault{};
}

}  // namespace waybill::dialects::ollama
