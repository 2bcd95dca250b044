// The settings as typed values, after presets, includes and references are resolved.
//
// docs/settings.md describes every member for people; the names and the order
// here follow it.  A Settings value is plain data: copied into a snapshot once,
// read by everybody, changed by nobody.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "waybill/base/money.hpp"
#include "waybill/base/secret.hpp"
#include "waybill/config/fault.hpp"

namespace waybill::config {

using Milliseconds = std::chrono::milliseconds;

struct TlsSettings {
  std::string certificate;  // PEM chain, path resolved against the settings file
  std::string key;          // PEM private key
};

// One listening socket: TCP (`address`, `port`) or, if `unix_path` is set, a Unix socket.
struct ListenSettings {
  Position at;
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;  // 0: any free port, logged at start
  std::string unix_path;
  std::optional<TlsSettings> tls;
  std::string default_key;  // name of the key for requests without one; "" for none
};

enum class Durability : std::uint8_t {
  Strict,
  Relaxed
};

struct LedgerSettings {
  std::string sqlite_path = "waybill.db";  // resolved against the settings file
  Durability durability = Durability::Strict;
  Money largest_entry = Money::picodollars(1'000'000'000'000'000);  // 1,000 USD
  std::uint64_t least_free = 1ULL << 30;                            // bytes
  std::string checkpoint_path;                                      // "": beside the ledger
  std::string signing_key;                                          // "": beside the ledger
};

struct Timeouts {
  Milliseconds connect{5'000};
  Milliseconds first_token{60'000};  // from the request's last byte to the first model output
  // Between two events of a stream; of what is sent whole, how long nothing may move.
  Milliseconds between_events{60'000};
  Milliseconds total{900'000};  // of one generation, all attempts together
};

// What a provider or an endpoint says differently.
struct TimeoutOverrides {
  std::optional<Milliseconds> connect;
  std::optional<Milliseconds> first_token;
  std::optional<Milliseconds> between_events;
  std::optional<Milliseconds> total;
};

enum class Training : std::uint8_t {
  Unknown,
  No,
  Yes
};
enum class Retention : std::uint8_t {
  Unknown,
  None,
  Limited,
  Kept
};

struct DataPolicy {
  Training training = Training::Unknown;  // does it train on prompts?
  Retention retention = Retention::Unknown;
  std::chrono::hours retention_time{0};  // for Limited
};

// How the key travels: `header: prefix + key`.
struct AuthSettings {
  std::string header = "Authorization";  // "" sends no key
  std::string prefix = "Bearer ";

  friend bool operator==(const AuthSettings&, const AuthSettings&) = default;
};

// How a stream's usage comes.
enum class StreamUsage : std::uint8_t {
  Asked,   // by stream_options.include_usage
  Always,  // unasked; stream_options stays as the client sent it
  Never,   // stream_options is refused, so it is taken out; usage may come all the same
};

// Whether a provider's prompt_tokens include the tokens read from its cache.
enum class CachedTokens : std::uint8_t {
  InPrompt,
  BesidePrompt
};

// Whether its completion_tokens include reasoning; ByTotal finds out from total_tokens.
enum class ReasoningTokens : std::uint8_t {
  ByTotal,
  InCompletion,
  BesideCompletion
};

// Where one provider differs from plain `openai_chat`.
struct QuirkSettings {
  StreamUsage stream_usage = StreamUsage::Asked;
  std::string usage_envelope;  // member around `usage` where it is not at the top: "x_groq"
  CachedTokens cached_tokens = CachedTokens::InPrompt;
  ReasoningTokens reasoning_tokens = ReasoningTokens::ByTotal;
  std::string max_tokens_member;  // what chat calls the output limit; "": as the client wrote
  std::string reasoning_member;   // takes earlier thoughts back in a translated chat; "": none
  std::string cache_member;       // marks the cache's end in a translated chat; "": none
};

struct Header {
  std::string name;
  Secret value;
};

// A provider after its preset was merged in.
struct ProviderSettings {
  Position at;
  std::string name;
  std::string preset;        // "" if none
  std::string display_name;  // never empty
  std::string base_url;      // valid http(s) URL without userinfo, query and fragment
  std::string dialect;       // "openai_chat", ...
  Secret api_key;
  AuthSettings auth;
  std::vector<Header> headers;
  DataPolicy data_policy;
  std::string ca_file;
  std::string proxy;         // http(s)://host:port, "" for none
  Secret proxy_credentials;  // user:password
  std::string proxy_ca_file;
  bool allow_plain_http = false;
  std::uint32_t max_connections = 256;  // per daemon
  std::uint32_t queue = 1'024;          // requests that may wait for a connection
  TimeoutOverrides timeouts;
  QuirkSettings quirks;
  std::vector<std::uint16_t> retry_on;  // statuses that move on, beside the usual ones
  std::vector<std::uint16_t> final_on;  // statuses that are the client's own fault here
};

// Prices of one tier, in picodollars per unit; nothing means "as prompt" or
// "as completion" for a kind of token, and no charge for image and request.
struct PriceLine {
  std::optional<Money> prompt;
  std::optional<Money> completion;
  std::optional<Money> cache_read;
  std::optional<Money> cache_write;
  std::optional<Money> reasoning;
  std::optional<Money> audio_prompt;
  std::optional<Money> audio_completion;
  std::optional<Money> image_completion;  // per image token of the answer
  std::optional<Money> image;             // per input image
  std::optional<Money> request;           // per request
};

struct PriceTier {
  std::uint64_t above_prompt_tokens = 0;
  PriceLine line;  // a member it leaves out is as in the tier below
};

struct PriceSettings {
  bool free = false;
  PriceLine base;
  std::vector<PriceTier> tiers;  // strictly rising
};

// What an endpoint can do; what is left open is tried.
struct CapabilitySettings {
  std::optional<bool> streaming;
  std::optional<bool> tools;
  std::optional<bool> images;  // as input
  std::optional<bool> audio;   // as input
  std::optional<bool> structured_outputs;
  std::optional<bool> reasoning;
  std::optional<bool> prefill;             // continues an assistant message that it is given
  std::optional<bool> adaptive_reasoning;  // thinks by an effort, not by a budget
};

struct EndpointSettings {
  Position at;
  std::string provider;
  std::size_t provider_index = 0;  // in Settings::providers
  std::string upstream_model;
  std::string tag;                          // "deepinfra/turbo"; the provider's name if not given
  std::uint64_t context_length = 0;         // 0: as the model
  std::uint64_t max_completion_tokens = 0;  // 0: unknown
  PriceSettings price;
  std::string quantization;  // "fp8", ...; "" unknown
  std::optional<DataPolicy> data_policy;
  TimeoutOverrides timeouts;
  CapabilitySettings capabilities;
};

struct ModelSettings {
  Position at;
  std::string id;
  std::vector<std::string> aliases;
  std::string name;  // never empty
  std::string description;
  std::int64_t created = 0;  // unix seconds
  std::uint64_t context_length = 0;
  std::vector<std::string> input_modalities;   // never empty
  std::vector<std::string> output_modalities;  // never empty
  std::vector<std::string> supported_parameters;
  std::vector<EndpointSettings> endpoints;  // never empty
};

enum class UsageReport : std::uint8_t {
  Always,
  Asked
};

struct DefaultSettings {
  Timeouts timeouts;
  UsageReport usage = UsageReport::Always;
  Milliseconds commit_after{10'000};       // a held stream's head goes out after this
  Milliseconds keep_alive_comment{5'000};  // between comments of a quiet stream
};

struct LimitSettings {
  std::uint64_t header_bytes = 32ULL * 1024;
  std::uint64_t body_bytes = 32ULL * 1024 * 1024;
  std::uint64_t all_body_bytes = 1024ULL * 1024 * 1024;  // of all requests together
  std::uint64_t response_bytes = 64ULL * 1024 * 1024;    // of an upstream's whole body
  std::uint32_t max_fields = 100;
  Milliseconds header_timeout{10'000};
  Milliseconds body_timeout{60'000};
  Milliseconds idle_timeout{75'000};
  std::uint32_t max_connections = 16'384;
  std::uint32_t max_requests_per_connection = 100'000;
  std::uint32_t max_concurrent_requests = 8'192;
};

// What clients' Idempotency-Key headers name.
struct IdempotencySettings {
  Milliseconds keep{86'400'000};       // from the first request with a key
  std::uint32_t max_keys = 1'000'000;  // all tenants together; each takes some 150 bytes
};

enum class LogFormat : std::uint8_t {
  Human,
  Json
};
enum class LogLevel : std::uint8_t {
  Trace,
  Debug,
  Info,
  Warn,
  Error
};

struct LogSettings {
  LogFormat format = LogFormat::Human;
  LogLevel level = LogLevel::Info;
  bool access = true;
  std::string file;  // "" is standard error
};

struct CorsSettings {
  std::vector<std::string> allowed_origins{"*"};
};

struct Settings {
  std::string file;                    // the main file, as given
  std::vector<ListenSettings> listen;  // never empty
  std::optional<ListenSettings> admin;
  std::uint32_t workers = 0;  // 0: one per core that the process may use
  LedgerSettings ledger;
  std::vector<ProviderSettings> providers;  // in the order of the files
  std::vector<ModelSettings> models;
  DefaultSettings defaults;
  LimitSettings limits;
  IdempotencySettings idempotency;
  LogSettings logging;
  Milliseconds drain{60'000};  // shutdown.drain
  CorsSettings cors;
  bool public_metrics = false;  // metrics.public
};

}  // namespace waybill::config
