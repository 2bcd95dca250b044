// What settings may say: every member with its type, default and meaning.
//
// The validator checks against this table and docs/settings.md is rendered from
// it, so that neither can know a member that the other does not.

#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace waybill::config {

enum class Type : std::uint8_t {
  Map,               // fixed members
  MapList,           // a list of them
  NamedMaps,         // a map from a name to them
  ChoiceOrMap,       // one of `choices`, or a map
  Text,              // one line
  Prose,             // any text
  TextList,          // list of Text
  Secret,            // printable ASCII, never repeated in a message
  SecretMap,         // header name to Secret
  Name,              // [A-Za-z0-9._:/@+-]
  NameList,          // list of Name
  Url,               // http(s), see base/url.hpp
  Address,           // of a local interface
  Boolean,           // true or false
  Integer,           // min..max
  IntegerList,       // list of Integer
  Duration,          // min..max in milliseconds
  Size,              // min..max in bytes
  Decimal,           // exact, never through a double
  Choice,            // one of `choices`
  ChoiceList,        // list of Choice
  ChoiceOrDuration,  // one of `choices`, or a duration
};

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): the order of the rows in schema.cpp
struct Member {
  std::string_view path;  // "models.*.endpoints[].provider": `*` any name, `[]` any item
  Type type = Type::Text;
  std::string_view fallback{};  // the default as text; "" if there is none
  std::string_view help{};
  std::string_view choices{};  // separated by '|'
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
  bool required = false;

  [[nodiscard]] std::string_view key() const noexcept;     // after the last '.'
  [[nodiscard]] std::string_view parent() const noexcept;  // before it
};

// In the order of the reference.
[[nodiscard]] std::span<const Member> schema() noexcept;

[[nodiscard]] std::vector<std::string_view> split_choices(std::string_view choices);

// The table by parent path, for the walk over a document.
class SchemaIndex {
 public:
  SchemaIndex();

  // `parent` is "" for the top level, "listen[]", "providers.*", ...
  [[nodiscard]] std::span<const Member* const> members_of(std::string_view parent) const;

 private:
  std::map<std::string_view, std::vector<const Member*>> children_;
};

}  // namespace waybill::config
