#include "billing.hpp"

#include <algorithm>

namespace waybill::gateway {
namespace {

catalog::UsageCounts to_counts(const dialects::Usage& usage, std::uint64_t images) {
  catalog::UsageCounts counts;
  counts.prompt = usage.prompt;
  counts.cached_read = usage.cached_read;
  counts.cache_write = usage.cache_write;
  counts.audio_prompt = usage.audio_prompt;
  counts.completion = usage.completion;
  counts.reasoning = usage.reasoning;
  counts.audio_completion = usage.audio_completion;
  counts.image_completion = usage.image_completion;
  counts.images = images;
  return catalog::clamp_parts(counts);
}

dialects::Usage estimate(const Reported& reported) {
  dialects::Usage usage;
  usage.prompt = dialects::estimate_tokens(reported.prompt_bytes);
  usage.completion = dialects::estimate_tokens(reported.output_bytes);
  return usage;
}

// No provider can use more than its endpoint takes or gives.
void cap(dialects::Usage& usage, const catalog::Endpoint& endpoint, const Reported& reported) {
  if (endpoint.context_length > 0) {
    usage.prompt = std::min(usage.prompt, endpoint.context_length * reported.prompts);
  }
  std::uint64_t longest =
      endpoint.max_completion_tokens > 0 ? endpoint.max_completion_tokens : usage.completion;
  if (reported.output_limit) {
    longest = std::min(longest, *reported.output_limit);
  }
  usage.completion = std::min(usage.completion, longest * reported.prompts * reported.choices);
}

// Parts that were cut to fit their whole are told as they are charged.
void take_parts(dialects::Usage& usage, const catalog::UsageCounts& counts) {
  usage.cached_read = counts.cached_read;
  usage.cache_write = counts.cache_write;
  usage.audio_prompt = counts.audio_prompt;
  usage.reasoning = counts.reasoning;
  usage.audio_completion = counts.audio_completion;
  usage.image_completion = counts.image_completion;
}

// False, and nothing is charged, where the cost is beyond what one entry may hold.
bool try_price(Bill& bill, const catalog::Endpoint& endpoint, const Reported& reported) {
  bill.counts = to_counts(bill.usage, reported.images);
  take_parts(bill.usage, bill.counts);
  const auto cost = catalog::compute_cost(endpoint.price, bill.counts);
  if (!cost || cost->total > reported.largest_entry) {
    return false;
  }
  bill.cost = *cost;
  return true;
}

// A reported usage whose cost is out of range is not believed: then what the endpoint
// can do at most is charged, then what we saw, and only then nothing.
void price(Bill& bill, const catalog::Endpoint& endpoint, const Reported& reported) {
  if (try_price(bill, endpoint, reported)) {
    return;
  }
  bill.anomaly = true;
  cap(bill.usage, endpoint, reported);
  if (try_price(bill, endpoint, reported)) {
    return;
  }
  bill.usage = estimate(reported);
  bill.source = ledger::UsageSource::Estimate;
  if (try_price(bill, endpoint, reported)) {
    return;
  }
  bill.usage = {};
  bill.counts = {};
  bill.counts.requests = 0;
  bill.cost = {};
}

}  // namespace

dialects::ReplyBill Bill::for_reply() const {
  dialects::ReplyBill out;
  out.usage = usage;
  out.charge.total = cost.total;
  out.charge.prompt = cost.prompt;
  out.charge.completion = cost.completion;
  // Counts that were not believed are not repeated: what is told is what is billed.
  const bool believed = source == ledger::UsageSource::Upstream && !anomaly;
  out.charge.counted_by = believed ? dialects::CountedBy::Provider : dialects::CountedBy::Estimate;
  return out;
}

Bill bill_complete(const catalog::Endpoint& endpoint, const Reported& reported) {
  Bill bill;
  const dialects::BillBy by = dialects::bill_by(reported.fault);
  bill.anomaly = reported.fault != dialects::UsageFault::None &&
                 reported.fault != dialects::UsageFault::Missing;
  if (reported.usage && by != dialects::BillBy::Estimate) {
    bill.usage = *reported.usage;
    bill.source = ledger::UsageSource::Upstream;
    if (by == dialects::BillBy::Cap) {
      cap(bill.usage, endpoint, reported);
    }
  } else {
    bill.usage = estimate(reported);
    bill.source = ledger::UsageSource::Estimate;
  }
  price(bill, endpoint, reported);
  return bill;
}

Bill bill_partial(const catalog::Endpoint& endpoint, const Reported& reported) {
  Bill bill;
  if (reported.usage && reported.usage_so_far && reported.output_bytes > 0 &&
      dialects::bill_by(reported.fault) == dialects::BillBy::Usage) {
    // The prompt was counted; of the answer, at least what was delivered.
    bill.usage = *reported.usage;
    bill.usage.completion =
        std::max(bill.usage.completion, dialects::estimate_tokens(reported.output_bytes));
    bill.source = ledger::UsageSource::Partial;
    price(bill, endpoint, reported);
    return bill;
  }
  if (reported.usage && dialects::bill_by(reported.fault) == dialects::BillBy::Usage &&
      reported.usage->completion > 0) {
    bill = bill_complete(endpoint, reported);
    bill.source = ledger::UsageSource::Upstream;
    return bill;
  }
  if (reported.output_bytes == 0) {
    bill.counts.requests = 0;
    return bill;
  }
  bill.usage = estimate(reported);
  bill.source = ledger::UsageSource::Partial;
  price(bill, endpoint, reported);
  return bill;
}

}  // namespace waybill::gateway
