// What the request encoder is made of: formats of media, names of documents, ids of calls,
// breakpoints of the prompt cache, and the messages.

#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "waybill/base/error.hpp"
#include "waybill/base/json_writer.hpp"
#include "waybill/dialects/codec.hpp"

namespace waybill::dialects::bedrock {

// Converse's word for what `media` is: by its media type, else by its file's name, else by
// how its data begins; "" where Converse has none.
[[nodiscard]] std::string_view format_of(const MediaPart& media);

// What Converse allows of a name: letters, digits, single spaces, hyphens, parentheses and
// brackets.  The extension, which `format` repeats, is left out.
[[nodiscard]] std::string document_name(std::string_view name, std::string_view format);

// The ids of other makers' calls may hold anything; Converse allows [a-zA-Z0-9_-]{1,64}.
// What is allowed stays; of two other ids no two become one.
[[nodiscard]] std::string tool_use_id(std::string_view id);

// Whether it has no character but white space, which Converse refuses.
[[nodiscard]] bool is_blank(std::string_view text) noexcept;

// Writes the breakpoints of the prompt cache, which are blocks of their own.
class CachePoints {
 public:
  CachePoints(JsonWriter& json, bool allowed, std::size_t to_skip) noexcept
      : json_(json),
        allowed_(allowed),
        to_skip_(to_skip) {}

  void write(CacheMark mark);

 private:
  JsonWriter& json_;
  bool allowed_;
  std::size_t to_skip_;  // the first ones, where there are more than Converse takes
};

// The mark behind a part: its own, or of what is in it.
[[nodiscard]] CacheMark mark_of(const Part& part);

// Writes the member `messages`.
class MessageWriter {
 public:
  MessageWriter(JsonWriter& json, CachePoints& points, Losses& losses) noexcept
      : json_(json),
        points_(points),
        losses_(losses) {}

  void write(const Conversation& conversation);
  // What cannot be said at all.
  [[nodiscard]] const std::optional<Error>& fault() const noexcept { return fault_; }

 private:
  void open_message(std::string_view role);
  void close_message();
  void write_message(const Message& message, bool last);
  bool is_sayable(const Part& part, bool assistant);
  void write_part(const Part& part, bool trim);
  void write_block(std::string_view member, std::string_view text);
  void write_text(const TextPart& part, bool trim);
  void write_reasoning(const ReasoningPart& part);
  void write_result(const ToolResultPart& result);
  bool write_result_part(const Part& part);
  bool can_write(const MediaPart& media);
  void write_media(const MediaPart& media);
  std::string unique_name(std::string name);

  JsonWriter& json_;
  CachePoints& points_;
  Losses& losses_;
  std::optional<Error> fault_;
  std::set<std::string, std::less<>> document_names_;
  std::string_view open_role_;
  bool any_message_ = false;
  bool ends_with_point_ = false;
  bool has_text_ = false;      // of the open message
  bool has_document_ = false;  // likewise, beside results of tools
};

}  // namespace waybill::dialects::bedrock
