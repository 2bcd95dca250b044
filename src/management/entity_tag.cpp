#include <span>

#include "waybill/base/digest.hpp"
#include "waybill/base/text.hpp"
#include "waybill/management/bodies.hpp"

namespace waybill::management {

std::string entity_tag(std::string_view body) {
  constexpr std::size_t kBytes = 16;  // an accidental match is out of reach
  const Sha256 digest = sha256(body);
  return '"' + to_hex(std::span(digest).first<kBytes>()) + '"';
}

bool none_match_names(std::string_view field, std::string_view tag) noexcept {
  field = trim_ows(field);
  if (field == "*") {
    return true;
  }
  // Our tags hold no comma, so splitting at commas cannot cut one that matches.
  while (!field.empty()) {
    const std::size_t comma = field.find(',');
    std::string_view candidate = trim_ows(field.substr(0, comma));
    if (candidate.starts_with("W/")) {
      candidate.remove_prefix(2);
    }
    if (candidate == tag) {
      return true;
    }
    field.remove_prefix(comma == std::string_view::npos ? field.size() : comma + 1);
  }
  return false;
}

}  // namespace waybill::management
