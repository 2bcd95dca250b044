// The output items of an answer for a client: as the items of a whole answer, and as the
// events of a stream.

#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "openai_responses.hpp"

namespace waybill::dialects::responses {

// Where the events go.  `number` counts them over all kinds.
class EventLines {
 public:
  // `out` may be null: nothing is streamed.  `first` is the number of the first event.
  explicit EventLines(std::string* out, std::uint64_t first = 0) noexcept
      : out_(out),
        sequence_(first) {}

  // One event; `members` are its members but `type` and `sequence_number`.
  void write(std::string_view type, std::string_view members);
  [[nodiscard]] bool streams() const noexcept { return out_ != nullptr && !muted_; }
  // What happens meanwhile is not streamed.
  void mute() noexcept { muted_ = true; }
  void unmute() noexcept { muted_ = false; }

 private:
  std::string* out_;
  std::uint64_t sequence_;
  bool muted_ = false;
};

// Takes events that come one block after the other (../sequencer.hpp) and writes items, one
// open at a time.
//
// Thread safety: none; one per answer.
class OutputWriter final : public EventSink {
 public:
  // `stem` is what ids of items are made from; both outlive the writer.
  OutputWriter(EventLines& lines, std::string_view stem) noexcept : lines_(lines), stem_(stem) {}

  void take(const Event& event) override;
  // Closes the item that is open; `status` is "completed" or "incomplete".
  void close(std::string_view status);

  // The items so far, joined by commas.
  [[nodiscard]] const std::string& items() const noexcept { return items_; }
  [[nodiscard]] const std::string& output_text() const noexcept { return output_text_; }

 private:
  enum class ItemKind : std::uint8_t {
    None,
    Message,
    Reasoning,
    Call,
  };
  enum class PartKind : std::uint8_t {
    None,
    Text,
    Refusal,
    Summary,
    Thoughts,
  };
  struct Item {
    ItemKind kind = ItemKind::None;
    std::string id{};       // escaped
    std::string content{};  // parts that are done, joined by commas
    std::string summary{};  // likewise
    std::uint32_t parts = 0;
    std::uint32_t summaries = 0;
    // Of thoughts.
    std::string source_id{};
    ForeignThought thought{};
    // Of a call.
    bool custom = false;
    std::string head{};       // its id and name, as members
    std::string name{};       // quoted
    std::string arguments{};  // escaped
  };
  struct OpenPart {
    PartKind kind = PartKind::None;
    std::uint32_t block = 0;
    std::string text{};  // escaped
    std::string annotations{};
    std::uint32_t citations = 0;
    std::string logprobs{};
  };

  void write_text(const Event& event, PartKind kind);
  void write_reasoning(const Event& event);
  void write_call(const Event& event);
  void write_arguments(std::string_view piece);
  void write_citation(const Event& event);
  void take_logprobs(std::string_view json);
  void write_image(const MediaPart& media);
  void write_whole(std::string_view added, std::string_view done);
  void open_item(ItemKind kind, std::string_view prefix, std::string_view id);
  void open_part(PartKind kind, std::uint32_t block);
  void close_part();
  void close_call(std::string_view status);
  void add_delta(std::string_view escaped);
  [[nodiscard]] bool goes_on(const Event& event) const noexcept;
  [[nodiscard]] std::string call_item(std::string_view status) const;
  [[nodiscard]] std::string place() const;       // output_index and item_id
  [[nodiscard]] std::string part_place() const;  // and the number of the part
  [[nodiscard]] std::string part_json() const;
  void finish_item(std::string_view json);
  std::string new_id(std::string_view prefix);

  EventLines& lines_;
  std::string_view stem_;
  std::string items_;
  std::uint32_t next_ = 0;  // output_index of the item that is open, or comes next
  std::string output_text_;
  std::set<std::string, std::less<>> ids_;
  Item item_;
  OpenPart part_;
};

}  // namespace waybill::dialects::responses
