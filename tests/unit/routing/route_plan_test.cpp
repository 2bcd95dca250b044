#include "waybill/routing/route_plan.hpp"

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::routing {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint kNow{};
constexpr std::uint64_t kSeed = 7;

const std::vector<EndpointView> kLlama{
    {.index = 0, .provider = "east", .context_length = 8'000, .tools = Support::No},
    {.index = 1, .provider = "west", .context_length = 128'000, .max_completion_tokens = 4'096},
    {.index = 2, .provider = "north"}};
const std::vector<EndpointView> kQwen{{.index = 3, .provider = "east", .images = Support::No}};
const std::vector<ModelView> kModels{{.id = "meta/llama", .endpoints = kLlama},
                                     {.id = "qwen/qwen", .endpoints = kQwen}};

// "0 settings_order; 3 fallback_model | 1 max_output"
std::string summary(const RoutePlan& plan) {
  std::string text;
  for (const PlannedAttempt& attempt : plan.attempts) {
    text += (text.empty() ? "" : "; ") + std::to_string(attempt.endpoint) + " ";
    text += name(attempt.reason);
  }
  std::string_view separator = " | ";
  for (const ExcludedEndpoint& excluded : plan.excluded) {
    text += separator;
    text += std::to_string(excluded.endpoint) + " ";
    text += name(excluded.reason);
    separator = "; ";
  }
  return text;
}

AttemptOutcome failure() {
  return {.kind = OutcomeKind::ConnectFailed};
}

TEST(Plan, FollowsTheSettingsModelByModel) {
  const RoutePlan result = plan({}, kModels, EndpointHealth(4), kSeed, kNow);
  EXPECT_EQ(summary(result),
            "0 settings_order; 1 settings_order; 2 settings_order; 3 fallback_model");
  EXPECT_EQ(result.attempts[3].model, 1);
  EXPECT_EQ(result.seed, kSeed);
}

TEST(Plan, IsTheSameForTheSameInputs) {
  EndpointHealth health(4);
  health.failed(1, failure(), kNow);
  EXPECT_EQ(plan({}, kModels, health, kSeed, kNow), plan({}, kModels, health, kSeed, kNow));
}

TEST(Plan, EndpointsInCoolDownGoBehindHealthyOnes) {
  EndpointHealth health(4);
  health.failed(0, {.kind = OutcomeKind::Status, .status = 429, .retry_after = 20s}, kNow);
  health.failed(1, failure(), kNow);
  const RoutePlan result = plan({}, kModels, health, kSeed, kNow);
  EXPECT_EQ(summary(result), "2 settings_order; 3 fallback_model; 1 cooling_down; 0 cooling_down");
  EXPECT_EQ(describe(result.attempts[2], "west"), "west: cooling_down for 1000ms after 1 failure");
}

TEST(Plan, TheLastEndpointIsNeverDroppedForItsHealth) {
  EndpointHealth health(4);
  for (EndpointIndex i = 0; i < 4; ++i) {
    health.failed(i, failure(), kNow);
  }
  EXPECT_EQ(summary(plan({}, std::span(kModels).subspan(1), health, kSeed, kNow)),
            "3 cooling_down");
}

TEST(Plan, ACoolDownEnds) {
  EndpointHealth health(4);
  health.failed(3, failure(), kNow);
  EXPECT_EQ(summary(plan({}, std::span(kModels).subspan(1), health, kSeed, kNow + 1s)),
            "3 settings_order");
}

TEST(Plan, WhatCannotServeTheRequestIsExcludedWithItsReason) {
  const RequestFeatures features{
      .tools = true, .images = true, .prompt_bytes = 10'000, .max_output = 10'000};
  EXPECT_EQ(summary(plan(features, kModels, EndpointHealth(4), kSeed, kNow)),
            "2 settings_order | 0 no_tools; 1 max_output; 3 no_images");
}

// Each ability that a request may need: an endpoint that says it lacks it is left out, one
// that says nothing is tried.
TEST(Plan, EveryAbilityIsAskedFor) {
  const struct {
    RequestFeatures needs;
    EndpointView lacks;
    std::string_view reason;
    std::string_view code;
  } rows[] = {
      {{.stream = true}, {.streaming = Support::No}, "no_streaming", "streaming_unsupported"},
      {{.tools = true}, {.tools = Support::No}, "no_tools", "tools_unsupported"},
      {{.images = true}, {.images = Support::No}, "no_images", "images_unsupported"},
      {{.audio = true}, {.audio = Support::No}, "no_audio", "audio_unsupported"},
      {{.structured_outputs = true},
       {.structured_outputs = Support::No},
       "no_structured_outputs",
       "structured_outputs_unsupported"},
      {{.reasoning = true}, {.reasoning = Support::No}, "no_reasoning", "reasoning_unsupported"},
      {{.prefill = true}, {.prefill = Support::No}, "no_prefill", "prefill_unsupported"},
  };
  for (const auto& row : rows) {
    EndpointView silent;
    silent.index = 1;
    const std::vector<EndpointView> endpoints{row.lacks, silent};
    const std::vector<ModelView> models{{.id = "a/b", .endpoints = endpoints}};
    EXPECT_EQ(summary(plan(row.needs, models, EndpointHealth(2), kSeed, kNow)),
              "1 settings_order | 0 " + std::string(row.reason));
    EXPECT_EQ(summary(plan({}, models, EndpointHealth(2), kSeed, kNow)),
              "0 settings_order; 1 settings_order");
    const std::vector<ModelView> alone{{.id = "a/b", .endpoints = std::span(endpoints).first(1)}};
    EXPECT_EQ(no_route(plan(row.needs, alone, EndpointHealth(1), kSeed, kNow)).code(), row.code);
  }
}

TEST(Plan, OnlyAPromptThatSurelyDoesNotFitIsExcluded) {
  const auto with_bytes = [](std::uint64_t bytes) {
    return summary(
        plan({.prompt_bytes = bytes}, std::span(kModels).first(1), EndpointHealth(4), kSeed, kNow));
  };
  EXPECT_EQ(with_bytes(48'000), "0 settings_order; 1 settings_order; 2 settings_order");
  EXPECT_EQ(with_bytes(48'006), "1 settings_order; 2 settings_order | 0 context_length");
}

TEST(Plan, TheKeysAllowlistTakesIdsAndPrefixes) {
  const auto with_list = [](const std::vector<std::string>& allowed) {
    return summary(plan({.allowed_models = allowed}, kModels, EndpointHealth(4), kSeed, kNow));
  };
  EXPECT_EQ(with_list({"qwen/qwen"}),
            "3 fallback_model | 0 key_not_allowed; 1 key_not_allowed; 2 key_not_allowed");
  EXPECT_EQ(with_list({"meta/*"}),
            "0 settings_order; 1 settings_order; 2 settings_order | 3 key_not_allowed");
  EXPECT_EQ(with_list({"meta/lla"}),
            " | 0 key_not_allowed; 1 key_not_allowed; 2 key_not_allowed; 3 key_not_allowed");
}

TEST(NoRoute, TellsWhatTheClientCanDo) {
  EXPECT_EQ(no_route({}).code(), "no_endpoint");

  const std::vector<std::string> other{"other/model"};
  EXPECT_EQ(no_route(plan({.allowed_models = other}, kModels, EndpointHealth(4), kSeed, kNow)),
            Error(ErrorKind::Forbidden, "model_not_allowed",
                  "This key may not use this model. Use one of the key's models, or ask whoever "
                  "made the key to allow it."));

  const std::vector<std::string> qwen{"qwen/*"};
  const RequestFeatures features{.images = true, .allowed_models = qwen};
  EXPECT_EQ(no_route(plan(features, kModels, EndpointHealth(4), kSeed, kNow)).code(),
            "images_unsupported");
}

}  // namespace
}  // namespace waybill::routing
