// GenerateContentResponse: whole, or one chunk of a stream after the other.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "waybill/dialects/event.hpp"

#include "../json_tree.hpp"
#include "partial_arguments.hpp"

namespace waybill::dialects::gemini {

// Tells what responses say.  A whole answer is a stream of one chunk.
// Thread safety: none.
class AnswerReader {
 public:
  // Requires: `response` is an object.
  void read(const JsonRef& response, EventSink& sink);
  // Nothing more comes.
  void finish(EventSink& sink);

  // Something that answers came: candidates, or why there are none.
  [[nodiscard]] bool answered() const noexcept { return answered_; }
  // A reason why it ended came.
  [[nodiscard]] bool finished() const noexcept { return finished_; }

 private:
  static constexpr std::uint64_t kMostCandidates = 64;

  enum class Last : std::uint8_t {
    Other,
    Text,
    Thought,
  };
  struct Candidate {
    std::uint32_t block = 0;
    Last last = Last::Other;
    std::uint32_t calls = 0;
    bool call_open = false;
    bool has_arguments = false;  // of the open call
    PartialArguments arguments;  // likewise
    std::string said;            // its text
    std::string metadata[3];     // members of the candidate that tell what it rests on
    bool closed = false;
  };

  void read_candidate(const JsonRef& candidate, std::uint32_t choice, EventSink& sink);
  void read_part(const JsonRef& part, std::uint32_t choice, bool first, EventSink& sink);
  void read_text(const JsonRef& part, std::uint32_t choice, bool first, EventSink& sink);
  void read_call(const JsonRef& part, std::uint32_t choice, EventSink& sink);
  void read_media(const JsonRef& part, std::uint32_t choice, EventSink& sink);
  void tell_signature(const JsonRef& part,
                      std::uint32_t choice,
                      std::string_view call,
                      EventSink& sink);
  void close_call(std::uint32_t choice, EventSink& sink);
  void tell_metadata(std::uint32_t choice, EventSink& sink);
  void read_finish(const JsonRef& candidate, std::uint32_t choice, EventSink& sink);
  void read_counts(const JsonRef& metadata, EventSink& sink);

  std::vector<Candidate> candidates_;
  std::string response_id_;
  std::string_view tier_;
  std::uint64_t calls_ = 0;  // of all candidates
  bool started_ = false;
  bool answered_ = false;
  bool finished_ = false;
};

}  // namespace waybill::dialects::gemini
