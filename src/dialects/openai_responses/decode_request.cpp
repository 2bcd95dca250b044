// A client's request in OpenAI's Responses dialect.

#include <algorithm>
#include <utility>

#include "waybill/base/text.hpp"

#include "input_decoder.hpp"

namespace waybill::dialects::responses {
namespace {

constexpr std::size_t kMostTools = 1'000;
constexpr std::uint64_t kMostTopLogprobs = 20;

class RequestDecoder {
 public:
  explicit RequestDecoder(std::string_view body) : reader_(body), input_(reader_, request_) {}

  Result<Conversation> decode();

 private:
  void read_names();
  void refuse_state();
  void read_tools();
  Tool read_tool(const JsonRef& tool, bool beside_native);
  void read_tool_choice();
  void read_allowed_tools(const JsonRef& choice);
  void read_text();
  void read_reasoning();
  void read_sampling();
  void read_include();
  void read_labels();
  void read_unsayable();

  BodyReader reader_;
  Conversation request_;
  InputDecoder input_;
};

Result<Conversation> RequestDecoder::decode() {
  const JsonRef root = reader_.root();
  read_names();
  refuse_state();
  request_.model = reader_.text(root["model"]);
  std::string instructions = reader_.text(root["instructions"]);
  if (!instructions.empty()) {
    request_.messages.push_back(
        {.role = Role::System, .parts = {{TextPart{std::move(instructions), {}}}}});
  }
  input_.read(reader_.need(root, "input", "say what the model shall answer"));
  read_tools();
  read_tool_choice();
  read_text();
  read_reasoning();
  read_sampling();
  read_include();
  read_labels();
  read_unsayable();
  reader_.router_members(request_);
  if (!reader_.good()) {
    return *reader_.fault();
  }
  return std::move(request_);
}

void RequestDecoder::read_names() {
  reader_.names(reader_.root(),
                {"model",
                 "input",
                 "instructions",
                 "max_output_tokens",
                 "max_tool_calls",
                 "metadata",
                 "parallel_tool_calls",
                 "previous_response_id",
                 "conversation",
                 "background",
                 "prompt",
                 "prompt_cache_key",
                 "reasoning",
                 "safety_identifier",
                 "service_tier",
                 "store",
                 "stream",
                 "stream_options",
                 "temperature",
                 "text",
                 "tool_choice",
                 "tools",
                 "top_logprobs",
                 "top_p",
                 "truncation",
                 "user",
                 "include",
                 "frequency_penalty",
                 "presence_penalty",
                 "top_k",
                 "modalities"},
                request_.unknown);
  std::erase_if(request_.unknown, BodyReader::is_router_member);
}

// What would need an answer that is kept (docs: rulings.md 19).
void RequestDecoder::refuse_state() {
  const JsonRef root = reader_.root();
  if (reader_.flag(root["store"]).value_or(false)) {
    reader_.refuse_saying(
        "\"store\" must be false or left out: answers are not kept here; send the earlier turns "
        "in \"input\".");
  }
  if (root["previous_response_id"].given()) {
    reader_.refuse_saying(
        "\"previous_response_id\" must be null or left out: answers are not kept here; send the "
        "earlier turns in \"input\".");
  }
  if (root["conversation"].given()) {
    reader_.refuse_saying(
        "\"conversation\" must be null or left out: conversations are not kept here; send all "
        "turns in \"input\".");
  }
  if (reader_.flag(root["background"]).value_or(false)) {
    reader_.refuse_saying(
        "\"background\" must be false or left out: answers are not kept here; use \"stream\" "
        "instead.");
  }
  if (root["prompt"].given()) {
    reader_.refuse_saying(
        "\"prompt\" must be null or left out: prompt templates are not kept here; send the text "
        "in \"instructions\" and \"input\".");
  }
}

void RequestDecoder::read_tools() {
  const JsonRef tools = reader_.root()["tools"];
  if (!reader_.array(tools, kMostTools)) {
    return;
  }
  const bool native = std::any_of(tools.begin(), tools.end(), [](const JsonRef& tool) {
    return tool["type"].given() && !tool["type"].equals("function");
  });
  for (const JsonRef tool : tools) {
    if (!tool.is_object()) {
      reader_.refuse(tool, "an object");
      return;
    }
    request_.tools.push_back(read_tool(tool, native));
  }
}

Tool RequestDecoder::read_tool(const JsonRef& tool, bool beside_native) {
  const JsonRef type =
      reader_.need(tool, "type", "the kind of the tool, \"function\" for one of yours");
  reader_.text(type);
  Tool out;
  out.name = reader_.text(tool["name"]);
  constexpr std::string_view kMembers[]{"type", "name", "description", "parameters", "strict"};
  const bool more = std::any_of(tool.begin(), tool.end(), [&](const JsonRef& member) {
    return member.given() && std::ranges::none_of(kMembers, [&](std::string_view known) {
             return member.named(known);
           });
  });
  // Functions that the provider's own tools find or call say so in members that only this
  // dialect has (defer_loading, allowed_callers).
  if (!type.equals("function") || (more && beside_native)) {
    out.name = out.name.empty() ? type.text() : out.name;
    out.native_json = tool.raw();
    out.native_dialect = kName;
    return out;
  }
  input_.names(tool, {"type", "name", "description", "parameters", "strict"});
  reader_.need(tool, "name", "the name of the function");
  out.description = reader_.text(tool["description"]);
  out.schema_json = reader_.json_object(tool["parameters"]);
  out.strict = reader_.flag(tool["strict"]);
  return out;
}

void RequestDecoder::read_tool_choice() {
  using Mode = ToolChoice::Mode;
  const JsonRef choice = reader_.root()["tool_choice"];
  ToolChoice& out = request_.tool_choice;
  if (choice.is_string()) {
    constexpr Mode kModes[]{Mode::None, Mode::Auto, Mode::Required};
    const auto word = reader_.one_of(choice, {"none", "auto", "required"});
    out.mode = word ? kModes[*word] : Mode::Unset;
    return;
  }
  if (!reader_.object(choice)) {
    return;
  }
  const JsonRef type = reader_.need(choice, "type",
                                    "\"function\", \"custom\", \"allowed_tools\" or "
                                    "a tool of the provider's");
  if (type.equals("allowed_tools")) {
    read_allowed_tools(choice);
    return;
  }
  out.mode = Mode::Named;
  if (type.equals("function") || type.equals("custom")) {
    input_.names(choice, {"type", "name"});
    out.name = reader_.text(reader_.need(choice, "name", "the tool to call"));
  } else {
    input_.names(choice, {"type"});
    out.name = reader_.text(type);
  }
}

void RequestDecoder::read_allowed_tools(const JsonRef& choice) {
  input_.names(choice, {"type", "mode", "tools"});
  const auto mode = reader_.one_of(choice["mode"], {"auto", "required"});
  request_.tool_choice.mode = mode == 1 ? ToolChoice::Mode::Required : ToolChoice::Mode::Auto;
  const JsonRef tools = reader_.need(choice, "tools", "the tools that may be called");
  if (!reader_.array(tools, kMostTools)) {
    return;
  }
  for (const JsonRef tool : tools) {
    if (!tool.is_object()) {
      reader_.refuse(tool, "an object");
      return;
    }
    const JsonRef name = tool["name"].given() ? tool["name"] : reader_.need(tool, "type", "a tool");
    request_.tool_choice.allowed.push_back(reader_.text(name));
  }
}

void RequestDecoder::read_text() {
  const JsonRef text = reader_.root()["text"];
  if (!reader_.object(text)) {
    return;
  }
  input_.names(text, {"format", "verbosity"});
  request_.verbosity = reader_.text(text["verbosity"]);
  const JsonRef format = text["format"];
  if (!reader_.object(format)) {
    return;
  }
  const JsonRef type = reader_.need(format, "type", R"("text", "json_object" or "json_schema")");
  const auto word = reader_.one_of(type, {"text", "json_object", "json_schema"});
  ResponseFormat& out = request_.format;
  if (word == 1) {
    out.kind = ResponseFormat::Kind::JsonObject;
  } else if (word == 2) {
    input_.names(format, {"type", "name", "description", "schema", "strict"});
    out.kind = ResponseFormat::Kind::JsonSchema;
    out.name = reader_.text(format["name"]);
    out.description = reader_.text(format["description"]);
    out.schema_json =
        reader_.json_object(reader_.need(format, "schema", "the JSON schema of the answer"));
    out.strict = reader_.flag(format["strict"]);
  }
}

void RequestDecoder::read_reasoning() {
  const JsonRef reasoning = reader_.root()["reasoning"];
  if (!reader_.object(reasoning)) {
    return;
  }
  input_.names(reasoning,
               {"effort", "summary", "generate_summary", "max_tokens", "enabled", "exclude"});
  ReasoningWish& wish = request_.reasoning;
  const JsonRef effort = reasoning["effort"];
  if (reader_.one_of(effort, {"none", "minimal", "low", "medium", "high", "xhigh", "max"})) {
    wish.effort = parse_effort(effort.text());
  }
  // generate_summary: as OpenAI called it before.
  const JsonRef summary =
      reasoning["summary"].given() ? reasoning["summary"] : reasoning["generate_summary"];
  reader_.one_of(summary, {"auto", "concise", "detailed"});
  wish.summary = summary.text();
  wish.budget = reader_.count(reasoning["max_tokens"]);
  wish.enabled = reader_.flag(reasoning["enabled"]);
  wish.exclude = reader_.flag(reasoning["exclude"]);
}

void RequestDecoder::read_sampling() {
  const JsonRef root = reader_.root();
  Sampling& out = request_.sampling;
  out.temperature = reader_.number(root["temperature"], 0, 2);
  out.top_p = reader_.number(root["top_p"], 0, 1);
  out.top_k = reader_.count(root["top_k"]);
  out.frequency_penalty = reader_.number(root["frequency_penalty"], -2, 2);
  out.presence_penalty = reader_.number(root["presence_penalty"], -2, 2);
  out.top_logprobs = reader_.count(root["top_logprobs"], 0, kMostTopLogprobs);
  if (out.top_logprobs.value_or(0) > 0) {
    out.logprobs = true;
  }
  request_.max_output_tokens = reader_.count(root["max_output_tokens"], 1);
  request_.stream = reader_.flag(root["stream"]).value_or(false);
}

void RequestDecoder::read_include() {
  const JsonRef include = reader_.root()["include"];
  for (const std::string& what : reader_.texts(include, 100)) {
    if (what == "message.output_text.logprobs") {
      request_.sampling.logprobs = true;
    } else if (what != "reasoning.encrypted_content" &&  // always there
               std::ranges::find(request_.unknown, "include") == request_.unknown.end()) {
      request_.unknown.emplace_back("include");
    }
  }
}

void RequestDecoder::read_labels() {
  const JsonRef root = reader_.root();
  request_.parallel_tool_calls = reader_.flag(root["parallel_tool_calls"]);
  request_.service_tier = reader_.text(root["service_tier"]);
  request_.prompt_cache_key = reader_.text(root["prompt_cache_key"]);
  request_.safety_identifier = reader_.text(root["safety_identifier"]);
  request_.user = reader_.text(root["user"]);
  request_.output_modalities = reader_.texts(root["modalities"], 8);
  if (reader_.object(root["metadata"])) {
    for (const JsonRef pair : root["metadata"]) {
      request_.metadata.emplace_back(pair.name(), reader_.text(pair));
    }
  }
}

// Members with a meaning that nothing here can have.
void RequestDecoder::read_unsayable() {
  const JsonRef root = reader_.root();
  if (reader_.count(root["max_tool_calls"])) {
    request_.unknown.emplace_back("max_tool_calls");
  }
  if (reader_.one_of(root["truncation"], {"auto", "disabled"}) == 0) {
    request_.unknown.emplace_back("truncation");
  }
  const JsonRef options = root["stream_options"];
  if (reader_.object(options)) {
    input_.names(options, {"include_obfuscation", "include_usage"});
    if (reader_.flag(options["include_obfuscation"]).value_or(false)) {
      request_.unknown.emplace_back("stream_options.include_obfuscation");
    }
  }
}

}  // namespace

Result<Conversation> decode_request(std::string_view body) {
  return RequestDecoder(body).decode();
}

}  // namespace waybill::dialects::responses
