// The strict check of a head's raw bytes, shared by requests and responses.

#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "waybill/http/head.hpp"

namespace waybill::http {

// One field line, without the blanks around its value.
struct FieldLine {
  std::string_view name;
  std::string_view value;
};

// The lines of a head that ends in CRLF CRLF.
class FieldLines {
 public:
  // Splits what follows the first line.  False where a line breaks the grammar of
  // RFC 9112 §5 (folding, a blank before the colon, an empty or odd name, a control
  // character) or there are more than `max_fields`.
  bool split(std::string_view head, std::size_t max_fields);

  [[nodiscard]] std::string_view first_line() const noexcept { return first_line_; }
  [[nodiscard]] std::span<const FieldLine> all() const noexcept { return {lines_.data(), count_}; }
  [[nodiscard]] bool too_many() const noexcept { return too_many_; }

  // How often a field stands there, and its last value.
  struct Found {
    std::size_t count = 0;
    std::string_view value;
  };
  [[nodiscard]] Found find(std::string_view name) const noexcept;

 private:
  static constexpr std::size_t kCapacity = 256;
  std::string_view first_line_;
  std::array<FieldLine, kCapacity> lines_;
  std::size_t count_ = 0;
  bool too_many_ = false;
};

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
[[nodiscard]] FramingFields read_framing(const FieldLines& lines, unsigned version);

[[nodiscard]] bool is_token_char(char c) noexcept;

// Whether a comma-separated field has this member (ASCII case ignored).
[[nodiscard]] bool has_list_member(const FieldLines& lines,
                                   std::string_view field,
                                   std::string_view member) noexcept;

}  // namespace waybill::http
