// Writes a conversation as a request in Anthropic's dialect.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "anthropic_messages.hpp"

namespace waybill::dialects::anthropic {

// One request.  The files of this class: encode_request.cpp and encode_messages.cpp.
class RequestEncoder {
 public:
  RequestEncoder(const Conversation& conversation, const EncodeTarget& target)
      : in_(conversation),
        target_(target) {}

  EncodedRequest encode();

 private:
  enum class Thinking : std::uint8_t {
    Off,
    Budget,
    Adaptive,
    Refused,  // told not to think
  };

  void choose_limit();
  void choose_thinking();
  [[nodiscard]] std::string_view reason_against_thinking() const;
  [[nodiscard]] bool in_unsigned_tool_loop() const;
  void choose_breakpoints();

  void write_system();
  void write_messages();
  void open_message(std::string_view role);
  void close_message();
  void write_message(const Message& message, bool last);
  void write_part(const Part& part, bool trim);
  void write_text(const TextPart& part, CacheMark cache, bool trim);
  void write_reasoning(const ReasoningPart& part);
  void write_media(const MediaPart& media, CacheMark cache);
  void write_result(const ToolResultPart& result, CacheMark cache);
  void write_cache(CacheMark cache);
  void write_tools();
  void write_tool_choice();
  void write_sampling();
  void write_thinking();
  void write_output();
  static std::string tool_id(std::string_view id);

  const Conversation& in_;
  const EncodeTarget& target_;
  JsonWriter json_;
  Losses losses_;
  std::uint64_t limit_ = 0;
  std::uint64_t budget_ = 0;
  Thinking thinking_ = Thinking::Off;
  std::size_t marks_to_skip_ = 0;  // the first ones, where there are more than four
  std::string_view open_role_;
};

}  // namespace waybill::dialects::anthropic
