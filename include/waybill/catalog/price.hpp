// What a generation costs: exact unit prices, usage counts, and the one function
// that multiplies them.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/money.hpp"
#include "waybill/base/result.hpp"

namespace waybill::catalog {

// Prices of one unit each.  A class without a price of its own is charged as what
// it is a part of: cache_read, cache_write and audio_prompt as prompt; reasoning,
// audio_completion and image_completion as completion; image and request cost
// nothing.
struct UnitPrices {
  std::optional<Money> prompt;            // per token
  std::optional<Money> completion;        // per token
  std::optional<Money> cache_read;        // per prompt token read from the provider's cache
  std::optional<Money> cache_write;       // per prompt token written to it
  std::optional<Money> reasoning;         // per reasoning token
  std::optional<Money> audio_prompt;      // per audio token sent
  std::optional<Money> audio_completion;  // per audio token received
  std::optional<Money> image_completion;  // per image token received
  std::optional<Money> image;             // per image sent
  std::optional<Money> request;           // per request

  friend bool operator==(const UnitPrices&, const UnitPrices&) = default;
};

// Prices that replace those of the table when a request has strictly more prompt
// tokens than the threshold; they then hold for all of its units.
struct PriceTier {
  std::uint64_t above_prompt_tokens = 0;
  UnitPrices prices;  // members without a value keep the price from before

  friend bool operator==(const PriceTier&, const PriceTier&) = default;
};

// All prices of one endpoint.
//
// `version` names the content: make_price_table() computes it, and two tables with
// equal prices have equal versions on every machine.  Where several tiers match,
// the later one in the vector wins, member by member.
struct PriceTable {
  UnitPrices base;
  std::vector<PriceTier> tiers;
  std::string version;

  friend bool operator==(const PriceTable&, const PriceTable&) = default;
};

// Fails with "price_missing" without a prompt or a completion price (zero is a
// price; none is not) and with "price_negative" for any below zero.
Result<PriceTable> make_price_table(UnitPrices base, std::vector<PriceTier> tiers = {});

// All prices zero.
[[nodiscard]] PriceTable free_price_table();

// The table as one line of ASCII, e.g. "prompt=150000 completion=600000
// tier=200000 prompt=300000" in picodollars.  The ledger stores it, so that a cost
// can be computed again from the ledger alone.
[[nodiscard]] std::string to_text(const PriceTable& table);

// The inverse of to_text(), with the version computed again.  Fails with
// "price_text_invalid" on anything else.
Result<PriceTable> parse_price_text(std::string_view text);

// What was used, as providers report it.
struct UsageCounts {
  std::uint64_t prompt = 0;            // all prompt tokens, the next three included
  std::uint64_t cached_read = 0;       // of them read from the provider's cache
  std::uint64_t cache_write = 0;       // of them written to it
  std::uint64_t audio_prompt = 0;      // of them audio
  std::uint64_t completion = 0;        // all completion tokens, the next three included
  std::uint64_t reasoning = 0;         // of them reasoning
  std::uint64_t audio_completion = 0;  // of them audio
  std::uint64_t image_completion = 0;  // of them images
  std::uint64_t images = 0;            // images sent with the prompt
  std::uint64_t requests = 1;          // 0 where the per-request price is not due

  friend bool operator==(const UsageCounts&, const UsageCounts&) = default;
};

// The counts with parts cut down until they fit their whole (a provider that
// reports more cached tokens than prompt tokens is not believed).  Equal to the
// argument when nothing had to be cut.
[[nodiscard]] UsageCounts clamp_parts(UsageCounts counts) noexcept;

// total = prompt + completion + the per-request price.
struct Cost {
  Money total;
  Money prompt;      // text, cached, audio and image input
  Money completion;  // text, reasoning, audio and image output

  friend bool operator==(const Cost&, const Cost&) = default;
};

// The price of one unit of each class for a request of that many prompt tokens:
// tiers and fallbacks resolved, every member with a value.
[[nodiscard]] UnitPrices effective_prices(const PriceTable& table,
                                          std::uint64_t prompt_tokens) noexcept;

// Exact: every token is in one class and charged once.
//
// Fails with "usage_contradictory" where parts exceed their whole (see
// clamp_parts) and with "cost_out_of_range" above Money::largest_entry().
// Pure and thread-safe.
Result<Cost> compute_cost(const PriceTable& table, const UsageCounts& counts);

// What a call that nothing was heard of may still have cost its provider's customer:
// the whole prompt, and the price of a request.  Zero where that is out of range, or above
// `largest`, what one entry may say.
[[nodiscard]] Money cost_of_lost_call(const PriceTable& table,
                                      std::uint64_t prompt_tokens,
                                      Money largest);

}  // namespace waybill::catalog
