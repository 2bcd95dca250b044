// A conversation as one of Ollama's routes takes it.

#include <algorithm>
#include <utility>

#include "ollama.hpp"

namespace waybill::dialects::ollama {
namespace {

// Ollama's levels of thinking ("think" in docs/api.md).
std::string_view think_word(Effort effort) noexcept {
  switch (effort) {
    case Effort::None:
    case Effort::Minimal:
    case Effort::Low: return "low";
    case Effort::Medium: return "medium";
    case Effort::High:
    case Effort::XHigh:
    case Effort::Max: return "high";
  }
  return "medium";
}

// What an Ollama message has room for, gathered from parts in any order.
struct MessageText {
  std::string content;
  std::string thinking;
  std::vector<std::string_view> images;
  std::vector<const ToolCallPart*> calls;
};

class RequestEncoder {
 public:
  RequestEncoder(const Conversation& conversation, const EncodeTarget& target) noexcept
      : conversation_(conversation),
        target_(target) {}

  Result<EncodedRequest> chat();
  Result<EncodedRequest> generate();

 private:
  void begin(const Dialect& dialect);
  void write_message(const Message& message);
  void write_result(const ToolResultPart& result);
  void write_calls(const std::vector<const ToolCallPart*>& calls);
  void write_images(const std::vector<std::string_view>& images);
  MessageText gather(const std::vector<Part>& parts, std::string_view between);
  [[nodiscard]] std::string name_of(const ToolResultPart& result) const;
  void write_tools();
  [[nodiscard]] bool offered(const Tool& tool) const;
  void write_common();
  void write_think();
  void write_options();
  [[nodiscard]] std::optional<std::uint64_t> limit() const noexcept;

  const Conversation& conversation_;
  const EncodeTarget& target_;
  JsonWriter json_;
  Losses losses_;
};

void RequestEncoder::begin(const Dialect& dialect) {
  FeatureSet said = dialect.expresses;
  said.add(Feature::ReasoningBudget);  // as a level: see write_think()
  if (&dialect == &kOllamaChat) {
    said.add(Feature::AllowedTools);  // by offering no others
    said.add_if(conversation_.tool_choice.mode == ToolChoice::Mode::None, Feature::ToolChoice);
  }
  for (const Feature feature : features_of(conversation_).without(said).list()) {
    if (feature != Feature::Unknown) {
      losses_.drop(feature);
    }
  }
  for (const std::string& member : conversation_.unknown) {
    losses_.drop(member);
  }
  json_.begin_object();
  json_.text("model", target_.upstream_model);
}

Result<EncodedRequest> RequestEncoder::chat() {
  begin(kOllamaChat);
  json_.begin_array("messages");
  for (const Message& message : conversation_.messages) {
    write_message(message);
  }
  json_.end_array();
  write_tools();
  write_common();
  return EncodedRequest{json_.take(), std::move(losses_)};
}

// One question and what leads to it is all that the route has room for.
Result<EncodedRequest> RequestEncoder::generate() {
  std::string system;
  const Message* question = nullptr;
  bool fits = true;
  begin(kOllamaGenerate);
  for (const Message& message : conversation_.messages) {
    if (message.role == Role::System || message.role == Role::Developer) {
      system += system.empty() ? "" : "\n\n";
      system += gather(message.parts, "\n").content;
      fits = fits && question == nullptr;
    } else {
      fits = fits && question == nullptr && message.role == Role::User;
      question = &message;
    }
  }
  if (!fits || question == nullptr || !conversation_.tools.empty()) {
    return Error(ErrorKind::InvalidRequest, "invalid_request",
                 "The endpoint speaks ollama_generate, which takes one question: no earlier "
                 "messages, no tools.");
  }
  json_.text_if_any("system", system);
  const MessageText said = gather(question->parts, "\n");
  json_.text("prompt", said.content);
  write_images(said.images);
  write_common();
  return EncodedRequest{json_.take(), std::move(losses_)};
}

void RequestEncoder::write_message(const Message& message) {
  if (message.role == Role::Tool) {
    for (const Part& part : message.parts) {
      if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
        write_result(*result);
      }
    }
    return;
  }
  const bool assistant = message.role == Role::Assistant;
  const MessageText said = gather(message.parts, assistant ? "" : "\n");
  json_.begin_object();
  json_.text("role", assistant ? "assistant" : message.role == Role::User ? "user" : "system");
  json_.text("content", said.content);
  json_.text_if_any("thinking", said.thinking);
  write_images(said.images);
  write_calls(said.calls);
  json_.end_object();
}

void RequestEncoder::write_result(const ToolResultPart& result) {
  const MessageText said = gather(result.content, "\n");
  json_.begin_object();
  json_.text("role", "tool");
  json_.text("content", said.content);
  json_.text_if_any("tool_name", name_of(result));
  json_.text_if_any("tool_call_id", result.call_id);
  write_images(said.images);
  json_.end_object();
}

// Most dialects name only the call: its name stands with the call itself.
std::string RequestEncoder::name_of(const ToolResultPart& result) const {
  if (!result.name.empty()) {
    return result.name;
  }
  for (const Message& message : conversation_.messages) {
    for (const Part& part : message.parts) {
      const auto* const call = std::get_if<ToolCallPart>(&part.value);
      if (call != nullptr && call->id == result.call_id) {
        return call->name;
      }
    }
  }
  return {};
}

MessageText RequestEncoder::gather(const std::vector<Part>& parts, std::string_view between) {
  MessageText out;
  const auto add = [&](std::string& text, std::string_view more) {
    text += text.empty() || more.empty() ? std::string_view() : between;
    text += more;
  };
  for (const Part& part : parts) {
    if (const auto* const text = std::get_if<TextPart>(&part.value)) {
      add(out.content, text->text);
    } else if (const auto* const refusal = std::get_if<RefusalPart>(&part.value)) {
      add(out.content, refusal->text);
    } else if (const auto* const thought = std::get_if<ReasoningPart>(&part.value)) {
      out.thinking += thought->text;
      if (thought->kind == ReasoningPart::Kind::Encrypted) {
        losses_.drop(Feature::ReasoningReplay);
      }
    } else if (const auto* const media = std::get_if<MediaPart>(&part.value)) {
      if (media->kind == MediaPart::Kind::Image && media->source == MediaPart::Source::Data) {
        out.images.push_back(media->data);
      } else if (!media->transcript.empty()) {
        add(out.content, media->transcript);
      } else {
        losses_.drop(Feature::ToolResultMedia);  // elsewhere the endpoint was not eligible
      }
    } else if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
      out.calls.push_back(call);
    }
  }
  return out;
}

void RequestEncoder::write_images(const std::vector<std::string_view>& images) {
  if (images.empty()) {
    return;
  }
  json_.begin_array("images");
  for (const std::string_view image : images) {
    json_.text(image);
  }
  json_.end_array();
}

void RequestEncoder::write_calls(const std::vector<const ToolCallPart*>& calls) {
  if (calls.empty()) {
    return;
  }
  json_.begin_array("tool_calls");
  for (const ToolCallPart* const call : calls) {
    const std::string arguments = arguments_object(call->arguments);
    if (arguments != call->arguments && !call->arguments.empty()) {
      losses_.change("tool_calls",
                     "arguments that are no JSON object were put into one, as raw_arguments");
    }
    json_.begin_object();
    json_.text_if_any("id", call->id);
    json_.begin_object("function");
    json_.text("name", call->name);
    json_.raw("arguments", arguments);
    json_.end_object();
    json_.end_object();
  }
  json_.end_array();
}

bool RequestEncoder::offered(const Tool& tool) const {
  const std::vector<std::string>& allowed = conversation_.tool_choice.allowed;
  return allowed.empty() || std::ranges::find(allowed, tool.name) != allowed.end();
}

void RequestEncoder::write_tools() {
  if (conversation_.tools.empty()) {
    return;
  }
  if (conversation_.tool_choice.mode == ToolChoice::Mode::None) {
    losses_.change(name(Feature::ToolChoice),
                   "no tools were offered, because Ollama cannot be told not to call them");
    return;
  }
  if (!conversation_.tool_choice.allowed.empty()) {
    losses_.change(name(Feature::AllowedTools), "only the allowed tools were offered");
  }
  json_.begin_array("tools");
  for (const Tool& tool : conversation_.tools) {
    if (!offered(tool)) {
      continue;
    }
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
}

void RequestEncoder::write_common() {
  using Kind = ResponseFormat::Kind;
  const ResponseFormat& format = conversation_.format;
  if (format.kind == Kind::JsonSchema && !format.schema_json.empty()) {
    json_.raw("format", format.schema_json);
  } else if (format.kind != Kind::Text) {
    json_.text("format", "json");
  }
  json_.flag("stream", target_.stream);
  write_think();
  write_options();
  if (conversation_.sampling.logprobs.value_or(false)) {
    json_.flag("logprobs", true);
    if (conversation_.sampling.top_logprobs) {
      json_.number("top_logprobs", *conversation_.sampling.top_logprobs);
    }
  }
  json_.end_object();
}

void RequestEncoder::write_think() {
  const ReasoningWish& wish = conversation_.reasoning;
  if (wish.refused()) {
    json_.flag("think", false);
    return;
  }
  if (!wish.wanted()) {
    return;
  }
  std::optional<Effort> effort = wish.effort;
  if (wish.budget && !effort) {
    effort = effort_of(*wish.budget, limit().value_or(target_.max_output.value_or(32'768)));
  }
  if (wish.budget) {
    losses_.change(name(Feature::ReasoningBudget), "a budget of " + std::to_string(*wish.budget) +
                                                       " tokens became the level " +
                                                       std::string(think_word(*effort)));
  }
  if (!effort) {
    json_.flag("think", true);
    return;
  }
  const std::string_view word = think_word(*effort);
  if (word != name(*effort) && !wish.budget) {
    losses_.change(name(Feature::Reasoning),
                   "the effort " + std::string(name(*effort)) + " became " + std::string(word));
  }
  json_.text("think", word);
}

std::optional<std::uint64_t> RequestEncoder::limit() const noexcept {
  std::optional<std::uint64_t> most = conversation_.max_output_tokens;
  if (target_.output_cap && most.value_or(*target_.output_cap) >= *target_.output_cap) {
    most = target_.output_cap;
  }
  return most;
}

void RequestEncoder::write_options() {
  const Sampling& sampling = conversation_.sampling;
  const auto real = [this](std::string_view member, const std::optional<double>& value) {
    if (value) {
      json_.real(member, *value);
    }
  };
  json_.begin_object("options");
  if (const auto most = limit()) {
    json_.number("num_predict", *most);
  }
  real("temperature", sampling.temperature);
  real("top_p", sampling.top_p);
  if (sampling.top_k) {
    json_.number("top_k", *sampling.top_k);
  }
  real("min_p", sampling.min_p);
  real("repeat_penalty", sampling.repetition_penalty);
  real("presence_penalty", sampling.presence_penalty);
  real("frequency_penalty", sampling.frequency_penalty);
  if (sampling.seed) {
    json_.integer("seed", *sampling.seed);
  }
  if (!sampling.stop.empty()) {
    json_.begin_array("stop");
    for (const std::string& stop : sampling.stop) {
      json_.text(stop);
    }
    json_.end_array();
  }
  json_.end_object();
}

}  // namespace

std::string arguments_object(std::string_view arguments) {
  JsonTree tree;
  if (tree.parse(arguments, JsonOrigin::Upstream) && tree.root().is_object()) {
    return std::string(arguments);
  }
  if (arguments.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return "{}";
  }
  JsonWriter json;  // models fail, and the next turn must still be sayable
  json.begin_object();
  json.text("raw_arguments", arguments);
  json.end_object();
  return json.take();
}

Result<EncodedRequest> encode_chat(const Conversation& conversation, const EncodeTarget& target) {
  return RequestEncoder(conversation, target).chat();
}

Result<EncodedRequest> encode_generate(const Conversation& conversation,
                                       const EncodeTarget& target) {
  return RequestEncoder(conversation, target).generate();
}

}  // namespace waybill::dialects::ollama
