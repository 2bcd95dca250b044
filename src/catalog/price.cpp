#include "waybill/catalog/price.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <system_error>
#include <utility>

#include "waybill/base/digest.hpp"

namespace waybill::catalog {
namespace {

struct NamedPrice {
  std::string_view name;
  std::optional<Money> UnitPrices::* member;
};

// The order is part of the text form, and so of every version.
constexpr std::array kPrices{
    NamedPrice{"prompt", &UnitPrices::prompt},
    NamedPrice{"completion", &UnitPrices::completion},
    NamedPrice{"cache_read", &UnitPrices::cache_read},
    NamedPrice{"cache_write", &UnitPrices::cache_write},
    NamedPrice{"reasoning", &UnitPrices::reasoning},
    NamedPrice{"audio_prompt", &UnitPrices::audio_prompt},
    NamedPrice{"audio_completion", &UnitPrices::audio_completion},
    NamedPrice{"image_completion", &UnitPrices::image_completion},
    NamedPrice{"image", &UnitPrices::image},
    NamedPrice{"request", &UnitPrices::request},
};
constexpr std::string_view kTierWord = "tier";

void append_prices(std::string& out, const UnitPrices& prices) {
  for (const auto& [name, member] : kPrices) {
    if (const auto& price = prices.*member) {
      if (!out.empty()) {
        out += ' ';
      }
      out.append(name).append("=").append(std::to_string(price->count()));
    }
  }
}

bool has_negative(const UnitPrices& prices) noexcept {
  return std::ranges::any_of(kPrices, [&](const NamedPrice& named) {
    const auto& price = prices.*named.member;
    return price && *price < Money{};
  });
}

Error text_invalid() {
  return {ErrorKind::InvalidRequest, "price_text_invalid",
          "The stored price text is damaged; it is not a price table."};
}

template <class Integer>
std::optional<Integer> parse_integer(std::string_view text) noexcept {
  Integer value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// Applies one "name=value" word.  False when it is none of ours.
bool apply_word(PriceTable& table, std::string_view word) {
  const auto equals = word.find('=');
  if (equals == std::string_view::npos) {
    return false;
  }
  const auto name = word.substr(0, equals);
  const auto value = word.substr(equals + 1);
  if (name == kTierWord) {
    const auto threshold = parse_integer<std::uint64_t>(value);
    if (threshold) {
      table.tiers.push_back({.above_prompt_tokens = *threshold, .prices = {}});
    }
    return threshold.has_value();
  }
  const auto* const named = std::ranges::find(kPrices, name, &NamedPrice::name);
  const auto count = parse_integer<std::int64_t>(value);
  if (named == kPrices.end() || !count) {
    return false;
  }
  UnitPrices& target = table.tiers.empty() ? table.base : table.tiers.back().prices;
  target.*(named->member) = Money::picodollars(*count);
  return true;
}

// A running sum that refuses what no entry may hold.
class CostSum {
 public:
  void charge(const std::optional<Money>& unit, std::uint64_t quantity) noexcept {
    // 2^63 * 2^64 fits in 127 bits, and each addend is bounded before it is added.
    const Int128 product = Int128{unit.value_or(Money{}).count()} * Int128{quantity};
    fits_ = fits_ && product <= kLimit && sum_ + product <= kLimit;
    if (fits_) {
      sum_ += product;
    }
  }
  [[nodiscard]] bool fits() const noexcept { return fits_; }
  [[nodiscard]] std::int64_t count() const noexcept { return static_cast<std::int64_t>(sum_); }

 private:
  static constexpr Int128 kLimit = Money::largest_entry().count();
  Int128 sum_ = 0;
  bool fits_ = true;
};

}  // namespace

Result<PriceTable> make_price_table(UnitPrices base, std::vector<PriceTier> tiers) {
  if (!base.prompt || !base.completion) {
    return Error(ErrorKind::InvalidRequest, "price_missing",
                 "A price needs both `prompt` and `completion`; write 0 for what is free.");
  }
  if (has_negative(base) || std::ranges::any_of(tiers, has_negative, &PriceTier::prices)) {
    return Error(ErrorKind::InvalidRequest, "price_negative", "A price cannot be below zero.");
  }
  PriceTable table{.base = base, .tiers = std::move(tiers), .version = {}};
  constexpr std::size_t kVersionBytes = 8;
  const Sha256 digest = sha256(to_text(table));
  table.version = to_hex(std::span(digest).first<kVersionBytes>());
  return table;
}

PriceTable free_price_table() {
  UnitPrices zero;
  zero.prompt = Money{};
  zero.completion = Money{};
  return *make_price_table(zero);
}

std::string to_text(const PriceTable& table) {
  std::string out;
  append_prices(out, table.base);
  for (const PriceTier& tier : table.tiers) {
    if (!out.empty()) {
      out += ' ';
    }
    out.append(kTierWord).append("=").append(std::to_string(tier.above_prompt_tokens));
    if (std::string prices; (append_prices(prices, tier.prices), !prices.empty())) {
      out.append(" ").append(prices);
    }
  }
  return out;
}

Result<PriceTable> parse_price_text(std::string_view text) {
  PriceTable table;
  std::string_view rest = text;
  while (!rest.empty()) {
    const auto space = rest.find(' ');
    if (!apply_word(table, rest.substr(0, space))) {
      return text_invalid();
    }
    rest = space == std::string_view::npos ? std::string_view{} : rest.substr(space + 1);
  }
  auto made = make_price_table(table.base, std::move(table.tiers));
  if (!made || to_text(*made) != text) {
    return text_invalid();
  }
  return made;
}

UsageCounts clamp_parts(UsageCounts counts) noexcept {
  counts.cached_read = std::min(counts.cached_read, counts.prompt);
  counts.cache_write = std::min(counts.cache_write, counts.prompt - counts.cached_read);
  counts.audio_prompt =
      std::min(counts.audio_prompt, counts.prompt - counts.cached_read - counts.cache_write);
  counts.reasoning = std::min(counts.reasoning, counts.completion);
  counts.audio_completion = std::min(counts.audio_completion, counts.completion - counts.reasoning);
  counts.image_completion = std::min(
      counts.image_completion, counts.completion - counts.reasoning - counts.audio_completion);
  return counts;
}

UnitPrices effective_prices(const PriceTable& table, std::uint64_t prompt_tokens) noexcept {
  UnitPrices prices = table.base;
  for (const PriceTier& tier : table.tiers) {
    if (prompt_tokens <= tier.above_prompt_tokens) {
      continue;
    }
    for (const auto& [name, member] : kPrices) {
      if (tier.prices.*member) {
        prices.*member = tier.prices.*member;
      }
    }
  }
  const auto fall_back = [](std::optional<Money>& price, const std::optional<Money>& whole) {
    price = price.value_or(whole.value_or(Money{}));
  };
  fall_back(prices.prompt, Money{});
  fall_back(prices.completion, Money{});
  for (auto* part : {&prices.cache_read, &prices.cache_write, &prices.audio_prompt}) {
    fall_back(*part, prices.prompt);
  }
  for (auto* part : {&prices.reasoning, &prices.audio_completion, &prices.image_completion}) {
    fall_back(*part, prices.completion);
  }
  fall_back(prices.image, Money{});
  fall_back(prices.request, Money{});
  return prices;
}

Result<Cost> compute_cost(const PriceTable& table, const UsageCounts& counts) {
  if (clamp_parts(counts) != counts) {
    return Error(ErrorKind::InvalidRequest, "usage_contradictory",
                 "The usage reports more tokens in a part than in the whole.");
  }
  const UnitPrices unit = effective_prices(table, counts.prompt);
  CostSum prompt;
  prompt.charge(unit.prompt,
                counts.prompt - counts.cached_read - counts.cache_write - counts.audio_prompt);
  prompt.charge(unit.cache_read, counts.cached_read);
  prompt.charge(unit.cache_write, counts.cache_write);
  prompt.charge(unit.audio_prompt, counts.audio_prompt);
  prompt.charge(unit.image, counts.images);
  CostSum completion;
  completion.charge(unit.completion, counts.completion - counts.reasoning -
                                         counts.audio_completion - counts.image_completion);
  completion.charge(unit.reasoning, counts.reasoning);
  completion.charge(unit.audio_completion, counts.audio_completion);
  completion.charge(unit.image_completion, counts.image_completion);
  CostSum total;
  total.charge(Money::picodollars(1), static_cast<std::uint64_t>(prompt.count()));
  total.charge(Money::picodollars(1), static_cast<std::uint64_t>(completion.count()));
  total.charge(unit.request, counts.requests);
  if (!prompt.fits() || !completion.fits() || !total.fits()) {
    return Error(
        ErrorKind::InvalidRequest, "cost_out_of_range",
        "The cost of this usage is above the largest amount one entry may hold (1,000,000 USD); "
        "check the price and the usage.");
  }
  return Cost{.total = Money::picodollars(total.count()),
              .prompt = Money::picodollars(prompt.count()),
              .completion = Money::picodollars(completion.count())};
}

Money cost_of_lost_call(const PriceTable& table, std::uint64_t prompt_tokens, Money largest) {
  const auto cost = compute_cost(table, {.prompt = prompt_tokens});
  return cost && cost->total <= largest ? cost->total : Money();
}

}  // namespace waybill::catalog
