// Small text tools: JSON string escaping, edit distance for suggestions.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace waybill {

// Appends `text` as a JSON string with its quotes (RFC 8259 §7).  Bytes that are
// not UTF-8 become U+FFFD, so the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

// `text` shortened to at most `limit` bytes at a character boundary, control
// characters replaced by '?': what of an input may be repeated in a message.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 100);

// The candidate that a person most likely meant by `word` (Damerau-Levenshtein
// distance at most a third of its length), or nothing.
[[nodiscard]] std::optional<std::string_view> closest(std::string_view word,
                                                      std::span<const std::string_view> candidates);

// Without regard to the case of ASCII letters.
[[nodiscard]] bool iequals(std::string_view a, std::string_view b) noexcept;
[[nodiscard]] std::string_view trim_ows(std::string_view text) noexcept;  // SP and HTAB, both ends

// Empties `text` and gives its memory back, which neither clear() nor the assignment of an
// empty string does (libstdc++ 12 keeps the buffer for both).
inline void free_memory(std::string& text) noexcept {
  std::string().swap(text);
}

[[nodiscard]] bool is_valid_utf8(std::string_view text) noexcept;

// RFC 4648 §4, padded, in one line.
[[nodiscard]] std::string to_base64(std::string_view bytes);
// Of such text, with or without its padding; nothing for what is none.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace waybill
