// One block after the other, for dialects that cannot tell two at once.

#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "waybill/dialects/event.hpp"

namespace waybill::dialects {

// Tells `next` the same events in an order where nothing comes between the beginning of a
// tool call and its end, and every call has an end.  OpenAI's chat may send the arguments of
// several calls by turns, and never says that a call is whole: what follows a call whose
// arguments are no whole JSON yet waits for them.
//
// Thread safety: none.  `next` must outlive it.
class Sequencer final : public EventSink {
 public:
  explicit Sequencer(EventSink& next) noexcept : next_(next) {}

  void take(const Event& event) override;
  // Nothing more comes: tells all that waits.
  void flush();

 private:
  // An event with the memory that its views need.
  struct Kept {
    explicit Kept(const Event& of);
    [[nodiscard]] Event event() const;

    Event shape;
    std::string text, id, name, model, signature, data;
    Citation citation;
    MediaPart media;
    UpstreamFault fault;
    Usage usage;
  };

  [[nodiscard]] bool belongs(const Event& event) const noexcept;
  [[nodiscard]] bool is_whole() const;
  void pass(const Event& event);
  void close_call();
  void tell_waiting();

  EventSink& next_;
  bool open_ = false;  // a call is being told
  std::uint32_t choice_ = 0;
  std::uint32_t call_ = 0;
  bool custom_ = false;
  std::string arguments_;  // of it, escaped
  std::deque<Kept> waiting_;
};

}  // namespace waybill::dialects
