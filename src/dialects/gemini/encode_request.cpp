// A request towards Google.

#include <algorithm>
#include <limits>
#include <utility>

#include "content_encoder.hpp"

namespace waybill::dialects::gemini {
namespace {

constexpr std::size_t kMostStops = 5;
constexpr std::uint64_t kMostCandidates = 8;
constexpr std::uint64_t kMostTopLogprobs = 20;
constexpr double kMostTemperature = 2;
constexpr double kMostPenalty = 2;
// Where the output limit is not known: that of Gemini 2.5 and 3.
constexpr std::uint64_t kUsualLimit = 65'536;
// "Thinking budget", Gemini docs: all models take the first, Gemini 2.5 Pro the second.
constexpr std::uint64_t kCommonBudget = 24'576;
constexpr std::uint64_t kMostBudget = 32'768;

std::string_view level_of(Effort effort) noexcept {
  switch (effort) {
    case Effort::None:
    case Effort::Minimal: return "MINIMAL";
    case Effort::Low: return "LOW";
    case Effort::Medium: return "MEDIUM";
    case Effort::High:
    case Effort::XHigh:
    case Effort::Max: break;
  }
  return "HIGH";
}

char upper(char c) noexcept {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

class RequestEncoder {
 public:
  RequestEncoder(const Conversation& conversation, const EncodeTarget& target) noexcept
      : in_(conversation),
        target_(target) {}

  Result<EncodedRequest> encode();

 private:
  void report_features();
  void write_tools();
  void write_functions();
  void write_function(const Tool& tool);
  void write_tool_choice();
  void write_generation();
  void write_sampling(JsonWriter& json);
  void write_number(JsonWriter& json,
                    std::string_view member,
                    Feature feature,
                    const std::optional<double>& value,
                    double least,
                    double most);
  void write_count(JsonWriter& json,
                   std::string_view member,
                   Feature feature,
                   const std::optional<std::uint64_t>& value,
                   std::uint64_t most);
  void write_seed(JsonWriter& json);
  void write_format(JsonWriter& json) const;
  void write_modalities(JsonWriter& json) const;
  void write_thinking(JsonWriter& json);
  void write_budget(JsonWriter& json);
  [[nodiscard]] std::optional<std::uint64_t> limit() const noexcept;

  const Conversation& in_;
  const EncodeTarget& target_;
  JsonWriter json_;
  Losses losses_;
};

Result<EncodedRequest> RequestEncoder::encode() {
  report_features();
  json_.begin_object();
  ContentEncoder contents(json_, losses_, target_);
  contents.write_system(in_);
  contents.write_contents(in_);
  if (contents.fault()) {
    return *contents.fault();
  }
  write_tools();
  write_tool_choice();
  write_generation();
  json_.end_object();
  return EncodedRequest{json_.take(), std::move(losses_)};
}

void RequestEncoder::report_features() {
  for (const Feature feature : features_of(in_).without(kGemini.expresses).list()) {
    // Several calls at once are what Gemini does anyway.
    const bool as_it_is = feature == Feature::ParallelToolCalls && *in_.parallel_tool_calls;
    if (feature != Feature::Unknown && !as_it_is) {
      losses_.drop(feature);
    }
  }
  for (const std::string& name : in_.unknown) {
    losses_.drop(name);
  }
}

void RequestEncoder::write_tools() {
  const bool functions =
      std::ranges::any_of(in_.tools, [](const Tool& tool) { return tool.native_json.empty(); });
  const bool natives =
      std::ranges::any_of(in_.tools, [](const Tool& tool) { return tool.native_dialect == kName; });
  if (!functions && !natives) {
    return;
  }
  json_.begin_array("tools");
  bool any_function = false;
  for (const Tool& tool : in_.tools) {
    if (tool.native_json.empty()) {
      if (!std::exchange(any_function, true)) {
        write_functions();
      }
    } else if (tool.native_dialect == kName) {  // of others: the endpoint was not eligible
      json_.raw(tool.native_json);
    }
  }
  json_.end_array();
}

// All in one Tool: older models take no more than one that has functions.
void RequestEncoder::write_functions() {
  json_.begin_object();
  json_.begin_array("functionDeclarations");
  for (const Tool& tool : in_.tools) {
    if (tool.native_json.empty()) {
      write_function(tool);
    }
  }
  json_.end_array();
  json_.end_object();
}

// `parameters` knows a part of OpenAPI's schemas only; `parametersJsonSchema` takes
// references and nested ones as they are.
void RequestEncoder::write_function(const Tool& tool) {
  json_.begin_object();
  json_.text("name", tool.name);
  json_.text_if_any("description", tool.description);
  if (!tool.schema_json.empty()) {
    json_.raw("parametersJsonSchema", tool.schema_json);
  }
  json_.end_object();
}

void RequestEncoder::write_tool_choice() {
  using Mode = ToolChoice::Mode;
  const ToolChoice& choice = in_.tool_choice;
  const bool functions =
      std::ranges::any_of(in_.tools, [](const Tool& tool) { return tool.native_json.empty(); });
  if (choice.mode == Mode::Unset || !functions) {
    return;
  }
  // allowedFunctionNames are for ANY and VALIDATED, which leaves the model free to say
  // something instead ("FunctionCallingConfig").
  const std::string_view free = choice.allowed.empty() ? "AUTO" : "VALIDATED";
  const std::string_view mode = choice.mode == Mode::None   ? std::string_view("NONE")
                                : choice.mode == Mode::Auto ? free
                                                            : std::string_view("ANY");
  json_.begin_object("toolConfig");
  json_.begin_object("functionCallingConfig");
  json_.text("mode", mode);
  if (choice.mode == Mode::Named || !choice.allowed.empty()) {
    json_.begin_array("allowedFunctionNames");
    if (choice.mode == Mode::Named) {
      json_.text(choice.name);
    } else {
      for (const std::string& name : choice.allowed) {
        json_.text(name);
      }
    }
    json_.end_array();
  }
  json_.end_object();
  json_.end_object();
}

std::optional<std::uint64_t> RequestEncoder::limit() const noexcept {
  std::optional<std::uint64_t> most = in_.max_output_tokens;
  if (target_.output_cap) {
    most = std::min(most.value_or(*target_.output_cap), *target_.output_cap);
  }
  return most;
}

void RequestEncoder::write_generation() {
  JsonWriter json;
  json.begin_object();
  write_sampling(json);
  write_format(json);
  write_modalities(json);
  write_thinking(json);
  json.end_object();
  if (const std::string text = json.take(); text != "{}") {
    json_.raw("generationConfig", text);
  }
}

void RequestEncoder::write_number(JsonWriter& json,
                                  std::string_view member,
                                  Feature feature,
                                  const std::optional<double>& value,
                                  double least,
                                  double most) {
  if (!value) {
    return;
  }
  const double clamped = std::clamp(*value, least, most);
  if (clamped != *value) {
    losses_.change(name(feature), std::string(name(feature)) +
                                      " was brought into the range that "
                                      "the provider allows");
  }
  json.real(member, clamped);
}

void RequestEncoder::write_count(JsonWriter& json,
                                 std::string_view member,
                                 Feature feature,
                                 const std::optional<std::uint64_t>& value,
                                 std::uint64_t most) {
  if (!value) {
    return;
  }
  if (*value > most) {
    losses_.change(name(feature), std::string(name(feature)) + " was lowered to " +
                                      std::to_string(most) + ", the most the provider allows");
  }
  json.number(member, std::min(*value, most));
}

void RequestEncoder::write_sampling(JsonWriter& json) {
  const Sampling& sampling = in_.sampling;
  write_number(json, "temperature", Feature::Temperature, sampling.temperature, 0,
               kMostTemperature);
  write_number(json, "topP", Feature::TopP, sampling.top_p, 0, 1);
  if (sampling.top_k.value_or(0) > 0) {  // 0: OpenRouter's word for all
    json.number("topK", *sampling.top_k);
  }
  if (sampling.choices.value_or(1) > 1) {
    write_count(json, "candidateCount", Feature::Choices, sampling.choices, kMostCandidates);
  }
  if (const auto most = limit()) {
    json.number("maxOutputTokens", *most);
  }
  if (!sampling.stop.empty()) {
    json.begin_array("stopSequences");
    for (std::size_t i = 0; i < std::min(sampling.stop.size(), kMostStops); ++i) {
      json.text(sampling.stop[i]);
    }
    json.end_array();
    if (sampling.stop.size() > kMostStops) {
      losses_.change(name(Feature::Stop), "stop lost all sequences but the first five");
    }
  }
  write_seed(json);
  write_number(json, "presencePenalty", Feature::PresencePenalty, sampling.presence_penalty,
               -kMostPenalty, kMostPenalty);
  write_number(json, "frequencyPenalty", Feature::FrequencyPenalty, sampling.frequency_penalty,
               -kMostPenalty, kMostPenalty);
  if (sampling.logprobs.value_or(false)) {
    json.flag("responseLogprobs", true);
    write_count(json, "logprobs", Feature::TopLogprobs, sampling.top_logprobs, kMostTopLogprobs);
  }
}

// int32 in the reference.
void RequestEncoder::write_seed(JsonWriter& json) {
  if (!in_.sampling.seed) {
    return;
  }
  const std::int64_t seed = *in_.sampling.seed;
  const auto fitting = static_cast<std::int32_t>(static_cast<std::uint64_t>(seed) & 0x7FFF'FFFFU);
  const bool fits = seed >= std::numeric_limits<std::int32_t>::min() &&
                    seed <= std::numeric_limits<std::int32_t>::max();
  if (!fits) {
    losses_.change(name(Feature::Seed), "seed was cut to the 31 bits that the provider takes");
  }
  json.integer("seed", fits ? seed : fitting);
}

void RequestEncoder::write_format(JsonWriter& json) const {
  using Kind = ResponseFormat::Kind;
  if (in_.format.kind == Kind::Text) {
    return;
  }
  json.text("responseMimeType", "application/json");
  if (in_.format.kind == Kind::JsonSchema && !in_.format.schema_json.empty()) {
    json.raw("responseJsonSchema", in_.format.schema_json);
  }
}

void RequestEncoder::write_modalities(JsonWriter& json) const {
  if (in_.output_modalities.empty()) {
    return;
  }
  json.begin_array("responseModalities");
  for (std::string modality : in_.output_modalities) {
    std::ranges::transform(modality, modality.begin(), upper);
    json.text(modality);
  }
  json.end_array();
  JsonTree tree;
  const bool audio =
      std::ranges::find(in_.output_modalities, "audio") != in_.output_modalities.end();
  if (audio && tree.parse(in_.audio_json, JsonOrigin::Client) && tree.root()["voice"].is_string()) {
    json.begin_object("speechConfig");
    json.begin_object("voiceConfig");
    json.begin_object("prebuiltVoiceConfig");
    json.text("voiceName", tree.root()["voice"].text());
    json.end_object();
    json.end_object();
    json.end_object();
  }
}

void RequestEncoder::write_thinking(JsonWriter& json) {
  const ReasoningWish& wish = in_.reasoning;
  if (wish.refused()) {
    json.begin_object("thinkingConfig");
    json.number("thinkingBudget", 0);
    json.end_object();
    return;
  }
  if (!wish.wanted()) {
    return;
  }
  json.begin_object("thinkingConfig");
  if (wish.effort && target_.adaptive_reasoning) {
    json.text("thinkingLevel", level_of(*wish.effort));
    if (wish.budget) {  // "you cannot use both in the same request"
      losses_.drop(Feature::ReasoningBudget);
    }
  } else if (wish.effort || wish.budget) {
    write_budget(json);
  }
  if (!wish.exclude.value_or(false)) {
    json.flag("includeThoughts", true);
  }
  json.end_object();
}

void RequestEncoder::write_budget(JsonWriter& json) {
  const ReasoningWish& wish = in_.reasoning;
  if (wish.budget) {
    if (*wish.budget > kMostBudget) {
      losses_.change(name(Feature::ReasoningBudget),
                     "the budget for reasoning was lowered to " + std::to_string(kMostBudget));
    }
    json.number("thinkingBudget", std::min(*wish.budget, kMostBudget));
    return;
  }
  const std::uint64_t most = limit().value_or(target_.max_output.value_or(kUsualLimit));
  json.number("thinkingBudget", std::min(budget_of(*wish.effort, most), kCommonBudget));
}

}  // namespace

Result<EncodedRequest> encode_request(const Conversation& conversation,
                                      const EncodeTarget& target) {
  return RequestEncoder(conversation, target).encode();
}

}  // namespace waybill::dialects::gemini
