// The output items of an answer, whole or as they grow: told as events.

#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "openai_responses.hpp"

namespace waybill::dialects::responses {

// What a piece of text belongs to.
enum class TextKind : std::uint8_t {
  Output,
  Refusal,
  Summary,   // of thoughts
  Thoughts,  // themselves
};
inline constexpr std::size_t kTextKinds = 4;

// Tells what one answer says.  A provider says everything up to three times: as deltas, when
// a part is done, and when its item is; what was told once is not told again.
//
// Thread safety: none; one per answer.
class AnswerTeller {
 public:
  explicit AnswerTeller(const UsageQuirks& quirks) noexcept : quirks_(quirks) {}

  // `response` is the object that the first and the last event hold.
  void start(const JsonRef& response, EventSink& sink);
  void add_item(const JsonRef& event, EventSink& sink);
  void add_text(const JsonRef& event, TextKind kind, EventSink& sink);
  void end_text(const JsonRef& event, TextKind kind, EventSink& sink);
  void end_part(const JsonRef& event, EventSink& sink);
  void add_arguments(const JsonRef& event, EventSink& sink);
  void end_arguments(const JsonRef& arguments, const JsonRef& event, EventSink& sink);
  void add_citation(const JsonRef& event, EventSink& sink);
  void end_item(const JsonRef& event, EventSink& sink);
  // The answer is over; `failed` where the event says so, else it is as `response` says.
  void finish(const JsonRef& response, bool failed, EventSink& sink);

 private:
  struct Item {
    std::string id{};                     // of thoughts: what they are sent back with
    std::array<bool, kTextKinds> told{};  // something of the kind
    std::set<std::uint64_t> parts{};      // by kind and number: something of it was told
    std::map<std::uint64_t, std::size_t> citations{};  // told, by the number of the part
    bool logprobs = false;                             // told
    std::optional<std::uint32_t> call{};               // its number, once it was told
    bool arguments = false;                            // some were told
    bool over = false;
  };

  Item& item_of(const JsonRef& event);
  void end_item(const JsonRef& json, Item& item, std::uint64_t number, EventSink& sink);
  void end_message(const JsonRef& json, Item& item, std::uint64_t number, EventSink& sink);
  void end_reasoning(const JsonRef& json, Item& item, std::uint64_t number, EventSink& sink);
  void end_call(const JsonRef& json, Item& item, EventSink& sink);
  void begin_call(const JsonRef& json, Item& item, EventSink& sink);
  void tell_arguments(const JsonRef& arguments, Item& item, EventSink& sink);
  void tell_citations(const JsonRef& part, std::size_t skip, EventSink& sink);
  void tell_logprobs(const JsonRef& list, Item& item, EventSink& sink);
  void tell_text(std::string_view escaped,
                 TextKind kind,
                 std::uint64_t number,
                 std::uint64_t part,
                 Item& item,
                 EventSink& sink);
  void tell_usage(const JsonRef& response, EventSink& sink);
  // Of a part of an item; consecutive ones of one part are of one block.
  std::uint32_t block_of(std::uint64_t number, std::uint64_t kind, std::uint64_t part);

  UsageQuirks quirks_;
  std::map<std::uint64_t, Item> items_;  // by output_index
  std::array<std::uint64_t, 3> place_{};
  std::uint32_t block_ = 0;
  std::uint32_t calls_ = 0;
  bool started_ = false;
};

}  // namespace waybill::dialects::responses
