#include "schema_answer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>

#include "waybill/base/text.hpp"

#include "wording.hpp"

namespace waybill::app::simulator {
namespace {

constexpr int kDeepest = 24;
// Below this only what is required is written, so that recursive schemas end.
constexpr int kRequiredOnlyBelow = 6;
constexpr std::size_t kMostItems = 50;
constexpr std::size_t kLongestText = 10'000;

const Json* member(const Json& object, const char* name) {
  if (!object.is_object()) {
    return nullptr;
  }
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

double number_of(const Json& schema, const char* name, double otherwise) {
  const Json* value = member(schema, name);
  return value != nullptr && value->is_number() ? value->get<double>() : otherwise;
}

std::size_t size_of(const Json& schema, const char* name, std::size_t otherwise, std::size_t most) {
  const Json* value = member(schema, name);
  if (value == nullptr || !value->is_number_unsigned()) {
    return otherwise;
  }
  return static_cast<std::size_t>(std::min<std::uint64_t>(value->get<std::uint64_t>(), most));
}

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

// A capitalized word that does not start a sentence: a name, most likely.
std::string name_in(std::string_view prompt) {
  bool starts = true;
  for (std::size_t at = 0; at < prompt.size();) {
    std::size_t end = at;
    while (end < prompt.size() && prompt[end] != ' ' && prompt[end] != '\n') {
      ++end;
    }
    std::string_view word = prompt.substr(at, end - at);
    const bool ends =
        !word.empty() && std::string_view(".!?:").find(word.back()) != std::string_view::npos;
    while (!word.empty() &&
           std::string_view(".,!?:;\"')").find(word.back()) != std::string_view::npos) {
      word.remove_suffix(1);
    }
    if (!starts && word.size() > 1 && is_upper(word[0])) {
      return std::string(word);
    }
    starts = ends || (starts && word.empty());
    at = end + 1;
  }
  return {};
}

class Writer {
 public:
  Writer(const Json& root, std::string_view prompt, std::uint64_t seed)
      : root_(root),
        prompt_(prompt),
        name_(name_in(prompt)),
        random_(seed ^ hash_text(prompt)) {}

  Json write(const Json& schema, std::string_view property, int depth) {
    if (!schema.is_object() || depth > kDeepest) {
      return text(schema, property);
    }
    if (const Json* target = referred(schema)) {
      return write(*target, property, depth + 1);
    }
    for (const char* fixed : {"const", "default"}) {
      if (const Json* value = member(schema, fixed)) {
        return *value;
      }
    }
    const Json* values = member(schema, "enum");
    if (values != nullptr && values->is_array() && !values->empty()) {
      return (*values)[random_.below(values->size())];
    }
    for (const char* choice : {"anyOf", "oneOf"}) {
      const Json* branches = member(schema, choice);
      if (branches != nullptr && branches->is_array() && !branches->empty()) {
        return write(branch(*branches), property, depth + 1);
      }
    }
    const Json* all = member(schema, "allOf");
    if (all != nullptr && all->is_array() && !all->empty()) {
      return write(merged(schema, *all), property, depth + 1);
    }
    return write_type(type_of(schema), schema, property, depth);
  }

 private:
  Json write_type(const std::string& type,
                  const Json& schema,
                  std::string_view property,
                  int depth) {
    if (type == "object") {
      return object(schema, depth);
    }
    if (type == "array") {
      return array(schema, property, depth);
    }
    if (type == "integer" || type == "number") {
      return number(schema, type == "integer");
    }
    if (type == "boolean") {
      return random_.below(2) == 0;
    }
    if (type == "null") {
      return nullptr;
    }
    return text(schema, property);
  }

  const Json* referred(const Json& schema) const {
    const Json* reference = member(schema, "$ref");
    if (reference == nullptr || !reference->is_string()) {
      return nullptr;
    }
    const auto& pointer = reference->get_ref<const std::string&>();
    if (!pointer.starts_with("#")) {
      return nullptr;
    }
    try {
      const Json::json_pointer path(pointer.substr(1));
      return root_.contains(path) ? &root_.at(path) : nullptr;
    } catch (const Json::exception&) {
      return nullptr;  // not a pointer, or one into something else
    }
  }

  // The first that is more than null: an optional value is worth showing.
  static const Json& branch(const Json& branches) {
    const auto not_null = [](const Json& schema) { return type_of(schema) != "null"; };
    const auto found = std::ranges::find_if(branches, not_null);
    return found == branches.end() ? branches.front() : *found;
  }

  Json merged(const Json& schema, const Json& all) const {
    Json whole = schema;
    whole.erase("allOf");
    for (const Json& part : all) {
      const Json* target = referred(part);
      const Json& source = target != nullptr ? *target : part;
      if (!source.is_object()) {
        continue;
      }
      for (const auto& [key, value] : source.items()) {
        const bool joins = key == "properties" && whole.contains(key) && whole[key].is_object() &&
                           value.is_object();
        if (joins) {
          whole[key].update(value);
        } else if (key == "required" && whole.contains(key) && whole[key].is_array() &&
                   value.is_array()) {
          whole[key].insert(whole[key].end(), value.begin(), value.end());
        } else {
          whole[key] = value;
        }
      }
    }
    return whole;
  }

  static std::string type_of(const Json& schema) {
    const Json* type = member(schema, "type");
    if (type != nullptr && type->is_array()) {
      for (const Json& one : *type) {
        if (one.is_string() && one != "null") {
          return one.get<std::string>();
        }
      }
    }
    if (type != nullptr && type->is_string()) {
      return type->get<std::string>();
    }
    if (member(schema, "properties") != nullptr) {
      return "object";
    }
    return member(schema, "items") != nullptr ? "array" : "string";
  }

  Json object(const Json& schema, int depth) {
    Json result = Json::object();
    const Json* properties = member(schema, "properties");
    if (properties == nullptr || !properties->is_object()) {
      return result;
    }
    const Json* required = member(schema, "required");
    for (const auto& [name, property] : properties->items()) {
      const bool needed = required != nullptr && required->is_array() &&
                          std::ranges::find(*required, Json(name)) != required->end();
      if (needed || depth < kRequiredOnlyBelow) {
        result[name] = write(property, name, depth + 1);
      }
    }
    return result;
  }

  Json array(const Json& schema, std::string_view property, int depth) {
    const std::size_t least = size_of(schema, "minItems", 0, kMostItems);
    const std::size_t most = size_of(schema, "maxItems", kMostItems, kMostItems);
    const std::size_t wanted = depth < kRequiredOnlyBelow ? 2 : 0;
    const std::size_t count = std::max(least, std::min(wanted, most));
    const Json* items = member(schema, "items");
    Json result = Json::array();
    for (std::size_t i = 0; i < count; ++i) {
      result.push_back(items != nullptr ? write(*items, property, depth + 1)
                                        : text(Json(), property));
    }
    return result;
  }

  Json number(const Json& schema, bool whole) {
    double least = number_of(schema, "minimum", number_of(schema, "exclusiveMinimum", 0));
    const double step = number_of(schema, "multipleOf", 1);
    if (member(schema, "exclusiveMinimum") != nullptr) {
      least += step;
    }
    double most = number_of(schema, "maximum", number_of(schema, "exclusiveMaximum", least + 40));
    if (member(schema, "exclusiveMaximum") != nullptr && most - step >= least) {
      most -= step;
    }
    double value = least + static_cast<double>(random_.below(40));
    value = step > 0 ? std::ceil(value / step) * step : value;
    value =
        value > most ? std::max(least, step > 0 ? std::floor(most / step) * step : most) : value;
    if (whole && std::abs(value) < 9e15) {
      return static_cast<std::int64_t>(value);
    }
    return whole ? value : value + (value + 0.5 <= most && step == 1.0 ? 0.5 : 0.0);
  }

  Json text(const Json& schema, std::string_view property) {
    std::string value = by_format(schema);
    if (value.empty()) {
      value = by_property(property);
    }
    if (value.empty() && !name_.empty()) {
      value = std::exchange(name_, {});
    }
    if (value.empty()) {
      constexpr std::array<std::string_view, 6> kWords{"amber", "birch", "cedar",
                                                       "delta", "ember", "fjord"};
      value = kWords[random_.below(kWords.size())];
    }
    const std::size_t least = size_of(schema, "minLength", 0, kLongestText);
    const std::size_t most = size_of(schema, "maxLength", kLongestText, kLongestText);
    while (value.size() < least) {
      value += value.size() + 1 < least ? " and" : ".";
    }
    return value.size() > std::max(least, most) ? value.substr(0, std::max(least, most)) : value;
  }

  static std::string by_format(const Json& schema) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kFormats{{
        {"date-time", "2026-03-01T09:30:00Z"},
        {"date", "2026-03-01"},
        {"time", "09:30:00Z"},
        {"email", "mira@example.com"},
        {"uri", "https://example.com/"},
        {"uuid", "6f1c7b1e-52a4-4d0c-9a3e-2b8f5a0c7d11"},
        {"ipv4", "192.0.2.7"},
    }};
    const Json* format = member(schema, "format");
    if (format == nullptr || !format->is_string()) {
      return {};
    }
    const auto* const found =
        std::ranges::find(kFormats, std::string_view(format->get_ref<const std::string&>()),
                          [](const auto& pair) { return pair.first; });
    return found == kFormats.end() ? std::string() : std::string(found->second);
  }

  std::string by_property(std::string_view property) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kProperties{{
        {"city", "Lisbon"},
        {"location", "Lisbon"},
        {"place", "Lisbon"},
        {"country", "Portugal"},
        {"name", "Mira"},
        {"author", "Mira"},
        {"date", "2026-03-01"},
        {"unit", "celsius"},
        {"currency", "EUR"},
        {"language", "en"},
        {"title", "The Compass of Saltmere"},
        {"summary", "A short tale with a good end."},
    }};
    constexpr std::array<std::string_view, 5> kWholePrompt{"query", "question", "input", "text",
                                                           "prompt"};
    const bool is_name = property == "city" || property == "location" || property == "place" ||
                         property == "name" || property == "country";
    if (is_name && !name_.empty()) {
      return std::exchange(name_, {});
    }
    if (std::ranges::find(kWholePrompt, property) != kWholePrompt.end() && !prompt_.empty()) {
      return printable(prompt_, 200);
    }
    const auto* const found =
        std::ranges::find(kProperties, property, [](const auto& pair) { return pair.first; });
    return found == kProperties.end() ? std::string() : std::string(found->second);
  }

  const Json& root_;
  std::string_view prompt_;
  std::string name_;  // until it is used
  Random random_;
};

}  // namespace

Json instance_of(const Json& schema, std::string_view prompt, std::uint64_t seed) {
  return Writer(schema, prompt, seed).write(schema, "", 0);
}

}  // namespace waybill::app::simulator
