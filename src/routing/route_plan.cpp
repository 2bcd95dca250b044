#include "waybill/routing/route_plan.hpp"

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace waybill::routing {
namespace {

bool is_allowed(std::span<const std::string> allowed, std::string_view model) noexcept {
  const auto matches = [model](std::string_view pattern) {
    if (pattern.ends_with('*')) {
      return model.starts_with(pattern.substr(0, pattern.size() - 1));
    }
    return model == pattern;
  };
  return allowed.empty() || std::ranges::any_of(allowed, matches);
}

// Fewer tokens than this many bytes cannot be: the settled estimate is a token for
// three bytes, half of it is beyond doubt.  What is in between, the provider judges.
constexpr std::uint64_t kMostBytesPerToken = 6;

std::optional<ExcludedBecause> unfit(const RequestFeatures& features,
                                     const EndpointView& endpoint) noexcept {
  const struct {
    bool needed;
    Support support;
    ExcludedBecause reason;
  } abilities[] = {
      {features.tools, endpoint.tools, ExcludedBecause::NoTools},
      {features.images, endpoint.images, ExcludedBecause::NoImages},
      {features.audio, endpoint.audio, ExcludedBecause::NoAudio},
      {features.structured_outputs, endpoint.structured_outputs,
       ExcludedBecause::NoStructuredOutputs},
      {features.reasoning, endpoint.reasoning, ExcludedBecause::NoReasoning},
      {features.prefill, endpoint.prefill, ExcludedBecause::NoPrefill},
      {features.stream, endpoint.streaming, ExcludedBecause::NoStreaming},
  };
  for (const auto& ability : abilities) {
    if (ability.needed && ability.support == Support::No) {
      return ability.reason;
    }
  }
  const bool translated = features.dialect != endpoint.dialect;
  if (translated &&
      (!features.translatable || !features.essential.without(endpoint.expresses).empty())) {
    return ExcludedBecause::Dialect;
  }
  if (endpoint.context_length &&
      features.prompt_bytes / kMostBytesPerToken > *endpoint.context_length) {
    return ExcludedBecause::ContextLength;
  }
  if (endpoint.max_completion_tokens && features.max_output &&
      *features.max_output > *endpoint.max_completion_tokens) {
    return ExcludedBecause::MaxOutput;
  }
  return std::nullopt;
}

std::chrono::milliseconds cooling_for(TimePoint until, TimePoint now) noexcept {
  if (until <= now) {
    return std::chrono::milliseconds(0);
  }
  return std::chrono::ceil<std::chrono::milliseconds>(until - now);
}

// Healthy ones keep their order, and so do those that are ready at the same time.
void put_cooling_last(std::vector<PlannedAttempt>& attempts) {
  const auto is_cooling = [](const PlannedAttempt& a) { return a.cooling_for.count() > 0; };
  if (std::ranges::none_of(attempts, is_cooling)) {
    return;
  }
  std::vector<const PlannedAttempt*> order;
  order.reserve(attempts.size());
  for (const PlannedAttempt& attempt : attempts) {
    order.push_back(&attempt);
  }
  std::ranges::sort(order, [](const PlannedAttempt* a, const PlannedAttempt* b) {
    return a->cooling_for != b->cooling_for ? a->cooling_for < b->cooling_for : a < b;
  });
  std::vector<PlannedAttempt> sorted;
  sorted.reserve(attempts.size());
  for (const PlannedAttempt* attempt : order) {
    sorted.push_back(*attempt);
  }
  attempts = std::move(sorted);
}

Error not_sayable(const ExcludedEndpoint& excluded) {
  std::string detail = "No provider of this model speaks a wire format that has a place for ";
  const std::vector<dialects::Feature> missing = excluded.missing.list();
  if (missing.empty()) {
    detail += "this kind of request";
  }
  for (const dialects::Feature feature : missing) {
    detail += detail.ends_with(' ') ? "" : ", ";
    detail += name(feature);
  }
  return {ErrorKind::NotFound, "dialect_unsupported",
          std::move(detail) + ". Leave it out or choose another model."};
}

}  // namespace

std::string_view name(ChosenBecause reason) noexcept {
  switch (reason) {
    case ChosenBecause::SettingsOrder: return "settings_order";
    case ChosenBecause::FallbackModel: return "fallback_model";
    case ChosenBecause::CoolingDown: return "cooling_down";
  }
  return "unknown";
}

std::string_view name(ExcludedBecause reason) noexcept {
  switch (reason) {
    case ExcludedBecause::KeyNotAllowed: return "key_not_allowed";
    case ExcludedBecause::ContextLength: return "context_length";
    case ExcludedBecause::MaxOutput: return "max_output";
    case ExcludedBecause::NoTools: return "no_tools";
    case ExcludedBecause::NoImages: return "no_images";
    case ExcludedBecause::NoAudio: return "no_audio";
    case ExcludedBecause::NoStructuredOutputs: return "no_structured_outputs";
    case ExcludedBecause::NoReasoning: return "no_reasoning";
    case ExcludedBecause::NoPrefill: return "no_prefill";
    case ExcludedBecause::NoStreaming: return "no_streaming";
    case ExcludedBecause::Dialect: return "dialect";
  }
  return "unknown";
}

RoutePlan plan(const RequestFeatures& features,
               std::span<const ModelView> models,
               const EndpointHealth& health,
               std::uint64_t seed,
               TimePoint now) {
  assert(models.size() <= 0xFFFF);
  RoutePlan result;
  result.seed = seed;
  std::size_t considered = 0;
  for (const ModelView& model : models) {
    considered += model.endpoints.size();
  }
  result.attempts.reserve(considered);

  for (std::size_t m = 0; m < models.size(); ++m) {
    const auto position = static_cast<std::uint16_t>(m);
    const bool allowed = is_allowed(features.allowed_models, models[m].id);
    for (const EndpointView& endpoint : models[m].endpoints) {
      const auto reason =
          allowed ? unfit(features, endpoint) : std::optional(ExcludedBecause::KeyNotAllowed);
      if (reason) {
        ExcludedEndpoint excluded{endpoint.index, position, *reason};
        if (*reason == ExcludedBecause::Dialect) {
          excluded.missing = features.essential.without(endpoint.expresses);
        }
        result.excluded.push_back(excluded);
        continue;
      }
      PlannedAttempt attempt{.endpoint = endpoint.index, .model = position};
      attempt.failures_in_a_row = health.failures_in_a_row(endpoint.index);
      attempt.cooling_for = cooling_for(health.cooling_until(endpoint.index), now);
      if (attempt.cooling_for.count() > 0) {
        attempt.reason = ChosenBecause::CoolingDown;
      } else if (m > 0) {
        attempt.reason = ChosenBecause::FallbackModel;
      }
      result.attempts.push_back(attempt);
    }
  }
  put_cooling_last(result.attempts);
  return result;
}

std::string describe(const PlannedAttempt& attempt, std::string_view provider) {
  std::string text(provider);
  text += ": ";
  text += name(attempt.reason);
  if (attempt.cooling_for.count() > 0) {
    text += " for " + std::to_string(attempt.cooling_for.count()) + "ms after " +
            std::to_string(attempt.failures_in_a_row) +
            (attempt.failures_in_a_row == 1 ? " failure" : " failures");
  }
  return text;
}

Error no_route(const RoutePlan& plan) {
  assert(plan.attempts.empty());
  if (plan.excluded.empty()) {
    return Error(ErrorKind::Unavailable, "no_endpoint",
                 "No endpoint serves this model. Add one under the model in the settings.");
  }
  // What the client can change counts before what it cannot; endpoints of a model
  // that is not allowed say nothing where another model was.
  const auto* reason = &plan.excluded.front();
  for (const ExcludedEndpoint& excluded : plan.excluded) {
    if (reason->reason == ExcludedBecause::KeyNotAllowed) {
      reason = &excluded;
    }
  }
  switch (reason->reason) {
    case ExcludedBecause::KeyNotAllowed:
      return Error(ErrorKind::Forbidden, "model_not_allowed",
                   "This key may not use this model. Use one of the key's models, or ask whoever "
                   "made the key to allow it.");
    case ExcludedBecause::ContextLength:
      return Error(ErrorKind::InvalidRequest, "context_length_exceeded",
                   "The prompt is longer than the context of every endpoint of this model. Shorten "
                   "it or choose a model with a longer context.");
    case ExcludedBecause::MaxOutput:
      return Error(ErrorKind::InvalidRequest, "max_tokens_exceeded",
                   "No endpoint of this model gives as many tokens as max_tokens asks for. Lower "
                   "max_tokens.");
    case ExcludedBecause::NoTools:
      return Error(
          ErrorKind::NotFound, "tools_unsupported",
          "No endpoint of this model supports tools. Leave the tools out or choose another "
          "model.");
    case ExcludedBecause::NoImages:
      return Error(ErrorKind::NotFound, "images_unsupported",
                   "No endpoint of this model reads images. Leave the images out or choose another "
                   "model.");
    case ExcludedBecause::NoAudio:
      return Error(ErrorKind::NotFound, "audio_unsupported",
                   "No endpoint of this model reads audio. Leave the audio out or choose another "
                   "model.");
    case ExcludedBecause::NoStructuredOutputs:
      return Error(ErrorKind::NotFound, "structured_outputs_unsupported",
                   "No endpoint of this model obeys a JSON schema. Send another response_format or "
                   "choose another model.");
    case ExcludedBecause::NoReasoning:
      return Error(ErrorKind::NotFound, "reasoning_unsupported",
                   "No endpoint of this model thinks before it answers. Leave reasoning and "
                   "reasoning_effort out or choose another model.");
    case ExcludedBecause::NoPrefill:
      return Error(ErrorKind::NotFound, "prefill_unsupported",
                   "No endpoint of this model continues an answer that was begun. Let the last "
                   "message be the user's or choose another model.");
    case ExcludedBecause::NoStreaming:
      return Error(ErrorKind::NotFound, "streaming_unsupported",
                   "No endpoint of this model streams. Send the request without stream.");
    case ExcludedBecause::Dialect: return not_sayable(*reason);
  }
  return Error(ErrorKind::Internal, "no_route", "Routing excluded every endpoint for no reason.");
}

}  // namespace waybill::routing
