#include "partial_arguments.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "../escaped.hpp"

namespace waybill::dialects::gemini {
namespace {

// Far more than tools have; what is beyond is left out.
constexpr std::size_t kMostChildren = 1'024;
constexpr unsigned kMostSteps = 64;

}  // namespace

void PartialArguments::add(const JsonRef& partial_args) {
  for (const JsonRef part : partial_args) {
    add_one(part);
  }
}

void PartialArguments::add_one(const JsonRef& part) {
  Node* const node = find(part["jsonPath"].text());
  if (node == nullptr || node == &root_) {
    return;
  }
  const JsonRef text = part["stringValue"];
  const JsonRef number = part["numberValue"];
  const JsonRef flag = part["boolValue"];
  if (text.is_string()) {
    if (node->kind != Kind::Text) {
      *node = {.kind = Kind::Text};
    }
    node->value += text.escaped();
  } else if (number.is_number() || flag.flag()) {
    *node = {.kind = Kind::Scalar, .value = std::string((flag.flag() ? flag : number).raw())};
  } else if (part["nullValue"].there()) {
    *node = {.kind = Kind::Scalar, .value = "null"};
  }
}

// RFC 9535's singular queries: $.name, $['name'], $.list[0].
PartialArguments::Node* PartialArguments::find(std::string_view path) {
  if (!path.starts_with('$')) {
    return nullptr;
  }
  path.remove_prefix(1);
  Node* node = &root_;
  for (unsigned steps = 0; node != nullptr && !path.empty(); ++steps) {
    if (steps == kMostSteps) {
      return nullptr;
    }
    if (path.front() == '.') {
      path.remove_prefix(1);
      const std::size_t end = std::min(path.find_first_of(".["), path.size());
      node = child(*node, path.substr(0, end));
      path.remove_prefix(end);
      continue;
    }
    const std::size_t end = path.find(']');
    if (path.front() != '[' || end == std::string_view::npos || end < 2) {
      return nullptr;
    }
    const std::string_view inner = path.substr(1, end - 1);
    const bool quoted = inner.size() >= 2 && (inner.front() == '\'' || inner.front() == '"');
    node = quoted ? child(*node, inner.substr(1, inner.size() - 2)) : element(*node, inner);
    path.remove_prefix(end + 1);
  }
  return node;
}

PartialArguments::Node* PartialArguments::child(Node& node, std::string_view name) {
  if (node.kind != Kind::Object) {
    node = {.kind = Kind::Object};
  }
  const std::string key = escaped(name);
  // Mostly the one that came last goes on.
  const auto found = std::ranges::find(node.names.rbegin(), node.names.rend(), key);
  if (found != node.names.rend()) {
    return &node.children[static_cast<std::size_t>(node.names.rend() - found) - 1];
  }
  if (node.children.size() == kMostChildren) {
    return nullptr;
  }
  node.names.push_back(key);
  return &node.children.emplace_back();
}

PartialArguments::Node* PartialArguments::element(Node& node, std::string_view digits) {
  std::size_t position = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), position);
  if (ec != std::errc() || end != digits.data() + digits.size() || position >= kMostChildren) {
    return nullptr;
  }
  if (node.kind != Kind::Array) {
    node = {.kind = Kind::Array};
  }
  if (node.children.size() <= position) {
    node.children.resize(position + 1);
  }
  return &node.children[position];
}

std::string PartialArguments::json() const {
  std::string out;
  write(root_, out);
  return out;
}

// No deeper than kMostSteps.
void PartialArguments::write(const Node& node, std::string& out) {
  switch (node.kind) {
    case Kind::Nothing: out += "null"; return;
    case Kind::Scalar: out += node.value; return;
    case Kind::Text: append_quoted(out, node.value); return;
    case Kind::Object:
    case Kind::Array: break;
  }
  const bool object = node.kind == Kind::Object;
  out += object ? '{' : '[';
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    out += i == 0 ? "" : ",";
    if (object) {
      append_quoted(out, node.names[i]);
      out += ':';
    }
    write(node.children[i], out);
  }
  out += object ? '}' : ']';
}

}  // namespace waybill::dialects::gemini
