// A client's request in Google's dialect.

#include <algorithm>
#include <utility>

#include "waybill/base/ascii.hpp"
#include "waybill/base/text.hpp"

#include "content_decoder.hpp"

namespace waybill::dialects::gemini {
namespace {

constexpr std::size_t kMostTools = 1'000;
constexpr std::size_t kMostStops = 5;
constexpr std::uint64_t kMostCandidates = 8;
constexpr std::uint64_t kMostTopLogprobs = 20;
constexpr double kMostTemperature = 2;
constexpr double kMostPenalty = 2;

class RequestDecoder {
 public:
  explicit RequestDecoder(std::string_view body) : reader_(body) {}

  Result<Conversation> decode();

 private:
  void read_tools();
  void read_tool_set(const JsonRef& set);
  Tool read_function(const JsonRef& function);
  void read_tool_config();
  void read_generation();
  void read_sampling(const JsonRef& config);
  void read_format(const JsonRef& config);
  void read_thinking(const JsonRef& config);
  void read_modalities(const JsonRef& config);
  void names(const JsonRef& object, std::initializer_list<std::string_view> known);

  BodyReader reader_;
  Conversation request_;
};

Result<Conversation> RequestDecoder::decode() {
  const JsonRef root = reader_.root();
  // Google's older SDKs repeat the model that stands in the path.
  names(root, {"model", "contents", "systemInstruction", "system_instruction", "tools",
               "toolConfig", "tool_config", "generationConfig", "generation_config", "serviceTier",
               "service_tier", "user"});
  std::erase_if(request_.unknown, BodyReader::is_router_member);
  ContentDecoder contents(reader_, request_);
  contents.read_system(member(root, "systemInstruction"));
  contents.read_contents(reader_.need(root, "contents", "say what the model shall answer"));
  read_tools();
  read_tool_config();
  read_generation();
  const std::string tier = reader_.text(member(root, "serviceTier"));
  request_.service_tier = iequals(tier, "standard") ? "default" : tier;
  std::ranges::transform(request_.service_tier, request_.service_tier.begin(), ascii_lower);
  request_.user = reader_.text(root["user"]);
  reader_.router_members(request_);
  if (!reader_.good()) {
    return *reader_.fault();
  }
  return std::move(request_);
}

// SDKs write members that are not set as null: what says nothing is not lost.
void RequestDecoder::names(const JsonRef& object, std::initializer_list<std::string_view> known) {
  std::vector<std::string> unknown;
  reader_.names(object, known, unknown);
  for (std::string& path : unknown) {
    const JsonRef found = object[std::string_view(path).substr(path.rfind('.') + 1)];
    if (found.given() || !found.there()) {
      request_.unknown.push_back(std::move(path));
    }
  }
}

void RequestDecoder::read_tools() {
  const JsonRef tools = reader_.root()["tools"];
  if (!reader_.array(tools, kMostTools)) {
    return;
  }
  for (const JsonRef set : tools) {
    if (!set.is_object()) {
      reader_.refuse(set, "an object");
      return;
    }
    read_tool_set(set);
  }
}

// One Tool holds any number of functions and of Google's own tools.
void RequestDecoder::read_tool_set(const JsonRef& set) {
  for (const JsonRef kind : set) {
    if (!kind.given()) {
      continue;
    }
    if (kind.named("functionDeclarations") || kind.named("function_declarations")) {
      if (reader_.array(kind, kMostTools)) {
        for (const JsonRef function : kind) {
          request_.tools.push_back(read_function(function));
        }
      }
      continue;
    }
    JsonWriter json;
    json.begin_object();
    json.raw(kind.name(), kind.raw());
    json.end_object();
    request_.tools.push_back(
        {.name = kind.name(), .native_json = json.take(), .native_dialect = std::string(kName)});
  }
}

Tool RequestDecoder::read_function(const JsonRef& function) {
  Tool out;
  if (!function.is_object()) {
    reader_.refuse(function, "an object");
    return out;
  }
  names(function,
        {"name", "description", "parameters", "parametersJsonSchema", "parameters_json_schema"});
  out.name = reader_.text(reader_.need(function, "name", "the name of the function"));
  out.description = reader_.text(function["description"]);
  const JsonRef schema = member(function, "parametersJsonSchema");
  const JsonRef parameters = function["parameters"];
  if (schema.given()) {
    out.schema_json = reader_.json_object(schema);
  } else if (reader_.object(parameters)) {
    out.schema_json = to_json_schema(parameters);
  }
  return out;
}

void RequestDecoder::read_tool_config() {
  const JsonRef config = member(reader_.root(), "toolConfig");
  if (!reader_.object(config)) {
    return;
  }
  names(config, {"functionCallingConfig", "function_calling_config"});
  const JsonRef calling = member(config, "functionCallingConfig");
  if (!reader_.object(calling)) {
    return;
  }
  using Mode = ToolChoice::Mode;
  constexpr Mode kModes[]{Mode::Auto, Mode::Required, Mode::None, Mode::Auto, Mode::Unset};
  const auto word =
      reader_.one_of(calling["mode"], {"AUTO", "ANY", "NONE", "VALIDATED", "MODE_UNSPECIFIED"});
  ToolChoice& choice = request_.tool_choice;
  choice.mode = word ? kModes[*word] : Mode::Unset;
  auto allowed = reader_.texts(member(calling, "allowedFunctionNames"), kMostTools);
  if (choice.mode == Mode::Required && allowed.size() == 1) {
    choice.mode = Mode::Named;
    choice.name = std::move(allowed.front());
  } else if (choice.mode == Mode::Required || choice.mode == Mode::Auto) {
    choice.allowed = std::move(allowed);
  }
}

void RequestDecoder::read_generation() {
  const JsonRef config = member(reader_.root(), "generationConfig");
  if (!reader_.object(config)) {
    return;
  }
  names(config, {"temperature",
                 "topP",
                 "top_p",
                 "topK",
                 "top_k",
                 "candidateCount",
                 "candidate_count",
                 "maxOutputTokens",
                 "max_output_tokens",
                 "stopSequences",
                 "stop_sequences",
                 "seed",
                 "presencePenalty",
                 "presence_penalty",
                 "frequencyPenalty",
                 "frequency_penalty",
                 "responseLogprobs",
                 "response_logprobs",
                 "logprobs",
                 "responseMimeType",
                 "response_mime_type",
                 "responseSchema",
                 "response_schema",
                 "responseJsonSchema",
                 "_responseJsonSchema",
                 "response_json_schema",
                 "responseModalities",
                 "response_modalities",
                 "speechConfig",
                 "speech_config",
                 "thinkingConfig",
                 "thinking_config"});
  read_sampling(config);
  read_format(config);
  read_thinking(config);
  read_modalities(config);
}

void RequestDecoder::read_sampling(const JsonRef& config) {
  Sampling& sampling = request_.sampling;
  sampling.temperature = reader_.number(config["temperature"], 0, kMostTemperature);
  sampling.top_p = reader_.number(member(config, "topP"), 0, 1);
  sampling.top_k = reader_.count(member(config, "topK"));
  sampling.choices = reader_.count(member(config, "candidateCount"), 1, kMostCandidates);
  sampling.stop = reader_.texts(member(config, "stopSequences"), kMostStops);
  sampling.seed = reader_.integer(config["seed"]);
  sampling.presence_penalty =
      reader_.number(member(config, "presencePenalty"), -kMostPenalty, kMostPenalty);
  sampling.frequency_penalty =
      reader_.number(member(config, "frequencyPenalty"), -kMostPenalty, kMostPenalty);
  sampling.logprobs = reader_.flag(member(config, "responseLogprobs"));
  sampling.top_logprobs = reader_.count(config["logprobs"], 0, kMostTopLogprobs);
  request_.max_output_tokens = reader_.count(member(config, "maxOutputTokens"), 1);
}

void RequestDecoder::read_format(const JsonRef& config) {
  const JsonRef type = member(config, "responseMimeType");
  const std::string media_type = reader_.text(type);
  JsonRef json_schema = member(config, "responseJsonSchema");
  json_schema = json_schema.given() ? json_schema : config["_responseJsonSchema"];
  const JsonRef schema = member(config, "responseSchema");
  if (json_schema.given()) {
    request_.format = {.kind = ResponseFormat::Kind::JsonSchema,
                       .schema_json = reader_.json_object(json_schema)};
  } else if (reader_.object(schema)) {
    request_.format = {.kind = ResponseFormat::Kind::JsonSchema,
                       .schema_json = to_json_schema(schema)};
  } else if (media_type == "application/json") {
    request_.format.kind = ResponseFormat::Kind::JsonObject;
  }
  if (!media_type.empty() && media_type != "application/json" && media_type != "text/plain") {
    request_.unknown.push_back(type.path());  // text/x.enum: one bare word of a list
  }
}

void RequestDecoder::read_thinking(const JsonRef& config) {
  const JsonRef thinking = member(config, "thinkingConfig");
  if (!reader_.object(thinking)) {
    return;
  }
  names(thinking, {"includeThoughts", "include_thoughts", "thinkingBudget", "thinking_budget",
                   "thinkingLevel", "thinking_level"});
  ReasoningWish& wish = request_.reasoning;
  const JsonRef budget = member(thinking, "thinkingBudget");
  if (budget.integer() == -1) {  // "dynamic thinking": as the model likes
    wish.enabled = true;
  } else {
    wish.budget = reader_.count(budget);
  }
  const JsonRef level = member(thinking, "thinkingLevel");
  std::string word = reader_.text(level);
  std::ranges::transform(word, word.begin(), ascii_lower);
  if (!word.empty() && word != "thinking_level_unspecified") {
    wish.effort = parse_effort(word);
    if (!wish.effort) {
      reader_.refuse(level, R"("MINIMAL", "LOW", "MEDIUM" or "HIGH")");
    }
  }
  const bool shown = reader_.flag(member(thinking, "includeThoughts")).value_or(false);
  if (shown && !wish.effort && !wish.budget) {
    wish.enabled = true;
  }
  if (wish.wanted()) {
    wish.exclude = !shown;
  }
}

void RequestDecoder::read_modalities(const JsonRef& config) {
  request_.output_modalities = reader_.texts(member(config, "responseModalities"), 8);
  for (std::string& modality : request_.output_modalities) {
    std::ranges::transform(modality, modality.begin(), ascii_lower);
  }
  if (request_.output_modalities == std::vector<std::string>{"text"}) {
    request_.output_modalities.clear();
  }
  const JsonRef speech = member(config, "speechConfig");
  if (reader_.object(speech)) {
    const JsonRef prebuilt = member(member(speech, "voiceConfig"), "prebuiltVoiceConfig");
    const std::string voice = reader_.text(member(prebuilt, "voiceName"));
    if (voice.empty()) {
      request_.unknown.push_back(speech.path());
      return;
    }
    JsonWriter json;
    json.begin_object();
    json.text("voice", voice);
    json.end_object();
    request_.audio_json = json.take();
  }
}

}  // namespace

Result<Conversation> decode_request(std::string_view body) {
  return RequestDecoder(body).decode();
}

}  // namespace waybill::dialects::gemini
