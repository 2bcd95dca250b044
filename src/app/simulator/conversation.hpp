// What a request body asks for.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "schema_answer.hpp"

namespace waybill::app::simulator {

struct ToolCall {
  std::string name;
  std::string arguments;  // JSON
};

struct Conversation {
  std::string prompt;       // the last thing the user said
  std::string tool_result;  // the last message, if it is a tool's
  std::size_t prompt_tokens = 0;
  std::size_t choices = 1;  // n
  std::optional<std::size_t> max_tokens{};
  std::vector<std::string> stops{};
  std::vector<ToolCall> tool_calls{};       // to be answered with
  std::optional<std::string> structured{};  // JSON to be answered with
  bool streams = false;
  bool wants_usage = false;
};

// Never fails: members of an unexpected type count as absent.
[[nodiscard]] Conversation read_conversation(const Json& body, std::uint64_t seed);

// A member of an object, or null for none.
[[nodiscard]] const Json* member_of(const Json& object, const char* name);
[[nodiscard]] std::string text_of(const Json* value);

}  // namespace waybill::app::simulator
