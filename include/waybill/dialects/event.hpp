// What a model says, in no dialect: as events while it speaks, as an answer once it is whole.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/dialects/conversation.hpp"
#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::dialects {

// OpenAI's words for why an answer ended, as OpenRouter normalises them.
enum class FinishReason : std::uint8_t {
  None,  // it has not
  Stop,
  Length,
  ToolCalls,
  ContentFilter,
  Error,
};
[[nodiscard]] std::string_view name(FinishReason reason) noexcept;  // "tool_calls"; "" for None

enum class EventKind : std::uint8_t {
  Start,      // id, model: the provider answers
  Text,       // text
  Refusal,    // text
  Reasoning,  // reasoning, text (Text and Summary), signature, data (Encrypted), id, name (format)
  ToolCall,   // index, id, name, custom: a call begins
  ToolArguments,  // index, text: more of the call's arguments
  ToolCallEnd,    // index: the call is whole; optional, the end of the answer implies it
  Citation,       // citation; belongs to the text before it
  Image,          // media: a whole image
  Audio,          // data: base64 audio; text: its transcript; id
  Logprobs,       // data: JSON of the OpenAI choice's `logprobs`; of a stream, of its last tokens
  Native,         // data: a block as only `name` (a dialect) knows it
  Usage,          // usage, usage_fault; the last one stands
  ServiceTier,    // text
  Finish,         // finish, name (the provider's word), text (the stop sequence that was met)
  Fault,          // fault: the provider gives up
};

// One step of an answer.
//
// `text` is what a JSON string holds between its quotes, escapes and all: most dialects
// write JSON strings, so deltas are passed on without decoding them, and a character whose
// halves come in two deltas stays whole.  All other views are decoded.
//
// Views are valid during StreamEventSink::take() only.
struct Event {
  EventKind kind = EventKind::Text;
  std::uint32_t choice = 0;
  // Of tool calls: their number in the choice, from 0 without gaps.  Of Text and Reasoning:
  // which block it belongs to, where the provider says so; a change begins another.
  std::uint32_t index = 0;
  ReasoningPart::Kind reasoning = ReasoningPart::Kind::Text;
  FinishReason finish = FinishReason::None;
  bool custom = false;
  bool so_far = false;  // of Usage: the completion is still being counted
  UsageFault usage_fault = UsageFault::None;

  std::string_view text{};
  std::string_view id{};
  std::string_view name{};
  std::string_view model{};
  std::string_view signature{};
  std::string_view data{};

  const Usage* usage = nullptr;  // null where usage_fault says that the counts are of no use
  const Citation* citation = nullptr;
  const MediaPart* media = nullptr;
  const UpstreamFault* fault = nullptr;
};

// Whether it is output: what commits the client's 200 (docs: rulings.md 11).
[[nodiscard]] bool is_content(const Event& event) noexcept;

// Bytes of text, reasoning and arguments that it holds once decoded.
[[nodiscard]] std::uint64_t output_bytes(const Event& event) noexcept;

class EventSink {
 public:
  EventSink() = default;
  EventSink(const EventSink&) = delete;
  EventSink& operator=(const EventSink&) = delete;
  virtual ~EventSink() = default;
  virtual void take(const Event& event) = 0;
};

struct Choice {
  std::vector<Part> parts{};  // Text, Refusal, Reasoning, ToolCall, Media (images, audio), Native
  FinishReason finish = FinishReason::None;
  std::string native_finish{};  // the provider's word
  std::string stop_sequence{};  // the one that was met
  std::string logprobs_json{};

  friend bool operator==(const Choice&, const Choice&) = default;
};

// An answer that is whole.
struct Answer {
  std::string id{};     // the provider's
  std::string model{};  // the provider's
  std::vector<Choice> choices{};
  std::optional<Usage> usage{};
  UsageFault usage_fault = UsageFault::Missing;
  std::string service_tier{};
};

// Builds the answer that a stream of events tells.
class AnswerBuilder final : public EventSink {
 public:
  void take(const Event& event) override;
  // The answer, with what its events say; a Fault is in fault().
  [[nodiscard]] Answer finish();
  [[nodiscard]] const std::optional<UpstreamFault>& fault() const noexcept { return fault_; }

 private:
  Choice& choice_of(const Event& event);
  void add_part(Choice& choice, const Event& event);
  void add_logprobs(Choice& choice, const Event& event);
  static void add_reasoning(std::vector<Part>& parts, const Event& event, bool goes_on);

  struct OpenBlock {
    std::optional<std::uint32_t> block;  // of the part that is being added to
    std::vector<std::size_t> calls;      // parts of the tool calls, by their index
    // Elements of the lists of several `logprobs`, joined by commas.
    std::string token_logprobs;
    std::string refusal_logprobs;
    unsigned logprobs = 0;  // how many came
  };

  Answer answer_;
  std::vector<OpenBlock> open_;
  std::optional<UpstreamFault> fault_;
};

// The events that tell `answer`: what a stream of it could have been.
void tell(const Answer& answer, EventSink& sink);

}  // namespace waybill::dialects
