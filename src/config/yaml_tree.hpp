// A YAML document as a tree that remembers where everything stands.

#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "report.hpp"

namespace waybill::config {

enum class NodeKind : std::uint8_t {
  Null,
  Scalar,
  List,
  Map
};

struct Key {
  std::string text;
  Mark at;
};

struct Node {
  NodeKind kind = NodeKind::Null;
  Mark at{};
  std::string raw{};          // a scalar as written, without its quotes
  std::string text{};         // the same with its references replaced
  bool quoted = false;        // so it is text whatever it looks like
  bool referenced = false;    // text came from a reference; messages show raw
  bool faulty = false;        // already reported: what follows from it is not
  std::vector<Key> keys{};    // of a map, as many as items
  std::vector<Node> items{};  // of a list or a map

  // The value of a map's key; null if there is none.
  [[nodiscard]] const Node* find(std::string_view key) const noexcept;
  [[nodiscard]] Node* find(std::string_view key) noexcept;
};

constexpr std::size_t kMostFileBytes = std::size_t{2} * 1024 * 1024;
// yaml-cpp queues all tokens of a line that might still be a key.
constexpr std::size_t kLongestLine = std::size_t{64} * 1024;
constexpr std::size_t kMostNodes = 300'000;
constexpr std::size_t kMostDepth = 64;
constexpr std::size_t kLongestKey = 256;

// Parses one document.  Reports and returns nothing if the bytes are not the
// strict subset that settings are written in: valid UTF-8 without control
// characters, one document, no tabs in indentation, no anchors, aliases or tags,
// keys that are text and given once.  An empty file is a Null node.
[[nodiscard]] std::optional<Node> parse_yaml(std::string_view bytes, unsigned file, Report& report);

}  // namespace waybill::config
