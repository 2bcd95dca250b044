// Reads members of validated maps: what is absent or faulty leaves the target as it is.

#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/secret.hpp"

#include "values.hpp"
#include "yaml_tree.hpp"

namespace waybill::config {

// The member if it is there and may be read.  `map` may be null.
[[nodiscard]] inline const Node* member(const Node* map, std::string_view key) noexcept {
  if (map == nullptr || map->kind != NodeKind::Map) {
    return nullptr;
  }
  const Node* node = map->find(key);
  return node == nullptr || node->faulty || node->kind == NodeKind::Null ? nullptr : node;
}

inline void read(const Node* map, std::string_view key, std::string& out) {
  if (const Node* node = member(map, key); node != nullptr && node->kind == NodeKind::Scalar) {
    out = node->text;
  }
}

inline void read(const Node* map, std::string_view key, Secret& out) {
  if (const Node* node = member(map, key); node != nullptr && node->kind == NodeKind::Scalar) {
    out = Secret(node->text);
  }
}

inline void read(const Node* map, std::string_view key, bool& out) {
  if (const Node* node = member(map, key)) {
    out = node->text == "true";
  }
}

inline void read(const Node* map, std::string_view key, std::optional<bool>& out) {
  if (const Node* node = member(map, key)) {
    out = node->text == "true";
  }
}

inline void read(const Node* map, std::string_view key, std::vector<std::string>& out) {
  if (const Node* node = member(map, key)) {
    out.clear();
    for (const Node& item : node->items) {
      if (!item.faulty) {
        out.push_back(item.text);
      }
    }
  }
}

inline void read(const Node* map, std::string_view key, std::chrono::milliseconds& out) {
  if (const Node* node = member(map, key)) {
    if (const auto duration = parse_duration(node->text)) {
      out = *duration;
    }
  }
}

inline void read(const Node* map,
                 std::string_view key,
                 std::optional<std::chrono::milliseconds>& out) {
  if (const Node* node = member(map, key)) {
    if (const auto duration = parse_duration(node->text)) {
      out = *duration;
    }
  }
}

template <class Integer>
void read_integer(const Node* map, std::string_view key, Integer& out) {
  if (const Node* node = member(map, key)) {
    if (const auto value = parse_integer(node->text)) {
      out = static_cast<Integer>(*value);
    }
  }
}

inline void read_size(const Node* map, std::string_view key, std::uint64_t& out) {
  if (const Node* node = member(map, key)) {
    if (const auto value = parse_size(node->text)) {
      out = *value;
    }
  }
}

// A choice as its position in the schema's order.
template <class Enum>
void read_choice(const Node* map,
                 std::string_view key,
                 std::initializer_list<std::string_view> words,
                 Enum& out) {
  const Node* node = member(map, key);
  if (node == nullptr) {
    return;
  }
  int position = 0;
  for (const std::string_view word : words) {
    if (word == node->text) {
      out = static_cast<Enum>(position);
    }
    ++position;
  }
}

template <class TimeoutsLike>
void read_timeouts(const Node* map, std::string_view key, TimeoutsLike& out) {
  const Node* node = member(map, key);
  read(node, "connect", out.connect);
  read(node, "first_token", out.first_token);
  read(node, "between_events", out.between_events);
  read(node, "total", out.total);
}

}  // namespace waybill::config
