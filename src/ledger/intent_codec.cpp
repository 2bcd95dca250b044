#include "intent_codec.hpp"

#include <limits>

#include "bytes.hpp"
#include "posting.hpp"

namespace waybill::ledger {
namespace {

enum class EntryType : std::uint8_t {
  Intent = 1,
  Progress = 2,
  MarkedIntent = 3  // an Intent, and after it the mark of its Idempotency-Key
};

Intent decode_intent(ByteReader& in) {
  Intent intent;
  intent.generation = in.id();
  intent.attempt = in.small<std::uint32_t>(std::numeric_limits<std::uint32_t>::max());
  intent.key = in.signed_number();
  intent.api = in.small<Endpoint>(static_cast<std::uint64_t>(kLastEndpoint));
  intent.streamed = in.small<std::uint8_t>(1) != 0;
  intent.model = in.text();
  intent.provider = in.text();
  intent.endpoint = in.text();
  intent.upstream_model = in.text();
  intent.price_version = in.text();
  intent.prompt_estimate = in.number();
  intent.started = WallTime(microseconds(in.signed_number()));
  return intent;
}

template <class Counts>
auto members(Counts& c) {
  return std::array{&c.prompt,     &c.cached_read, &c.cache_write,      &c.audio_prompt,
                    &c.completion, &c.reasoning,   &c.audio_completion, &c.image_completion,
                    &c.images,     &c.requests};
}

}  // namespace

void encode_intent(const Intent& intent, std::string& bytes) {
  ByteWriter out(bytes);
  out.number(static_cast<std::uint64_t>(intent.mark ? EntryType::MarkedIntent : EntryType::Intent));
  out.id(intent.generation);
  out.number(intent.attempt);
  out.signed_number(intent.key);
  out.number(static_cast<std::uint64_t>(intent.api));
  out.number(intent.streamed ? 1 : 0);
  out.text(intent.model);
  out.text(intent.provider);
  out.text(intent.endpoint);
  out.text(intent.upstream_model);
  out.text(intent.price_version);
  out.number(intent.prompt_estimate);
  out.signed_number(intent.started.time_since_epoch().count());
  if (intent.mark) {
    encode_mark(*intent.mark, out);
  }
}

void encode_progress(const GenerationId& generation,
                     const catalog::UsageCounts& delivered,
                     std::string& bytes) {
  ByteWriter out(bytes);
  out.number(static_cast<std::uint64_t>(EntryType::Progress));
  out.id(generation);
  for (const std::uint64_t* count : members(delivered)) {
    out.number(*count);
  }
}

std::optional<IntentEntry> decode_intent_entry(std::string_view payload) {
  ByteReader in(payload);
  const auto type = in.small<std::uint8_t>(std::numeric_limits<std::uint8_t>::max());
  std::optional<IntentEntry> entry;
  if (type == static_cast<std::uint8_t>(EntryType::Intent)) {
    entry = decode_intent(in);
  } else if (type == static_cast<std::uint8_t>(EntryType::MarkedIntent)) {
    Intent intent = decode_intent(in);
    intent.mark = decode_mark(in);
    entry = intent;
  } else if (type == static_cast<std::uint8_t>(EntryType::Progress)) {
    ProgressMark mark;
    mark.generation = in.id();
    for (std::uint64_t* count : members(mark.delivered)) {
      *count = in.number();
    }
    entry = mark;
  }
  if (!in.finished()) {
    return std::nullopt;
  }
  return entry;
}

}  // namespace waybill::ledger
