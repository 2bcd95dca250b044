// What a request uses and what a wire format can say: the words of the tables of
// what each dialect can express.

#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace waybill::dialects {

// Something of a request that not every dialect has a place for.  Text, roles and an
// output limit are in all of them.
enum class Feature : std::uint8_t {
  // Without these the request means something else: an endpoint that has no place for
  // one is not eligible (is_essential()).
  Tools,        // functions of the client's that the model may call
  ToolResults,  // answers of such calls in the conversation
  Images,       // as input, by data
  ImageUrls,    // as input, by URL
  Audio,        // as input
  Video,        // as input
  Files,        // documents as input, by data
  FileUrls,     // documents as input, by URL
  FileIds,      // media that the provider keeps
  JsonSchema,   // an answer that obeys a JSON schema
  AudioOutput,
  ImageOutput,
  // Without these the answer is still one to the question asked: the member is left
  // out, and the client is told.
  NativeTools,      // tools that the provider runs itself, in the words of one dialect
  NativeParts,      // blocks of content that only one dialect knows
  ToolErrors,       // a tool's result is marked as a failure
  ToolResultMedia,  // images or files in a tool's result
  StrictTools,
  ToolChoice,         // anything but "as the model likes"
  NamedToolChoice,    // one tool, by name
  AllowedTools,       // a choice among some of the tools
  ParallelToolCalls,  // whether several tools may be called at once
  JsonMode,           // an answer that is some JSON object
  Temperature,
  TopP,
  TopK,
  MinP,
  TopA,
  FrequencyPenalty,
  PresencePenalty,
  RepetitionPenalty,
  Seed,
  Stop,
  LogitBias,
  Logprobs,
  TopLogprobs,
  Choices,          // more than one answer
  Reasoning,        // how much to think, in words
  ReasoningBudget,  // in tokens
  ReasoningReplay,  // earlier thoughts, with their signatures
  Verbosity,
  Names,  // of who speaks
  ImageDetail,
  CacheControl,  // breakpoints of the prompt cache
  PromptCacheKey,
  ServiceTier,
  User,
  SafetyIdentifier,
  Metadata,
  Prediction,
  Unknown,  // a member that the client's dialect does not know either
};
inline constexpr std::size_t kFeatures = static_cast<std::size_t>(Feature::Unknown) + 1;
static_assert(kFeatures <= 64);

// As messages name it: "tools", "image_urls", "top_k".
[[nodiscard]] std::string_view name(Feature feature) noexcept;

// Whether leaving it out would change what is asked.
[[nodiscard]] constexpr bool is_essential(Feature feature) noexcept {
  return feature <= Feature::ImageOutput;
}

// A set of features.  A value.
class FeatureSet {
 public:
  constexpr FeatureSet() noexcept = default;
  constexpr FeatureSet(std::initializer_list<Feature> features) noexcept {
    for (const Feature feature : features) {
      add(feature);
    }
  }

  constexpr void add(Feature feature) noexcept { bits_ |= bit(feature); }
  constexpr void add_if(bool used, Feature feature) noexcept { bits_ |= used ? bit(feature) : 0; }
  [[nodiscard]] constexpr bool has(Feature feature) const noexcept {
    return (bits_ & bit(feature)) != 0;
  }
  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }

  // What is here and not in `other`.
  [[nodiscard]] constexpr FeatureSet without(FeatureSet other) const noexcept {
    FeatureSet rest;
    rest.bits_ = bits_ & ~other.bits_;
    return rest;
  }
  [[nodiscard]] constexpr FeatureSet with(FeatureSet other) const noexcept {
    FeatureSet sum;
    sum.bits_ = bits_ | other.bits_;
    return sum;
  }
  // What of it may not be left out.
  [[nodiscard]] FeatureSet essential() const noexcept;
  [[nodiscard]] std::vector<Feature> list() const;

  friend constexpr bool operator==(FeatureSet, FeatureSet) noexcept = default;

 private:
  static constexpr std::uint64_t bit(Feature feature) noexcept {
    return std::uint64_t{1} << static_cast<unsigned>(feature);
  }

  std::uint64_t bits_ = 0;
};

}  // namespace waybill::dialects
