// Token counts, as this dialect names them.

#include <algorithm>

#include "openai_responses.hpp"

namespace waybill::dialects::responses {
namespace {

// Collects counts and the first thing that is wrong with them.
class UsageCounter {
 public:
  // Nothing where it is not given; a count that makes no sense is a fault.
  std::optional<std::uint64_t> take(const JsonRef& value) {
    if (!value.given()) {
      return std::nullopt;
    }
    const auto found = value.count();
    if (!found) {
      const auto whole = value.integer();
      note(whole && *whole < 0 ? UsageFault::Negative : UsageFault::NotInteger);
      return 0;
    }
    if (*found > kLargestCount) {
      note(UsageFault::TooLarge);
    }
    return std::min(*found, kLargestCount);
  }
  // A part cannot be more than the whole.
  std::uint64_t part(std::uint64_t part, std::uint64_t whole) {
    if (part > whole) {
      note(UsageFault::Contradictory);
    }
    return std::min(part, whole);
  }
  void note(UsageFault fault) { fault_ = fault_ == UsageFault::None ? fault : fault_; }
  [[nodiscard]] UsageFault fault() const noexcept { return fault_; }

 private:
  UsageFault fault_ = UsageFault::None;
};

}  // namespace

ReadUsage read_usage(const JsonRef& usage, const UsageQuirks& quirks) {
  if (!usage.is_object()) {
    return {std::nullopt, usage.given() ? UsageFault::NotInteger : UsageFault::Missing};
  }
  UsageCounter counter;
  const auto input = counter.take(usage["input_tokens"]);
  const auto output = counter.take(usage["output_tokens"]);
  if (counter.fault() == UsageFault::Negative || counter.fault() == UsageFault::NotInteger) {
    return {std::nullopt, counter.fault()};
  }
  if (!input && !output) {
    return {};
  }
  const JsonRef details = usage["input_tokens_details"];
  const auto total = counter.take(usage["total_tokens"]);
  Usage out;
  out.prompt = input.value_or(0);
  out.completion = output.value_or(0);
  out.cached_read = counter.take(details["cached_tokens"]).value_or(0);
  out.cache_write = counter.take(details["cache_write_tokens"]).value_or(0);
  out.reasoning = counter.take(usage["output_tokens_details"]["reasoning_tokens"]).value_or(0);
  if (quirks.cached == UsageQuirks::Cached::BesidePrompt) {
    out.prompt += out.cached_read + out.cache_write;
  }
  using Reasoning = UsageQuirks::Reasoning;
  const bool by_total = total && out.reasoning > 0 &&
                        *total == input.value_or(0) + output.value_or(0) + out.reasoning;
  if (quirks.reasoning == Reasoning::BesideCompletion ||
      (quirks.reasoning == Reasoning::ByTotal && by_total)) {
    out.completion += out.reasoning;
  }
  out.cached_read = counter.part(out.cached_read, out.prompt);
  out.cache_write = counter.part(out.cache_write, out.prompt - out.cached_read);
  out.reasoning = counter.part(out.reasoning, out.completion);
  // A detail that makes no sense is left out, and the rest believed.
  const bool detail =
      counter.fault() == UsageFault::Negative || counter.fault() == UsageFault::NotInteger;
  return {out, detail ? UsageFault::Contradictory : counter.fault()};
}

void write_usage(JsonWriter& json, const ReplyBill& bill) {
  const Usage& usage = bill.usage;
  json.begin_object("usage");
  json.number("input_tokens", usage.prompt);
  json.begin_object("input_tokens_details");
  json.number("cached_tokens", usage.cached_read);
  json.number("cache_write_tokens", usage.cache_write);
  json.end_object();
  json.number("output_tokens", usage.completion);
  json.begin_object("output_tokens_details");
  json.number("reasoning_tokens", usage.reasoning);
  json.end_object();
  json.number("total_tokens", usage.prompt + usage.completion);
  json.amount("cost", bill.charge.total);
  json.flag("is_byok", bill.charge.key == KeyOwner::Client);
  json.begin_object("cost_details");
  json.amount("upstream_inference_cost",
              add(bill.charge.prompt, bill.charge.completion).value_or(bill.charge.total));
  json.amount("upstream_inference_input_cost", bill.charge.prompt);
  json.amount("upstream_inference_output_cost", bill.charge.completion);
  json.end_object();
  json.end_object();
}

}  // namespace waybill::dialects::responses
