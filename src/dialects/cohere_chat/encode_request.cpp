// A conversation as Cohere takes it.

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "waybill/base/json_writer.hpp"

#include "cohere_chat.hpp"

namespace waybill::dialects::cohere {
namespace {

using Mode = ToolChoice::Mode;

// What Cohere's models can answer with at most, where nobody says (command-a-reasoning).
constexpr std::uint64_t kUsualOutput = 32'000;

std::string number_text(double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return {digits.data(), end.ptr};
}

class RequestEncoder {
 public:
  RequestEncoder(const Conversation& conversation, const EncodeTarget& target) noexcept
      : conversation_(conversation),
        target_(target) {}

  EncodedRequest encode();

 private:
  void note_losses();
  void write_tools();
  [[nodiscard]] bool offered(const Tool& tool) const;
  void write_tool_choice();
  void write_format();
  void write_thinking();
  void write_sampling();
  void write_number(std::string_view member,
                    Feature feature,
                    const std::optional<double>& value,
                    double least,
                    double most);
  [[nodiscard]] std::optional<std::uint64_t> limit() const noexcept;

  const Conversation& conversation_;
  const EncodeTarget& target_;
  JsonWriter json_;
  Losses losses_;
};

EncodedRequest RequestEncoder::encode() {
  note_losses();
  json_.begin_object();
  json_.text("model", target_.upstream_model);
  json_.begin_array("messages");
  for (const Message& message : conversation_.messages) {
    write_message(message, json_, losses_);
  }
  json_.end_array();
  json_.flag("stream", target_.stream);
  write_tools();
  write_format();
  write_thinking();
  write_sampling();
  json_.end_object();
  return {json_.take(), std::move(losses_)};
}

void RequestEncoder::note_losses() {
  FeatureSet said = kCohereChat.expresses;
  said.add(Feature::Unknown);          // by their names
  said.add(Feature::AllowedTools);     // by offering no others
  said.add(Feature::NamedToolChoice);  // likewise
  for (const Feature feature : features_of(conversation_).without(said).list()) {
    losses_.drop(feature);
  }
  for (const std::string& member : conversation_.unknown) {
    losses_.drop(member);
  }
}

bool RequestEncoder::offered(const Tool& tool) const {
  const ToolChoice& choice = conversation_.tool_choice;
  if (choice.mode == Mode::Named) {
    return tool.name == choice.name;
  }
  return choice.allowed.empty() ||
         std::ranges::find(choice.allowed, tool.name) != choice.allowed.end();
}

void RequestEncoder::write_tools() {
  if (conversation_.tools.empty()) {
    return;
  }
  std::size_t strict = 0;
  std::size_t count = 0;
  json_.begin_array("tools");
  for (const Tool& tool : conversation_.tools) {
    if (!offered(tool)) {
      continue;
    }
    ++count;
    strict += tool.strict.value_or(false) ? 1 : 0;
    json_.begin_object();
    json_.text("type", "function");
    json_.begin_object("function");
    json_.text("name", tool.name);
    json_.text_if_any("description", tool.description);
    json_.raw("parameters", tool.schema_json.empty()
                                ? std::string_view(R"({"type":"object","properties":{}})")
                                : std::string_view(tool.schema_json));
    json_.end_object();
    json_.end_object();
  }
  json_.end_array();
  if (strict > 0) {
    json_.flag("strict_tools", true);
    if (strict < count) {
      losses_.change(name(Feature::StrictTools),
                     "all tools became strict, because some are: Cohere knows no single ones");
    }
  }
  write_tool_choice();
}

// tool_choice is REQUIRED or NONE; without it the model may choose.
void RequestEncoder::write_tool_choice() {
  const ToolChoice& choice = conversation_.tool_choice;
  if (choice.mode == Mode::None) {
    json_.text("tool_choice", "NONE");
  } else if (choice.mode == Mode::Required || choice.mode == Mode::Named) {
    json_.text("tool_choice", "REQUIRED");
  }
  if (choice.mode == Mode::Named) {
    losses_.change(name(Feature::NamedToolChoice),
                   "only " + choice.name + " was offered, and a call was required");
  } else if (!choice.allowed.empty()) {
    losses_.change(name(Feature::AllowedTools), "only the allowed tools were offered");
  }
}

void RequestEncoder::write_format() {
  const ResponseFormat& format = conversation_.format;
  if (format.kind == ResponseFormat::Kind::Text) {
    return;
  }
  json_.begin_object("response_format");
  json_.text("type", "json_object");
  if (format.kind == ResponseFormat::Kind::JsonSchema && !format.schema_json.empty()) {
    json_.raw("json_schema", format.schema_json);
  }
  json_.end_object();
}

void RequestEncoder::write_thinking() {
  const ReasoningWish& wish = conversation_.reasoning;
  if (!wish.refused() && !wish.wanted()) {
    return;
  }
  json_.begin_object("thinking");
  json_.text("type", wish.refused() ? "disabled" : "enabled");
  if (!wish.refused()) {
    const std::uint64_t most = limit().value_or(target_.max_output.value_or(kUsualOutput));
    if (wish.budget) {
      json_.number("token_budget", *wish.budget);
    } else if (wish.effort) {
      json_.number("token_budget", std::min(budget_of(*wish.effort, most), most));
    }
  }
  json_.end_object();
}

std::optional<std::uint64_t> RequestEncoder::limit() const noexcept {
  std::optional<std::uint64_t> most = conversation_.max_output_tokens;
  if (target_.output_cap && most.value_or(*target_.output_cap) >= *target_.output_cap) {
    most = target_.output_cap;
  }
  return most;
}

// A number in the range that the reference gives.
void RequestEncoder::write_number(std::string_view member,
                                  Feature feature,
                                  const std::optional<double>& value,
                                  double least,
                                  double most) {
  if (!value) {
    return;
  }
  const double said = std::clamp(*value, least, most);
  json_.real(member, said);
  if (said != *value) {
    losses_.change(name(feature), number_text(*value) +
                                      (said < *value ? " was lowered to " : " was raised to ") +
                                      number_text(said));
  }
}

void RequestEncoder::write_sampling() {
  const Sampling& sampling = conversation_.sampling;
  if (const auto most = limit()) {
    json_.number("max_tokens", *most);
  }
  write_number("temperature", Feature::Temperature, sampling.temperature, 0, 1);
  write_number("p", Feature::TopP, sampling.top_p, 0.01, 0.99);
  write_number("frequency_penalty", Feature::FrequencyPenalty, sampling.frequency_penalty, 0, 1);
  write_number("presence_penalty", Feature::PresencePenalty, sampling.presence_penalty, 0, 1);
  if (sampling.top_k) {
    const std::uint64_t most = 500;
    json_.number("k", std::min(*sampling.top_k, most));
    if (*sampling.top_k > most) {
      losses_.change(name(Feature::TopK), std::to_string(*sampling.top_k) + " was lowered to 500");
    }
  }
  if (sampling.seed && *sampling.seed >= 0) {
    json_.integer("seed", *sampling.seed);
  } else if (sampling.seed) {
    losses_.drop(Feature::Seed);
  }
  if (!sampling.stop.empty()) {
    const std::size_t most = 5;
    json_.begin_array("stop_sequences");
    for (std::size_t i = 0; i < std::min(most, sampling.stop.size()); ++i) {
      json_.text(sampling.stop[i]);
    }
    json_.end_array();
    if (sampling.stop.size() > most) {
      losses_.change(name(Feature::Stop), "only the first 5 stop sequences were sent");
    }
  }
  if (sampling.logprobs.value_or(false)) {
    json_.flag("logprobs", true);
  }
}

}  // namespace

Result<EncodedRequest> encode_request(const Conversation& conversation,
                                      const EncodeTarget& target) {
  return RequestEncoder(conversation, target).encode();
}

}  // namespace waybill::dialects::cohere
