#include "answer_reader.hpp"

#include <array>
#include <utility>

#include "../escaped.hpp"
#include "citations.hpp"
#include "gemini.hpp"

namespace waybill::dialects::gemini {
namespace {

constexpr std::array<std::string_view, 3> kMetadata{"groundingMetadata", "citationMetadata",
                                                    "urlContextMetadata"};

}  // namespace

void AnswerReader::read(const JsonRef& response, EventSink& sink) {
  if (!std::exchange(started_, true)) {
    response_id_ = response["responseId"].text();
    const std::string model = response["modelVersion"].text();
    sink.take({.kind = EventKind::Start, .id = response_id_, .model = model});
  }
  std::uint64_t position = 0;
  for (const JsonRef candidate : response["candidates"]) {
    const std::uint64_t index = candidate["index"].count().value_or(position++);
    if (candidate.is_object() && index < kMostCandidates) {
      answered_ = true;
      read_candidate(candidate, static_cast<std::uint32_t>(index), sink);
    }
  }
  // "If set, the prompt was blocked and no candidates are returned."
  const JsonRef blocked = response["promptFeedback"]["blockReason"];
  if (blocked.is_string() && candidates_.empty()) {
    answered_ = true;
    finished_ = true;
    candidates_.emplace_back().closed = true;
    const std::string word = blocked.text();
    sink.take({.kind = EventKind::Finish, .finish = FinishReason::ContentFilter, .name = word});
  }
  read_counts(response["usageMetadata"], sink);
}

void AnswerReader::read_counts(const JsonRef& metadata, EventSink& sink) {
  const ReadUsage counts = read_usage(metadata);
  if (counts.fault != UsageFault::Missing) {
    sink.take({.kind = EventKind::Usage,
               .so_far = !finished_,
               .usage_fault = counts.fault,
               .usage = &counts.usage});
  }
  const std::string_view tier = service_tier_of(metadata);
  if (!tier.empty() && tier != tier_) {
    tier_ = tier;
    sink.take({.kind = EventKind::ServiceTier, .text = tier});
  }
}

void AnswerReader::read_candidate(const JsonRef& candidate, std::uint32_t choice, EventSink& sink) {
  if (candidates_.size() <= choice) {
    candidates_.resize(choice + 1);
  }
  if (candidates_[choice].closed) {
    return;
  }
  bool first = true;
  for (const JsonRef part : candidate["content"]["parts"]) {
    if (part.is_object()) {
      read_part(part, choice, first, sink);
      first = false;
    }
  }
  for (std::size_t i = 0; i < kMetadata.size(); ++i) {
    const JsonRef metadata = candidate[kMetadata[i]];
    if (metadata.is_object() && !metadata.empty()) {
      candidates_[choice].metadata[i] = metadata.raw();
    }
  }
  const std::string logprobs = read_logprobs(candidate["logprobsResult"]);
  if (!logprobs.empty()) {
    sink.take({.kind = EventKind::Logprobs, .choice = choice, .data = logprobs});
  }
  read_finish(candidate, choice, sink);
}

void AnswerReader::read_finish(const JsonRef& candidate, std::uint32_t choice, EventSink& sink) {
  const JsonRef reason = candidate["finishReason"];
  if (!reason.is_string() || reason.equals("FINISH_REASON_UNSPECIFIED")) {
    return;
  }
  Candidate& state = candidates_[choice];
  close_call(choice, sink);
  tell_metadata(choice, sink);
  state.closed = true;
  finished_ = true;
  const std::string word = reason.text();
  FinishReason finish = finish_of(word);
  if (finish == FinishReason::Stop && state.calls > 0) {
    finish = FinishReason::ToolCalls;  // Google has no word of its own for it
  }
  sink.take({.kind = EventKind::Finish, .choice = choice, .finish = finish, .name = word});
}

void AnswerReader::finish(EventSink& sink) {
  for (std::uint32_t choice = 0; choice < candidates_.size(); ++choice) {
    if (!candidates_[choice].closed) {
      close_call(choice, sink);
      tell_metadata(choice, sink);
    }
  }
}

void AnswerReader::read_part(const JsonRef& part,
                             std::uint32_t choice,
                             bool first,
                             EventSink& sink) {
  Candidate& state = candidates_[choice];
  if (part["functionCall"].is_object()) {
    read_call(part, choice, sink);
    return;
  }
  if (part["text"].is_string()) {
    read_text(part, choice, first, sink);
    return;
  }
  state.last = Last::Other;
  if (part["inlineData"].is_object()) {
    read_media(part, choice, sink);
  } else if (part.size() == 1 && part["thoughtSignature"].is_string()) {
    tell_signature(part, choice, {}, sink);
  } else if (!part.empty()) {
    // Code that Google ran, its own tools, and what is to come: with its signature, as it is.
    sink.take({.kind = EventKind::Native,
               .choice = choice,
               .index = ++state.block,
               .name = kName,
               .data = part.raw()});
  }
}

void AnswerReader::tell_signature(const JsonRef& part,
                                  std::uint32_t choice,
                                  std::string_view call,
                                  EventSink& sink) {
  const std::string signature = part["thoughtSignature"].text();
  if (!signature.empty()) {
    sink.take({.kind = EventKind::Reasoning,
               .choice = choice,
               .index = ++candidates_[choice].block,
               .reasoning = ReasoningPart::Kind::Encrypted,
               .id = call,
               .name = kReasoningFormat,
               .data = signature});
    candidates_[choice].last = Last::Other;
  }
}

// Parts of one chunk are parts of their own; the first of a chunk goes on where it can.
void AnswerReader::read_text(const JsonRef& part,
                             std::uint32_t choice,
                             bool first,
                             EventSink& sink) {
  Candidate& state = candidates_[choice];
  const bool signed_part = !part["thoughtSignature"].escaped().empty();
  const std::string_view text = part["text"].escaped();
  if (text.empty() && !signed_part) {
    return;
  }
  tell_signature(part, choice, {}, sink);
  const bool thought = part["thought"].is_true();
  const Last kind = thought ? Last::Thought : Last::Text;
  if (!first || state.last != kind) {
    ++state.block;
    state.last = kind;
  }
  if (thought) {
    sink.take({.kind = EventKind::Reasoning,
               .choice = choice,
               .index = state.block,
               .text = text,
               .name = kReasoningFormat});
    return;
  }
  append_decoded(state.said, text);
  // Also where it is empty: it is what the signature belongs to.
  sink.take({.kind = EventKind::Text, .choice = choice, .index = state.block, .text = text});
}

void AnswerReader::read_call(const JsonRef& part, std::uint32_t choice, EventSink& sink) {
  Candidate& state = candidates_[choice];
  const JsonRef call = part["functionCall"];
  const std::string name = call["name"].text();
  if (!name.empty()) {
    close_call(choice, sink);
    std::string id = call["id"].text();
    id = id.empty() ? made_id(calls_, response_id_) : id;
    ++calls_;
    tell_signature(part, choice, id, sink);
    state.last = Last::Other;
    state.call_open = true;
    state.has_arguments = false;
    state.arguments = {};
    sink.take({.kind = EventKind::ToolCall,
               .choice = choice,
               .index = state.calls++,
               .id = id,
               .name = name});
  }
  if (!state.call_open) {
    return;
  }
  state.arguments.add(call["partialArgs"]);
  if (call["args"].is_object() && !state.has_arguments) {
    state.has_arguments = true;
    const std::string arguments = escaped(call["args"].raw());
    sink.take({.kind = EventKind::ToolArguments,
               .choice = choice,
               .index = state.calls - 1,
               .text = arguments});
  }
  if (!call["willContinue"].is_true()) {  // "FunctionCall", Vertex AI reference
    close_call(choice, sink);
  }
}

void AnswerReader::close_call(std::uint32_t choice, EventSink& sink) {
  Candidate& state = candidates_[choice];
  if (!std::exchange(state.call_open, false)) {
    return;
  }
  Event event{.kind = EventKind::ToolArguments, .choice = choice, .index = state.calls - 1};
  if (!state.has_arguments) {
    const std::string arguments = escaped(state.arguments.json());
    event.text = arguments;
    sink.take(event);
  }
  event.kind = EventKind::ToolCallEnd;
  event.text = {};
  sink.take(event);
}

void AnswerReader::read_media(const JsonRef& part, std::uint32_t choice, EventSink& sink) {
  Candidate& state = candidates_[choice];
  const JsonRef data = part["inlineData"];
  MediaPart media{.media_type = data["mimeType"].text(), .data = data["data"].text()};
  media.kind = kind_of(media.media_type);
  Event event{.kind = EventKind::Image, .choice = choice, .media = &media};
  if (media.kind == MediaPart::Kind::Audio) {
    event.kind = EventKind::Audio;
    event.data = media.data;
  } else if (media.kind != MediaPart::Kind::Image) {
    event = {.kind = EventKind::Native, .choice = choice, .name = kName, .data = part.raw()};
  }
  if (event.kind != EventKind::Native) {
    tell_signature(part, choice, {}, sink);
  }
  event.index = ++state.block;
  sink.take(event);
}

void AnswerReader::tell_metadata(std::uint32_t choice, EventSink& sink) {
  Candidate& state = candidates_[choice];
  std::vector<Citation> citations;
  std::array<JsonTree, kMetadata.size()> trees;
  for (std::size_t i = 0; i < kMetadata.size(); ++i) {
    trees[i].parse(state.metadata[i], JsonOrigin::Upstream);
  }
  citations = read_grounding(trees[0].root(), state.said);
  for (Citation& citation : read_citations(trees[1].root(), state.said)) {
    citations.push_back(std::move(citation));
  }
  for (const Citation& citation : citations) {
    sink.take({.kind = EventKind::Citation,
               .choice = choice,
               .index = state.block,
               .citation = &citation});
  }
  // Search suggestions, which must be shown, and the rest: for clients of this dialect.
  for (std::size_t i = 0; i < kMetadata.size(); ++i) {
    if (!state.metadata[i].empty()) {
      const std::string json = "{\"" + std::string(kMetadata[i]) + "\":" + state.metadata[i] + "}";
      sink.take({.kind = EventKind::Native,
                 .choice = choice,
                 .index = ++state.block,
                 .name = kName,
                 .data = json});
    }
  }
}

}  // namespace waybill::dialects::gemini
