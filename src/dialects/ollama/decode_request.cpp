// A client's request to one of Ollama's routes.

#include <algorithm>
#include <array>
#include <utility>

#include "../body_reader.hpp"
#include "call_book.hpp"
#include "ollama.hpp"

namespace waybill::dialects::ollama {
namespace {

// What an image is, by the first bytes of it in base64.
std::string_view image_type(std::string_view base64) noexcept {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kTypes{{
      {"/9j/", "image/jpeg"},
      {"iVBORw0KGgo", "image/png"},
      {"R0lGOD", "image/gif"},
      {"UklGR", "image/webp"},
  }};
  for (const auto& [begin, type] : kTypes) {
    if (base64.starts_with(begin)) {
      return type;
    }
  }
  return {};
}

bool is_base64(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/' || c == '=';
  });
}

class RequestDecoder {
 public:
  explicit RequestDecoder(std::string_view body) : reader_(body) {}

  Result<Conversation> chat();
  Result<Conversation> generate();

 private:
  Result<Conversation> end();
  void read_messages();
  void read_message(const JsonRef& message);
  void read_tool_message(const JsonRef& message);
  void read_calls(const JsonRef& calls, std::vector<Part>& parts);
  void read_images(const JsonRef& images, std::vector<Part>& parts);
  void read_prompt();
  void read_tools();
  Tool read_tool(const JsonRef& tool);
  void read_common();
  void read_format();
  void read_think();
  void read_options();
  void report(const JsonRef& value);

  BodyReader reader_;
  Conversation request_;
  CallBook calls_;
};

Result<Conversation> RequestDecoder::chat() {
  reader_.names(reader_.root(),
                {"model", "messages", "tools", "format", "options", "stream", "think", "keep_alive",
                 "logprobs", "top_logprobs", "user"},
                request_.unknown);
  read_messages();
  read_tools();
  read_common();
  return end();
}

Result<Conversation> RequestDecoder::generate() {
  const JsonRef root = reader_.root();
  reader_.names(
      root,
      {"model", "prompt", "suffix", "system", "template", "context", "raw", "images", "format",
       "options", "stream", "think", "keep_alive", "logprobs", "top_logprobs", "user"},
      request_.unknown);
  read_prompt();
  for (const std::string_view member : {"template", "context", "raw"}) {
    report(root[member]);
  }
  read_common();
  return end();
}

Result<Conversation> RequestDecoder::end() {
  std::erase_if(request_.unknown, BodyReader::is_router_member);
  reader_.router_members(request_);
  if (!reader_.good()) {
    return *reader_.fault();
  }
  return std::move(request_);
}

// Clients of Ollama send members at their zero value too: those ask for nothing.
void RequestDecoder::report(const JsonRef& value) {
  const bool asks = value.is_true() || value.is_number() ||
                    (value.is_string() && !value.escaped().empty()) ||
                    ((value.is_array() || value.is_object()) && !value.empty());
  if (asks) {
    request_.unknown.push_back(value.path());
  }
}

void RequestDecoder::read_messages() {
  const JsonRef messages =
      reader_.need(reader_.root(), "messages", "say what the model shall answer");
  if (!reader_.array(messages)) {
    return;
  }
  if (messages.empty()) {
    reader_.refuse(messages, "a list of at least one message");
  }
  for (const JsonRef message : messages) {
    if (reader_.good()) {
      read_message(message);
    }
  }
}

void RequestDecoder::read_message(const JsonRef& message) {
  if (!message.is_object()) {
    reader_.refuse(message, R"(an object with "role" and "content")");
    return;
  }
  reader_.names(
      message,
      {"role", "content", "thinking", "images", "tool_calls", "tool_name", "tool_call_id", "name"},
      request_.unknown);
  const JsonRef word = reader_.need(message, "role", R"("system", "user", "assistant" or "tool")");
  constexpr std::array<Role, 5> kRoles{Role::System, Role::User, Role::Assistant, Role::Tool,
                                       Role::Developer};
  const auto position = reader_.one_of(word, {"system", "user", "assistant", "tool", "developer"});
  const Role role = position ? kRoles[*position] : Role::User;
  if (role == Role::Tool) {
    read_tool_message(message);
    return;
  }
  Message out{.role = role};
  out.name = reader_.text(message["name"]);
  if (std::string thinking = reader_.text(message["thinking"]);
      !thinking.empty() && role == Role::Assistant) {
    out.parts.push_back({ReasoningPart{.text = std::move(thinking)}});
  }
  if (std::string text = reader_.text(message["content"]); !text.empty()) {
    out.parts.push_back({TextPart{std::move(text), {}}});
  }
  read_images(message["images"], out.parts);
  read_calls(message["tool_calls"], out.parts);
  request_.messages.push_back(std::move(out));
}

void RequestDecoder::read_tool_message(const JsonRef& message) {
  ToolResultPart result;
  result.call_id = reader_.text(message["tool_call_id"]);
  result.name = reader_.text(message["tool_name"].given() ? message["tool_name"] : message["name"]);
  calls_.answer(result.call_id, result.name);
  if (std::string text = reader_.text(message["content"]); !text.empty()) {
    result.content.push_back({TextPart{std::move(text), {}}});
  }
  read_images(message["images"], result.content);
  Message out{.role = Role::Tool};
  out.parts.push_back({std::move(result)});
  request_.messages.push_back(std::move(out));
}

void RequestDecoder::read_calls(const JsonRef& calls, std::vector<Part>& parts) {
  if (!reader_.array(calls, 1'000)) {
    return;
  }
  for (const JsonRef call : calls) {
    if (!call.is_object()) {
      reader_.refuse(call, R"(an object with "function")");
      return;
    }
    const JsonRef function = reader_.need(call, "function", "the name and arguments of the call");
    if (!reader_.object(function)) {
      return;
    }
    ToolCallPart part;
    part.name = reader_.text(reader_.need(function, "name", "the name of the tool"));
    const JsonRef arguments = function["arguments"];
    if (reader_.object(arguments)) {
      part.arguments = arguments.raw();
    } else {
      part.arguments = "{}";
    }
    part.id = calls_.add(reader_.text(call["id"]), part.name);
    parts.push_back({std::move(part)});
  }
}

void RequestDecoder::read_images(const JsonRef& images, std::vector<Part>& parts) {
  if (!reader_.array(images, 1'000)) {
    return;
  }
  for (const JsonRef image : images) {
    std::string data = reader_.text(image);
    if (!is_base64(data)) {
      reader_.refuse(image, "the bytes of an image in base64");
      return;
    }
    const std::string_view type = image_type(data);
    parts.push_back({MediaPart{.media_type = std::string(type), .data = std::move(data)}});
  }
}

void RequestDecoder::read_prompt() {
  const JsonRef root = reader_.root();
  if (!reader_.text(root["suffix"]).empty()) {
    // Without it the model would answer the prompt instead of filling the gap.
    reader_.refuse("suffix", "left out: filling a gap in a text is not possible here");
  }
  if (std::string system = reader_.text(root["system"]); !system.empty()) {
    request_.messages.push_back({.role = Role::System, .parts = {{TextPart{system, {}}}}});
  }
  Message user{.role = Role::User};
  if (std::string prompt =
          reader_.text(reader_.need(root, "prompt", "say what the model shall answer"));
      !prompt.empty()) {
    user.parts.push_back({TextPart{std::move(prompt), {}}});
  }
  read_images(root["images"], user.parts);
  if (user.parts.empty()) {
    reader_.refuse(root["prompt"], "a text that is not empty: there is no model to load");
  }
  request_.messages.push_back(std::move(user));
}

void RequestDecoder::read_tools() {
  const JsonRef tools = reader_.root()["tools"];
  if (reader_.array(tools, 1'000)) {
    for (const JsonRef tool : tools) {
      if (!tool.is_object()) {
        reader_.refuse(tool, "an object");
        return;
      }
      request_.tools.push_back(read_tool(tool));
    }
  }
}

Tool RequestDecoder::read_tool(const JsonRef& tool) {
  Tool out;
  reader_.one_of(tool["type"], {"function"});
  const JsonRef function = reader_.need(tool, "function", "the name and parameters of the tool");
  if (reader_.object(function)) {
    reader_.names(function, {"name", "description", "parameters", "strict"}, request_.unknown);
    out.name = reader_.text(reader_.need(function, "name", "the name of the tool"));
    out.description = reader_.text(function["description"]);
    out.schema_json = reader_.json_object(function["parameters"]);
    out.strict = reader_.flag(function["strict"]);
  }
  return out;
}

void RequestDecoder::read_common() {
  const JsonRef root = reader_.root();
  request_.model = reader_.text(root["model"]);
  request_.user = reader_.text(root["user"]);
  // "Streaming responses": unlike anywhere else, it is on unless it is turned off.
  request_.stream = reader_.flag(root["stream"]).value_or(true);
  report(root["keep_alive"]);
  read_format();
  read_think();
  read_options();
}

void RequestDecoder::read_format() {
  const JsonRef format = reader_.root()["format"];
  using Kind = ResponseFormat::Kind;
  if (format.is_object()) {
    request_.format.kind = Kind::JsonSchema;
    request_.format.schema_json = format.raw();
  } else if (format.equals("json")) {
    request_.format.kind = Kind::JsonObject;
  } else if (format.given() && !format.equals("")) {
    reader_.refuse(format, R"("json" or a JSON schema)");
  }
}

void RequestDecoder::read_think() {
  const JsonRef think = reader_.root()["think"];
  if (think.is_string()) {
    request_.reasoning.effort = parse_effort(think.text());
  } else {
    request_.reasoning.enabled = think.flag();
  }
  if (think.given() && !request_.reasoning.effort && !request_.reasoning.enabled) {
    reader_.refuse(think, R"(true, false, "low", "medium" or "high")");
  }
}

void RequestDecoder::read_options() {
  const JsonRef root = reader_.root();
  Sampling& sampling = request_.sampling;
  sampling.logprobs = reader_.flag(root["logprobs"]);
  sampling.top_logprobs = reader_.count(root["top_logprobs"], 0, 20);
  const JsonRef options = root["options"];
  if (!reader_.object(options)) {
    return;
  }
  reader_.names(options,
                {"temperature", "top_p", "top_k", "min_p", "seed", "stop", "num_predict",
                 "repeat_penalty", "presence_penalty", "frequency_penalty"},
                request_.unknown);
  sampling.temperature = reader_.number(options["temperature"], 0, 2);
  sampling.top_p = reader_.number(options["top_p"], 0, 1);
  sampling.top_k = reader_.count(options["top_k"]);
  sampling.min_p = reader_.number(options["min_p"], 0, 1);
  sampling.repetition_penalty = reader_.number(options["repeat_penalty"], 0, 2);
  sampling.presence_penalty = reader_.number(options["presence_penalty"], -2, 2);
  sampling.frequency_penalty = reader_.number(options["frequency_penalty"], -2, 2);
  // -1 is Ollama's default and means: another one each time.
  sampling.seed = reader_.integer(options["seed"]);
  if (sampling.seed == -1) {
    sampling.seed.reset();
  }
  const JsonRef stop = options["stop"];
  if (stop.is_string()) {
    sampling.stop.push_back(stop.text());
  } else {
    sampling.stop = reader_.texts(stop, 8'191);
  }
  // -1 and -2 mean: no limit but the model's.
  const auto limit = reader_.integer(options["num_predict"]);
  if (limit && *limit > 0) {
    request_.max_output_tokens = reader_.count(options["num_predict"]);
  }
}

}  // namespace

Result<Conversation> decode_chat(std::string_view body) {
  return RequestDecoder(body).chat();
}

Result<Conversation> decode_generate(std::string_view body) {
  return RequestDecoder(body).generate();
}

}  // namespace waybill::dialects::ollama
