#include "idempotency.hpp"

#include <algorithm>
#include <iterator>

#include "waybill/base/text.hpp"
#include "waybill/dialects/usage.hpp"

namespace waybill::gateway {
namespace {

constexpr std::size_t kLongestKey = 255;

bool is_visible(char c) noexcept {
  return c > ' ' && c <= '~';
}

// From the counts that were charged, as append_usage() tells them.
std::string usage_of(const ledger::Settlement& settled) {
  const catalog::UsageCounts& counts = settled.counts;
  const dialects::Usage usage{.prompt = counts.prompt,
                              .completion = counts.completion,
                              .cached_read = counts.cached_read,
                              .cache_write = counts.cache_write,
                              .reasoning = counts.reasoning,
                              .audio_prompt = counts.audio_prompt,
                              .audio_completion = counts.audio_completion,
                              .image_completion = counts.image_completion};
  dialects::Charge charge;
  charge.total = settled.cost.total;
  charge.prompt = settled.cost.prompt;
  charge.completion = settled.cost.completion;
  std::string out;
  dialects::append_usage(out, {}, usage, charge);
  return out;
}

}  // namespace

Result<std::optional<std::string_view>> presented_idempotency_key(const http::RequestHead& head) {
  const auto [count, key] = head.fields.find("Idempotency-Key");
  if (count == 0) {
    return std::optional<std::string_view>{};
  }
  if (count > 1 || key.empty() || key.size() > kLongestKey ||
      !std::ranges::all_of(key, is_visible)) {
    return Error(ErrorKind::InvalidRequest, "idempotency_key_invalid",
                 "The header Idempotency-Key must be sent once, with 1 to 255 visible ASCII "
                 "characters.");
  }
  return std::optional(key);
}

// The body's digest inside another one, so that the endpoint needs no copy of the body.
Sha256 fingerprint(Api api, std::string_view body) {
  const Sha256 of_body = sha256(body);
  std::string named(1, static_cast<char>(api));
  named.append(reinterpret_cast<const char*>(of_body.data()), of_body.size());
  return sha256(named);
}

std::string earlier_metadata(const GenerationId& earlier) {
  std::string out = R"(,"generation_id":)";
  append_json_string(out, earlier.to_string());
  return out;
}

// What stands began with a 200: some of the answer went out under it, or all was ready to.
std::string repeat_metadata(const ledger::Settlement& settled) {
  std::string out = earlier_metadata(settled.generation);
  out.append(R"(,"outcome":")").append(name(settled.outcome)).append(R"(","status":200,"usage":)");
  out.append(usage_of(settled)).append(R"(,"cost":)").append(to_decimal(settled.cost.total));
  return out;
}

}  // namespace waybill::gateway
