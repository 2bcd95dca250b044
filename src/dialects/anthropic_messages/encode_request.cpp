// A request towards a provider that speaks Anthropic's dialect.

#include <algorithm>
#include <utility>

#include "request_encoder.hpp"

namespace waybill::dialects::anthropic {
namespace {

// A limit is required; where neither the client nor the catalog knows one.
constexpr std::uint64_t kDefaultLimit = 4'096;
constexpr std::uint64_t kLeastBudget = 1'024;
constexpr std::size_t kMostBreakpoints = 4;

}  // namespace

EncodedRequest RequestEncoder::encode() {
  for (const Feature feature : features_of(in_).without(kAnthropicMessages.expresses).list()) {
    if (feature != Feature::Unknown && feature != Feature::NativeParts) {
      losses_.drop(feature);
    }
  }
  for (const std::string& member : in_.unknown) {
    losses_.drop(member);
  }
  choose_limit();
  choose_thinking();
  choose_breakpoints();
  json_.begin_object();
  json_.text("model", target_.upstream_model);
  json_.number("max_tokens", limit_);
  write_tools();
  write_tool_choice();
  write_system();
  write_messages();
  write_sampling();
  write_thinking();
  write_output();
  if (in_.cache != CacheMark::None) {
    write_cache(in_.cache);
  }
  if (!in_.user.empty()) {
    json_.begin_object("metadata");
    json_.text("user_id", in_.user);
    json_.end_object();
  }
  if (in_.service_tier == "auto" || in_.service_tier == "default") {
    json_.text("service_tier", in_.service_tier == "auto" ? "auto" : "standard_only");
  } else if (!in_.service_tier.empty()) {
    losses_.drop(Feature::ServiceTier);
  }
  if (target_.stream) {
    json_.flag("stream", true);
  }
  json_.end_object();
  return {json_.take(), std::move(losses_)};
}

void RequestEncoder::choose_limit() {
  limit_ = in_.max_output_tokens.value_or(target_.max_output.value_or(kDefaultLimit));
  if (target_.output_cap) {
    limit_ = std::min(limit_, *target_.output_cap);
  }
}

// The last turn called tools and its thoughts are not here, or not signed: Anthropic then
// refuses to go on thinking ("Extended thinking with tool use").
bool RequestEncoder::in_unsigned_tool_loop() const {
  if (in_.messages.empty() || in_.messages.back().role != Role::Tool) {
    return false;
  }
  const auto assistant =
      std::find_if(in_.messages.rbegin(), in_.messages.rend(),
                   [](const Message& message) { return message.role == Role::Assistant; });
  return assistant != in_.messages.rend() &&
         std::ranges::none_of(assistant->parts, [](const Part& part) {
           const auto* const thought = std::get_if<ReasoningPart>(&part.value);
           return thought != nullptr && (!thought->signature.empty() || !thought->data.empty()) &&
                  (thought->format == kReasoningFormat || thought->format.empty());
         });
}

std::string_view RequestEncoder::reason_against_thinking() const {
  using Mode = ToolChoice::Mode;
  const Mode mode = in_.tool_choice.mode;
  if (limit_ <= kLeastBudget) {
    return "was left out: with max_tokens of 1024 or less there is no room for it";
  }
  if (mode == Mode::Required || mode == Mode::Named) {
    return "was left out: the provider cannot think where a tool call is forced";
  }
  if (in_unsigned_tool_loop()) {
    return "was left out: the thoughts before the tool calls are not in the messages";
  }
  return {};
}

void RequestEncoder::choose_thinking() {
  const ReasoningWish& wish = in_.reasoning;
  if (wish.refused()) {
    thinking_ = Thinking::Refused;
    return;
  }
  if (!wish.wanted()) {
    return;
  }
  if (const std::string_view reason = reason_against_thinking(); !reason.empty()) {
    losses_.change("reasoning", std::string(reason));
    return;
  }
  if (target_.adaptive_reasoning) {
    thinking_ = Thinking::Adaptive;
    return;
  }
  thinking_ = Thinking::Budget;
  budget_ = wish.budget ? std::max(*wish.budget, kLeastBudget)
                        : budget_of(wish.effort.value_or(Effort::Medium), limit_);
  if (budget_ >= limit_) {  // the answer needs room behind the thoughts
    budget_ = std::max(kLeastBudget, limit_ - std::max<std::uint64_t>(1, limit_ / 20));
    budget_ = std::min(budget_, limit_ - 1);
    losses_.change("reasoning", "was lowered to " + std::to_string(budget_) +
                                    " tokens: it must be less than max_tokens");
  }
}

// At most four breakpoints are allowed; the last ones cover the most.
void RequestEncoder::choose_breakpoints() {
  std::size_t marks = in_.cache != CacheMark::None ? 1 : 0;
  for (const Tool& tool : in_.tools) {
    marks += tool.cache != CacheMark::None ? 1U : 0U;
  }
  for (const Message& message : in_.messages) {
    for (const Part& part : message.parts) {
      marks += part.cache != CacheMark::None ? 1U : 0U;
    }
  }
  if (marks > kMostBreakpoints) {
    marks_to_skip_ = marks - kMostBreakpoints;
    losses_.change("cache_control", "was left out in " + std::to_string(marks_to_skip_) +
                                        " places: four are allowed, the last ones were kept");
  }
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
      continue;  // of another dialect: such an endpoint was not eligible
    }
    json_.begin_object();
    json_.text("name", tool.name);
    json_.text_if_any("description", tool.description);
    json_.raw("input_schema", tool.schema_json.empty() ? R"({"type":"object","properties":{}})"
                                                       : std::string_view(tool.schema_json));
    if (tool.strict.value_or(false)) {
      json_.flag("strict", true);
    }
    write_cache(tool.cache);
    json_.end_object();
  }
  json_.end_array();
}

void RequestEncoder::write_tool_choice() {
  using Mode = ToolChoice::Mode;
  const Mode mode = in_.tool_choice.mode;
  const bool alone = in_.parallel_tool_calls == false;
  if (in_.tools.empty() || (mode == Mode::Unset && !alone)) {
    return;
  }
  json_.begin_object("tool_choice");
  json_.text("type", mode == Mode::Required ? "any"
                     : mode == Mode::None   ? "none"
                     : mode == Mode::Named  ? "tool"
                                            : "auto");
  if (mode == Mode::Named) {
    json_.text("name", in_.tool_choice.name);
  }
  if (alone && mode != Mode::None) {
    json_.flag("disable_parallel_tool_use", true);
  }
  json_.end_object();
}

void RequestEncoder::write_sampling() {
  const Sampling& sampling = in_.sampling;
  const bool thinks = thinking_ == Thinking::Budget || thinking_ == Thinking::Adaptive;
  if (sampling.temperature && thinks) {
    if (*sampling.temperature != 1) {
      losses_.change("temperature", "was left out: the provider allows none while it thinks");
    }
  } else if (sampling.temperature) {
    if (*sampling.temperature > 1) {
      losses_.change("temperature", "was lowered to 1, the provider's most");
    }
    json_.real("temperature", std::min(1.0, *sampling.temperature));
  }
  if (sampling.top_p) {
    constexpr double kLeastWhileThinking = 0.95;
    if (thinks && *sampling.top_p < kLeastWhileThinking) {
      losses_.change("top_p", "was left out: the provider takes 0.95 to 1 while it thinks");
    } else {
      json_.real("top_p", *sampling.top_p);
    }
  }
  if (sampling.top_k && thinks) {
    losses_.change("top_k", "was left out: the provider allows none while it thinks");
  } else if (sampling.top_k && *sampling.top_k > 0) {
    json_.number("top_k", *sampling.top_k);
  }
  if (!sampling.stop.empty()) {
    json_.begin_array("stop_sequences");
    for (const std::string& stop : sampling.stop) {
      json_.text(stop);
    }
    json_.end_array();
  }
}

void RequestEncoder::write_thinking() {
  if (thinking_ == Thinking::Off) {
    return;
  }
  json_.begin_object("thinking");
  json_.text("type", thinking_ == Thinking::Budget     ? "enabled"
                     : thinking_ == Thinking::Adaptive ? "adaptive"
                                                       : "disabled");
  if (thinking_ == Thinking::Budget) {
    json_.number("budget_tokens", budget_);
  }
  if (thinking_ == Thinking::Adaptive) {
    json_.text("display", in_.reasoning.exclude.value_or(false) ? "omitted" : "summarized");
  }
  json_.end_object();
}

void RequestEncoder::write_output() {
  const bool schema = in_.format.kind == ResponseFormat::Kind::JsonSchema;
  const bool effort =
      thinking_ == Thinking::Adaptive && (in_.reasoning.effort || in_.reasoning.budget);
  if (!schema && !effort) {
    return;
  }
  json_.begin_object("output_config");
  if (effort) {
    const Effort level =
        in_.reasoning.effort.value_or(effort_of(in_.reasoning.budget.value_or(0), limit_));
    json_.text("effort", name(level == Effort::Minimal ? Effort::Low : level));
  }
  if (schema) {
    json_.begin_object("format");
    json_.text("type", "json_schema");
    json_.raw("schema", in_.format.schema_json.empty() ? R"({"type":"object"})"
                                                       : std::string_view(in_.format.schema_json));
    json_.end_object();
  }
  json_.end_object();
}

Result<EncodedRequest> encode_request(const Conversation& conversation,
                                      const EncodeTarget& target) {
  return RequestEncoder(conversation, target).encode();
}

}  // namespace waybill::dialects::anthropic
