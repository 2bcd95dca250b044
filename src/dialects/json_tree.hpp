// An index of one JSON document: where every value stands, and what it is in.

#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "json_walk.hpp"

namespace waybill::dialects {

class JsonTree;

// One value of a document, or "not there": what is missing may be asked like what is
// there, and says no.  A value; valid as long as its tree is neither parsed again nor
// destroyed, and the text lives.
class JsonRef {
 public:
  JsonRef() noexcept = default;

  [[nodiscard]] bool there() const noexcept { return tree_ != nullptr; }
  explicit operator bool() const noexcept { return there(); }
  [[nodiscard]] JsonType type() const noexcept;  // None: not there
  [[nodiscard]] bool is(JsonType wanted) const noexcept { return type() == wanted; }
  [[nodiscard]] bool is_object() const noexcept { return is(JsonType::Object); }
  [[nodiscard]] bool is_array() const noexcept { return is(JsonType::Array); }
  [[nodiscard]] bool is_string() const noexcept { return is(JsonType::String); }
  [[nodiscard]] bool is_number() const noexcept { return is(JsonType::Number); }
  [[nodiscard]] bool is_true() const noexcept { return is(JsonType::True); }
  // Absent and null mean the same nearly everywhere.
  [[nodiscard]] bool given() const noexcept { return there() && !is(JsonType::Null); }

  // The value as it was written.
  [[nodiscard]] std::string_view raw() const noexcept;
  // A string's content as it was written, escapes and all; "" for anything else.
  [[nodiscard]] std::string_view escaped() const noexcept;
  // A string's content; "" for anything else.
  [[nodiscard]] std::string text() const;
  // Whether it is a string of exactly this content.
  [[nodiscard]] bool equals(std::string_view content) const;

  [[nodiscard]] std::optional<double> number() const noexcept;
  // A number without fraction and exponent that fits (a fraction of zeros, 3.0, counts too).
  [[nodiscard]] std::optional<std::int64_t> integer() const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> count() const noexcept;  // not below zero
  [[nodiscard]] std::optional<bool> flag() const noexcept;

  // The member of an object; of several with one name, the first.
  [[nodiscard]] JsonRef operator[](std::string_view name) const;
  // The element of an array.  O(position).
  [[nodiscard]] JsonRef at(std::size_t position) const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;  // members or elements
  [[nodiscard]] bool empty() const noexcept { return size() == 0; }

  // The name under which it stands in its object.
  [[nodiscard]] std::string name() const;
  [[nodiscard]] bool named(std::string_view wanted) const;

  // Where it stands, as a person would write it: "messages[3].content[0].source".
  // "" for the whole.
  [[nodiscard]] std::string path() const;

  // Members or elements, in order: `for (const JsonRef each : value)`.
  class Iterator {
   public:
    // NOLINTBEGIN(readability-identifier-naming): the standard's names
    using iterator_category = std::forward_iterator_tag;
    using value_type = JsonRef;
    using difference_type = std::ptrdiff_t;
    using pointer = const JsonRef*;
    using reference = JsonRef;
    // NOLINTEND(readability-identifier-naming)

    Iterator() noexcept = default;
    Iterator(const JsonTree* tree, std::uint32_t node) noexcept : tree_(tree), node_(node) {}
    JsonRef operator*() const noexcept { return {tree_, node_}; }
    Iterator& operator++() noexcept;
    Iterator operator++(int) noexcept {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const JsonTree* tree_ = nullptr;
    std::uint32_t node_ = 0;
  };
  [[nodiscard]] Iterator begin() const noexcept;
  [[nodiscard]] Iterator end() const noexcept;

 private:
  friend class JsonTree;
  JsonRef(const JsonTree* tree, std::uint32_t node) noexcept : tree_(tree), node_(node) {}

  const JsonTree* tree_ = nullptr;
  std::uint32_t node_ = 0;
};

// Why not nlohmann/json or simdjson: numbers, escapes and the order of members must come
// out as they went in (schemas and arguments are passed on byte for byte), which the one
// rebuilds; simdjson 3.0.1 keeps no raw text of containers.  The index holds ranges only:
// no string is copied or decoded until somebody asks.
//
// May be used again for the next document; it keeps its memory.
// Thread safety: none for parse(); reading is const.
class JsonTree {
 public:
  JsonTree() = default;
  JsonTree(const JsonTree&) = delete;
  JsonTree& operator=(const JsonTree&) = delete;

  // Reads all of `text`, which must outlive the tree's use.  False: fault() says what is
  // wrong, and root() is not there.
  bool parse(std::string_view text, JsonOrigin origin, unsigned max_depth = JsonWalker::kMaxDepth);

  [[nodiscard]] JsonRef root() const noexcept {
    return nodes_.empty() ? JsonRef() : JsonRef(this, 0);
  }
  [[nodiscard]] const JsonFault& fault() const noexcept { return fault_; }

 private:
  friend class JsonRef;
  static constexpr std::uint32_t kNone = UINT32_MAX;

  struct Node {
    ByteRange value;
    ByteRange name;
    std::uint32_t parent = kNone;
    std::uint32_t next = kNone;  // the next in the same container
    std::uint32_t count = 0;     // members or elements; the first is the node behind this one
    JsonType type = JsonType::None;
    bool name_escaped = false;
    bool escaped = false;  // of a string: it has escapes
  };

  bool take(JsonWalker& walker, std::uint32_t parent, const JsonText& name);
  bool take_object(JsonWalker& walker, std::uint32_t node);
  bool take_array(JsonWalker& walker, std::uint32_t node);

  std::string_view text_;
  std::vector<Node> nodes_;
  JsonFault fault_;
};

}  // namespace waybill::dialects
