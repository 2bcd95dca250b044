// OpenAI request bodies: read once, checked, and spliced for an upstream that
// speaks the same dialect.
//
// Wire facts: OpenAI API reference (chat/completions, completions, embeddings)
// and OpenRouter's extensions to it.

#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/dialects/splice.hpp"

namespace waybill::dialects {

// Top-level members that the dialect or Waybill knows; a repeated one is an
// error.  All others pass byte for byte.
enum class RequestMember : std::uint8_t {
  Model,
  Models,
  Messages,
  Prompt,
  Input,
  Suffix,
  Stream,
  StreamOptions,
  MaxTokens,
  MaxCompletionTokens,
  N,
  BestOf,
  Temperature,
  TopP,
  FrequencyPenalty,
  PresencePenalty,
  Seed,
  Stop,
  LogitBias,
  Logprobs,
  TopLogprobs,
  Tools,
  ToolChoice,
  ParallelToolCalls,
  Functions,
  FunctionCall,
  ResponseFormat,
  Prediction,
  Metadata,
  Modalities,
  Audio,
  User,
  Store,
  TopK,
  MinP,
  TopA,
  RepetitionPenalty,
  Reasoning,
  ReasoningEffort,
  IncludeReasoning,
  Verbosity,
  ServiceTier,
  PromptCacheKey,
  CacheControl,
  WebSearchOptions,
  SafetyIdentifier,
  Dimensions,
  EncodingFormat,
  Echo,
  Timeout,
  // From here on: read by the router, never sent upstream.
  Provider,
  Route,
  Plugins,
  Transforms,
  Preset,
  Usage,
  SessionId,
  Trace,
  Debug,
  MaxToolCalls,
  StopServerToolsWhen,
  Forbidden,  // would let a client choose where or with whose key we call
};
inline constexpr std::size_t kRequestMembers = static_cast<std::size_t>(RequestMember::Forbidden);

// The member's name on the wire.
[[nodiscard]] std::string_view name(RequestMember member) noexcept;

struct RequestLimits {
  unsigned max_depth = 64;  // containers in containers; at most 64
  std::size_t max_messages = 10'000;
  std::size_t max_tools = 1'000;
  std::size_t max_models = 8;  // model and models together, repeats not counted
  std::size_t max_model_bytes = 256;
  std::size_t max_user_bytes = 256;  // also session_id
};

enum class UsageWish : std::uint8_t {
  Unset,
  False,
  True,
};

// What routing, holds and the writer need to know of a request.
struct RequestFacts {
  RequestKind kind = RequestKind::Chat;
  std::string model;  // decoded; empty if absent
  std::vector<std::string>
      models;              // OpenRouter's fallback list: in order, no repeats, without `model`
  std::string user;        // decoded; empty if absent
  std::string session_id;  // decoded; empty if absent

  bool stream = false;
  UsageWish include_usage = UsageWish::Unset;      // stream_options.include_usage
  std::optional<std::uint64_t> max_output_tokens;  // max_completion_tokens, else max_tokens
  std::uint64_t choices_n = 1;                     // the larger of n and best_of

  bool has_tools = false;  // tools or functions that are not empty
  bool has_images = false;
  bool has_audio = false;
  bool has_video = false;
  bool has_files = false;
  bool has_remote_media = false;     // some media is an http(s) URL
  bool ends_with_assistant = false;  // the last message is an answer to be continued
  bool wants_json_object = false;    // response_format json_object
  bool wants_json_schema = false;    // response_format json_schema
  bool wants_audio = false;          // modalities name audio
  bool wants_images = false;         // modalities name image
  bool wants_reasoning = false;      // reasoning or reasoning_effort given and not "none"

  // Bound of the prompt: bytes of text (JSON strings in messages, prompt or
  // input; tools and schemas whole), a token being at least one byte.
  std::uint64_t text_bytes = 0;
  std::uint64_t media_bytes = 0;  // base64 in data URLs, audio and files: not in text_bytes
  std::uint64_t message_count = 0;
  std::uint64_t image_count = 0;  // of the media, images
  std::uint64_t media_count = 0;
  std::uint64_t prompt_count = 1;  // completions, embeddings: elements of prompt or input

  // The member's value as it stands in the body; empty if absent or null.
  [[nodiscard]] ByteRange value(RequestMember member) const noexcept {
    return values[static_cast<std::size_t>(member)];
  }
  [[nodiscard]] bool has(RequestMember member) const noexcept { return !value(member).empty(); }

  // For write_upstream_request().
  std::array<ByteRange, kRequestMembers> values{};
  SpliceList splices;
  ByteRange without_stream_options;  // cut this to send none
  bool has_stream_options = false;   // also where it is null
  bool has_include_usage = false;    // likewise
  bool has_limit_member = false;     // likewise: max_tokens or max_completion_tokens
};

// Reads and checks `body`.  Everything is validated in one walk: JSON grammar,
// UTF-8, depth, and the members' types and documented ranges.
//
// Fails with InvalidRequest: "invalid_json" where the body is not JSON (the
// sentence names the byte offset), "invalid_request" for all else (it names the
// member and what is allowed).  Offsets into `body` stay valid as long as its
// bytes are the same; `body` is not kept.
Result<RequestFacts> read_request(RequestKind kind,
                                  std::string_view body,
                                  const RequestLimits& limits = {});

// What becomes of stream_options in a streamed request.  In one that is not
// streamed the member is always cut, because providers refuse it there.
enum class UsageRequest : std::uint8_t {
  Ask,     // include_usage: true is set or added
  Leave,   // as the client sent it
  Remove,  // for providers that refuse the member
};

struct UpstreamRequest {
  std::string_view upstream_model{};
  UsageRequest usage = UsageRequest::Ask;

  // The name this endpoint wants for the output limit ("max_tokens" or
  // "max_completion_tokens"); "" leaves the client's name.
  std::string_view limit_member{};

  // Upper bound of the output limit: replaces a larger one, is added where the
  // client gave none (under `limit_member`, or "max_tokens" if that is "").
  std::optional<std::uint64_t> output_cap{};
};

// Appends the body to send.  Requires: `facts` came from read_request(body).
void write_upstream_request(std::string& out,
                            std::string_view body,
                            const RequestFacts& facts,
                            const UpstreamRequest& upstream);

}  // namespace waybill::dialects
