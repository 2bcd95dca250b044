// The contents of a client's request.

#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "../body_reader.hpp"
#include "gemini.hpp"

namespace waybill::dialects::gemini {

// Adds the messages that contents hold.  Faults go to `reader`.
// Requires: both outlive it.
class ContentDecoder {
 public:
  ContentDecoder(BodyReader& reader, Conversation& request) noexcept
      : reader_(reader),
        request_(request) {}

  // systemInstruction: a Content, or its text.
  void read_system(const JsonRef& content);
  void read_contents(const JsonRef& contents);

 private:
  // A call that no result was seen for.
  struct OpenCall {
    std::string id;
    std::string name;
  };

  void read_content(const JsonRef& content);
  void read_part(const JsonRef& part, Role role);
  void read_signature(const JsonRef& part, Role role, const std::string& call);
  void read_text(const JsonRef& part, Role role);
  void read_call(const JsonRef& part);
  void read_result(const JsonRef& result);
  void read_response(const JsonRef& response, ToolResultPart& result);
  MediaPart read_media(const JsonRef& blob);
  MediaPart read_file(const JsonRef& file);
  std::string answered_call(const std::string& id, const std::string& name);
  // Adds to the last message where it is of this role.
  void add(Role role, PartValue value);

  BodyReader& reader_;
  Conversation& request_;
  std::vector<OpenCall> open_calls_;
  std::uint64_t calls_ = 0;
};

}  // namespace waybill::dialects::gemini
