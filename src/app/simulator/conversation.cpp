#include "conversation.hpp"

#include <algorithm>

#include "waybill/base/ascii.hpp"

#include "wording.hpp"

namespace waybill::app::simulator {
namespace {

// As the cookbooks count: what frames a message, and what primes the answer.
constexpr std::size_t kTokensPerMessage = 3;
constexpr std::size_t kTokensPerAnswer = 3;
constexpr std::size_t kMostChoices = 8;
// An image of low detail.
constexpr std::size_t kTokensPerImage = 85;

std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii_lower);
  return out;
}

std::optional<std::size_t> count_of(const Json& body, const char* name) {
  const Json* value = member_of(body, name);
  if (value == nullptr || !value->is_number_unsigned()) {
    return std::nullopt;
  }
  return value->get<std::size_t>();
}

bool is_true(const Json* value) {
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::size_t images_in(const Json* content) {
  return content != nullptr && content->is_array()
             ? static_cast<std::size_t>(
                   std::ranges::count_if(*content,
                                         [](const Json& part) {
                                           return text_of(member_of(part, "type")) == "image_url";
                                         }))
             : 0;
}

void read_messages(const Json& messages, Conversation& out) {
  out.prompt_tokens = kTokensPerAnswer;
  for (const Json& message : messages) {
    const std::string text = text_of(member_of(message, "content"));
    const std::string role = text_of(member_of(message, "role"));
    out.prompt_tokens += kTokensPerMessage + pieces(text).size() +
                         kTokensPerImage * images_in(member_of(message, "content"));
    out.tool_result.clear();
    if (role == "user") {
      out.prompt = text;
    } else if (role == "tool") {
      out.tool_result = text;
    }
  }
}

// Said by name, with its underscores or with blanks.
bool is_mentioned(std::string_view prompt, std::string_view tool) {
  const std::string text = lowered(prompt);
  std::string words = lowered(tool);
  if (text.find(words) != std::string::npos) {
    return true;
  }
  std::ranges::replace(words, '_', ' ');
  if (text.find(words) != std::string::npos) {
    return true;
  }
  // "get_weather" is meant by "the weather": its last word, if it says enough.
  const std::size_t last = words.rfind(' ');
  return last != std::string::npos && words.size() - last > 4 &&
         text.find(words.substr(last + 1)) != std::string::npos;
}

void choose_tools(const Json& body, std::uint64_t seed, Conversation& out) {
  const Json* tools = member_of(body, "tools");
  const Json* choice = member_of(body, "tool_choice");
  const std::string mode =
      choice != nullptr && choice->is_string() ? choice->get<std::string>() : "";
  if (tools == nullptr || !tools->is_array() || mode == "none") {
    return;
  }
  std::string forced;
  if (choice != nullptr && choice->is_object()) {
    const Json* function = member_of(*choice, "function");
    forced = text_of(member_of(function != nullptr ? *function : *choice, "name"));
  }
  const Json* parallel = member_of(body, "parallel_tool_calls");
  const bool one_only = parallel != nullptr && !is_true(parallel);
  const bool answered = !out.tool_result.empty();
  for (const Json& tool : *tools) {
    const Json* function = member_of(tool, "function");
    if (function == nullptr) {
      continue;
    }
    const std::string name = text_of(member_of(*function, "name"));
    const bool chosen =
        forced.empty() ? !answered && is_mentioned(out.prompt, name) : forced == name;
    const bool required =
        mode == "required" && !answered && out.tool_calls.empty() && &tool == &tools->back();
    if (name.empty() || !(chosen || required)) {
      continue;
    }
    const Json* parameters = member_of(*function, "parameters");
    const Json arguments =
        parameters != nullptr ? instance_of(*parameters, out.prompt, seed) : Json::object();
    out.tool_calls.push_back({name, dumped(arguments.is_object() ? arguments : Json::object())});
    if (one_only) {
      return;
    }
  }
}

void choose_format(const Json& body, std::uint64_t seed, Conversation& out) {
  const Json* format = member_of(body, "response_format");
  const std::string type = format != nullptr ? text_of(member_of(*format, "type")) : "";
  if (type == "json_object") {
    const std::vector<std::string> words =
        write_answer({.voice = "storyteller", .prompt = out.prompt, .seed = seed});
    std::string story;
    for (const std::string& word : words) {
      story += word;
    }
    out.structured = dumped(Json{{"title", "The Compass of Saltmere"}, {"text", story}});
  } else if (type == "json_schema") {
    const Json* wrapper = member_of(*format, "json_schema");
    const Json* schema = wrapper != nullptr ? member_of(*wrapper, "schema") : nullptr;
    out.structured =
        dumped(instance_of(schema != nullptr ? *schema : Json::object(), out.prompt, seed));
  }
}

}  // namespace

const Json* member_of(const Json& object, const char* name) {
  if (!object.is_object()) {
    return nullptr;
  }
  const auto found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

// A text, or the texts among an array's parts.
std::string text_of(const Json* value) {
  if (value == nullptr) {
    return {};
  }
  if (value->is_string()) {
    return value->get<std::string>();
  }
  std::string text;
  if (value->is_array()) {
    for (const Json& part : *value) {
      text += part.is_string() ? part.get<std::string>() : text_of(member_of(part, "text"));
    }
  }
  return text;
}

Conversation read_conversation(const Json& body, std::uint64_t seed) {
  Conversation out;
  out.streams = is_true(member_of(body, "stream"));
  const Json* stream_options = member_of(body, "stream_options");
  out.wants_usage =
      stream_options != nullptr && is_true(member_of(*stream_options, "include_usage"));
  out.choices = std::clamp<std::size_t>(count_of(body, "n").value_or(1), 1, kMostChoices);
  out.max_tokens = count_of(body, "max_completion_tokens");
  if (!out.max_tokens) {
    out.max_tokens = count_of(body, "max_tokens");
  }
  if (const Json* stop = member_of(body, "stop")) {
    for (const Json& one : stop->is_array() ? *stop : Json::array({*stop})) {
      if (one.is_string() && !one.get_ref<const std::string&>().empty()) {
        out.stops.push_back(one.get<std::string>());
      }
    }
  }
  const Json* messages = member_of(body, "messages");
  if (messages != nullptr && messages->is_array()) {
    read_messages(*messages, out);
    choose_tools(body, seed, out);
    choose_format(body, seed, out);
  } else {
    out.prompt = text_of(member_of(body, "prompt"));
    out.prompt_tokens = pieces(out.prompt).size();
  }
  return out;
}

}  // namespace waybill::app::simulator
