#include "request_parameters.hpp"

#include <algorithm>

#include "request_checks.hpp"
#include "request_messages.hpp"

namespace waybill::dialects {
namespace {

constexpr std::uint64_t kMaxOutputTokens = 2'147'483'647;
constexpr std::uint64_t kMaxChoices = 128;
constexpr std::size_t kMaxStops = 4;
constexpr std::size_t kMaxMetadata = 16;
constexpr std::size_t kMaxMetadataName = 64;
constexpr std::size_t kMaxMetadataValue = 512;

bool read_model(RequestContext& context) {
  std::string& model = context.facts.model;
  if (!read_label(context, RequestMember::Model, context.limits.max_model_bytes, model)) {
    return false;
  }
  return !model.empty() || refuse(context, RequestMember::Model, "the id of a model, not empty");
}

bool read_models(RequestContext& context) {
  constexpr auto kMember = RequestMember::Models;
  if (!expect(context, kMember, JsonType::Array, "a list of model ids")) {
    return false;
  }
  auto& models = context.facts.models;
  std::string model;
  ArrayWalk list(context.walker);
  while (list.next()) {
    if (!read_label(context, kMember, context.limits.max_model_bytes, model)) {
      return false;
    }
    if (model.empty()) {
      return refuse(context, kMember, "a list of model ids that are not empty");
    }
    if (std::ranges::find(models, model) != models.end()) {
      continue;
    }
    if (models.size() == context.limits.max_models) {
      return refuse(context, kMember,
                    "a list of at most " + std::to_string(context.limits.max_models) + " models");
    }
    models.push_back(model);
  }
  return context.walker.ok();
}

bool read_switch(RequestContext& context, RequestMember member, bool& value) {
  const JsonType type = context.walker.peek();
  if (type != JsonType::True && type != JsonType::False) {
    return context.walker.ok() && refuse(context, member, "true or false");
  }
  value = type == JsonType::True;
  return context.walker.take_value();
}

bool read_stream_options(RequestContext& context) {
  constexpr auto kMember = RequestMember::StreamOptions;
  JsonWalker& walker = context.walker;
  if (!expect(context, kMember, JsonType::Object, "an object")) {
    return false;
  }
  RequestFacts& facts = context.facts;
  ObjectWalk object(walker);
  JsonText name;
  while (object.next(name)) {
    if (walker.decode(name) != "include_usage") {
      if (!walker.take_value()) {
        return false;
      }
      continue;
    }
    if (facts.include_usage != UsageWish::Unset || facts.has_include_usage) {
      return context.refuse("\"stream_options.include_usage\" is given twice.");
    }
    const JsonType type = walker.peek();
    if (type != JsonType::True && type != JsonType::False && type != JsonType::Null) {
      return walker.ok() &&
             context.refuse("\"stream_options.include_usage\" must be true or false.");
    }
    ByteRange value;
    if (!walker.take_value(value)) {
      return false;
    }
    facts.include_usage = type == JsonType::True    ? UsageWish::True
                          : type == JsonType::False ? UsageWish::False
                                                    : UsageWish::Unset;
    facts.has_include_usage = true;
    facts.splices.add(SpliceKind::StreamUsage, value);
  }
  if (walker.ok() && !facts.has_include_usage) {
    facts.splices.add(SpliceKind::StreamObject, {object.close(), object.close()});
  }
  return walker.ok();
}

bool read_stop(RequestContext& context) {
  constexpr std::string_view kRule = "a string or a list of at most 4 strings";
  JsonWalker& walker = context.walker;
  if (walker.peek() == JsonType::String) {
    return walker.take_value();
  }
  if (!expect(context, RequestMember::Stop, JsonType::Array, kRule)) {
    return false;
  }
  ArrayWalk list(walker);
  for (std::size_t count = 0; list.next(); ++count) {
    if (!expect(context, RequestMember::Stop, JsonType::String, kRule)) {
      return false;
    }
    if (count == kMaxStops) {
      return refuse(context, RequestMember::Stop, kRule);
    }
    if (!walker.take_value()) {
      return false;
    }
  }
  return walker.ok();
}

bool read_tools(RequestContext& context, RequestMember member) {
  JsonWalker& walker = context.walker;
  if (!expect(context, member, JsonType::Array, "a list of objects")) {
    return false;
  }
  const std::uint32_t begin = walker.position();
  ArrayWalk list(walker);
  std::size_t count = 0;
  for (; list.next(); ++count) {
    if (!expect(context, member, JsonType::Object, "a list of objects")) {
      return false;
    }
    if (count == context.limits.max_tools) {
      return refuse(context, member,
                    "a list of at most " + std::to_string(context.limits.max_tools) + " tools");
    }
    if (!walker.take_value()) {
      return false;
    }
  }
  context.facts.has_tools = context.facts.has_tools || count > 0;
  context.facts.text_bytes += walker.position() - begin;
  return walker.ok();
}

bool read_metadata(RequestContext& context) {
  constexpr auto kMember = RequestMember::Metadata;
  constexpr std::string_view kRule =
      "an object of at most 16 strings, with names up to 64 and values up to 512 characters";
  const auto characters = [](std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<std::uint8_t>(c) & 0xC0U) != 0x80U; }));
  };
  JsonWalker& walker = context.walker;
  if (!expect(context, kMember, JsonType::Object, kRule)) {
    return false;
  }
  ObjectWalk object(walker);
  JsonText name;
  JsonText value;
  for (std::size_t count = 0; object.next(name); ++count) {
    const bool fits = count < kMaxMetadata && characters(walker.decode(name)) <= kMaxMetadataName;
    if (!fits) {
      return refuse(context, kMember, kRule);
    }
    if (!expect(context, kMember, JsonType::String, kRule) || !walker.take_string(value)) {
      return false;
    }
    if (characters(walker.decode(value)) > kMaxMetadataValue) {
      return refuse(context, kMember, kRule);
    }
  }
  return walker.ok();
}

// The string member `inner` of the object that comes next, decoded; "" if it has none.
bool read_inner(RequestContext& context, std::string_view inner, std::string& found) {
  JsonWalker& walker = context.walker;
  ObjectWalk object(walker);
  JsonText name;
  while (object.next(name)) {
    JsonText value;
    const bool wanted = walker.decode(name) == inner && walker.peek() == JsonType::String;
    if (!(wanted ? walker.take_string(value) : walker.take_value())) {
      return false;
    }
    if (wanted) {
      found = walker.decode(value).substr(0, 64);
    }
  }
  return walker.ok();
}

bool read_response_format(RequestContext& context) {
  constexpr auto kMember = RequestMember::ResponseFormat;
  if (!expect(context, kMember, JsonType::Object, "an object with \"type\"")) {
    return false;
  }
  const std::uint32_t begin = context.walker.position();
  std::string type;
  const bool good = read_inner(context, "type", type);
  context.facts.wants_json_object = type == "json_object";
  context.facts.wants_json_schema = type == "json_schema";
  context.facts.text_bytes += context.walker.position() - begin;
  return good;
}

bool read_reasoning(RequestContext& context) {
  if (!expect(context, RequestMember::Reasoning, JsonType::Object, "an object")) {
    return false;
  }
  JsonWalker& walker = context.walker;
  bool on = true;
  ObjectWalk object(walker);
  JsonText name;
  while (object.next(name)) {
    const std::string_view member = walker.decode(name);
    const bool enabled = member == "enabled";
    const bool effort = member == "effort";
    const bool off = enabled && walker.peek() == JsonType::False;
    ByteRange value;
    if (!walker.take_value(value)) {
      return false;
    }
    on = on && !off && !(effort && walker.raw(value) == "\"none\"");
  }
  context.facts.wants_reasoning = context.facts.wants_reasoning || on;
  return walker.ok();
}

bool read_effort(RequestContext& context) {
  std::string effort;
  if (!read_label(context, RequestMember::ReasoningEffort, 64, effort)) {
    return false;
  }
  context.facts.wants_reasoning = context.facts.wants_reasoning || effort != "none";
  return true;
}

bool read_modalities(RequestContext& context) {
  constexpr auto kMember = RequestMember::Modalities;
  JsonWalker& walker = context.walker;
  if (!expect(context, kMember, JsonType::Array, "a list of strings")) {
    return false;
  }
  ArrayWalk list(walker);
  while (list.next()) {
    JsonText text;
    if (!expect(context, kMember, JsonType::String, "a list of strings") ||
        !walker.take_string(text)) {
      return false;
    }
    const std::string_view modality = walker.decode(text);
    context.facts.wants_audio = context.facts.wants_audio || modality == "audio";
    context.facts.wants_images = context.facts.wants_images || modality == "image";
  }
  return walker.ok();
}

bool read_choices(RequestContext& context, RequestMember member) {
  std::uint64_t count = 0;
  if (!read_whole(context, member, {1, kMaxChoices, "a whole number from 1 to 128"}, count)) {
    return false;
  }
  context.facts.choices_n = std::max(context.facts.choices_n, count);
  return true;
}

bool read_limit(RequestContext& context, RequestMember member) {
  constexpr WholeRange kAllowed{1, kMaxOutputTokens, "a whole number from 1 to 2147483647"};
  std::uint64_t limit = 0;
  if (!read_whole(context, member, kAllowed, limit)) {
    return false;
  }
  if (member == RequestMember::MaxCompletionTokens || !context.facts.max_output_tokens) {
    context.facts.max_output_tokens = limit;
  }
  return true;
}

// Text that is not in messages but reaches the model.
bool take_text(RequestContext& context) {
  const std::uint64_t before = context.walker.string_bytes();
  const bool good = context.walker.take_value();
  context.facts.text_bytes += context.walker.string_bytes() - before;
  return good;
}

// Chat says whether, the older completions say how many.
bool read_logprobs(RequestContext& context) {
  constexpr auto kMember = RequestMember::Logprobs;
  bool wanted = false;
  std::uint64_t count = 0;
  return context.facts.kind == RequestKind::Chat
             ? read_switch(context, kMember, wanted)
             : read_whole(context, kMember, {0, 20, "a whole number from 0 to 20"}, count);
}

bool read_object(RequestContext& context, RequestMember member) {
  return expect(context, member, JsonType::Object, "an object") && context.walker.take_value();
}

}  // namespace

bool read_parameter(RequestContext& context, RequestMember member) {
  using M = RequestMember;
  switch (member) {
    case M::Model: return read_model(context);
    case M::Models: return read_models(context);
    case M::Stream: return read_switch(context, member, context.facts.stream);
    case M::StreamOptions: return read_stream_options(context);
    case M::MaxTokens:
    case M::MaxCompletionTokens: return read_limit(context, member);
    case M::N:
    case M::BestOf: return read_choices(context, member);
    case M::Temperature: return read_number(context, member, {0, 2, "a number from 0 to 2"});
    case M::TopP:
      return read_number(context, member, {0, 1, "a number above 0, and at most 1", true});
    case M::FrequencyPenalty:
    case M::PresencePenalty: return read_number(context, member, {-2, 2, "a number from -2 to 2"});
    case M::Timeout:
      return read_number(context, member, {0, 3600, "a number of seconds up to 3600", true});
    case M::Logprobs: return read_logprobs(context);
    case M::TopLogprobs: {
      std::uint64_t ignored = 0;
      return read_whole(context, member, {0, 20, "a whole number from 0 to 20"}, ignored);
    }
    case M::Stop: return read_stop(context);
    case M::Tools:
    case M::Functions: return read_tools(context, member);
    case M::ResponseFormat: return read_response_format(context);
    case M::Metadata: return read_metadata(context);
    case M::Modalities: return read_modalities(context);
    case M::Reasoning: return read_reasoning(context);
    case M::ReasoningEffort: return read_effort(context);
    case M::User:
      return read_label(context, member, context.limits.max_user_bytes, context.facts.user);
    case M::SessionId:
      return read_label(context, member, context.limits.max_user_bytes, context.facts.session_id);
    case M::LogitBias:
    case M::Provider:
    case M::Audio: return read_object(context, member);
    case M::Prediction:
    case M::Suffix: return take_text(context);
    default: return context.walker.take_value();  // nothing to check in the others
  }
}

bool read_prompt(RequestContext& context, RequestMember member) {
  JsonWalker& walker = context.walker;
  const JsonType type = walker.peek();
  if (type == JsonType::String) {
    return take_text(context);
  }
  constexpr std::string_view kRule = "a string, or a list that is not empty";
  if (!expect(context, member, JsonType::Array, kRule)) {
    return false;
  }
  std::uint64_t count = 0;
  bool tokens = false;
  ArrayWalk list(walker);
  for (; list.next(); ++count) {
    const JsonType element = walker.peek();
    ByteRange value;
    const std::uint64_t before = walker.string_bytes();
    const bool part = element == JsonType::Object && member == RequestMember::Input;
    if (!(part ? read_embedding_part(context, count) : walker.take_value(value))) {
      return false;
    }
    // Tokens given as numbers count by their digits, of which each has one or more.
    tokens = tokens || element == JsonType::Number;
    context.facts.text_bytes += walker.string_bytes() - before;
    context.facts.text_bytes +=
        element == JsonType::Number || element == JsonType::Array ? value.size() : 0;
  }
  if (walker.ok() && count == 0) {
    return refuse(context, member, kRule);
  }
  context.facts.prompt_count = tokens ? 1 : count;
  return walker.ok();
}

}  // namespace waybill::dialects
