// A client's request in OpenAI's chat dialect.

#include <utility>

#include "openai_chat.hpp"

namespace waybill::dialects::openai_chat {
namespace {

constexpr std::string_view kEfforts = "none, minimal, low, medium, high, xhigh or max";

class RequestDecoder {
 public:
  explicit RequestDecoder(std::string_view body) : reader_(body) {}

  Result<Conversation> decode();

 private:
  void read_tools();
  Tool read_tool(const JsonRef& tool);
  Tool read_function(const JsonRef& function);
  void read_tool_choice();
  void read_allowed_tools(const JsonRef& choice);
  void read_format();
  void read_sampling();
  void read_penalties();
  void read_reasoning();
  void read_rest();

  BodyReader reader_;
  Conversation request_;
};

Result<Conversation> RequestDecoder::decode() {
  const JsonRef root = reader_.root();
  reader_.names(root,
                {"model",
                 "messages",
                 "stream",
                 "stream_options",
                 "max_tokens",
                 "max_completion_tokens",
                 "n",
                 "temperature",
                 "top_p",
                 "frequency_penalty",
                 "presence_penalty",
                 "seed",
                 "stop",
                 "logit_bias",
                 "logprobs",
                 "top_logprobs",
                 "tools",
                 "tool_choice",
                 "parallel_tool_calls",
                 "functions",
                 "function_call",
                 "response_format",
                 "prediction",
                 "metadata",
                 "modalities",
                 "audio",
                 "user",
                 "store",
                 "top_k",
                 "min_p",
                 "top_a",
                 "repetition_penalty",
                 "reasoning",
                 "reasoning_effort",
                 "include_reasoning",
                 "verbosity",
                 "service_tier",
                 "prompt_cache_key",
                 "cache_control",
                 "safety_identifier",
                 "timeout"},
                request_.unknown);
  std::erase_if(request_.unknown, BodyReader::is_router_member);
  request_.model = reader_.text(root["model"]);
  MessagesDecoder messages(reader_, request_);
  messages.read(reader_.need(root, "messages", "say what the model shall answer"));
  read_tools();
  read_tool_choice();
  read_format();
  read_sampling();
  read_penalties();
  read_reasoning();
  read_rest();
  reader_.router_members(request_);
  if (!reader_.good()) {
    return *reader_.fault();
  }
  return std::move(request_);
}

void RequestDecoder::read_tools() {
  if (reader_.array(reader_.root()["tools"], 1'000)) {
    for (const JsonRef tool : reader_.root()["tools"]) {
      if (!tool.is_object()) {
        reader_.refuse(tool, "an object");
        return;
      }
      request_.tools.push_back(read_tool(tool));
    }
  }
  if (reader_.array(reader_.root()["functions"], 1'000)) {
    for (const JsonRef function : reader_.root()["functions"]) {
      request_.tools.push_back(read_function(function));
    }
  }
}

Tool RequestDecoder::read_tool(const JsonRef& tool) {
  const JsonRef type = tool["type"];
  if (type.given() && !type.equals("function")) {
    return {.name = tool["custom"]["name"].text(),
            .native_json = std::string(tool.raw()),
            .native_dialect = std::string(kName)};
  }
  Tool out = read_function(reader_.need(tool, "function", "what the model may call"));
  const JsonRef mark = tool["cache_control"];
  if (mark.is_object()) {
    out.cache = mark["ttl"].equals("1h")   ? CacheMark::OneHour
                : mark["ttl"].equals("5m") ? CacheMark::FiveMinutes
                                           : CacheMark::Default;
  }
  return out;
}

Tool RequestDecoder::read_function(const JsonRef& function) {
  Tool out;
  if (!reader_.object(function)) {
    return out;
  }
  out.name = reader_.text(reader_.need(function, "name", "the name of the function"));
  out.description = reader_.text(function["description"]);
  out.schema_json = reader_.json_object(function["parameters"]);
  out.strict = reader_.flag(function["strict"]);
  return out;
}

void RequestDecoder::read_tool_choice() {
  using Mode = ToolChoice::Mode;
  JsonRef choice = reader_.root()["tool_choice"];
  const JsonRef legacy = reader_.root()["function_call"];
  choice = choice.given() ? choice : legacy;
  ToolChoice& out = request_.tool_choice;
  if (choice.is_string()) {
    constexpr Mode kModes[]{Mode::None, Mode::Auto, Mode::Required, Mode::Required};
    const auto word = reader_.one_of(choice, {"none", "auto", "required", "any"});
    out.mode = word ? kModes[*word] : Mode::Unset;
  } else if (reader_.object(choice)) {
    if (choice["type"].equals("allowed_tools")) {
      read_allowed_tools(choice["allowed_tools"]);
      return;
    }
    const JsonRef named = choice["function"].is_object() ? choice["function"]
                          : choice["custom"].is_object() ? choice["custom"]
                                                         : choice;
    out.mode = Mode::Named;
    out.name = reader_.text(reader_.need(named, "name", "the tool to call"));
  }
}

void RequestDecoder::read_allowed_tools(const JsonRef& choice) {
  const auto mode = reader_.one_of(choice["mode"], {"auto", "required"});
  request_.tool_choice.mode = mode == 1 ? ToolChoice::Mode::Required : ToolChoice::Mode::Auto;
  for (const JsonRef tool : choice["tools"]) {
    request_.tool_choice.allowed.push_back(tool["function"]["name"].text());
  }
}

void RequestDecoder::read_format() {
  const JsonRef format = reader_.root()["response_format"];
  if (!reader_.object(format)) {
    return;
  }
  const JsonRef type = reader_.need(format, "type", R"("text", "json_object" or "json_schema")");
  const auto word = reader_.one_of(type, {"text", "json_object", "json_schema"});
  ResponseFormat& out = request_.format;
  if (word == 1) {
    out.kind = ResponseFormat::Kind::JsonObject;
  } else if (word == 2) {
    out.kind = ResponseFormat::Kind::JsonSchema;
    const JsonRef schema = reader_.need(format, "json_schema", "an object with \"schema\"");
    if (reader_.object(schema)) {
      out.name = reader_.text(schema["name"]);
      out.description = reader_.text(schema["description"]);
      out.schema_json = reader_.json_object(schema["schema"]);
      out.strict = reader_.flag(schema["strict"]);
    }
  }
}

void RequestDecoder::read_sampling() {
  const JsonRef root = reader_.root();
  Sampling& out = request_.sampling;
  out.temperature = reader_.number(root["temperature"], 0, 2);
  out.top_p = reader_.number(root["top_p"], 0, 1);
  out.top_k = reader_.count(root["top_k"]);
  out.min_p = reader_.number(root["min_p"], 0, 1);
  out.top_a = reader_.number(root["top_a"], 0, 1);
  out.seed = reader_.integer(root["seed"]);
  if (root["stop"].is_string()) {
    out.stop = {root["stop"].text()};
  } else {
    out.stop = reader_.texts(root["stop"], 4);
  }
  out.logprobs = reader_.flag(root["logprobs"]);
  out.top_logprobs = reader_.count(root["top_logprobs"], 0, 20);
  out.choices = reader_.count(root["n"], 1, 128);
  const auto old_limit = reader_.count(root["max_tokens"], 1);
  const auto limit = reader_.count(root["max_completion_tokens"], 1);
  request_.max_output_tokens = limit ? limit : old_limit;
}

void RequestDecoder::read_penalties() {
  const JsonRef root = reader_.root();
  Sampling& out = request_.sampling;
  out.frequency_penalty = reader_.number(root["frequency_penalty"], -2, 2);
  out.presence_penalty = reader_.number(root["presence_penalty"], -2, 2);
  out.repetition_penalty = reader_.number(root["repetition_penalty"], 0, 2);
  out.logit_bias_json = root["logit_bias"].empty() ? "" : reader_.json_object(root["logit_bias"]);
}

void RequestDecoder::read_reasoning() {
  const JsonRef root = reader_.root();
  ReasoningWish& wish = request_.reasoning;
  const auto effort_of_text = [&](const JsonRef& value) -> std::optional<Effort> {
    const std::string word = reader_.text(value);
    const auto effort = parse_effort(word);
    if (value.given() && !effort) {
      reader_.refuse(value, "one of " + std::string(kEfforts));
    }
    return effort;
  };
  const JsonRef reasoning = root["reasoning"];
  if (reader_.object(reasoning)) {
    wish.effort = effort_of_text(reasoning["effort"]);
    wish.budget = reader_.count(reasoning["max_tokens"]);
    wish.enabled = reader_.flag(reasoning["enabled"]);
    wish.exclude = reader_.flag(reasoning["exclude"]);
    wish.summary = reader_.text(reasoning["summary"]);
  }
  if (const auto effort = effort_of_text(root["reasoning_effort"])) {
    if (wish.effort && wish.effort != effort) {
      reader_.refuse_saying(
          "\"reasoning_effort\" and \"reasoning.effort\" differ: give only one of them.");
    }
    wish.effort = effort;
  }
  if (const auto include = reader_.flag(root["include_reasoning"])) {
    wish.enabled = *include && !wish.enabled ? std::optional(true) : wish.enabled;
    wish.exclude = *include ? wish.exclude : std::optional(true);
  }
}

void RequestDecoder::read_rest() {
  const JsonRef root = reader_.root();
  request_.stream = reader_.flag(root["stream"]).value_or(false);
  request_.parallel_tool_calls = reader_.flag(root["parallel_tool_calls"]);
  request_.verbosity = reader_.text(root["verbosity"]);
  request_.service_tier = reader_.text(root["service_tier"]);
  request_.prompt_cache_key = reader_.text(root["prompt_cache_key"]);
  request_.safety_identifier = reader_.text(root["safety_identifier"]);
  request_.user = reader_.text(root["user"]);
  request_.prediction_json = reader_.json_object(root["prediction"]);
  request_.audio_json = reader_.json_object(root["audio"]);
  request_.output_modalities = reader_.texts(root["modalities"], 8);
  if (reader_.object(root["metadata"])) {
    for (const JsonRef pair : root["metadata"]) {
      request_.metadata.emplace_back(pair.name(), reader_.text(pair));
    }
  }
  const JsonRef mark = root["cache_control"];
  if (reader_.object(mark)) {
    request_.cache = mark["ttl"].equals("1h")   ? CacheMark::OneHour
                     : mark["ttl"].equals("5m") ? CacheMark::FiveMinutes
                                                : CacheMark::Default;
  }
}

}  // namespace

Result<Conversation> decode_request(std::string_view body) {
  return RequestDecoder(body).decode();
}

}  // namespace waybill::dialects::openai_chat
