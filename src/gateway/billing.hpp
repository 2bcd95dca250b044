// From what was counted to what it costs.

#pragma once

#include <cstdint>
#include <optional>

#include "waybill/catalog/catalog.hpp"
#include "waybill/catalog/price.hpp"
#include "waybill/dialects/openai_reply.hpp"
#include "waybill/dialects/usage.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::gateway {

// What an upstream reported, and what we saw ourselves.
struct Reported {
  std::optional<dialects::Usage> usage;
  dialects::UsageFault fault = dialects::UsageFault::Missing;
  bool usage_so_far = false;                     // of an answer that was still being written
  std::uint64_t prompt_bytes = 0;                // of text, as sent
  std::uint64_t output_bytes = 0;                // of text, as delivered
  std::uint64_t images = 0;                      // sent with the prompt
  std::optional<std::uint64_t> output_limit;     // what the client allowed a choice, in tokens
  std::uint64_t prompts = 1;                     // that were sent together
  std::uint64_t choices = 1;                     // that were asked for of each
  Money largest_entry = Money::largest_entry();  // what one generation may cost here
};

// The counts that are charged, their cost, and how they are known.
struct Bill {
  dialects::Usage usage;
  catalog::UsageCounts counts;
  catalog::Cost cost;
  ledger::UsageSource source = ledger::UsageSource::None;
  bool anomaly = false;  // the provider's report was not believed

  [[nodiscard]] dialects::ReplyBill for_reply() const;
};

// The bill of an answer that came to its end.
[[nodiscard]] Bill bill_complete(const catalog::Endpoint& endpoint, const Reported& reported);

// The bill of an answer that was cut: what was delivered, by estimate, unless the
// provider had already reported its counts.  Nothing delivered, nothing charged.
[[nodiscard]] Bill bill_partial(const catalog::Endpoint& endpoint, const Reported& reported);

}  // namespace waybill::gateway
