#include "waybill/http/fields.hpp"

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

namespace waybill::http {

void Fields::reserve(std::size_t bytes, std::size_t lines) {
  text_.reserve(bytes);
  spans_.reserve(lines);
}

void Fields::add(std::string_view name, std::string_view value) {
  spans_.push_back({static_cast<std::uint32_t>(text_.size()),
                    static_cast<std::uint32_t>(name.size()),
                    static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

Fields::Line Fields::operator[](std::size_t index) const noexcept {
  const Span span = spans_[index];
  const char* const start = text_.data() + span.at;
  return {{start, span.name_size}, {start + span.name_size, span.value_size}};
}

Fields::Found Fields::find(std::string_view name) const noexcept {
  Found found;
  if (name.empty()) {
    return found;
  }
  const char first = ascii_lower(name.front());
  for (const Span& span : spans_) {
    const char* const start = text_.data() + span.at;
    // Nearly all others differ here already.
    if (span.name_size != name.size() || ascii_lower(*start) != first) {
      continue;
    }
    if (iequals({start, span.name_size}, name) && found.count++ == 0) {
      found.value = {start + span.name_size, span.value_size};
    }
  }
  return found;
}

}  // namespace waybill::http
