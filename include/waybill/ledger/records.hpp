// What the ledger keeps: keys, intents, settlements, generations.  Plain values.

#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/digest.hpp"
#include "waybill/base/generation_id.hpp"
#include "waybill/base/money.hpp"
#include "waybill/base/secret.hpp"
#include "waybill/base/time.hpp"
#include "waybill/catalog/price.hpp"

namespace waybill::ledger {

using std::chrono::microseconds;

// ------------------------------------------------------------------ keys

using KeyId = std::int64_t;

// A client's key as the ledger keeps it: never the key itself.
struct KeyRecord {
  KeyId id = 0;
  Sha256 hash{};      // of the key's text; its hexadecimal form is the public "hash"
  std::string label;  // first 12 characters, "...", last 3
  std::string name;
  WallTime created;
  std::optional<WallTime> expires;
  bool disabled = false;
  bool deleted = false;                     // kept for reports; never usable again
  std::vector<std::string> allowed_models;  // canonical ids; empty: all

  [[nodiscard]] bool usable(WallTime now) const noexcept {
    return !disabled && !deleted && (!expires || now < *expires);
  }
  [[nodiscard]] bool allows_model(std::string_view model) const noexcept;

  friend bool operator==(const KeyRecord&, const KeyRecord&) = default;
};

struct NewKey {
  std::string name;  // 1 to 100 bytes of UTF-8
  std::optional<WallTime> expires;
  std::vector<std::string> allowed_models;
};

// `text` exists here and nowhere else: show it once.
struct CreatedKey {
  Secret text;  // "sk-wb-" and 43 characters of base64url: 256 random bits
  KeyRecord record;
};

// The digest to look a presented key up by.
[[nodiscard]] Sha256 key_hash(std::string_view key_text);

// ------------------------------------------------------------------ generations

enum class Endpoint : std::uint8_t {
  ChatCompletions,
  Completions,
  Embeddings,
  Other,
  Messages,   // Anthropic's
  Responses,  // OpenAI's
  Gemini,     // Google's generateContent
  Ollama,     // its own chat and generate
};
inline constexpr Endpoint kLastEndpoint = Endpoint::Ollama;

enum class Outcome : std::uint8_t {
  Ok,         // the answer ended as it should
  Cancelled,  // the client went away
  Partial,    // the upstream or this process failed after output was delivered
  Failed,     // nothing was delivered; nothing is charged unless counts say so
  Voided,     // open at a crash without evidence of output: not charged
};

enum class UsageSource : std::uint8_t {
  Upstream,  // the provider's own usage report
  Estimate,  // complete answer without a report: bytes / 3, rounded up
  Partial,   // what had been delivered when it was cut
  None,      // nothing used
};

// How the provider's side of a settlement is known.
enum class ProviderCostBasis : std::uint8_t {
  Usage,    // the same counts at the same prices
  Unknown,  // an upper estimate of what a provider may bill for a call whose end nobody saw
};

[[nodiscard]] std::string_view name(Endpoint endpoint) noexcept;
[[nodiscard]] std::string_view name(Outcome outcome) noexcept;
[[nodiscard]] std::string_view name(UsageSource source) noexcept;

// What a request that came with an Idempotency-Key is known by when it comes again.
// Digests only: neither the key nor the request can be read from them.
struct IdempotencyMark {
  Sha256 key{};      // of the header's value
  Sha256 body{};     // of what was asked for
  WallTime expires;  // from then on the key may name another request

  friend bool operator==(const IdempotencyMark&, const IdempotencyMark&) = default;
};

// Keys of different tenants (API keys) never meet.
struct IdempotencyRecord {
  KeyId tenant = 0;
  IdempotencyMark mark;
  GenerationId generation;

  friend bool operator==(const IdempotencyRecord&, const IdempotencyRecord&) = default;
};

// One attempt is about to be sent (Rule W).  The views are read during the call only.
struct Intent {
  GenerationId generation;
  std::uint32_t attempt = 1;  // 1 for the first
  KeyId key = 0;
  Endpoint api = Endpoint::ChatCompletions;
  bool streamed = false;
  std::string_view model;           // canonical id
  std::string_view provider;        // name in the settings
  std::string_view endpoint;        // id in the snapshot
  std::string_view upstream_model;  // what the provider calls it
  std::string_view price_version;   // registered before (Ledger::register_prices)
  std::uint64_t prompt_estimate =
      0;             // tokens, charged if a crash cuts the answer before usage is known
  WallTime started;  // of the generation, not of the attempt
  std::optional<IdempotencyMark> mark;  // of its request; nothing without an Idempotency-Key
};

// An attempt that did not become the answer.
struct FailedAttempt {
  std::uint32_t number = 1;
  std::string provider;
  std::string endpoint;
  std::string upstream_model;
  std::uint16_t status = 0;  // HTTP status, 0 where none was received
  std::string error_code;    // stable code of the Error
  microseconds latency{};
  Money provider_cost;  // what the provider charges for it; the customer pays nothing

  friend bool operator==(const FailedAttempt&, const FailedAttempt&) = default;
};

// The end of a generation: exactly one per generation, never changed.
struct Settlement {
  GenerationId generation;
  KeyId key = 0;
  Endpoint api = Endpoint::ChatCompletions;
  Outcome outcome = Outcome::Ok;
  UsageSource usage_source = UsageSource::Upstream;
  ProviderCostBasis provider_basis = ProviderCostBasis::Usage;
  bool streamed = false;
  bool cancelled = false;
  bool anomaly = false;  // the provider's usage was not believed (clamped or replaced)

  std::string model;
  std::string provider;  // of the attempt that answered, or of the last one
  std::string endpoint;
  std::string upstream_model;
  std::string upstream_id;  // the provider's id of the answer; empty if none
  std::string price_version;
  std::string finish_reason;
  std::string native_finish_reason;
  std::string error_code;  // empty for Ok

  catalog::UsageCounts counts;  // what is charged: clamped, requests 0 where nothing is due
  catalog::Cost cost;           // == compute_cost(price_version, counts); the ledger checks it
  Money provider_cost;          // == cost.total where provider_basis is Usage

  std::uint16_t status = 0;   // HTTP status of that attempt, 0 where none was received
  std::uint32_t attempt = 1;  // its number
  WallTime created;           // start of the generation
  std::optional<microseconds> first_token;  // after `created`; nothing where no content came
  microseconds upstream_latency{};          // from sending that attempt to its first content
  microseconds duration{};                  // from `created` to the end
  std::vector<FailedAttempt> failed_attempts;

  friend bool operator==(const Settlement&, const Settlement&) = default;
};

// Whether a request that ended so stands, and a repeat of it is told so: it was charged,
// or the client got some of the answer.  What failed before may be tried again.
[[nodiscard]] bool stands_for_repeats(const Settlement& settlement) noexcept;

// A settlement as it stands in the ledger.
struct GenerationRecord {
  std::int64_t seq = 0;  // dense, from 1, together with the adjustments
  WallTime settled;
  Settlement settlement;
  Money refunded;  // of its cost, by adjustments; the settlement itself never changes
};

// ------------------------------------------------------------------ adjustments

// A correction: money given back of what a generation was charged.
struct Adjustment {
  std::string id;  // the operator's; one adjustment per id, so that a command may be repeated
  GenerationId generation;
  Money refund;        // above zero
  bool whole = false;  // it was asked for as "all that is left"
  std::string reason;

  friend bool operator==(const Adjustment&, const Adjustment&) = default;
};

struct NewAdjustment {
  std::string id;  // 1 to 64 of [A-Za-z0-9._:-]
  GenerationId generation;
  std::optional<Money> refund;  // nothing: all that is left of the charge
  std::string reason;           // 1 to 500 bytes of UTF-8, one line
};

enum class AdjustStatus : std::uint8_t {
  Recorded,  // durable now
  Exists,    // the same adjustment was durable before
};

struct Adjusted {
  AdjustStatus status = AdjustStatus::Recorded;
  std::int64_t seq = 0;
  WallTime booked;
  Adjustment adjustment;
  Money charged;   // of the generation
  Money refunded;  // of it, this adjustment included
};

// ------------------------------------------------------------------ reports

struct KeyUsage {
  MoneySum total;
  MoneySum today;       // UTC day
  MoneySum this_week;   // since Monday, UTC
  MoneySum this_month;  // UTC month
  std::uint64_t generations = 0;
};

struct GenerationFilter {
  std::optional<KeyId> key;
  std::optional<std::string> model;
  std::optional<WallTime> from;   // start of the generation, inclusive, whole seconds
  std::optional<WallTime> until;  // exclusive
  std::size_t limit = 100;        // newest first
};

enum class ReportGroup : std::uint8_t {
  Model,
  Key,
  Day,
  Provider
};

struct ReportRow {
  std::string group;  // model id, key label, YYYY-MM-DD or provider name
  std::uint64_t generations = 0;
  std::uint64_t prompt_tokens = 0;
  std::uint64_t completion_tokens = 0;
  MoneySum cost;
  MoneySum refunded;  // of that cost, whenever it was given back
  MoneySum provider_cost;
};

}  // namespace waybill::ledger
