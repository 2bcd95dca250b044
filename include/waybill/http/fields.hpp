// The header fields of a message that has passed the strict check.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::http {

// Field lines in the order they were sent.  Owns their text in one piece: two allocations
// for a whole head, where a node a field costs as much as the check itself.  Names compare
// without regard to ASCII case (RFC 9110 §5.1).
//
// Thread safety: none; reading alone from several threads is safe.
class Fields {
 public:
  struct Line {
    std::string_view name;
    std::string_view value;  // without the blanks around it
  };

  class Iterator {
   public:
    Iterator(const Fields& fields, std::size_t index) noexcept : fields_(&fields), index_(index) {}
    Line operator*() const noexcept { return (*fields_)[index_]; }
    Iterator& operator++() noexcept {
      ++index_;
      return *this;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const Fields* fields_;
    std::size_t index_;
  };

  // Room for so many bytes of names and values, and so many lines.
  void reserve(std::size_t bytes, std::size_t lines);
  // Copies both.  The caller has checked them: nothing here looks at a byte.
  void add(std::string_view name, std::string_view value);

  [[nodiscard]] std::size_t size() const noexcept { return spans_.size(); }
  // Requires: index < size().  The views are valid until this changes or ends.
  [[nodiscard]] Line operator[](std::size_t index) const noexcept;
  [[nodiscard]] Iterator begin() const noexcept { return {*this, 0}; }
  [[nodiscard]] Iterator end() const noexcept { return {*this, size()}; }

  // How often a field stands there, and its first value (empty where it does not).
  struct Found {
    std::size_t count = 0;
    std::string_view value;
  };
  [[nodiscard]] Found find(std::string_view name) const noexcept;

 private:
  // A line's place in `text_`: its name, and right behind it its value.
  struct Span {
    std::uint32_t at;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };

  std::string text_;
  std::vector<Span> spans_;
};

}  // namespace waybill::http
