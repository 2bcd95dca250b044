// A provider's stream in OpenAI's chat dialect; a whole answer is a stream of one message.

#include <utility>
#include <vector>

#include "../escaped.hpp"
#include "../json_walk.hpp"
#include "../usage_reader.hpp"
#include "message_parts.hpp"

namespace waybill::dialects::openai_chat {
namespace {

class StreamReader final : public EventReader {
 public:
  explicit StreamReader(const UsageQuirks& quirks) : quirks_(quirks) {}

  bool read(const Frame& frame, EventSink& sink) override;
  void finish(EventSink& sink) override;
  [[nodiscard]] bool ended() const noexcept override { return ended_; }

 private:
  static constexpr std::size_t kMostChoices = 128;

  void tell_start(const JsonRef& chunk, EventSink& sink);
  void tell_choice(const JsonRef& choice, std::size_t position, EventSink& sink);
  void tell_finish(const JsonRef& choice, std::uint32_t index, EventSink& sink);
  void tell_usage(const JsonRef& chunk, EventSink& sink);
  void note_citations(const JsonRef& chunk);

  JsonTree tree_;
  UsageQuirks quirks_;
  std::vector<ChoiceTeller> tellers_;
  std::vector<Citation> citations_;  // beside the choices, as Perplexity has them
  bool started_ = false;
  bool ended_ = false;
};

bool StreamReader::read(const Frame& frame, EventSink& sink) {
  if (frame.data.empty()) {
    return true;
  }
  if (frame.data == "[DONE]") {
    finish(sink);
    ended_ = true;
    return true;
  }
  if (!tree_.parse(frame.data, JsonOrigin::Upstream) || !tree_.root().is_object()) {
    return false;
  }
  const JsonRef chunk = tree_.root();
  tell_start(chunk, sink);
  std::size_t position = 0;
  if (chunk["choices"].is_array()) {
    for (const JsonRef choice : chunk["choices"]) {
      if (choice.is_object() && position < kMostChoices) {
        tell_choice(choice, position++, sink);
      }
    }
  }
  note_citations(chunk);
  tell_usage(chunk, sink);
  const JsonRef error = chunk["error"];
  const bool failed = error.given() && !error.equals("") && !(error.is_object() && error.empty()) &&
                      !error.is(JsonType::False);
  if (failed) {
    const UpstreamFault fault = read_fault(chunk);
    sink.take({.kind = EventKind::Fault, .fault = &fault});
  }
  return true;
}

void StreamReader::tell_start(const JsonRef& chunk, EventSink& sink) {
  if (!started_ && (chunk["id"].is_string() || chunk["model"].is_string())) {
    started_ = true;
    const std::string id = chunk["id"].text();
    const std::string model = chunk["model"].text();
    sink.take({.kind = EventKind::Start, .id = id, .model = model});
  }
  if (chunk["service_tier"].is_string()) {
    sink.take({.kind = EventKind::ServiceTier, .text = chunk["service_tier"].escaped()});
  }
}

void StreamReader::tell_choice(const JsonRef& choice, std::size_t position, EventSink& sink) {
  const auto given = choice["index"].count();
  const auto index = static_cast<std::uint32_t>(given && *given < kMostChoices ? *given : position);
  while (tellers_.size() <= index) {
    tellers_.emplace_back(static_cast<std::uint32_t>(tellers_.size()));
  }
  const JsonRef delta = choice["delta"].is_object() ? choice["delta"] : choice["message"];
  if (delta.is_object()) {
    tellers_[index].tell(delta, sink);
  } else if (choice["text"].is_string() && !choice["text"].escaped().empty()) {
    sink.take({.kind = EventKind::Text, .choice = index, .text = choice["text"].escaped()});
  }
  if (choice["logprobs"].is_object()) {
    sink.take({.kind = EventKind::Logprobs, .choice = index, .data = choice["logprobs"].raw()});
  }
  tell_finish(choice, index, sink);
}

void StreamReader::tell_finish(const JsonRef& choice, std::uint32_t index, EventSink& sink) {
  const JsonRef finish = choice["finish_reason"];
  if (!finish.is_string() || finish.escaped().empty()) {
    return;
  }
  const std::string word = finish.text();
  const JsonRef native_member = choice["native_finish_reason"];
  const std::string native = native_member.is_string() ? native_member.text() : word;
  sink.take(
      {.kind = EventKind::Finish, .choice = index, .finish = finish_of(word), .name = native});
}

void StreamReader::tell_usage(const JsonRef& chunk, EventSink& sink) {
  JsonRef usage = chunk["usage"];
  if (!usage.given() && !quirks_.envelope.empty()) {
    usage = chunk[quirks_.envelope]["usage"];
  }
  if (!usage.given()) {
    return;
  }
  JsonWalker walker(usage.raw(), JsonOrigin::Upstream);
  const UsageReading reading = read_usage(walker, quirks_);
  sink.take({.kind = EventKind::Usage,
             .usage_fault = reading.fault,
             .usage = reading.usage ? &*reading.usage : nullptr});
}

void StreamReader::note_citations(const JsonRef& chunk) {
  const JsonRef results = chunk["search_results"];
  const JsonRef urls = chunk["citations"];
  if (!results.is_array() && !urls.is_array()) {
    return;
  }
  citations_.clear();  // each chunk repeats them all
  for (const JsonRef each : results.is_array() ? results : urls) {
    Citation citation;
    citation.url = each.is_string() ? each.text() : each["url"].text();
    citation.title = each["title"].text();
    citation.text = each["snippet"].text();
    if (!citation.url.empty()) {
      citations_.push_back(std::move(citation));
    }
  }
}

void StreamReader::finish(EventSink& sink) {
  for (const Citation& citation : std::exchange(citations_, {})) {
    sink.take({.kind = EventKind::Citation, .citation = &citation});
  }
}

}  // namespace

std::unique_ptr<EventReader> make_reader(const UsageQuirks& quirks) {
  return std::make_unique<StreamReader>(quirks);
}

}  // namespace waybill::dialects::openai_chat
