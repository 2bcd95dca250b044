// What a model says, as parts of a candidate's content.

#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/dialects/codec.hpp"

#include "../sequencer.hpp"

namespace waybill::dialects::gemini {

// Tells `out` each part once it may be told: texts as they come, calls when they are whole.
// Thread safety: none.
class PartWriter final : public EventSink {
 public:
  // Takes parts: JSON objects in one line.
  class Output {
   public:
    Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;
    virtual ~Output() = default;
    virtual void part(std::uint32_t choice, std::string_view json) = 0;
  };

  // Requires: `out` outlives it.
  PartWriter(Output& out, bool hide_reasoning)
      : out_(out),
        hide_reasoning_(hide_reasoning),
        calls_(*this),
        sequencer_(calls_) {}

  void take(const Event& event) override { sequencer_.take(event); }
  // Tells what waits.
  void flush();

  // How many choices were spoken of; at least one.
  [[nodiscard]] std::uint32_t choices() const noexcept;
  // Appends the members of the candidate that stand behind its content, each after a comma.
  void write_end(std::uint32_t choice, std::string& out) const;
  [[nodiscard]] const std::string& service_tier() const noexcept { return service_tier_; }

 private:
  // What the sequencer tells.
  class Ordered final : public EventSink {
   public:
    explicit Ordered(PartWriter& owner) noexcept : owner_(owner) {}
    void take(const Event& event) override { owner_.write(event); }

   private:
    PartWriter& owner_;
  };
  struct State {
    std::string signature;                                     // for the part that comes next
    std::map<std::string, std::string, std::less<>> of_calls;  // signatures by the call's id
    std::string id;                                            // of the open call
    std::string name;
    std::string arguments;  // escaped
    std::string said;       // its text
    std::vector<Citation> citations;
    std::string metadata;  // members, each after a comma
    bool grounded = false;
    std::string logprobs;
    FinishReason finish = FinishReason::None;
    std::string native;
  };

  void write(const Event& event);
  void write_text(const Event& event, bool thought);
  void write_reasoning(const Event& event);
  void write_media(const Event& event);
  void write_native(const Event& event);
  void write_call(std::uint32_t choice);
  // Adds the signature that waits, closes the part, and tells it.
  void end_part(std::uint32_t choice, std::string& json);
  void flush_signature(std::uint32_t choice);

  Output& out_;
  bool hide_reasoning_;
  Ordered calls_;
  Sequencer sequencer_;
  std::vector<State> states_;
  AnswerBuilder logprobs_;  // streams tell them token by token
  std::string service_tier_;
};

}  // namespace waybill::dialects::gemini
