// One request in no dialect: what a codec decodes, and what another encodes.
//
// Texts are decoded UTF-8.  Members called `..._json` hold one JSON value as its author
// wrote it, byte for byte: schemas and arguments are passed on, never rebuilt.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "waybill/dialects/feature.hpp"

namespace waybill::dialects {

enum class Role : std::uint8_t {
  System,
  Developer,  // OpenAI's name for instructions to reasoning models
  User,
  Assistant,
  Tool,  // answers to the assistant's calls; its parts are all ToolResultPart
};

// Whether the prompt may be cached up to here, and for how long.
// Anthropic Messages, "Prompt caching": cache_control {type: ephemeral, ttl: 5m | 1h}.
enum class CacheMark : std::uint8_t {
  None,
  Default,  // no time given: five minutes with Anthropic
  FiveMinutes,
  OneHour,
};

// Where something said comes from.
struct Citation {
  std::string url{};    // "" where it is not on the web
  std::string title{};  // of the page or document
  std::string text{};   // the words it rests on
  // Of the answer's text, in Unicode characters; nothing where the provider does not say.
  std::optional<std::uint64_t> begin{};
  std::optional<std::uint64_t> end{};
  // The provider's own form, and whose it is: what the same dialect is given.
  std::string native_json{};
  std::string native_dialect{};

  friend bool operator==(const Citation&, const Citation&) = default;
};

struct TextPart {
  std::string text{};
  std::vector<Citation> citations{};
  friend bool operator==(const TextPart&, const TextPart&) = default;
};

struct RefusalPart {
  std::string text{};
  friend bool operator==(const RefusalPart&, const RefusalPart&) = default;
};

// What a model thought.  One of OpenRouter's `reasoning_details`; must come back to the
// same model unmodified and in order.
struct ReasoningPart {
  enum class Kind : std::uint8_t {
    Text,       // reasoning.text: the thoughts, and a signature where there is one
    Summary,    // reasoning.summary
    Encrypted,  // reasoning.encrypted: `data` only
  };
  Kind kind = Kind::Text;
  std::string text{};
  std::string signature{};
  std::string data{};
  std::string id{};  // the provider's; of the tool call that `data` belongs to, for Gemini
  std::string
      format{};  // "anthropic-claude-v1", "openai-responses-v1", "google-gemini-v1"; "" unknown
  friend bool operator==(const ReasoningPart&, const ReasoningPart&) = default;
};

struct MediaPart {
  enum class Kind : std::uint8_t {
    Image,
    Audio,
    Video,
    File
  };
  enum class Source : std::uint8_t {
    Data,  // base64
    Text,  // a document in plain text
    Url,   // http or https
    Id,    // the provider's own name for a file it keeps
  };
  Kind kind = Kind::Image;
  Source source = Source::Data;
  std::string media_type{};  // "image/png"; "" unknown
  std::string data{};        // base64, the text, the URL or the id
  std::string name{};        // of the file
  std::string detail{};      // of an image: "low", "high", "auto", "original"
  std::string id{};          // of an answer's audio: what a next turn refers to
  std::string transcript{};  // of an answer's audio
  friend bool operator==(const MediaPart&, const MediaPart&) = default;
};

// The assistant calls a tool of the client's.
struct ToolCallPart {
  std::string id{};
  std::string name{};
  std::string arguments{};  // as the model wrote them: a JSON object, but models fail
  bool custom = false;      // the arguments are free text (OpenAI's custom tools)
  friend bool operator==(const ToolCallPart&, const ToolCallPart&) = default;
};

struct Part;

struct ToolResultPart {
  std::string call_id{};
  std::string name{};  // of the tool; "" where the dialect does not repeat it
  std::vector<Part> content;
  bool is_error = false;
  friend bool operator==(const ToolResultPart&, const ToolResultPart&);
};

// A block that only one dialect knows: calls and results of tools that the provider runs.
struct NativePart {
  std::string dialect{};
  std::string json{};
  std::string type{};  // for messages: "web_search_tool_result"
  friend bool operator==(const NativePart&, const NativePart&) = default;
};

using PartValue = std::variant<TextPart,
                               RefusalPart,
                               ReasoningPart,
                               MediaPart,
                               ToolCallPart,
                               ToolResultPart,
                               NativePart>;

struct Part {
  PartValue value{};
  CacheMark cache = CacheMark::None;

  friend bool operator==(const Part&, const Part&) = default;
};

inline bool operator==(const ToolResultPart& a, const ToolResultPart& b) {
  return a.call_id == b.call_id && a.name == b.name && a.is_error == b.is_error &&
         a.content == b.content;
}

struct Message {
  Role role = Role::User;
  std::vector<Part> parts{};
  std::string name{};  // of who speaks; "" for none
  friend bool operator==(const Message&, const Message&) = default;
};

struct Tool {
  std::string name{};
  std::string description{};
  std::string schema_json{};  // JSON Schema of the arguments; "" for none
  std::optional<bool> strict{};
  CacheMark cache = CacheMark::None;
  // Not empty: a tool that the provider runs, or of a kind only that dialect has; the
  // members above but `name` are then empty.
  std::string native_json{};
  std::string native_dialect{};
  friend bool operator==(const Tool&, const Tool&) = default;
};

struct ToolChoice {
  enum class Mode : std::uint8_t {
    Unset,
    Auto,
    None,
    Required,  // some tool
    Named,     // the tool called `name`
  };
  Mode mode = Mode::Unset;
  std::string name{};
  std::vector<std::string> allowed{};  // Auto and Required: only among these; empty: all
  friend bool operator==(const ToolChoice&, const ToolChoice&) = default;
};

struct ResponseFormat {
  enum class Kind : std::uint8_t {
    Text,
    JsonObject,
    JsonSchema
  };
  Kind kind = Kind::Text;
  std::string name{};  // of the schema; "" for none
  std::string description{};
  std::string schema_json{};
  std::optional<bool> strict{};
  friend bool operator==(const ResponseFormat&, const ResponseFormat&) = default;
};

// OpenRouter's words for how much a model is to think.
enum class Effort : std::uint8_t {
  None,
  Minimal,
  Low,
  Medium,
  High,
  XHigh,
  Max,
};
[[nodiscard]] std::string_view name(Effort effort) noexcept;
[[nodiscard]] std::optional<Effort> parse_effort(std::string_view text) noexcept;

// The tokens that an effort stands for: OpenRouter's ratios of the output limit (max and
// xhigh .95, high .8, medium .5, low .2, minimal .1), at least 1,024 and at most 128,000.
[[nodiscard]] std::uint64_t budget_of(Effort effort, std::uint64_t output_limit) noexcept;
// The effort whose budget comes nearest.
[[nodiscard]] Effort effort_of(std::uint64_t budget, std::uint64_t output_limit) noexcept;

struct ReasoningWish {
  std::optional<bool> enabled{};  // true alone means: as the model likes (medium)
  std::optional<Effort> effort{};
  std::optional<std::uint64_t> budget{};  // tokens
  std::optional<bool> exclude{};          // think, but do not show it
  std::string summary{};                  // "auto", "concise", "detailed"
  friend bool operator==(const ReasoningWish&, const ReasoningWish&) = default;

  // Whether thinking is asked for by any member.
  [[nodiscard]] bool wanted() const noexcept;
  // Whether it is asked not to think.
  [[nodiscard]] bool refused() const noexcept;
};

struct Sampling {
  std::optional<double> temperature{};
  std::optional<double> top_p{};
  std::optional<std::uint64_t> top_k{};
  std::optional<double> min_p{};
  std::optional<double> top_a{};
  std::optional<double> frequency_penalty{};
  std::optional<double> presence_penalty{};
  std::optional<double> repetition_penalty{};
  std::optional<std::int64_t> seed{};
  std::vector<std::string> stop{};
  std::string logit_bias_json{};  // "" for none
  std::optional<bool> logprobs{};
  std::optional<std::uint64_t> top_logprobs{};
  std::optional<std::uint64_t> choices{};  // `n`
  friend bool operator==(const Sampling&, const Sampling&) = default;
};

struct Conversation {
  std::string model{};  // as the client calls it
  std::vector<Message> messages{};
  std::vector<Tool> tools{};
  ToolChoice tool_choice{};
  std::optional<bool> parallel_tool_calls{};
  ResponseFormat format{};
  Sampling sampling{};
  std::optional<std::uint64_t> max_output_tokens{};
  ReasoningWish reasoning{};
  std::string verbosity{};  // "low", "medium", "high"; "" unset
  bool stream = false;

  CacheMark cache = CacheMark::None;  // of the whole prompt: OpenRouter's top-level cache_control
  std::string prompt_cache_key{};
  std::string service_tier{};  // in OpenAI's words; "" unset
  std::string user{};
  std::string safety_identifier{};
  std::vector<std::pair<std::string, std::string>> metadata{};
  std::vector<std::string> output_modalities{};  // "text", "audio", "image"; empty: text
  std::string audio_json{};                      // {voice, format} of an audio answer
  std::string prediction_json{};

  // OpenRouter's extensions, the same in every dialect.
  std::vector<std::string> models{};  // to fall back to, in order
  std::string session_id{};

  // Members that the client's dialect has no meaning for; never sent on, always reported.
  std::vector<std::string> unknown{};

  friend bool operator==(const Conversation&, const Conversation&) = default;
};

// What the conversation uses.
[[nodiscard]] FeatureSet features_of(const Conversation& conversation);

}  // namespace waybill::dialects
