// The strict check of a head's raw bytes, shared by requests and responses.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "waybill/http/head.hpp"

namespace waybill::http {

// The index of the first byte from `from` on that is a control character (below 0x20, or
// DEL; HTAB is one too), or the size of `text`.
[[nodiscard]] std::size_t find_control(std::string_view text, std::size_t from = 0) noexcept;

// Whether a value may be made of this text: it holds no control character but HTAB.
[[nodiscard]] bool is_value_text(std::string_view text) noexcept;

// A head that ends in CRLF CRLF, split into its first line and its fields.
struct SplitHead {
  enum class State : std::uint8_t {
    Good,
    // A line breaks the grammar of RFC 9112 §5: folding, a blank before the colon, an empty
    // or odd name, a control character.
    Malformed,
    TooMany,  // fields
  };
  State state = State::Good;
  std::string_view first_line;  // into the head
  Fields fields;
};
[[nodiscard]] SplitHead split_head(std::string_view head, std::size_t max_fields);

// The framing fields of RFC 9112 §6, read without any leniency.
enum class FramingFault : std::uint8_t {
  None,
  BadLength,
  BadCoding,
  UnknownCoding,
  Both
};
struct FramingFields {
  std::optional<std::uint64_t> length;
  bool chunked = false;
  FramingFault fault = FramingFault::None;
};
[[nodiscard]] FramingFields read_framing(const Fields& fields, unsigned version);

[[nodiscard]] bool is_token_char(char c) noexcept;

// Whether a comma-separated field has this member (ASCII case ignored).
[[nodiscard]] bool has_list_member(const Fields& fields,
                                   std::string_view name,
                                   std::string_view member) noexcept;

}  // namespace waybill::http
