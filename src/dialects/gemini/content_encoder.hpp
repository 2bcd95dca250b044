// The contents of a request towards Google.

#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/json_writer.hpp"

#include "gemini.hpp"

namespace waybill::dialects::gemini {

// Writes the members `systemInstruction` and `contents`.
// Requires: what it is made from outlives it.
class ContentEncoder {
 public:
  ContentEncoder(JsonWriter& json, Losses& losses, const EncodeTarget& target) noexcept
      : json_(json),
        losses_(losses),
        gemini_3_(target.adaptive_reasoning) {}

  void write_system(const Conversation& conversation);
  void write_contents(const Conversation& conversation);
  // What cannot be said at all.
  [[nodiscard]] const std::optional<Error>& fault() const noexcept { return fault_; }

 private:
  struct Call {
    std::string name;
    std::uint64_t position = 0;  // among all calls
  };

  void open(std::string_view role);
  void close();
  void write_message(const Message& message);
  void note_signatures(const Message& message);
  void write_part(const Part& part, Role role);
  void write_text(std::string_view text, bool thought);
  void write_reasoning(const ReasoningPart& part);
  void write_call(const ToolCallPart& call);
  void write_results();
  void write_result(const ToolResultPart& result);
  void write_response(const ToolResultPart& result, std::string_view text);
  void write_media(const MediaPart& media);
  void write_media_part(const MediaPart& media);
  void write_signature();
  void flush_signature();

  JsonWriter& json_;
  Losses& losses_;
  bool gemini_3_;
  std::optional<Error> fault_;
  std::string_view open_role_;
  bool any_ = false;
  bool called_ = false;                                       // in the open content
  std::string signature_;                                     // of the part that comes next
  std::map<std::string, std::string, std::less<>> of_calls_;  // signatures, by the call's id
  std::map<std::string, Call, std::less<>> calls_;            // the last of each id
  std::vector<const ToolResultPart*> results_;                // of one turn
  std::uint64_t next_call_ = 0;
};

}  // namespace waybill::dialects::gemini
