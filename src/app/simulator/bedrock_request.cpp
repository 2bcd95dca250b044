// A request to Bedrock's Converse, in OpenAI's shape.

#include <utility>

#include "conversation.hpp"
#include "dialect_requests.hpp"

namespace waybill::app::simulator {
namespace {

Error refused(std::string sentence) {
  return Error(ErrorKind::InvalidRequest, "invalid_request", std::move(sentence));
}

std::string dumped(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

const Json& array_in(const Json& object, const char* name) {
  static const Json kNone = Json::array();
  const Json* const found = member_of(object, name);
  return found != nullptr && found->is_array() ? *found : kNone;
}

// Texts and JSON of a tool's result.
std::string result_text(const Json& result) {
  std::string text;
  for (const Json& block : array_in(result, "content")) {
    const Json* const json = member_of(block, "json");
    text += json != nullptr ? dumped(*json) : text_of(member_of(block, "text"));
  }
  return text;
}

// The messages that one of Converse's becomes: results of tools have their own.
class MessageReader {
 public:
  explicit MessageReader(Json& messages) : messages_(messages) {}

  void read(const Json& message) {
    const std::string role = text_of(member_of(message, "role"));
    Json content = Json::array();
    Json calls = Json::array();
    for (const Json& block : array_in(message, "content")) {
      if (const Json* const result = member_of(block, "toolResult")) {
        has_tools_ = true;
        messages_.push_back({{"role", "tool"},
                             {"tool_call_id", text_of(member_of(*result, "toolUseId"))},
                             {"content", result_text(*result)}});
      } else if (const Json* const call = member_of(block, "toolUse")) {
        has_tools_ = true;
        const Json* const input = member_of(*call, "input");
        calls.push_back({{"id", text_of(member_of(*call, "toolUseId"))},
                         {"type", "function"},
                         {"function",
                          {{"name", text_of(member_of(*call, "name"))},
                           {"arguments", input != nullptr ? dumped(*input) : "{}"}}}});
      } else if (member_of(block, "text") != nullptr) {
        content.push_back({{"type", "text"}, {"text", text_of(member_of(block, "text"))}});
      } else if (member_of(block, "image") != nullptr) {
        content.push_back({{"type", "image_url"}, {"image_url", {{"url", "data:image/png"}}}});
      }
    }
    if (content.empty() && calls.empty()) {
      return;
    }
    Json out{{"role", role}, {"content", std::move(content)}};
    if (!calls.empty()) {
      out["tool_calls"] = std::move(calls);
    }
    messages_.push_back(std::move(out));
  }

  [[nodiscard]] bool has_tools() const noexcept { return has_tools_; }

 private:
  Json& messages_;
  bool has_tools_ = false;
};

void read_tools(const Json& config, Json& chat) {
  Json tools = Json::array();
  for (const Json& tool : array_in(config, "tools")) {
    const Json* const spec = member_of(tool, "toolSpec");
    if (spec == nullptr) {
      continue;  // a cache point
    }
    Json function{{"name", text_of(member_of(*spec, "name"))}};
    const Json* const schema = member_of(*spec, "inputSchema");
    if (const Json* const json = schema != nullptr ? member_of(*schema, "json") : nullptr) {
      function["parameters"] = *json;
    }
    tools.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  chat["tools"] = std::move(tools);
  if (const Json* const choice = member_of(config, "toolChoice")) {
    const Json* const named = member_of(*choice, "tool");
    if (named != nullptr) {
      chat["tool_choice"] = {{"type", "function"},
                             {"function", {{"name", text_of(member_of(*named, "name"))}}}};
    } else {
      chat["tool_choice"] = member_of(*choice, "any") != nullptr ? "required" : "auto";
    }
  }
}

// Converse has the schema as a text: outputConfig.textFormat.structure.jsonSchema.schema.
void read_format(const Json& body, Json& chat) {
  const Json* at = &body;
  for (const char* const name : {"outputConfig", "textFormat", "structure", "jsonSchema"}) {
    at = member_of(*at, name);
    if (at == nullptr) {
      return;
    }
  }
  Json schema = Json::parse(text_of(member_of(*at, "schema")), nullptr, false);
  chat["response_format"] = {
      {"type", "json_schema"},
      {"json_schema", {{"schema", schema.is_object() ? std::move(schema) : Json::object()}}}};
}

void read_inference(const Json& body, Json& chat) {
  const Json* const inference = member_of(body, "inferenceConfig");
  if (inference == nullptr) {
    return;
  }
  if (const Json* const limit = member_of(*inference, "maxTokens")) {
    chat["max_tokens"] = *limit;
  }
  if (const Json* const stops = member_of(*inference, "stopSequences")) {
    chat["stop"] = *stops;
  }
}

bool asks_for_thoughts(const Json& body) {
  const Json* const fields = member_of(body, "additionalModelRequestFields");
  const Json* const claude = fields != nullptr ? member_of(*fields, "thinking") : nullptr;
  const Json* const nova = fields != nullptr ? member_of(*fields, "reasoningConfig") : nullptr;
  const std::string type = claude != nullptr ? text_of(member_of(*claude, "type")) : "";
  return type == "enabled" || type == "adaptive" ||
         (nova != nullptr && text_of(member_of(*nova, "type")) == "enabled");
}

}  // namespace

Result<DialectRequest> read_bedrock(const Json& body) {
  Json messages = Json::array();
  std::string system;
  for (const Json& block : array_in(body, "system")) {
    system += text_of(member_of(block, "text"));
  }
  if (!system.empty()) {
    messages.push_back({{"role", "system"}, {"content", system}});
  }
  MessageReader reader(messages);
  std::string role;
  for (const Json& message : array_in(body, "messages")) {
    const std::string next = text_of(member_of(message, "role"));
    if (role.empty() && next != "user") {
      return refused(
          "A conversation must start with a user message. Try again with a "
          "conversation that starts with a user message.");
    }
    if (role == next || array_in(message, "content").empty()) {
      return refused(
          "A conversation must alternate between user and assistant roles, and "
          "every message needs content.");
    }
    role = next;
    reader.read(message);
  }
  DialectRequest out{{{"messages", std::move(messages)}}, asks_for_thoughts(body)};
  const Json* const tools = member_of(body, "toolConfig");
  if (tools == nullptr && reader.has_tools()) {
    return refused(
        "The toolConfig field must be defined when using toolUse and toolResult "
        "content blocks.");
  }
  if (tools != nullptr) {
    read_tools(*tools, out.chat);
  }
  read_inference(body, out.chat);
  read_format(body, out.chat);
  return out;
}

}  // namespace waybill::app::simulator
