// The message of an answer, or the delta of a chunk: told as events.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "openai_chat.hpp"

namespace waybill::dialects::openai_chat {

// Tells what one choice says, message by message (there is one) or delta by delta.
//
// Thread safety: none; one per choice of a stream.
class ChoiceTeller {
 public:
  explicit ChoiceTeller(std::uint32_t choice) noexcept : choice_(choice) {}

  void tell(const JsonRef& message, EventSink& sink);

 private:
  struct Call {
    std::int64_t index = -1;  // as the provider counts
    std::string id;
  };

  void tell_content(const JsonRef& content, EventSink& sink);
  void tell_reasoning(const JsonRef& message, EventSink& sink);
  void tell_detail(const JsonRef& detail, EventSink& sink);
  void tell_calls(const JsonRef& calls, EventSink& sink);
  void tell_call(const JsonRef& call, EventSink& sink);
  void tell_legacy_call(const JsonRef& call, EventSink& sink);
  void tell_media(const JsonRef& message, EventSink& sink);
  std::uint32_t call_of(const JsonRef& call, bool& fresh);
  [[nodiscard]] Event event(EventKind kind, std::uint32_t index = 0) const noexcept {
    return {.kind = kind, .choice = choice_, .index = index};
  }

  std::uint32_t choice_;
  std::vector<Call> calls_;
};

}  // namespace waybill::dialects::openai_chat
