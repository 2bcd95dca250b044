// Schemas in OpenAPI's words.

#include <algorithm>
#include <array>
#include <utility>

#include "waybill/base/ascii.hpp"

#include "../escaped.hpp"
#include "gemini.hpp"

namespace waybill::dialects::gemini {
namespace {

// The members of a schema that hold whole numbers: protobuf's JSON writes int64 as a string.
constexpr std::array<std::string_view, 6> kCounts{"maxItems",  "minItems",      "maxLength",
                                                  "minLength", "minProperties", "maxProperties"};

bool is_digits(std::string_view text) noexcept {
  for (const char c : text) {
    if (c < '0' || c > '9') {
      return false;
    }
  }
  return !text.empty();
}

class SchemaConverter {
 public:
  // Only where a schema may stand: a property may well be called "type".
  void schema(const JsonRef& value);

  [[nodiscard]] bool changed() const noexcept { return changed_; }
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void each(const JsonRef& container);
  void schema_member(const JsonRef& value, bool nullable);
  void type(const JsonRef& value, bool nullable);
  void key(const JsonRef& value, bool& first) {
    out_ += first ? "" : ",";
    first = false;
    append_quoted(out_, escaped(value.name()));
    out_ += ':';
  }

  std::string out_;
  bool changed_ = false;
};

void SchemaConverter::schema(const JsonRef& value) {
  if (!value.is_object()) {
    out_ += value.raw();
    return;
  }
  const bool nullable = value["nullable"].is_true() && value["type"].is_string();
  out_ += '{';
  bool first = true;
  for (const JsonRef inner : value) {
    if (inner.is(JsonType::Null) && !inner.named("default") && !inner.named("example")) {
      changed_ = true;  // protobuf's JSON: as if it were not there
    } else if (inner.named("nullable")) {
      changed_ = true;
    } else {
      key(inner, first);
      schema_member(inner, nullable);
    }
  }
  out_ += '}';
}

void SchemaConverter::schema_member(const JsonRef& value, bool nullable) {
  if (value.named("type")) {
    type(value, nullable);
  } else if (value.named("properties") || value.named("$defs") || value.named("anyOf") ||
             value.named("oneOf") || value.named("allOf")) {
    each(value);
  } else if (value.named("items") || value.named("additionalProperties")) {
    schema(value);
  } else if (value.is_string() && is_digits(value.escaped()) &&
             std::ranges::any_of(kCounts, [&](std::string_view n) { return value.named(n); })) {
    out_ += value.escaped();
    changed_ = true;
  } else {
    out_ += value.raw();
  }
}

void SchemaConverter::each(const JsonRef& container) {
  const bool object = container.is_object();
  if (!object && !container.is_array()) {
    out_ += container.raw();
    return;
  }
  out_ += object ? '{' : '[';
  bool first = true;
  for (const JsonRef inner : container) {
    if (object) {
      key(inner, first);
    } else {
      out_ += first ? "" : ",";
      first = false;
    }
    schema(inner);
  }
  out_ += object ? '}' : ']';
}

void SchemaConverter::type(const JsonRef& value, bool nullable) {
  std::string word(value.escaped());
  for (char& c : word) {
    c = ascii_lower(c);
  }
  if (!value.is_string() || (word == value.escaped() && !nullable)) {
    out_ += value.raw();
    return;
  }
  changed_ = true;
  out_ += nullable ? "[" : "";
  append_quoted(out_, word);
  out_ += nullable ? ",\"null\"]" : "";
}

}  // namespace

std::string to_json_schema(const JsonRef& schema) {
  SchemaConverter converter;
  converter.schema(schema);
  return converter.changed() ? converter.take() : std::string(schema.raw());
}

}  // namespace waybill::dialects::gemini
