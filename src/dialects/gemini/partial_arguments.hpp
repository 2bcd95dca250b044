// Arguments of a call that come leaf by leaf.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../json_tree.hpp"

namespace waybill::dialects::gemini {

// Puts a call's `partialArgs` together ("PartialArg", Vertex AI reference: a JSON path and a
// value, of which strings may come in pieces).  A value.
class PartialArguments {
 public:
  void add(const JsonRef& partial_args);
  // What came, as a JSON object.
  [[nodiscard]] std::string json() const;

 private:
  enum class Kind : std::uint8_t {
    Nothing,
    Scalar,  // `value` is JSON
    Text,    // `value` is a string's content, escaped
    Object,
    Array,
  };
  struct Node {
    Kind kind = Kind::Nothing;
    std::string value{};
    std::vector<std::string> names{};  // escaped; of an object's children
    std::vector<Node> children{};
  };

  void add_one(const JsonRef& part);
  Node* find(std::string_view path);
  static Node* child(Node& node, std::string_view name);
  static Node* element(Node& node, std::string_view digits);
  static void write(const Node& node, std::string& out);

  Node root_{.kind = Kind::Object};
};

}  // namespace waybill::dialects::gemini
