#include <string>
#include <string_view>

#include "waybill/config/load.hpp"

#include "schema.hpp"

namespace waybill::config {
namespace {

std::string_view type_name(Type type) {
  switch (type) {
    case Type::Map: return "map";
    case Type::MapList: return "list of maps";
    case Type::NamedMaps: return "map of names";
    case Type::ChoiceOrMap:
    case Type::Choice: return "";
    case Type::Text:
    case Type::Prose: return "text";
    case Type::TextList: return "list of text";
    case Type::Secret: return "secret";
    case Type::SecretMap: return "map of secrets";
    case Type::Name: return "name";
    case Type::NameList: return "list of names";
    case Type::Url: return "URL";
    case Type::Address: return "IP address";
    case Type::Boolean: return "true or false";
    case Type::Integer: return "integer";
    case Type::IntegerList: return "list of integers";
    case Type::Duration: return "duration";
    case Type::Size: return "size";
    case Type::Decimal: return "decimal";
    case Type::ChoiceList: return "list of";
    case Type::ChoiceOrDuration: return "duration or";
  }
  return "";
}

std::string type_text(const Member& member) {
  std::string out(type_name(member.type));
  std::string choices;
  for (const std::string_view choice : split_choices(member.choices)) {
    choices += (choices.empty() ? "`" : ", `") + std::string(choice) + "`";
  }
  if (!choices.empty()) {
    out += (out.empty() ? "" : " ") + choices;
  }
  if (member.type == Type::ChoiceOrMap) {
    out += " or map";
  }
  if (member.type == Type::Integer && member.max <= 10'000'000) {
    out += " " + std::to_string(member.min) + "–" + std::to_string(member.max);
  }
  return out;
}

std::string shown_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c == '*') {
      out += path.starts_with("models") ? "ID" : "NAME";
    } else {
      out += c;
    }
  }
  return out;
}

void append_row(std::string& out, const Member& member) {
  out += "| `" + shown_path(member.path) + "` | " + type_text(member) + " | ";
  out += member.required ? "required" : member.fallback.empty() ? "–" : member.fallback;
  out += " | ";
  out += member.help;
  out += " |\n";
}

constexpr std::string_view kIntroduction =
    R"(# Settings

<!-- Rendered from the schema in src/config/schema.cpp; a test compares. -->

One YAML file, named by `--config`, and the files that its `include` names. `waybill check --config FILE`
prints every fault at once, each with its file, line, column and what to write instead; nothing starts while
there is one, and a reload (SIGHUP) with faults changes nothing. An unknown key, a wrong type, a key given
twice, anchors, aliases, tags and a second document are faults.

- **Durations** are a number and a unit: `200ms`, `5s`, `15m`, `1h`, `30d`.
- **Sizes** are bytes, or a number and a unit: `512B`, `64KiB`, `32MiB`, `1GiB`.
- **Decimals** are exact: at most as fine as a picodollar for the unit, with or without quotes, no exponent.
- **References** stand in any value, whole or in part: `${env:NAME}` is an environment variable (`${env:NAME:-text}`: or
  the text, where it is not set or empty; not in secrets), `${file:PATH}`
  the text of a file without its last line end. They are replaced once; `$${` stands for `${`. Inside `{ }` and
  `[ ]` they need quotes. A secret's file must not be readable by everybody, except below `/run/secrets`.
- **Paths** are relative to the file they are written in.
- **Words** that YAML readers take for truth values (`yes`, `no`, `on`, `off`, `true`, `false`) need quotes where
  text is meant.
)";

}  // namespace

std::string settings_reference() {
  std::string out(kIntroduction);
  for (const Member& member : schema()) {
    if (member.parent().empty()) {
      out += "\n## " + std::string(member.path) + "\n\n";
      out += "| key | type | default | meaning |\n| --- | --- | --- | --- |\n";
    }
    append_row(out, member);
  }
  return out;
}

}  // namespace waybill::config
