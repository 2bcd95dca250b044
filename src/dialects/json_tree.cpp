#include "json_tree.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace waybill::dialects {

bool JsonTree::parse(std::string_view text, JsonOrigin origin, unsigned max_depth) {
  text_ = text;
  nodes_.clear();
  JsonWalker walker(text, origin, max_depth);
  const bool good = walker.begin() && take(walker, kNone, {}) && walker.finish();
  fault_ = walker.fault();
  if (!good) {
    nodes_.clear();
  }
  return good;
}

// Recursion ends at the walker's depth, 64 at most.
bool JsonTree::take(JsonWalker& walker, std::uint32_t parent, const JsonText& name) {
  const auto index = static_cast<std::uint32_t>(nodes_.size());
  Node& node = nodes_.emplace_back();
  node.type = walker.peek();
  node.parent = parent;
  node.name = name.raw;
  node.name_escaped = name.escaped;
  node.value.begin = walker.position();
  bool good = false;
  switch (node.type) {
    case JsonType::None: return false;
    case JsonType::Object: good = take_object(walker, index); break;
    case JsonType::Array: good = take_array(walker, index); break;
    case JsonType::String: {
      JsonText text;
      good = walker.take_string(text);
      node.escaped = text.escaped;
      break;
    }
    case JsonType::Number:
    case JsonType::True:
    case JsonType::False:
    case JsonType::Null: good = walker.take_value(); break;
  }
  nodes_[index].value.end = walker.position();
  return good;
}

bool JsonTree::take_object(JsonWalker& walker, std::uint32_t node) {
  ObjectWalk object(walker);
  JsonText name;
  std::uint32_t last = kNone;
  while (object.next(name)) {
    const auto member = static_cast<std::uint32_t>(nodes_.size());
    if (!take(walker, node, name)) {
      return false;
    }
    if (last != kNone) {
      nodes_[last].next = member;
    }
    last = member;
    ++nodes_[node].count;
  }
  return walker.ok();
}

bool JsonTree::take_array(JsonWalker& walker, std::uint32_t node) {
  ArrayWalk array(walker);
  std::uint32_t last = kNone;
  while (array.next()) {
    const auto element = static_cast<std::uint32_t>(nodes_.size());
    if (!take(walker, node, {})) {
      return false;
    }
    if (last != kNone) {
      nodes_[last].next = element;
    }
    last = element;
    ++nodes_[node].count;
  }
  return walker.ok();
}

JsonType JsonRef::type() const noexcept {
  return there() ? tree_->nodes_[node_].type : JsonType::None;
}

std::string_view JsonRef::raw() const noexcept {
  return there() ? tree_->nodes_[node_].value.of(tree_->text_) : std::string_view{};
}

std::string_view JsonRef::escaped() const noexcept {
  return is_string() ? raw().substr(1, raw().size() - 2) : std::string_view{};
}

std::string JsonRef::text() const {
  const std::string_view inner = escaped();
  if (inner.empty() || !tree_->nodes_[node_].escaped) {
    return std::string(inner);
  }
  std::string out;
  append_decoded(out, inner);
  return out;
}

bool JsonRef::equals(std::string_view content) const {
  if (!is_string()) {
    return false;
  }
  return tree_->nodes_[node_].escaped ? text() == content : escaped() == content;
}

std::optional<double> JsonRef::number() const noexcept {
  if (!is_number()) {
    return std::nullopt;
  }
  double value = 0;
  const std::string_view token = raw();
  const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
  return read.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::optional<std::int64_t> JsonRef::integer() const noexcept {
  if (!is_number()) {
    return std::nullopt;
  }
  std::string_view token = raw();
  if (const std::size_t point = token.find('.'); point != std::string_view::npos) {
    if (token.find_first_not_of('0', point + 1) != std::string_view::npos) {
      return std::nullopt;
    }
    token = token.substr(0, point);
  }
  std::int64_t value = 0;
  const char* const end = token.data() + token.size();
  const auto read = std::from_chars(token.data(), end, value);
  return read.ec == std::errc() && read.ptr == end ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> JsonRef::count() const noexcept {
  const auto value = integer();
  return value && *value >= 0 ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

std::optional<bool> JsonRef::flag() const noexcept {
  const JsonType kind = type();
  return kind == JsonType::True || kind == JsonType::False ? std::optional(kind == JsonType::True)
                                                           : std::nullopt;
}

JsonRef JsonRef::operator[](std::string_view name) const {
  if (is_object()) {
    for (const JsonRef member : *this) {
      if (member.named(name)) {
        return member;
      }
    }
  }
  return {};
}

JsonRef JsonRef::at(std::size_t position) const noexcept {
  if (is_array()) {
    for (const JsonRef element : *this) {
      if (position-- == 0) {
        return element;
      }
    }
  }
  return {};
}

std::size_t JsonRef::size() const noexcept {
  return there() ? tree_->nodes_[node_].count : 0;
}

std::string JsonRef::name() const {
  if (!there()) {
    return {};
  }
  const JsonTree::Node& node = tree_->nodes_[node_];
  std::string out;
  append_decoded(out, node.name.of(tree_->text_));
  return out;
}

bool JsonRef::named(std::string_view wanted) const {
  if (!there()) {
    return false;
  }
  const JsonTree::Node& node = tree_->nodes_[node_];
  return node.name_escaped ? name() == wanted : node.name.of(tree_->text_) == wanted;
}

std::string JsonRef::path() const {
  if (!there() || tree_->nodes_[node_].parent == JsonTree::kNone) {
    return {};
  }
  const JsonRef parent(tree_, tree_->nodes_[node_].parent);
  std::string out = parent.path();
  if (parent.is_object()) {
    out += out.empty() ? "" : ".";
    return out + name();
  }
  std::size_t position = 0;
  for (const JsonRef element : parent) {
    if (element.node_ == node_) {
      break;
    }
    ++position;
  }
  return out + '[' + std::to_string(position) + ']';
}

JsonRef::Iterator JsonRef::begin() const noexcept {
  return size() == 0 ? end() : Iterator(tree_, node_ + 1);
}

JsonRef::Iterator JsonRef::end() const noexcept {
  return {tree_, JsonTree::kNone};
}

JsonRef::Iterator& JsonRef::Iterator::operator++() noexcept {
  node_ = tree_->nodes_[node_].next;
  return *this;
}

}  // namespace waybill::dialects
