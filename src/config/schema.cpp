#include "schema.hpp"

namespace waybill::config {
namespace {

constexpr std::int64_t kSecond = 1'000;
constexpr std::int64_t kDay = 86'400 * kSecond;
constexpr std::int64_t kKiB = 1'024;
constexpr std::int64_t kGiB = kKiB * kKiB * kKiB;
constexpr std::int64_t kMostTokens = 1'000'000'000;

constexpr Member required(Member member) {
  member.required = true;
  return member;
}

constexpr Member between(Member member, std::int64_t min, std::int64_t max) {
  member.min = min;
  member.max = max;
  return member;
}

constexpr Member one_of(Member member, std::string_view choices) {
  member.choices = choices;
  return member;
}

// A time limit: never zero, which would mean "at once" to one reader and "never"
// to another.
constexpr Member limit(std::string_view path, std::string_view fallback, std::string_view help) {
  return between({path, Type::Duration, fallback, help}, 1, kDay);
}

constexpr Member tokens(std::string_view path, std::string_view fallback, std::string_view help) {
  return between({path, Type::Integer, fallback, help}, 1, kMostTokens);
}

constexpr Member price(std::string_view path, std::string_view fallback, std::string_view help) {
  return {path, Type::Decimal, fallback, help};
}

constexpr std::string_view kModalities =
    "text|image|audio|video|file|embeddings|rerank|transcription";

// One row a member: long lines read better here than broken ones.
// clang-format off
constexpr Member kSchema[] = {
  {"listen", Type::MapList, "one on 127.0.0.1:8080", "Sockets that clients connect to."},
  {"listen[].address", Type::Address, "127.0.0.1", "IP address of the interface; `0.0.0.0` or `::` for all of them."},
  between({"listen[].port", Type::Integer, "8080", "TCP port; 0 takes any free one and logs it."}, 0, 65'535),
  {"listen[].unix", Type::Text, "", "Path of a Unix socket, instead of `address` and `port`."},
  {"listen[].tls", Type::Map, "", "Serve HTTPS."},
  required({"listen[].tls.certificate", Type::Text, "", "PEM file with the certificate chain; read again on reload."}),
  required({"listen[].tls.key", Type::Text, "", "PEM file with the private key."}),
  {"listen[].default_key", Type::Text, "", "Name of the key that requests without one use; on loopback, private and Unix addresses only."},

  {"admin", Type::Map, "", "The operators' side."},
  {"admin.listen", Type::Map, "", "Socket for `/metrics`, the detailed health, management and the dashboard; without it they are served nowhere."},
  {"admin.listen.address", Type::Address, "127.0.0.1", "As `listen[].address`."},
  between({"admin.listen.port", Type::Integer, "9090", "As `listen[].port`."}, 0, 65'535),
  {"admin.listen.unix", Type::Text, "", "As `listen[].unix`."},
  {"admin.listen.tls", Type::Map, "", "As `listen[].tls`."},
  required({"admin.listen.tls.certificate", Type::Text, "", "PEM file with the certificate chain."}),
  required({"admin.listen.tls.key", Type::Text, "", "PEM file with the private key."}),

  between({"workers", Type::Integer, "0", "Worker threads; 0 is one for each core that the process may use."}, 0, 1'024),

  {"ledger", Type::Map, "", "Where costs are booked."},
  {"ledger.store", Type::Text, "sqlite://waybill.db", "`sqlite:///absolute/path`, or `sqlite://path` relative to this file."},
  one_of({"ledger.durability", Type::Choice, "strict", "`strict`: a settlement is on disk before the answer ends; `relaxed`: it is handed to the system."}, "strict|relaxed"),
  {"ledger.largest_entry", Type::Decimal, "1000", "USD that one generation may cost, at most 1000000. A reported usage that would cost more is not believed: what the endpoint can do at most is charged, else what was seen."},
  between({"ledger.least_free", Type::Size, "1GiB", "Free space on the ledger's disk below which new requests are answered 503; also below what the ledger grows by in ten minutes. Lower it on small boards."}, 0, 1'024 * kGiB),
  {"ledger.checkpoints", Type::Map, "", "Signed records of what the ledger was, written once a minute while it grows; `waybill ledger verify` holds the ledger to them."},
  {"ledger.checkpoints.path", Type::Text, "the store's path with `.checkpoints`", "File that each is also appended to; best on another disk."},
  {"ledger.checkpoints.signing_key", Type::Text, "the store's path with `.signing-key`", "PEM file with the Ed25519 key that signs them; made at the first start."},

  {"include", Type::TextList, "", "Patterns of further files, relative to this one, that may hold `providers` and `models`. A pattern that matches nothing is fine."},

  {"providers", Type::NamedMaps, "", "Companies and servers that run models, by name."},
  {"providers.*.preset", Type::Text, "", "Name of a preset, a file of `config/providers` that is compiled in; it fills in what is not said here."},
  {"providers.*.display_name", Type::Text, "the name", "What `provider` in an answer says."},
  required({"providers.*.base_url", Type::Url, "", "URL that `/chat/completions` is appended to, such as `https://api.openai.com/v1`."}),
  one_of({"providers.*.dialect", Type::Choice, "openai_chat", "Wire format it speaks."}, "openai_chat|openai_responses|anthropic_messages|anthropic_bedrock|anthropic_vertex|gemini|bedrock_converse|cohere_chat|ollama_chat|ollama_generate"),
  {"providers.*.api_key", Type::Secret, "", "The credential; best a reference such as `${env:OPENAI_API_KEY}`."},
  {"providers.*.api_key_env", Type::Text, "", "Environment variable with the key, used where `api_key` is absent."},
  one_of({"providers.*.auth", Type::ChoiceOrMap, "bearer", "How the key travels: one of the usual ways, or a header of your own."}, "bearer|x-api-key|api-key|none"),
  required({"providers.*.auth.header", Type::Text, "", "Name of the header."}),
  {"providers.*.auth.prefix", Type::Prose, "", "Text before the key, with its blank."},
  {"providers.*.headers", Type::SecretMap, "", "Further headers for every request to it."},
  {"providers.*.data_policy", Type::Map, "", "What it does with prompts, as far as you know."},
  {"providers.*.data_policy.training", Type::Boolean, "", "Whether it trains on them."},
  one_of({"providers.*.data_policy.retention", Type::ChoiceOrDuration, "", "How long it keeps them."}, "none|kept"),
  {"providers.*.ca_file", Type::Text, "the system's", "PEM file with the authorities that its certificate is checked against. The check cannot be turned off."},
  {"providers.*.proxy", Type::Url, "", "HTTP proxy for its connections, `http://host:port` or `https://host:port`. An https provider is reached through a tunnel, in which the proxy sees nothing."},
  {"providers.*.proxy_credentials", Type::Secret, "", "What the proxy asks for, as `user:password`; best a reference such as `${env:PROXY_CREDENTIALS}`."},
  {"providers.*.proxy_ca_file", Type::Text, "the system's", "PEM file with the authorities that the certificate of an https proxy is checked against."},
  {"providers.*.allow_plain_http", Type::Boolean, "false", "Permit a key over `http://` to a host that is not this machine."},
  between({"providers.*.max_connections", Type::Integer, "256", "Connections to it, of the whole daemon."}, 1, 65'535),
  between({"providers.*.queue", Type::Integer, "1024", "Requests that may wait for one of them."}, 0, 1'000'000),
  {"providers.*.timeouts", Type::Map, "", "Where it differs from `defaults.timeouts`."},
  limit("providers.*.timeouts.connect", "as the defaults", "For the connection, TLS included."),
  limit("providers.*.timeouts.first_token", "as the defaults", "Until the first output of the model; comments and role-only events do not count."),
  limit("providers.*.timeouts.between_events", "as the defaults", "Between two events of a stream; also how long a provider may take none of the request, or send nothing of an answer that is not streamed."),
  limit("providers.*.timeouts.total", "as the defaults", "For the whole attempt."),
  between({"providers.*.retry_on", Type::IntegerList, "", "Statuses that try the next endpoint, beside the usual ones."}, 400, 599),
  between({"providers.*.final_on", Type::IntegerList, "", "Statuses that are the client's own fault and try nothing else."}, 400, 599),
  {"providers.*.quirks", Type::Map, "", "Where it differs from plain `openai_chat`; presets know the usual ones."},
  one_of({"providers.*.quirks.stream_usage", Type::Choice, "asked", "Usage in streams: `asked`: Waybill asks for it by `stream_options`; `always`: it comes unasked; `never`: `stream_options` is refused, so it is taken out."}, "asked|always|never"),
  {"providers.*.quirks.usage_envelope", Type::Name, "", "Member around `usage` where it does not stand at the top, such as `x_groq`."},
  one_of({"providers.*.quirks.cached_tokens", Type::Choice, "in_prompt", "Whether `prompt_tokens` includes what was read from its cache. Where the count itself stands is found by looking."}, "in_prompt|beside_prompt"),
  one_of({"providers.*.quirks.reasoning_tokens", Type::Choice, "by_total", "Whether `completion_tokens` includes reasoning; `by_total` sees it from `total_tokens`."}, "by_total|in_completion|beside_completion"),
  one_of({"providers.*.quirks.max_tokens_member", Type::Choice, "", "What it calls the output limit of a chat; without this the client's own member passes."}, "max_tokens|max_completion_tokens"),
  one_of({"providers.*.quirks.reasoning_member", Type::Choice, "", "Member of an assistant's message that takes its earlier thoughts back, where a request is translated; without this they are left out."}, "reasoning_content|reasoning|reasoning_details"),
  one_of({"providers.*.quirks.cache_member", Type::Choice, "", "Member of a content part that marks how far the prompt may be cached, where a request is translated; without this marks are left out."}, "cache_control|prompt_cache_breakpoint"),
  {"providers.*.docs", Type::Text, "", "Where its API is documented; for people."},

  {"models", Type::NamedMaps, "", "Models by canonical id, such as `openai/gpt-4o-mini`."},
  {"models.*.name", Type::Text, "the id", "Name for people."},
  {"models.*.description", Type::Prose, "", "A sentence or two for `GET /models`."},
  between({"models.*.created", Type::Integer, "0", "Release, in unix seconds."}, 0, 4'102'444'800),
  {"models.*.aliases", Type::NameList, "", "Other ids that clients may use."},
  tokens("models.*.context_length", "unknown", "Tokens of prompt and answer together."),
  one_of({"models.*.input_modalities", Type::ChoiceList, "[text]", "What it reads."}, kModalities),
  one_of({"models.*.output_modalities", Type::ChoiceList, "[text]", "What it makes."}, kModalities),
  {"models.*.supported_parameters", Type::NameList, "", "Request members it honours, for `GET /models`."},
  required({"models.*.endpoints", Type::MapList, "", "Who serves it, in the order of preference; at least one."}),
  required({"models.*.endpoints[].provider", Type::Text, "", "Name from `providers`."}),
  required({"models.*.endpoints[].upstream_model", Type::Text, "", "What that provider calls the model."}),
  {"models.*.endpoints[].tag", Type::Name, "the provider's name", "Name of the endpoint in plans and records, such as `deepinfra/turbo`."},
  tokens("models.*.endpoints[].context_length", "as the model", "Tokens of prompt and answer together."),
  tokens("models.*.endpoints[].max_completion_tokens", "unknown", "Longest answer."),
  one_of(required({"models.*.endpoints[].price", Type::ChoiceOrMap, "", "What it costs: `free`, or prices in USD as exact decimals. An unknown price is never taken as zero."}), "free"),
  one_of(required({"models.*.endpoints[].price.unit", Type::Choice, "", "What token prices are for; `image` and `request` are for one each."}), "usd_per_million_tokens|usd_per_token"),
  required(price("models.*.endpoints[].price.prompt", "", "Prompt tokens.")),
  price("models.*.endpoints[].price.completion", "as prompt", "Completion tokens."),
  price("models.*.endpoints[].price.cache_read", "as prompt", "Prompt tokens read from a cache."),
  price("models.*.endpoints[].price.cache_write", "as prompt", "Prompt tokens written to a cache."),
  price("models.*.endpoints[].price.reasoning", "as completion", "Reasoning tokens."),
  price("models.*.endpoints[].price.audio_prompt", "as prompt", "Audio tokens of the prompt."),
  price("models.*.endpoints[].price.audio_completion", "as completion", "Audio tokens of the answer."),
  price("models.*.endpoints[].price.image_completion", "as completion", "Image tokens of the answer."),
  price("models.*.endpoints[].price.image", "0", "One image of the prompt."),
  price("models.*.endpoints[].price.request", "0", "One request."),
  {"models.*.endpoints[].price.tiers", Type::MapList, "", "Prices for long prompts, thresholds rising; what a tier leaves out stays as it was."},
  required(tokens("models.*.endpoints[].price.tiers[].above_prompt_tokens", "", "Holds for the whole request when its prompt has more tokens than this.")),
  price("models.*.endpoints[].price.tiers[].prompt", "as before", "Prompt tokens."),
  price("models.*.endpoints[].price.tiers[].completion", "as before", "Completion tokens."),
  price("models.*.endpoints[].price.tiers[].cache_read", "as before", "Prompt tokens read from a cache."),
  price("models.*.endpoints[].price.tiers[].cache_write", "as before", "Prompt tokens written to a cache."),
  price("models.*.endpoints[].price.tiers[].reasoning", "as before", "Reasoning tokens."),
  price("models.*.endpoints[].price.tiers[].audio_prompt", "as before", "Audio tokens of the prompt."),
  price("models.*.endpoints[].price.tiers[].audio_completion", "as before", "Audio tokens of the answer."),
  price("models.*.endpoints[].price.tiers[].image_completion", "as before", "Image tokens of the answer."),
  price("models.*.endpoints[].price.tiers[].image", "as before", "One image of the prompt."),
  price("models.*.endpoints[].price.tiers[].request", "as before", "One request."),
  {"models.*.endpoints[].quantization", Type::Name, "", "Weights' format, such as `fp8`."},
  {"models.*.endpoints[].data_policy", Type::Map, "as the provider", "What this endpoint does with prompts."},
  {"models.*.endpoints[].data_policy.training", Type::Boolean, "", "Whether it trains on them."},
  one_of({"models.*.endpoints[].data_policy.retention", Type::ChoiceOrDuration, "", "How long it keeps them."}, "none|kept"),
  {"models.*.endpoints[].timeouts", Type::Map, "", "Where it differs from its provider."},
  limit("models.*.endpoints[].timeouts.connect", "as the provider", "For the connection, TLS included."),
  limit("models.*.endpoints[].timeouts.first_token", "as the provider", "Until the first output of the model."),
  limit("models.*.endpoints[].timeouts.between_events", "as the provider", "Between two events of a stream; also how long a provider may take none of the request, or send nothing of an answer that is not streamed."),
  limit("models.*.endpoints[].timeouts.total", "as the provider", "For the whole attempt."),
  {"models.*.endpoints[].capabilities", Type::Map, "", "What it can do; what is left open is tried."},
  {"models.*.endpoints[].capabilities.streaming", Type::Boolean, "", "Streams."},
  {"models.*.endpoints[].capabilities.tools", Type::Boolean, "", "Calls tools."},
  {"models.*.endpoints[].capabilities.images", Type::Boolean, "", "Reads images."},
  {"models.*.endpoints[].capabilities.audio", Type::Boolean, "", "Reads audio; where it is `false`, requests with audio go elsewhere."},
  {"models.*.endpoints[].capabilities.structured_outputs", Type::Boolean, "", "Obeys a JSON schema; where it is `false`, requests with one go elsewhere."},
  {"models.*.endpoints[].capabilities.reasoning", Type::Boolean, "", "Thinks before it answers; where it is `false`, requests that ask for that go elsewhere."},
  {"models.*.endpoints[].capabilities.prefill", Type::Boolean, "", "Continues an assistant message that it is given; where it is `false`, requests that end with one go elsewhere."},
  {"models.*.endpoints[].capabilities.adaptive_reasoning", Type::Boolean, "false", "Thinks by an effort and takes no budget of tokens (Claude since Opus 4.6, Gemini since 3)."},

  {"defaults", Type::Map, "", "For every request that nothing else decides."},
  {"defaults.timeouts", Type::Map, "", "Time limits of upstream calls."},
  limit("defaults.timeouts.connect", "5s", "For a connection, TLS included."),
  limit("defaults.timeouts.first_token", "60s", "Until the first output of the model; comments and role-only events do not count."),
  limit("defaults.timeouts.between_events", "60s", "Between two events of a stream; also how long a provider may take none of the request, or send nothing of an answer that is not streamed."),
  limit("defaults.timeouts.total", "15m", "For one generation, all attempts together."),
  one_of({"defaults.usage", Type::Choice, "always", "Usage in streams: to every client, or to those that set `include_usage`."}, "always|asked"),
  limit("defaults.commit_after", "10s", "A stream's head goes out after this even without a first token; until then a failure can still have its own status."),
  limit("defaults.keep_alive_comment", "5s", "Between comments that keep a quiet stream open."),

  {"limits", Type::Map, "", "What one client or connection may take."},
  between({"limits.header_bytes", Type::Size, "32KiB", "Head of a request."}, kKiB, kKiB * kKiB),
  between({"limits.body_bytes", Type::Size, "32MiB", "Body of a request."}, 1, kGiB),
  between({"limits.all_body_bytes", Type::Size, "1GiB", "Bodies of all requests being served, what is above 64 KiB of each; more is answered 503. Not below `limits.body_bytes`."}, kKiB * kKiB, 1'024 * kGiB),
  between({"limits.response_bytes", Type::Size, "64MiB", "Whole body of an upstream's answer that is no stream."}, kKiB, kGiB),
  between({"limits.max_fields", Type::Integer, "100", "Header fields of a request."}, 8, 1'000),
  limit("limits.header_timeout", "10s", "For a request's head."),
  limit("limits.body_timeout", "60s", "For a request's body."),
  limit("limits.idle_timeout", "75s", "Between two requests of a connection."),
  between({"limits.max_connections", Type::Integer, "16384", "Open client connections."}, 1, 10'000'000),
  between({"limits.max_requests_per_connection", Type::Integer, "100000", "Then the connection is closed."}, 1, 1'000'000'000),
  between({"limits.max_concurrent_requests", Type::Integer, "8192", "Generations at once; more are answered 503."}, 1, 10'000'000),

  {"idempotency", Type::Map, "", "Requests that come with an `Idempotency-Key`."},
  between({"idempotency.keep", Type::Duration, "24h", "How long a key names one request, from its first arrival."}, 60 * kSecond, 30 * kDay),
  between({"idempotency.max_keys", Type::Integer, "1000000", "Keys known at once, each in some 150 bytes; further ones are answered 503. Needs a restart."}, 1, 100'000'000),

  {"logging", Type::Map, "", "What the daemon writes down about itself; never a prompt, an answer or a key."},
  one_of({"logging.format", Type::Choice, "human", "`human` lines or `json` lines."}, "human|json"),
  one_of({"logging.level", Type::Choice, "info", "The least that is logged."}, "trace|debug|info|warn|error"),
  {"logging.access", Type::Boolean, "true", "One line for each generation."},
  {"logging.file", Type::Text, "standard error", "File to append to; opened again on SIGUSR1."},

  {"shutdown", Type::Map, "", "How it stops."},
  between({"shutdown.drain", Type::Duration, "60s", "How long open streams may finish after SIGTERM."}, 0, kDay),

  {"cors", Type::Map, "", "What browsers may do."},
  {"cors.allowed_origins", Type::TextList, "[\"*\"]", "Origins that may call; an empty list allows none."},

  {"metrics", Type::Map, "", "Prometheus metrics."},
  {"metrics.public", Type::Boolean, "false", "Serve `/metrics` on the public listeners too."},
};
// clang-format on

}  // namespace

std::string_view Member::key() const noexcept {
  return path.substr(path.rfind('.') + 1);  // npos + 1 is 0
}

std::string_view Member::parent() const noexcept {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : path.substr(0, dot);
}

std::span<const Member> schema() noexcept {
  return kSchema;
}

std::vector<std::string_view> split_choices(std::string_view choices) {
  std::vector<std::string_view> out;
  while (!choices.empty()) {
    const std::size_t bar = choices.find('|');
    out.push_back(choices.substr(0, bar));
    choices.remove_prefix(bar == std::string_view::npos ? choices.size() : bar + 1);
  }
  return out;
}

SchemaIndex::SchemaIndex() {
  for (const Member& member : kSchema) {
    children_[member.parent()].push_back(&member);
  }
}

std::span<const Member* const> SchemaIndex::members_of(std::string_view parent) const {
  const auto it = children_.find(parent);
  return it == children_.end() ? std::span<const Member* const>{} : it->second;
}

}  // namespace waybill::config
