// A request towards a provider that speaks OpenAI's chat dialect.

#include <algorithm>
#include <utility>

#include "openai_chat.hpp"

namespace waybill::dialects::openai_chat {
namespace {

constexpr std::size_t kMostStops = 4;

class RequestEncoder {
 public:
  RequestEncoder(const Conversation& conversation, const EncodeTarget& target)
      : in_(conversation),
        target_(target) {}

  EncodedRequest encode();

 private:
  void note_losses();
  void write_limit();
  void write_tools();
  void write_tool_choice();
  void write_format();
  void write_sampling();
  void write_reasoning();
  void write_labels();
  void write_rest();
  void write_stream();
  template <class Number>
  void write_number(std::string_view name, const std::optional<Number>& value);

  const Conversation& in_;
  const EncodeTarget& target_;
  JsonWriter json_;
  Losses losses_;
};

EncodedRequest RequestEncoder::encode() {
  note_losses();
  json_.begin_object();
  json_.text("model", target_.upstream_model);
  json_.begin_array("messages");
  for (const Message& message : in_.messages) {
    write_message(json_, message, target_, losses_);
  }
  json_.end_array();
  write_limit();
  write_tools();
  write_tool_choice();
  write_format();
  write_sampling();
  write_reasoning();
  write_labels();
  write_rest();
  write_stream();
  json_.end_object();
  return {json_.take(), std::move(losses_)};
}

void RequestEncoder::note_losses() {
  for (const Feature feature : features_of(in_).without(kOpenAiChat.expresses).list()) {
    if (feature == Feature::ToolErrors) {
      losses_.change("is_error", "of tool results was left out: the dialect has no word for it");
    } else if (feature != Feature::Unknown && feature != Feature::NativeParts) {
      losses_.drop(feature);
    }
  }
  for (const std::string& member : in_.unknown) {
    losses_.drop(member);
  }
  if (in_.cache != CacheMark::None && target_.chat.cache_member != "cache_control") {
    losses_.drop(Feature::CacheControl);
  }
}

template <class Number>
void RequestEncoder::write_number(std::string_view name, const std::optional<Number>& value) {
  if (!value) {
    return;
  }
  if constexpr (std::is_floating_point_v<Number>) {
    json_.real(name, *value);
  } else if constexpr (std::is_signed_v<Number>) {
    json_.integer(name, *value);
  } else {
    json_.number(name, *value);
  }
}

void RequestEncoder::write_limit() {
  std::optional<std::uint64_t> limit = in_.max_output_tokens;
  if (target_.output_cap) {
    limit = std::min(limit.value_or(*target_.output_cap), *target_.output_cap);
  }
  const std::string_view member = target_.chat.limit_member;
  write_number(member.empty() ? "max_tokens" : member, limit);
}

void RequestEncoder::write_tools() {
  if (in_.tools.empty()) {
    return;
  }
  json_.begin_array("tools");
  for (const Tool& tool : in_.tools) {
    if (!tool.native_json.empty()) {
      if (tool.native_dialect == kName) {
        json_.raw(tool.native_json);
      }
      continue;
    }
    json_.begin_object();
    json_.text("type", "function");
    json_.begin_object("function");
    json_.text("name", tool.name);
    json_.text_if_any("description", tool.description);
    if (!tool.schema_json.empty()) {
      json_.raw("parameters", tool.schema_json);
    }
    if (tool.strict) {
      json_.flag("strict", *tool.strict);
    }
    json_.end_object();
    if (tool.cache != CacheMark::None && target_.chat.cache_member == "cache_control") {
      json_.raw("cache_control", tool.cache == CacheMark::OneHour
                                     ? R"({"type":"ephemeral","ttl":"1h"})"
                                     : R"({"type":"ephemeral"})");
    } else if (tool.cache != CacheMark::None) {
      losses_.drop(Feature::CacheControl);
    }
    json_.end_object();
  }
  json_.end_array();
}

void RequestEncoder::write_tool_choice() {
  using Mode = ToolChoice::Mode;
  const ToolChoice& choice = in_.tool_choice;
  if (in_.parallel_tool_calls && !in_.tools.empty()) {
    json_.flag("parallel_tool_calls", *in_.parallel_tool_calls);
  }
  if (choice.mode == Mode::Unset || in_.tools.empty()) {
    return;
  }
  if (choice.mode == Mode::Named) {
    json_.begin_object("tool_choice");
    json_.text("type", "function");
    json_.begin_object("function");
    json_.text("name", choice.name);
    json_.end_object();
    json_.end_object();
    return;
  }
  const std::string_view word = choice.mode == Mode::None       ? "none"
                                : choice.mode == Mode::Required ? "required"
                                                                : "auto";
  if (choice.allowed.empty()) {
    json_.text("tool_choice", word);
    return;
  }
  json_.begin_object("tool_choice");
  json_.text("type", "allowed_tools");
  json_.begin_object("allowed_tools");
  json_.text("mode", word);
  json_.begin_array("tools");
  for (const std::string& name : choice.allowed) {
    json_.begin_object();
    json_.text("type", "function");
    json_.begin_object("function");
    json_.text("name", name);
    json_.end_object();
    json_.end_object();
  }
  json_.end_array();
  json_.end_object();
  json_.end_object();
}

void RequestEncoder::write_format() {
  const ResponseFormat& format = in_.format;
  if (format.kind == ResponseFormat::Kind::Text) {
    return;
  }
  json_.begin_object("response_format");
  if (format.kind == ResponseFormat::Kind::JsonObject) {
    json_.text("type", "json_object");
  } else {
    json_.text("type", "json_schema");
    json_.begin_object("json_schema");
    json_.text("name", format.name.empty() ? "answer" : std::string_view(format.name));
    json_.text_if_any("description", format.description);
    if (!format.schema_json.empty()) {
      json_.raw("schema", format.schema_json);
    }
    if (format.strict) {
      json_.flag("strict", *format.strict);
    }
    json_.end_object();
  }
  json_.end_object();
}

void RequestEncoder::write_sampling() {
  const Sampling& in = in_.sampling;
  write_number("temperature", in.temperature);
  write_number("top_p", in.top_p);
  write_number("top_k", in.top_k);
  write_number("min_p", in.min_p);
  write_number("top_a", in.top_a);
  write_number("frequency_penalty", in.frequency_penalty);
  write_number("presence_penalty", in.presence_penalty);
  write_number("repetition_penalty", in.repetition_penalty);
  write_number("seed", in.seed);
  write_number("n", in.choices);
  write_number("top_logprobs", in.top_logprobs);
  if (in.logprobs) {
    json_.flag("logprobs", *in.logprobs);
  }
  if (!in.logit_bias_json.empty()) {
    json_.raw("logit_bias", in.logit_bias_json);
  }
  if (in.stop.empty()) {
    return;
  }
  if (in.stop.size() > kMostStops) {
    losses_.change("stop", "was cut to the first four, the most that the dialect takes");
  }
  json_.begin_array("stop");
  for (std::size_t i = 0; i < std::min(in.stop.size(), kMostStops); ++i) {
    json_.text(in.stop[i]);
  }
  json_.end_array();
}

// OpenAI's own member; OpenRouter and the compatible servers read it too.
void RequestEncoder::write_reasoning() {
  const ReasoningWish& wish = in_.reasoning;
  if (wish.refused()) {
    json_.text("reasoning_effort", "none");
    return;
  }
  if (!wish.wanted()) {
    return;
  }
  constexpr std::uint64_t kUsualLimit = 32'000;
  const std::uint64_t limit =
      in_.max_output_tokens.value_or(target_.max_output.value_or(kUsualLimit));
  // Asked to think without a word how much: medium, as OpenRouter takes it.
  const Effort effort =
      wish.effort.value_or(wish.budget ? effort_of(*wish.budget, limit) : Effort::Medium);
  if (wish.budget && !wish.effort) {
    losses_.change("reasoning", "of " + std::to_string(*wish.budget) +
                                    " tokens was said as the effort \"" +
                                    std::string(name(effort)) + "\"");
  }
  json_.text("reasoning_effort", name(effort));
}

void RequestEncoder::write_labels() {
  json_.text_if_any("verbosity", in_.verbosity);
  json_.text_if_any("service_tier", in_.service_tier);
  json_.text_if_any("prompt_cache_key", in_.prompt_cache_key);
  json_.text_if_any("safety_identifier", in_.safety_identifier);
  json_.text_if_any("user", in_.user);
  if (!in_.metadata.empty()) {
    json_.begin_object("metadata");
    for (const auto& [name, value] : in_.metadata) {
      json_.text(name, value);
    }
    json_.end_object();
  }
}

void RequestEncoder::write_rest() {
  if (in_.cache != CacheMark::None && target_.chat.cache_member == "cache_control") {
    json_.raw("cache_control", in_.cache == CacheMark::OneHour
                                   ? R"({"type":"ephemeral","ttl":"1h"})"
                                   : R"({"type":"ephemeral"})");
  }
  if (!in_.prediction_json.empty()) {
    json_.raw("prediction", in_.prediction_json);
  }
  if (!in_.audio_json.empty()) {
    json_.raw("audio", in_.audio_json);
  }
  if (!in_.output_modalities.empty()) {
    json_.begin_array("modalities");
    for (const std::string& modality : in_.output_modalities) {
      json_.text(modality);
    }
    json_.end_array();
  }
}

void RequestEncoder::write_stream() {
  if (!target_.stream) {
    return;
  }
  json_.flag("stream", true);
  if (target_.chat.ask_usage) {
    json_.raw("stream_options", R"({"include_usage":true})");
  }
}

}  // namespace

Result<EncodedRequest> encode_request(const Conversation& conversation,
                                      const EncodeTarget& target) {
  return RequestEncoder(conversation, target).encode();
}

}  // namespace waybill::dialects::openai_chat
