#include "settlement_codec.hpp"

#include <limits>

#include "bytes.hpp"

namespace waybill::ledger {
namespace {

constexpr std::uint64_t kVersion = 1;
constexpr std::uint64_t kMostAttempts = 1000;

// Bits of the number that holds the flags.
constexpr std::uint64_t kStreamed = 1;
constexpr std::uint64_t kCancelled = 2;
constexpr std::uint64_t kAnomaly = 4;
constexpr std::uint64_t kFirstToken = 8;

void encode_counts(const catalog::UsageCounts& counts, ByteWriter& out) {
  for (const std::uint64_t count :
       {counts.prompt, counts.cached_read, counts.cache_write, counts.audio_prompt,
        counts.completion, counts.reasoning, counts.audio_completion, counts.image_completion,
        counts.images, counts.requests}) {
    out.number(count);
  }
}

catalog::UsageCounts decode_counts(ByteReader& in) {
  catalog::UsageCounts counts;
  for (std::uint64_t* count :
       {&counts.prompt, &counts.cached_read, &counts.cache_write, &counts.audio_prompt,
        &counts.completion, &counts.reasoning, &counts.audio_completion, &counts.image_completion,
        &counts.images, &counts.requests}) {
    *count = in.number();
  }
  return counts;
}

void encode_attempt(const FailedAttempt& attempt, ByteWriter& out) {
  out.number(attempt.number);
  out.text(attempt.provider);
  out.text(attempt.endpoint);
  out.text(attempt.upstream_model);
  out.number(attempt.status);
  out.text(attempt.error_code);
  out.signed_number(attempt.latency.count());
  out.signed_number(attempt.provider_cost.count());
}

FailedAttempt decode_attempt(ByteReader& in) {
  FailedAttempt attempt;
  attempt.number = in.small<std::uint32_t>(std::numeric_limits<std::uint32_t>::max());
  attempt.provider = in.text();
  attempt.endpoint = in.text();
  attempt.upstream_model = in.text();
  attempt.status = in.small<std::uint16_t>(std::numeric_limits<std::uint16_t>::max());
  attempt.error_code = in.text();
  attempt.latency = microseconds(in.signed_number());
  attempt.provider_cost = Money::picodollars(in.signed_number());
  return attempt;
}

std::uint64_t flags_of(const Settlement& s) noexcept {
  return (s.streamed ? kStreamed : 0U) | (s.cancelled ? kCancelled : 0U) |
         (s.anomaly ? kAnomaly : 0U) | (s.first_token ? kFirstToken : 0U);
}

// The texts, in their order.
template <class Self>
auto texts_of(Self& s) {
  return std::array{&s.model,       &s.provider,      &s.endpoint,      &s.upstream_model,
                    &s.upstream_id, &s.price_version, &s.finish_reason, &s.native_finish_reason,
                    &s.error_code};
}

void decode_rest(ByteReader& in, std::uint64_t flags, Settlement& s) {
  s.counts = decode_counts(in);
  s.cost.total = Money::picodollars(in.signed_number());
  s.cost.prompt = Money::picodollars(in.signed_number());
  s.cost.completion = Money::picodollars(in.signed_number());
  s.provider_cost = Money::picodollars(in.signed_number());
  s.status = in.small<std::uint16_t>(std::numeric_limits<std::uint16_t>::max());
  s.attempt = in.small<std::uint32_t>(std::numeric_limits<std::uint32_t>::max());
  s.created = WallTime(microseconds(in.signed_number()));
  if ((flags & kFirstToken) != 0) {
    s.first_token = microseconds(in.signed_number());
  }
  s.upstream_latency = microseconds(in.signed_number());
  s.duration = microseconds(in.signed_number());
  const auto attempts = in.small<std::size_t>(kMostAttempts);
  for (std::size_t i = 0; i < attempts && in.ok(); ++i) {
    s.failed_attempts.push_back(decode_attempt(in));
  }
}

}  // namespace

void encode_settlement(const Settlement& s, std::string& bytes) {
  ByteWriter out(bytes);
  out.number(kVersion);
  out.id(s.generation);
  out.signed_number(s.key);
  out.number(static_cast<std::uint64_t>(s.api));
  out.number(static_cast<std::uint64_t>(s.outcome));
  out.number(static_cast<std::uint64_t>(s.usage_source));
  out.number(static_cast<std::uint64_t>(s.provider_basis));
  out.number(flags_of(s));
  for (const std::string* text : texts_of(s)) {
    out.text(*text);
  }
  encode_counts(s.counts, out);
  out.signed_number(s.cost.total.count());
  out.signed_number(s.cost.prompt.count());
  out.signed_number(s.cost.completion.count());
  out.signed_number(s.provider_cost.count());
  out.number(s.status);
  out.number(s.attempt);
  out.signed_number(s.created.time_since_epoch().count());
  if (s.first_token) {
    out.signed_number(s.first_token->count());
  }
  out.signed_number(s.upstream_latency.count());
  out.signed_number(s.duration.count());
  out.number(s.failed_attempts.size());
  for (const FailedAttempt& attempt : s.failed_attempts) {
    encode_attempt(attempt, out);
  }
}

std::optional<Settlement> decode_settlement(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.number() != kVersion) {
    return std::nullopt;
  }
  Settlement s;
  s.generation = in.id();
  s.key = in.signed_number();
  s.api = in.small<Endpoint>(static_cast<std::uint64_t>(kLastEndpoint));
  s.outcome = in.small<Outcome>(static_cast<std::uint64_t>(Outcome::Voided));
  s.usage_source = in.small<UsageSource>(static_cast<std::uint64_t>(UsageSource::None));
  s.provider_basis =
      in.small<ProviderCostBasis>(static_cast<std::uint64_t>(ProviderCostBasis::Unknown));
  const auto flags = in.small<std::uint64_t>(kStreamed | kCancelled | kAnomaly | kFirstToken);
  s.streamed = (flags & kStreamed) != 0;
  s.cancelled = (flags & kCancelled) != 0;
  s.anomaly = (flags & kAnomaly) != 0;
  for (std::string* text : texts_of(s)) {
    *text = in.text();
  }
  decode_rest(in, flags, s);
  if (!in.finished()) {
    return std::nullopt;
  }
  return s;
}

}  // namespace waybill::ledger
