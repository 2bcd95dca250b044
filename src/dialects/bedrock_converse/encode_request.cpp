// A request towards Bedrock's Converse.

#include <algorithm>
#include <set>
#include <utility>

#include "waybill/base/ascii.hpp"
#include "waybill/base/json_writer.hpp"

#include "bedrock_converse.hpp"
#include "reasoning_plan.hpp"
#include "request_parts.hpp"

namespace waybill::dialects::bedrock {
namespace {

constexpr std::size_t kMostBreakpoints = 4;
constexpr std::string_view kNoArguments = R"({"type":"object","properties":{}})";

class RequestEncoder {
 public:
  RequestEncoder(const Conversation& conversation, const EncodeTarget& target)
      : in_(conversation),
        maker_(maker_of(target.upstream_model)),
        plan_(plan_reasoning(conversation, target, maker_, losses_)),
        points_(json_, takes_cache_points(), marks_to_skip()) {}

  Result<EncodedRequest> encode();

 private:
  void report_features();
  [[nodiscard]] bool takes_cache_points() const noexcept {
    return maker_ == Maker::Anthropic || maker_ == Maker::Amazon;
  }
  std::size_t marks_to_skip();
  [[nodiscard]] std::set<std::string, std::less<>> called_tools() const;
  void write_tools();
  void write_tool(const Tool& tool);
  void write_known_calls(const std::set<std::string, std::less<>>& names);
  void write_tool_choice(bool any_tools);
  void write_system();
  void write_inference();
  void write_sampling();
  void write_additional();
  void write_output();
  void write_metadata();
  void write_service_tier();

  const Conversation& in_;
  JsonWriter json_;
  Losses losses_;
  Maker maker_;
  ReasoningPlan plan_;
  CachePoints points_;
};

Result<EncodedRequest> RequestEncoder::encode() {
  report_features();
  json_.begin_object();
  write_tools();
  write_system();
  MessageWriter messages(json_, points_, losses_);
  messages.write(in_);
  if (messages.fault()) {
    return *messages.fault();
  }
  write_inference();
  write_additional();
  write_output();
  write_metadata();
  write_service_tier();
  json_.end_object();
  return EncodedRequest{json_.take(), std::move(losses_)};
}

void RequestEncoder::report_features() {
  for (const Feature feature : features_of(in_).without(kBedrockConverse.expresses).list()) {
    // Several calls at once are what Converse does anyway.
    const bool as_it_is = feature == Feature::ParallelToolCalls && *in_.parallel_tool_calls;
    if (feature != Feature::Unknown && !as_it_is) {
      losses_.drop(feature);
    }
  }
  for (const std::string& member : in_.unknown) {
    losses_.drop(member);
  }
  if (!takes_cache_points() && features_of(in_).has(Feature::CacheControl)) {
    losses_.drop(Feature::CacheControl);
  }
}

// At most four breakpoints are allowed; the last ones cover the most.
std::size_t RequestEncoder::marks_to_skip() {
  const bool ends_with_mark = !in_.messages.empty() && !in_.messages.back().parts.empty() &&
                              mark_of(in_.messages.back().parts.back()) != CacheMark::None;
  std::size_t marks = in_.cache != CacheMark::None && !ends_with_mark ? 1 : 0;
  if (maker_ != Maker::Amazon) {
    marks += static_cast<std::size_t>(std::ranges::count_if(
        in_.tools, [](const Tool& tool) { return tool.cache != CacheMark::None; }));
  }
  for (const Message& message : in_.messages) {
    marks += static_cast<std::size_t>(std::ranges::count_if(
        message.parts, [](const Part& part) { return mark_of(part) != CacheMark::None; }));
  }
  if (marks <= kMostBreakpoints || !takes_cache_points()) {
    return 0;
  }
  losses_.change("cache_control", "was left out in " + std::to_string(marks - kMostBreakpoints) +
                                      " places: four are allowed, the last ones were kept");
  return marks - kMostBreakpoints;
}

// The names of what was called before.
std::set<std::string, std::less<>> RequestEncoder::called_tools() const {
  std::set<std::string, std::less<>> names;
  for (const Message& message : in_.messages) {
    for (const Part& part : message.parts) {
      if (const auto* const call = std::get_if<ToolCallPart>(&part.value)) {
        names.insert(call->name);
      } else if (const auto* const result = std::get_if<ToolResultPart>(&part.value)) {
        names.insert(result->name.empty() ? "tool" : result->name);
      }
    }
  }
  return names;
}

// "The toolConfig field must be defined when using toolUse and toolResult content blocks":
// Converse refuses a conversation with calls in it that offers no tools.
void RequestEncoder::write_tools() {
  const auto called = called_tools();
  const bool withheld = in_.tool_choice.mode == ToolChoice::Mode::None;
  const bool any = std::ranges::any_of(in_.tools, [](const Tool& tool) {
    return tool.native_json.empty() || tool.native_dialect == kName;
  });
  if (called.empty() && (withheld || !any)) {
    return;  // which is how Converse is told not to call any
  }
  json_.begin_object("toolConfig");
  json_.begin_array("tools");
  if (!any) {
    write_known_calls(called);
  }
  for (const Tool& tool : in_.tools) {
    write_tool(tool);
  }
  json_.end_array();
  write_tool_choice(any);
  json_.end_object();
}

void RequestEncoder::write_known_calls(const std::set<std::string, std::less<>>& names) {
  for (const std::string& name : names) {
    write_tool({.name = name});
  }
  losses_.change("tools", "name those that were called: the provider demands it");
}

void RequestEncoder::write_tool(const Tool& tool) {
  if (!tool.native_json.empty()) {
    if (tool.native_dialect == kName) {
      json_.raw(tool.native_json);
    }
    return;  // of another dialect: such an endpoint was not eligible
  }
  json_.begin_object();
  json_.begin_object("toolSpec");
  json_.text("name", tool.name);
  if (!is_blank(tool.description)) {
    json_.text("description", tool.description);
  }
  json_.begin_object("inputSchema");
  json_.raw("json", tool.schema_json.empty() ? kNoArguments : std::string_view(tool.schema_json));
  json_.end_object();
  if (tool.strict.value_or(false)) {
    json_.flag("strict", true);
  }
  json_.end_object();
  json_.end_object();
  if (maker_ != Maker::Amazon) {  // Nova has breakpoints in system and messages only
    points_.write(tool.cache);
  } else if (tool.cache != CacheMark::None) {
    losses_.change("cache_control", "was left out of the tools: the model takes none there");
  }
}

void RequestEncoder::write_tool_choice(bool any_tools) {
  using Mode = ToolChoice::Mode;
  switch (in_.tool_choice.mode) {
    case Mode::Required:
      if (any_tools) {
        json_.raw("toolChoice", R"({"any":{}})");
      }
      break;
    case Mode::Named:
      json_.begin_object("toolChoice");
      json_.begin_object("tool");
      json_.text("name", in_.tool_choice.name);
      json_.end_object();
      json_.end_object();
      break;
    case Mode::None:
      losses_.change("tool_choice",
                     "became \"auto\": the provider demands the tools that were called before");
      break;
    case Mode::Unset:
    case Mode::Auto: break;
  }
}

// Instructions stand apart, before all messages.
void RequestEncoder::write_system() {
  bool any = false;
  bool spoken = false;
  for (const Message& message : in_.messages) {
    const bool system = message.role == Role::System || message.role == Role::Developer;
    spoken = spoken || !system;
    if (!system) {
      continue;
    }
    if (spoken) {
      losses_.change("messages", "with instructions in mid-conversation were moved to its begin");
    }
    for (const Part& part : message.parts) {
      const auto* const text = std::get_if<TextPart>(&part.value);
      if (text == nullptr || is_blank(text->text)) {
        continue;
      }
      if (!any) {
        json_.begin_array("system");
        any = true;
      }
      json_.begin_object();
      json_.text("text", text->text);
      json_.end_object();
      points_.write(part.cache);
    }
  }
  if (any) {
    json_.end_array();
  }
}

void RequestEncoder::write_inference() {
  json_.begin_object("inferenceConfig");
  if (plan_.limit) {
    json_.number("maxTokens", *plan_.limit);
  }
  write_sampling();
  if (!in_.sampling.stop.empty()) {
    json_.begin_array("stopSequences");
    for (const std::string& stop : in_.sampling.stop) {
      if (!stop.empty()) {
        json_.text(stop);
      }
    }
    json_.end_array();
  }
  json_.end_object();
}

void RequestEncoder::write_sampling() {
  const Sampling& sampling = in_.sampling;
  const bool claude = plan_.claude_thinks();
  // "Extended thinking in Amazon Nova 2": with high neither may be set.
  const bool high = maker_ == Maker::Amazon && plan_.effort == Effort::High;
  constexpr std::string_view kReason = "was left out: the provider allows none while it thinks";
  if (sampling.temperature && (claude || high)) {
    if (*sampling.temperature != 1 || high) {
      losses_.change("temperature", std::string(kReason));
    }
  } else if (sampling.temperature) {
    if (*sampling.temperature > 1) {
      losses_.change("temperature", "was lowered to 1, the provider's most");
    }
    json_.real("temperature", std::min(1.0, *sampling.temperature));
  }
  if (sampling.top_p) {
    constexpr double kLeastWhileThinking = 0.95;
    if (high) {
      losses_.change("top_p", std::string(kReason));
    } else if (claude && *sampling.top_p < kLeastWhileThinking) {
      losses_.change("top_p", "was left out: the provider takes 0.95 to 1 while it thinks");
    } else {
      json_.real("topP", *sampling.top_p);
    }
  }
}

// What Converse has no member for goes to the model in its maker's words.
void RequestEncoder::write_additional() {
  JsonWriter fields;
  fields.begin_object();
  write_reasoning_fields(fields, plan_, maker_, in_.reasoning.exclude.value_or(false));
  write_top_k(fields, in_.sampling.top_k, plan_, maker_, losses_);
  fields.end_object();
  if (const std::string text = fields.take(); text != "{}") {
    json_.raw("additionalModelRequestFields", text);
  }
  // Which sequence was met is told only on request.
  if (!in_.sampling.stop.empty() && maker_ == Maker::Anthropic) {
    json_.raw("additionalModelResponseFieldPaths", R"(["/stop_sequence","/delta/stop_sequence"])");
  }
}

void RequestEncoder::write_output() {
  if (in_.format.kind != ResponseFormat::Kind::JsonSchema) {
    return;
  }
  json_.begin_object("outputConfig");
  json_.begin_object("textFormat");
  json_.text("type", "json_schema");
  json_.begin_object("structure");
  json_.begin_object("jsonSchema");
  // Converse takes the schema as a string.
  json_.text("schema", in_.format.schema_json.empty() ? std::string_view(R"({"type":"object"})")
                                                      : std::string_view(in_.format.schema_json));
  json_.text_if_any("name", in_.format.name);
  json_.text_if_any("description", in_.format.description);
  json_.end_object();
  json_.end_object();
  json_.end_object();
  json_.end_object();
}

// "requestMetadata", API Reference: what invocation logs are filtered by.
void RequestEncoder::write_metadata() {
  constexpr std::size_t kMostEntries = 16;
  constexpr std::size_t kLongest = 256;
  constexpr std::string_view kOthers = " \t\n\r\v\f:_@$#=/+,-.";
  const auto fits = [&](std::string_view text) {
    return text.size() <= kLongest && std::ranges::all_of(text, [&](char c) {
             return is_alphanumeric(c) || kOthers.find(c) != std::string_view::npos;
           });
  };
  std::size_t written = 0;
  for (const auto& [key, value] : in_.metadata) {
    if (key.empty() || !fits(key) || !fits(value) || written == kMostEntries) {
      losses_.change("metadata", "lost the entries that the provider does not allow");
      continue;
    }
    if (written++ == 0) {
      json_.begin_object("requestMetadata");
    }
    json_.text(key, value);
  }
  if (written > 0) {
    json_.end_object();
  }
}

void RequestEncoder::write_service_tier() {
  const std::string& tier = in_.service_tier;
  if (tier == "default" || tier == "flex" || tier == "priority") {
    json_.begin_object("serviceTier");
    json_.text("type", tier);
    json_.end_object();
  } else if (!tier.empty() && tier != "auto") {
    losses_.drop(Feature::ServiceTier);
  }
}

}  // namespace

Result<EncodedRequest> encode_request(const Conversation& conversation,
                                      const EncodeTarget& target) {
  return RequestEncoder(conversation, target).encode();
}

}  // namespace waybill::dialects::bedrock
