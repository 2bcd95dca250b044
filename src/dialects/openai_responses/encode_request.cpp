// A request towards a provider that speaks OpenAI's Responses dialect.

#include <algorithm>
#include <utility>

#include "input_encoder.hpp"

namespace waybill::dialects::responses {
namespace {

// "Invalid 'max_output_tokens': integer below minimum value. Expected a value >= 16."
constexpr std::uint64_t kLeastOutput = 16;

class RequestEncoder {
 public:
  RequestEncoder(const Conversation& conversation, const EncodeTarget& target)
      : in_(conversation),
        target_(target) {}

  Result<EncodedRequest> encode();

 private:
  void note_losses();
  void write_limit();
  void write_tools();
  void write_tool_choice();
  void write_choice(std::string_view tool_name);
  void write_text();
  void write_format();
  void write_reasoning();
  void write_sampling();
  void write_labels();
  void write_include();
  [[nodiscard]] const Tool* native_tool(std::string_view tool_name) const;

  const Conversation& in_;
  const EncodeTarget& target_;
  JsonWriter json_;
  Losses losses_;
};

Result<EncodedRequest> RequestEncoder::encode() {
  for (const Tool& tool : in_.tools) {
    if (!tool.native_json.empty() && tool.native_dialect != kName) {
      return Error(ErrorKind::InvalidRequest, "invalid_request",
                   "The tool \"" + tool.name + "\" is of a kind that this provider does not have.");
    }
  }
  note_losses();
  json_.begin_object();
  json_.text("model", target_.upstream_model);
  write_input(json_, in_, target_.responses, losses_);
  write_tools();
  write_tool_choice();
  write_text();
  write_reasoning();
  write_limit();
  write_sampling();
  write_labels();
  json_.flag("store", false);
  write_include();
  if (target_.stream) {
    json_.flag("stream", true);
  }
  json_.end_object();
  return EncodedRequest{json_.take(), std::move(losses_)};
}

void RequestEncoder::note_losses() {
  for (const Feature feature : features_of(in_).without(kOpenAiResponses.expresses).list()) {
    if (feature == Feature::ToolErrors) {
      losses_.change("is_error", "of tool results was left out: the dialect has no word for it");
    } else if (feature != Feature::Unknown) {
      losses_.drop(feature);
    }
  }
  for (const std::string& member : in_.unknown) {
    losses_.drop(member);
  }
}

void RequestEncoder::write_limit() {
  std::optional<std::uint64_t> limit = in_.max_output_tokens;
  if (target_.output_cap) {
    limit = std::min(limit.value_or(*target_.output_cap), *target_.output_cap);
  }
  if (limit && *limit < kLeastOutput) {
    losses_.change("max_output_tokens", "was raised to 16, the provider's least");
    limit = kLeastOutput;
  }
  if (limit) {
    json_.number("max_output_tokens", *limit);
  }
}

void RequestEncoder::write_tools() {
  if (in_.tools.empty()) {
    return;
  }
  json_.begin_array("tools");
  for (const Tool& tool : in_.tools) {
    if (!tool.native_json.empty()) {
      json_.raw(tool.native_json);
      continue;
    }
    json_.begin_object();
    json_.text("type", "function");
    json_.text("name", tool.name);
    json_.text_if_any("description", tool.description);
    // strict is on by default here and nowhere else, and makes every optional argument
    // required ("Function calling", OpenAI docs).
    json_.raw("parameters", tool.schema_json.empty() ? R"({"type":"object","properties":{}})"
                                                     : std::string_view(tool.schema_json));
    json_.flag("strict", tool.strict.value_or(false));
    json_.end_object();
  }
  json_.end_array();
}

const Tool* RequestEncoder::native_tool(std::string_view tool_name) const {
  const auto tool = std::ranges::find_if(in_.tools, [&](const Tool& each) {
    return each.name == tool_name && !each.native_json.empty();
  });
  return tool == in_.tools.end() ? nullptr : &*tool;
}

// {"type":"function","name":...}, or as a tool of the provider's is chosen: by its type.
void RequestEncoder::write_choice(std::string_view tool_name) {
  const Tool* const native = native_tool(tool_name);
  JsonTree tree;
  std::string type = "function";
  bool named = true;
  if (native != nullptr && tree.parse(native->native_json, JsonOrigin::Client)) {
    type = tree.root()["type"].text();
    named = tree.root()["name"].is_string();
  }
  json_.text("type", type);
  if (named) {
    json_.text("name", tool_name);
  }
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
  const std::string_view word = choice.mode == Mode::None       ? "none"
                                : choice.mode == Mode::Required ? "required"
                                                                : "auto";
  if (choice.mode != Mode::Named && choice.allowed.empty()) {
    json_.text("tool_choice", word);
    return;
  }
  json_.begin_object("tool_choice");
  if (choice.mode == Mode::Named) {
    write_choice(choice.name);
  } else {
    json_.text("type", "allowed_tools");
    json_.text("mode", word);
    json_.begin_array("tools");
    for (const std::string& each : choice.allowed) {
      json_.begin_object();
      write_choice(each);
      json_.end_object();
    }
    json_.end_array();
  }
  json_.end_object();
}

void RequestEncoder::write_text() {
  const bool format = in_.format.kind != ResponseFormat::Kind::Text;
  if (!format && in_.verbosity.empty()) {
    return;
  }
  json_.begin_object("text");
  if (format) {
    write_format();
  }
  json_.text_if_any("verbosity", in_.verbosity);
  json_.end_object();
}

void RequestEncoder::write_format() {
  const ResponseFormat& format = in_.format;
  json_.begin_object("format");
  if (format.kind == ResponseFormat::Kind::JsonObject) {
    json_.text("type", "json_object");
  } else {
    json_.text("type", "json_schema");
    json_.text("name", format.name.empty() ? "answer" : std::string_view(format.name));
    json_.text_if_any("description", format.description);
    json_.raw("schema", format.schema_json.empty() ? R"({"type":"object"})"
                                                   : std::string_view(format.schema_json));
    if (format.strict) {
      json_.flag("strict", *format.strict);
    }
  }
  json_.end_object();
}

void RequestEncoder::write_reasoning() {
  const ReasoningWish& wish = in_.reasoning;
  if (wish.refused()) {
    json_.begin_object("reasoning");
    json_.text("effort", "none");
    json_.end_object();
    return;
  }
  if (!wish.wanted() && wish.summary.empty()) {
    return;
  }
  json_.begin_object("reasoning");
  if (wish.wanted()) {
    constexpr std::uint64_t kUsualLimit = 32'000;
    const std::uint64_t limit =
        in_.max_output_tokens.value_or(target_.max_output.value_or(kUsualLimit));
    Effort effort =
        wish.effort.value_or(wish.budget ? effort_of(*wish.budget, limit) : Effort::Medium);
    if (wish.budget && !wish.effort) {
      losses_.change("reasoning", "of " + std::to_string(*wish.budget) +
                                      " tokens was said as the effort \"" +
                                      std::string(name(effort)) + "\"");
    }
    if (effort == Effort::Max) {
      losses_.change("reasoning", "with the effort \"max\" was lowered to \"xhigh\"");
      effort = Effort::XHigh;
    }
    json_.text("effort", name(effort));
  }
  if (!wish.exclude.value_or(false)) {
    json_.text_if_any("summary", wish.summary);
  }
  json_.end_object();
}

void RequestEncoder::write_sampling() {
  const Sampling& sampling = in_.sampling;
  if (sampling.temperature) {
    json_.real("temperature", *sampling.temperature);
  }
  if (sampling.top_p) {
    json_.real("top_p", *sampling.top_p);
  }
  if (sampling.top_logprobs) {
    json_.number("top_logprobs", *sampling.top_logprobs);
  }
}

void RequestEncoder::write_labels() {
  json_.text_if_any("service_tier", in_.service_tier);
  json_.text_if_any("prompt_cache_key", in_.prompt_cache_key);
  json_.text_if_any("safety_identifier", in_.safety_identifier);
  json_.text_if_any("user", in_.user);
  if (!in_.metadata.empty()) {
    json_.begin_object("metadata");
    for (const auto& [label, value] : in_.metadata) {
      json_.text(label, value);
    }
    json_.end_object();
  }
}

// Nothing is kept by the provider, so thoughts must come with the answer.
void RequestEncoder::write_include() {
  const bool logprobs =
      in_.sampling.logprobs.value_or(false) || in_.sampling.top_logprobs.value_or(0) > 0;
  if (!logprobs && !target_.responses.encrypted_reasoning) {
    return;
  }
  json_.begin_array("include");
  if (target_.responses.encrypted_reasoning) {
    json_.text("reasoning.encrypted_content");
  }
  if (logprobs) {
    json_.text("message.output_text.logprobs");
  }
  json_.end_array();
}

}  // namespace

Result<EncodedRequest> encode_request(const Conversation& conversation,
                                      const EncodeTarget& target) {
  return RequestEncoder(conversation, target).encode();
}

}  // namespace waybill::dialects::responses
