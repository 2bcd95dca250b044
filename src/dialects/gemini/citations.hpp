// What an answer rests on.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/dialects/conversation.hpp"

#include "../json_tree.hpp"

namespace waybill::dialects::gemini {

// Google counts positions in bytes of UTF-8, citations count in characters.
// Requires: the text outlives it.
class CharacterCount {
 public:
  explicit CharacterCount(std::string_view text);
  // Characters before byte `offset`; nothing where that is not between two of them.
  [[nodiscard]] std::optional<std::uint64_t> at(std::uint64_t offset) const;
  // The byte behind so many characters; that behind the last where there are fewer.
  [[nodiscard]] std::size_t offset_of(std::uint64_t characters) const;

 private:
  std::string_view text_;
  std::vector<std::uint64_t> every_;  // the count at every kStep bytes
};

// Of a candidate's groundingMetadata and citationMetadata; `text` is what it said.
[[nodiscard]] std::vector<Citation> read_grounding(const JsonRef& metadata, std::string_view text);
[[nodiscard]] std::vector<Citation> read_citations(const JsonRef& metadata, std::string_view text);

// A groundingMetadata that says the same.
[[nodiscard]] std::string write_grounding(const std::vector<Citation>& citations,
                                          std::string_view text);

}  // namespace waybill::dialects::gemini
