#include "validator.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "waybill/base/text.hpp"

#include "words.hpp"

namespace waybill::config {
namespace {

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

// Keys that other programs have and this one refuses to have, or does not have yet.
std::string_view advice_for(std::string_view key) {
  constexpr std::array<std::string_view, 6> kNoVerify{
      "insecure", "verify", "verify_tls", "tls_verify", "insecure_skip_verify", "skip_verify"};
  if (std::find(kNoVerify.begin(), kNoVerify.end(), key) != kNoVerify.end()) {
    return "certificates are always checked; name your own authority with ca_file";
  }
  // Of the design, and not built yet: accepting one would promise what is not done.
  constexpr std::pair<std::string_view, std::string_view> kToCome[]{
      {"hold_tokens", "it comes with budgets; this version holds no money for a request"},
      {"management", "it comes with the management API; keys are made by 'waybill keys'"},
      {"models_path", "it comes with the fetching of model lists; write the models out"},
      {"refuses_unknown_members",
       "it comes with the report of what a provider is not sent; until then every member passes"},
  };
  for (const auto& [name, sentence] : kToCome) {
    if (key == name) {
      return sentence;
    }
  }
  return key == "<<" ? "merge keys are not supported in settings; write the members out" : "";
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

}  // namespace waybill::config
