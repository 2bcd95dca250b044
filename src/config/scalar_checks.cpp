// What a single value may be: the part of the validator below the maps and lists.

#include <algorithm>
#include <string>
#include <string_view>

#include "waybill/base/money.hpp"
#include "waybill/base/text.hpp"
#include "waybill/base/url.hpp"

#include "validator.hpp"
#include "values.hpp"
#include "words.hpp"

namespace waybill::config {
namespace {

constexpr std::size_t kLongestSecret = 16'384;

bool is_visible_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// What a reference stands for may be secret, so only its name is shown.
std::string failure(const Node& node, const Error& error) {
  return node.referenced ? quote(node.raw) + " stands for something that does not fit here"
                         : error.detail();
}

}  // namespace

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
  const bool is_typed = member.type == Type::Boolean || member.type == Type::Integer;
  if (node.quoted && !node.referenced && is_typed) {
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
