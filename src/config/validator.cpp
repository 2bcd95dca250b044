#include "validator.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "waybill/base/money.hpp"
#include "waybill/base/text.hpp"
#include "waybill/base/url.hpp"

#include "values.hpp"

namespace waybill::config {
namespace {

constexpr std::size_t kLongestName = 128;
constexpr std::size_t kLongestSecret = 16'384;
constexpr std::string_view kLettersAndDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool is_name(std::string_view text) {
  static constexpr std::string_view kSigns = "._:/@+-";
  return !text.empty() && text.size() <= kLongestName &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return kLettersAndDigits.find(c) != std::string_view::npos ||
                  kSigns.find(c) != std::string_view::npos;
         });
}

// RFC 9110 §5.6.2.
bool is_token(std::string_view text) {
  static constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return kLettersAndDigits.find(c) != std::string_view::npos ||
           kSigns.find(c) != std::string_view::npos;
  });
}

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

std::string quote(std::string_view text) {
  return "'" + printable(text, 60) + "'";
}

std::string path_piece(std::string_view key) {
  const bool plain = key.find_first_not_of(
                         "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                         "0123456789_-") == std::string_view::npos;
  return plain ? std::string(key) : "\"" + printable(key) + "\"";
}

Place member_place(const Place& parent, std::string_view key) {
  const auto join = [&](const std::string& to) {
    return to.empty() ? std::string(key) : to + "." + std::string(key);
  };
  return {.full = join(parent.full), .label = join(parent.label)};
}

Place named_place(const Place& parent, std::string_view name) {
  return {.full = parent.full + "." + path_piece(name), .label = {}};
}

Place item_place(const Place& parent, std::size_t index) {
  return {.full = parent.full + "[" + std::to_string(index) + "]", .label = {}};
}

bool is_list(Type type) {
  return type == Type::MapList || type == Type::TextList || type == Type::NameList ||
         type == Type::IntegerList || type == Type::ChoiceList;
}

bool is_map(Type type) {
  return type == Type::Map || type == Type::NamedMaps || type == Type::SecretMap;
}

std::string_view kind_name(const Node& node) {
  switch (node.kind) {
    case NodeKind::Null: return "nothing";
    case NodeKind::Scalar: return "a single value";
    case NodeKind::List: return "a list";
    case NodeKind::Map: return "a map";
  }
  return "";
}

Type item_type(Type list) {
  switch (list) {
    case Type::TextList: return Type::Text;
    case Type::NameList: return Type::Name;
    case Type::IntegerList: return Type::Integer;
    case Type::ChoiceList: return Type::Choice;
    default: return Type::Map;
  }
}

// Keys that other programs have and this one refuses to have.
std::string_view advice_for(std::string_view key) {
  constexpr std::array<std::string_view, 6> kNoVerify{
      "insecure", "verify", "verify_tls", "tls_verify", "insecure_skip_verify", "skip_verify"};
  if (std::find(kNoVerify.begin(), kNoVerify.end(), key) != kNoVerify.end()) {
    return "certificates are always checked; name your own authority with ca_file";
  }
  return key == "<<" ? "merge keys are not supported in settings; write the members out" : "";
}

std::string join_choices(std::string_view choices) {
  std::string out;
  const auto all = split_choices(choices);
  for (std::size_t i = 0; i < all.size(); ++i) {
    out += i == 0 ? "" : i + 1 == all.size() ? " or " : ", ";
    out += all[i];
  }
  return out;
}

// What a reference stands for may be secret, so only its name is shown.
std::string failure(const Node& node, const Error& error) {
  return node.referenced ? quote(node.raw) + " stands for something that does not fit here"
                         : error.detail();
}

std::string did_you_mean(std::string_view word) {
  return "did you mean '" + std::string(word) + "'?";
}

}  // namespace

void Validator::refuse(Node& node,
                       const Place& place,
                       const std::string& rest,
                       std::string suggestion) {
  node.faulty = true;
  report_.fault(node.at, (place.label.empty() ? place.full : place.label) + ": " + rest,
                std::move(suggestion));
}

void Validator::check_members(Node& map, std::string_view parent, const Place& place) {
  const auto known = index_.members_of(parent);
  for (std::size_t i = 0; i < map.keys.size(); ++i) {
    const Key& key = map.keys[i];
    const auto it = std::find_if(known.begin(), known.end(),
                                 [&](const Member* member) { return member->key() == key.text; });
    if (it == known.end()) {
      report_unknown(key, known, place);
      map.items[i].faulty = true;
      continue;
    }
    if (map.items[i].kind == NodeKind::Null) {
      map.items[i].at = key.at;  // nothing stands nowhere
    }
    check_value(map.items[i], **it, member_place(place, key.text));
  }
  report_missing(map, parent, place);
}

void Validator::report_unknown(const Key& key,
                               std::span<const Member* const> known,
                               const Place& place) {
  std::string sentence = "unknown key " + quote(key.text);
  if (!place.full.empty()) {
    sentence += " in " + place.full;
  }
  std::vector<std::string_view> names;
  names.reserve(known.size());
  for (const Member* member : known) {
    names.push_back(member->key());
  }
  std::string suggestion(advice_for(key.text));
  if (const auto near = closest(key.text, names); suggestion.empty() && near) {
    suggestion = did_you_mean(*near);
  }
  report_.fault(key.at, std::move(sentence), std::move(suggestion));
}

void Validator::report_missing(const Node& map, std::string_view parent, const Place& place) {
  const auto known = index_.members_of(parent);
  std::vector<std::string_view> names;
  for (const Member* member : known) {
    names.push_back(member->key());
  }
  for (const Member* member : known) {
    if (!member->required || map.faulty || map.find(member->key()) != nullptr) {
      continue;
    }
    // A misspelt key was reported with this one as its suggestion already.
    const bool misspelt = std::any_of(map.keys.begin(), map.keys.end(), [&](const Key& key) {
      return std::find(names.begin(), names.end(), key.text) == names.end() &&
             closest(key.text, names) == member->key();
    });
    if (!misspelt) {
      std::string suggestion;
      if (member->choices == "free") {
        suggestion = "write price: free, or its prices";
      } else if (!member->choices.empty()) {
        suggestion = "write " + std::string(member->key()) + ": " + join_choices(member->choices);
      }
      report_.fault(map.at, place.full + " has no '" + std::string(member->key()) + "'",
                    std::move(suggestion));
    }
  }
}

void Validator::check_value(Node& node, const Member& member, const Place& place) {
  if (is_list(member.type)) {
    check_list(node, member, place);
    return;
  }
  if (node.kind == NodeKind::Map && (is_map(member.type) || member.type == Type::ChoiceOrMap)) {
    if (member.type == Type::NamedMaps) {
      check_named_maps(node, member, place);
    } else if (member.type == Type::SecretMap) {
      check_secret_map(node, place);
    } else {
      check_members(node, member.path, place);
    }
    return;
  }
  if (is_map(member.type)) {
    const bool empty_block = node.kind == NodeKind::Null && !member.required;
    if (!empty_block) {  // `providers:` with nothing below it is what people leave behind
      refuse(node, place, "this is " + std::string(kind_name(node)) + ", not a map of members");
    }
    return;
  }
  if (node.kind != NodeKind::Scalar) {
    refuse(node, place,
           node.kind == NodeKind::Null
               ? std::string("has no value")
               : "this is " + std::string(kind_name(node)) + ", not a single value");
    return;
  }
  check_scalar(node, member, place);
}

void Validator::check_list(Node& node, const Member& member, const Place& place) {
  if (node.kind == NodeKind::Null && !member.required) {
    return;
  }
  if (node.kind != NodeKind::List) {
    refuse(node, place, "this is " + std::string(kind_name(node)) + ", not a list",
           node.kind == NodeKind::Scalar ? "write it in brackets, [ ... ]" : "");
    return;
  }
  if (member.required && node.items.empty()) {
    refuse(node, place, "an empty list", "write at least one");
    return;
  }
  Member item = member;
  item.type = item_type(member.type);
  const std::string path = std::string(member.path) + "[]";
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    Node& entry = node.items[i];
    const Place at = item_place(place, i);
    if (item.type != Type::Map) {
      check_value(entry, item, at);
    } else if (entry.kind == NodeKind::Map) {
      check_members(entry, path, at);
    } else {
      refuse(entry, at, "this is " + std::string(kind_name(entry)) + ", not a map of members");
    }
  }
}

void Validator::check_named_maps(Node& node, const Member& member, const Place& place) {
  const std::string path = std::string(member.path) + ".*";
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    const Key& key = node.keys[i];
    Node& entry = node.items[i];
    const Place at = named_place(place, key.text);
    if (!is_name(key.text)) {
      entry.faulty = true;
      report_.fault(key.at, quote(key.text) + " is not a name",
                    "use letters, digits and . _ : / @ + - (at most 128)");
    }
    if (entry.kind == NodeKind::Map) {
      check_members(entry, path, at);
    } else {
      entry.at = key.at;
      refuse(entry, at, "this is " + std::string(kind_name(entry)) + ", not a map of members");
    }
  }
}

void Validator::check_secret_map(Node& node, const Place& place) {
  const Member secret{.path = {}, .type = Type::Secret, .fallback = {}, .help = {}, .choices = {}};
  for (std::size_t i = 0; i < node.keys.size(); ++i) {
    if (!is_token(node.keys[i].text)) {
      node.items[i].faulty = true;
      report_.fault(node.keys[i].at, quote(node.keys[i].text) + " is not a header name");
      continue;
    }
    check_value(node.items[i], secret, member_place(place, node.keys[i].text));
  }
}

void Validator::check_scalar(Node& node, const Member& member, const Place& place) {
  expander_.expand(node, member.type);
  if (node.faulty) {
    return;
  }
  switch (member.type) {
    case Type::Boolean:
    case Type::Integer:
    case Type::Duration:
    case Type::Size:
    case Type::Decimal: check_number(node, member, place); return;
    case Type::Choice:
    case Type::ChoiceOrMap:
    case Type::ChoiceOrDuration: check_choice(node, member, place); return;
    default: check_text(node, member, place); return;
  }
}

void Validator::check_text(Node& node, const Member& member, const Place& place) {
  const std::string& text = node.text;
  if (member.type == Type::Secret) {
    if (text.empty() || text.size() > kLongestSecret || !is_visible_ascii(text)) {
      refuse(node, place, text.empty() ? "is empty" : "holds characters that no header may have");
    }
    return;
  }
  if (!node.quoted && !node.referenced && looks_boolean(text)) {
    refuse(node, place, quote(text) + " without quotes is a truth value to many YAML readers",
           "write \"" + text + "\"");
    return;
  }
  if (text.empty() && member.type != Type::Prose) {
    refuse(node, place, "is empty");
  } else if (member.type != Type::Prose && has_control(text)) {
    refuse(node, place, "holds a line break or another control character");
  } else if (member.type == Type::Name && !is_name(text)) {
    refuse(node, place, quote(node.raw) + " is not a name",
           "use letters, digits and . _ : / @ + - (at most 128)");
  } else if (member.type == Type::Url) {
    if (const auto url = parse_base_url(text); !url) {
      refuse(node, place, url.error().detail());
    }
  } else if (member.type == Type::Address) {
    if (const auto address = classify_address(text); !address) {
      refuse(node, place, failure(node, address.error()));
    }
  }
}

void Validator::check_number(Node& node, const Member& member, const Place& place) {
  const std::string& text = node.text;
  // Quotes say "text"; but where a reference stands they are often needed.
  if (node.quoted && !node.referenced && member.type != Type::Decimal) {
    refuse(node, place, "a value in quotes is text here",
           "write " + printable(text, 40) + " without them");
    return;
  }
  const auto check_range = [&](std::int64_t value, std::string_view unit) {
    if (value < member.min || value > member.max) {
      refuse(node, place,
             quote(node.raw) + " is not between " + std::to_string(member.min) + " and " +
                 std::to_string(member.max) + std::string(unit));
    }
  };
  const auto check_parsed = [&](const auto& parsed, auto to_integer, std::string_view unit) {
    if (parsed) {
      check_range(static_cast<std::int64_t>(to_integer(*parsed)), unit);
    } else {
      refuse(node, place, failure(node, parsed.error()));
    }
  };
  if (member.type == Type::Boolean) {
    if (text != "true" && text != "false") {
      refuse(node, place, quote(node.raw) + " is not true or false");
    }
  } else if (member.type == Type::Integer) {
    check_parsed(parse_integer(text), [](std::int64_t x) { return x; }, "");
  } else if (member.type == Type::Duration) {
    check_parsed(parse_duration(text), [](auto x) { return x.count(); }, " ms");
  } else if (member.type == Type::Size) {
    check_parsed(parse_size(text), [](std::uint64_t x) { return x; }, " bytes");
  } else if (const auto decimal = parse_scaled(text, 18);
             !decimal && decimal.error().code() == "invalid_decimal") {
    refuse(node, place, failure(node, decimal.error()));
  } else if (text.starts_with('-')) {
    refuse(node, place, quote(node.raw) + " is negative");
  }
}

void Validator::check_choice(Node& node, const Member& member, const Place& place) {
  const auto choices = split_choices(member.choices);
  if (std::find(choices.begin(), choices.end(), node.text) != choices.end()) {
    return;
  }
  if (member.type == Type::ChoiceOrDuration) {
    if (!parse_duration(node.text)) {
      refuse(node, place,
             quote(node.raw) + " is not " + join_choices(member.choices) + " or a duration");
    }
    return;
  }
  const auto near = closest(node.text, choices);
  const std::string tail = member.type == Type::ChoiceOrMap ? " or a map of members" : "";
  refuse(node, place, quote(node.raw) + " is not " + join_choices(member.choices) + tail,
         near ? did_you_mean(*near) : "");
}

}  // namespace waybill::config
