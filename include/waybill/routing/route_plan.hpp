// Which endpoints serve a request, in which order, and why.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/error.hpp"
#include "waybill/base/time.hpp"
#include "waybill/dialects/feature.hpp"
#include "waybill/routing/endpoint_health.hpp"

namespace waybill::routing {

// What the settings say about an ability; what they leave open is tried.
enum class Support : std::uint8_t {
  Unknown,
  Yes,
  No
};

// What routing needs to know of one endpoint.  The gateway fills it from the
// catalog once per snapshot; views refer to the snapshot's storage.
struct EndpointView {
  EndpointIndex index = 0;
  std::string_view provider{};
  std::optional<std::uint64_t> context_length{};         // tokens, prompt and answer
  std::optional<std::uint64_t> max_completion_tokens{};  // tokens
  Support tools = Support::Unknown;
  Support images = Support::Unknown;
  Support audio = Support::Unknown;
  Support structured_outputs = Support::Unknown;
  Support reasoning = Support::Unknown;
  Support prefill = Support::Unknown;
  Support streaming = Support::Unknown;
  std::string_view dialect{};        // of its provider
  dialects::FeatureSet expresses{};  // by that dialect
};

struct ModelView {
  std::string_view id{};                      // canonical
  std::span<const EndpointView> endpoints{};  // in the order of the settings
};

// What of a request decides where it can go.
struct RequestFeatures {
  bool stream = false;
  bool tools = false;
  bool images = false;
  bool audio = false;               // as input
  bool structured_outputs = false;  // a JSON schema is to be obeyed
  bool reasoning = false;           // asked for by name
  bool prefill = false;             // the last message is the assistant's, to be continued
  std::uint64_t prompt_bytes = 0;   // of text; media is not counted
  std::optional<std::uint64_t> max_output{};  // tokens, if the client gave a limit
  // A request in the dialect of the provider is passed on as it is; into another one it can
  // only be said there if that has a place for what may not be left out.
  std::string_view dialect{};
  dialects::FeatureSet essential{};
  bool translatable = true;  // false: only a provider of the same dialect can serve it
  // Canonical ids, or prefixes that end in `*`; empty: every model.
  std::span<const std::string> allowed_models{};
};

enum class ChosenBecause : std::uint8_t {
  SettingsOrder,  // the next in the order of the settings
  FallbackModel,  // the same, of a further model in the request's `models`
  CoolingDown,    // usable, but it failed lately: behind all others
};

enum class ExcludedBecause : std::uint8_t {
  KeyNotAllowed,  // the key's allowlist does not have the model
  ContextLength,  // the prompt surely does not fit
  MaxOutput,      // a longer answer is asked for than the endpoint gives
  NoTools,
  NoImages,
  NoAudio,
  NoStructuredOutputs,
  NoReasoning,
  NoPrefill,
  NoStreaming,
  Dialect,  // its provider's wire format has no place for something that the request needs
};

// Stable lower_snake_case names: "settings_order", "context_length".
[[nodiscard]] std::string_view name(ChosenBecause reason) noexcept;
[[nodiscard]] std::string_view name(ExcludedBecause reason) noexcept;

struct PlannedAttempt {
  EndpointIndex endpoint = 0;
  std::uint16_t model = 0;  // position in the models given to plan()
  ChosenBecause reason = ChosenBecause::SettingsOrder;
  std::chrono::milliseconds cooling_for{0};  // when the plan was made
  std::uint32_t failures_in_a_row = 0;       // likewise

  friend bool operator==(const PlannedAttempt&, const PlannedAttempt&) = default;
};

struct ExcludedEndpoint {
  EndpointIndex endpoint = 0;
  std::uint16_t model = 0;
  ExcludedBecause reason = ExcludedBecause::KeyNotAllowed;
  dialects::FeatureSet missing{};  // where the reason is Dialect: what has no place there

  friend bool operator==(const ExcludedEndpoint&, const ExcludedEndpoint&) = default;
};

// Every endpoint considered is in exactly one of the lists.
struct RoutePlan {
  std::vector<PlannedAttempt> attempts;
  std::vector<ExcludedEndpoint> excluded;
  std::uint64_t seed = 0;  // with the same inputs it gives the same plan again

  friend bool operator==(const RoutePlan&, const RoutePlan&) = default;
};

// The plan for a request: the endpoints of the first model in the order of the
// settings, then those of each further model; endpoints in cool-down behind all
// others, the one that is ready first in front.  Pure: the same inputs give the
// same plan.  `seed` is for orders that draw; this one only records it.
//
// Requires: `health` has every endpoint's index; at most 65,535 models.
[[nodiscard]] RoutePlan plan(const RequestFeatures& features,
                             std::span<const ModelView> models,
                             const EndpointHealth& health,
                             std::uint64_t seed,
                             TimePoint now);

// One line for people: "openai: settings_order", "shed: cooling_down for 1500ms
// after 2 failures".
[[nodiscard]] std::string describe(const PlannedAttempt& attempt, std::string_view provider);

// Why a plan without attempts has none, as what the client is told: Forbidden
// "model_not_allowed", InvalidRequest "context_length_exceeded" and the like, or
// Unavailable "no_endpoint" where the model has no endpoint at all.
//
// Requires: plan.attempts.empty().
[[nodiscard]] Error no_route(const RoutePlan& plan);

}  // namespace waybill::routing
