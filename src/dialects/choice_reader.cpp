#include "choice_reader.hpp"

#include <algorithm>
#include <optional>

#include "key_table.hpp"

namespace waybill::dialects {
namespace {

enum class ChoiceMember : std::uint8_t {
  Message,
  Delta,
  Text,
  FinishReason,
  NativeFinishReason,
};

constexpr auto kChoiceMembers = make_key_table<ChoiceMember>({
    {"message", ChoiceMember::Message},
    {"delta", ChoiceMember::Delta},
    {"text", ChoiceMember::Text},
    {"finish_reason", ChoiceMember::FinishReason},
    {"native_finish_reason", ChoiceMember::NativeFinishReason},
});

enum class MessageMember : std::uint8_t {
  Text,              // text: content, refusal
  Reasoning,         // text that may stand twice under two names
  ReasoningDetails,  // the same once more, in parts
  Calls,             // tool calls
  Output,            // the legacy call of a function
  Media,             // audio, images: counted by the provider only
};

constexpr auto kMessageMembers = make_key_table<MessageMember>({
    {"content", MessageMember::Text},
    {"refusal", MessageMember::Text},
    {"reasoning", MessageMember::Reasoning},
    {"reasoning_content", MessageMember::Reasoning},
    {"reasoning_details", MessageMember::ReasoningDetails},
    {"tool_calls", MessageMember::Calls},
    {"function_call", MessageMember::Output},
    {"audio", MessageMember::Media},
    {"images", MessageMember::Media},
});

class ChoiceReader {
 public:
  ChoiceReader(JsonWalker& walker, ReplyForm form, ChoiceFacts& facts) noexcept
      : walker_(walker),
        form_(form),
        facts_(facts) {}

  void read_choice() {
    ++facts_.count;
    message_.reset();
    delta_.reset();
    ObjectWalk object(walker_);
    JsonText name;
    while (object.next(name)) {
      const auto member = kChoiceMembers.find(walker_.decode(name));
      if (!member) {
        walker_.take_value();
        continue;
      }
      read_member(*member);
    }
    const auto& own = form_ == ReplyForm::Chunk ? delta_ : message_;
    const auto& other = form_ == ReplyForm::Chunk ? message_ : delta_;
    facts_.output_bytes += own ? *own : other.value_or(0);
  }

 private:
  void read_member(ChoiceMember member) {
    switch (member) {
      case ChoiceMember::Message: read_message(message_); return;
      case ChoiceMember::Delta: read_message(delta_); return;
      case ChoiceMember::Text: facts_.output_bytes += take_output(); return;
      case ChoiceMember::FinishReason: read_finish(); return;
      case ChoiceMember::NativeFinishReason: read_native(); return;
    }
  }

  void read_message(std::optional<std::uint64_t>& output) {
    if (walker_.peek() != JsonType::Object) {
      walker_.take_value();
      return;
    }
    std::uint64_t text = 0;
    std::uint64_t reasoning = 0;
    ObjectWalk object(walker_);
    JsonText name;
    while (object.next(name)) {
      const auto member = kMessageMembers.find(walker_.decode(name));
      if (!member) {
        walker_.take_value();
        continue;
      }
      const std::uint64_t bytes = *member == MessageMember::Calls ? take_calls() : take_output();
      switch (*member) {
        case MessageMember::Text:
        case MessageMember::Calls:
        case MessageMember::Output: text += bytes; break;
        case MessageMember::Reasoning: reasoning = std::max(reasoning, bytes); break;
        case MessageMember::ReasoningDetails: reasoning = reasoning == 0 ? bytes : reasoning; break;
        case MessageMember::Media: break;
      }
    }
    output = output.value_or(0) + text + reasoning;
  }

  // Takes the list of calls; the bytes are those of names and arguments, whose tokens a
  // provider counts, and not of ids.
  std::uint64_t take_calls() {
    if (walker_.peek() != JsonType::Array) {
      walker_.take_value();
      return 0;
    }
    std::uint64_t bytes = 0;
    ArrayWalk calls(walker_);
    while (calls.next()) {
      facts_.has_content = true;
      if (walker_.peek() != JsonType::Object) {
        walker_.take_value();
        continue;
      }
      ObjectWalk call(walker_);
      JsonText name;
      while (call.next(name)) {
        const std::string_view member = walker_.decode(name);
        const bool counted = member == "function" || member == "custom";
        const std::uint64_t before = walker_.string_bytes();
        walker_.take_value();
        bytes += counted ? walker_.string_bytes() - before : 0;
      }
    }
    return bytes;
  }

  // Takes a value; marks content if it is a string, list or object that is not
  // empty.  Returns the bytes of the strings in it.
  std::uint64_t take_output() {
    const JsonType type = walker_.peek();
    const std::uint64_t before = walker_.string_bytes();
    ByteRange range;
    if (!walker_.take_value(range)) {
      return 0;
    }
    const std::uint64_t bytes = walker_.string_bytes() - before;
    const bool container = type == JsonType::Object || type == JsonType::Array;
    const bool filled =
        container && walker_.raw(range).find_first_not_of(" \t\r\n", 1) + 1 < range.size();
    facts_.has_content = facts_.has_content || (container ? filled : bytes > 0);
    return bytes;
  }

  void read_finish() {
    JsonText text;
    if (walker_.peek() != JsonType::String) {
      walker_.take_value();
      return;
    }
    if (!walker_.take_string(text) || text.raw.empty()) {
      return;
    }
    facts_.last_finish = text;
    if (facts_.first_finish.raw.end == 0) {
      facts_.first_finish = text;
    }
  }

  void read_native() {
    const bool string = walker_.peek() == JsonType::String;
    ByteRange range;
    if (!walker_.take_value(range) || !string) {
      return;
    }
    facts_.last_native = range;
    if (facts_.first_native.empty()) {
      facts_.first_native = range;
    }
  }

  JsonWalker& walker_;
  ReplyForm form_;
  ChoiceFacts& facts_;
  std::optional<std::uint64_t> message_;  // bytes of the choice's `message`, where it is an object
  std::optional<std::uint64_t> delta_;
};

}  // namespace

void read_choices(JsonWalker& walker, ReplyForm form, ChoiceFacts& facts) {
  if (walker.peek() != JsonType::Array) {
    walker.take_value();
    return;
  }
  ChoiceReader reader(walker, form, facts);
  ArrayWalk choices(walker);
  while (choices.next()) {
    if (walker.peek() == JsonType::Object) {
      reader.read_choice();
    } else {
      walker.take_value();
    }
  }
}

}  // namespace waybill::dialects
