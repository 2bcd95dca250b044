// The `input` of a client's request.

#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "../body_reader.hpp"
#include "openai_responses.hpp"

namespace waybill::dialects::responses {

// Reads items into messages.  What a model said in one turn (thoughts, words, calls) is one
// message of the assistant, as other dialects have it; results of tools are one of the tool's.
//
// Thread safety: none.
class InputDecoder {
 public:
  // Both outlive the decoder; faults are in `reader`.
  InputDecoder(BodyReader& reader, Conversation& request) noexcept
      : reader_(reader),
        request_(request) {}

  void read(const JsonRef& input);
  // As BodyReader::names(), for what comes many times: each unknown name is reported once.
  void names(const JsonRef& object, std::initializer_list<std::string_view> known);

 private:
  void read_item(const JsonRef& item);
  void read_message(const JsonRef& item);
  void read_call(const JsonRef& item, bool custom);
  void read_result(const JsonRef& item);
  void read_thoughts(const JsonRef& item);
  void read_native(const JsonRef& item);
  std::vector<Part> read_content(const JsonRef& content);
  Part read_part(const JsonRef& part);
  TextPart read_text(const JsonRef& part);
  MediaPart read_image(const JsonRef& part);
  MediaPart read_file(const JsonRef& part);
  MediaPart read_audio(const JsonRef& part);
  // The last message if it is of this role, else a new one.
  Message& turn(Role role);

  BodyReader& reader_;
  Conversation& request_;
  bool after_words_ = false;  // the last item was a message of the assistant's
};

}  // namespace waybill::dialects::responses
