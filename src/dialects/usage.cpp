#include "waybill/dialects/usage.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <initializer_list>
#include <system_error>

#include "waybill/base/ascii.hpp"

#include "key_table.hpp"
#include "usage_reader.hpp"

namespace waybill::dialects {
namespace {

enum class UsageMember : std::uint8_t {
  Prompt,
  Completion,
  Total,
  // Where cached tokens may stand, the most trusted place first.
  DetailCached,
  CacheHit,
  CacheRead,
  Cached,
  NumCached,
  // Likewise tokens written to a cache.
  DetailWrite,
  DetailCreation,
  CacheCreation,
  // Likewise reasoning.
  DetailReasoning,
  Reasoning,
  PromptAudio,
  CompletionAudio,
  CompletionImage,
  PromptDetails,
  CompletionDetails,
  Ours,  // what append_usage() adds
};
constexpr std::size_t kCounts = static_cast<std::size_t>(UsageMember::PromptDetails);

// OpenAI; DeepSeek (prompt_cache_hit_tokens); Moonshot (cached_tokens); Mistral
// (num_cached_tokens); Databricks and LiteLLM (cache_*_input_tokens); Perplexity
// (reasoning_tokens).
constexpr auto kUsageMembers = make_key_table<UsageMember>({
    {"prompt_tokens", UsageMember::Prompt},
    {"completion_tokens", UsageMember::Completion},
    {"total_tokens", UsageMember::Total},
    {"prompt_cache_hit_tokens", UsageMember::CacheHit},
    {"cache_read_input_tokens", UsageMember::CacheRead},
    {"cached_tokens", UsageMember::Cached},
    {"num_cached_tokens", UsageMember::NumCached},
    {"cache_creation_input_tokens", UsageMember::CacheCreation},
    {"reasoning_tokens", UsageMember::Reasoning},
    {"prompt_tokens_details", UsageMember::PromptDetails},
    {"completion_tokens_details", UsageMember::CompletionDetails},
    {"cost", UsageMember::Ours},
    {"is_byok", UsageMember::Ours},
    {"cost_details", UsageMember::Ours},
});

constexpr auto kPromptDetails = make_key_table<UsageMember>({
    {"cached_tokens", UsageMember::DetailCached},
    {"cache_write_tokens", UsageMember::DetailWrite},
    {"cache_creation_tokens", UsageMember::DetailCreation},
    {"audio_tokens", UsageMember::PromptAudio},
});

constexpr auto kCompletionDetails = make_key_table<UsageMember>({
    {"reasoning_tokens", UsageMember::DetailReasoning},
    {"audio_tokens", UsageMember::CompletionAudio},
    {"image_tokens", UsageMember::CompletionImage},
});

// As many digits never exceed kLargestCount.
constexpr std::size_t kSafeDigits = 9;
static_assert(kLargestCount >= 999'999'999);

struct Count {
  std::uint64_t value = 0;
  UsageFault fault = UsageFault::Missing;  // None: it was there and is a count

  [[nodiscard]] bool there() const noexcept {
    return fault == UsageFault::None || fault == UsageFault::TooLarge;
  }
};

Count to_count(std::string_view token) noexcept {
  if (token.size() <= kSafeDigits) {
    std::uint64_t value = 0;
    const auto add_digit = [&](char c) {
      value = value * 10 + static_cast<std::uint64_t>(c - '0');
      return is_digit(c);
    };
    if (std::ranges::all_of(token, add_digit)) {
      return {value, UsageFault::None};
    }
  }
  if (token == "-0") {
    return {0, UsageFault::None};
  }
  if (token.find_first_of(".eE") != std::string_view::npos) {
    return {0, UsageFault::NotInteger};
  }
  if (token.starts_with('-')) {
    return {0, UsageFault::Negative};
  }
  std::uint64_t value = 0;
  const auto result = std::from_chars(token.data(), token.data() + token.size(), value);
  if (result.ec != std::errc() || value > kLargestCount) {
    return {kLargestCount, UsageFault::TooLarge};
  }
  return {value, UsageFault::None};
}

class UsageReader {
 public:
  UsageReader(JsonWalker& walker, const UsageQuirks& quirks) noexcept
      : walker_(walker),
        quirks_(quirks) {}

  UsageReading read() {
    if (walker_.peek() != JsonType::Object) {
      const bool null = walker_.peek() == JsonType::Null;
      walker_.take_value();
      return {std::nullopt, null ? UsageFault::Missing : UsageFault::NotInteger};
    }
    read_object(kUsageMembers);
    if (!walker_.ok()) {
      return {};
    }
    UsageReading reading = judge();
    reading.form = has_members_ && !has_ours_ ? UsageForm::Plain : UsageForm::Unknown;
    return reading;
  }

 private:
  // Not `const Table&` with a size: the tables differ in type.
  template <class Table>
  void read_object(const Table& table) {
    ObjectWalk object(walker_);
    JsonText name;
    while (object.next(name)) {
      has_members_ = true;
      const auto member = table.find(walker_.decode(name));
      if (!member) {
        walker_.take_value();
        continue;
      }
      has_ours_ = has_ours_ || *member == UsageMember::Ours;
      const bool nested = walker_.peek() == JsonType::Object;
      if (nested && *member == UsageMember::PromptDetails) {
        read_object(kPromptDetails);
      } else if (nested && *member == UsageMember::CompletionDetails) {
        read_object(kCompletionDetails);
      } else {
        read_count(*member);
      }
    }
  }

  void read_count(UsageMember member) {
    const JsonType type = walker_.peek();
    ByteRange range;
    if (!walker_.take_value(range) || member >= UsageMember::PromptDetails ||
        type == JsonType::Null) {
      return;
    }
    Count& count = counts_[static_cast<std::size_t>(member)];
    twice_ = twice_ || count.fault != UsageFault::Missing;
    count =
        type == JsonType::Number ? to_count(walker_.raw(range)) : Count{0, UsageFault::NotInteger};
  }

  [[nodiscard]] const Count& at(UsageMember member) const noexcept {
    return counts_[static_cast<std::size_t>(member)];
  }

  // The first that was given at all; one that makes no sense counts as none.
  std::uint64_t first_of(std::initializer_list<UsageMember> members) noexcept {
    for (const UsageMember member : members) {
      const Count& count = at(member);
      if (count.fault == UsageFault::Missing) {
        continue;
      }
      doubtful_ = doubtful_ || count.fault != UsageFault::None;
      return count.value;
    }
    return 0;
  }

  std::uint64_t clamp(std::uint64_t part, std::uint64_t whole) noexcept {
    doubtful_ = doubtful_ || part > whole;
    return std::min(part, whole);
  }

  UsageReading judge() noexcept;
  Usage assemble(const Count& prompt, const Count& completion) noexcept;

  JsonWalker& walker_;
  const UsageQuirks& quirks_;
  std::array<Count, kCounts> counts_{};
  bool has_members_ = false;
  bool has_ours_ = false;
  bool twice_ = false;
  bool doubtful_ = false;
};

// From the two counts that everything else must fit into.
Usage UsageReader::assemble(const Count& prompt, const Count& completion) noexcept {
  const Count& total = at(UsageMember::Total);
  Usage usage;
  usage.prompt = prompt.value;
  usage.completion = completion.value;
  usage.cached_read =
      first_of({UsageMember::DetailCached, UsageMember::CacheHit, UsageMember::CacheRead,
                UsageMember::Cached, UsageMember::NumCached});
  usage.cache_write =
      first_of({UsageMember::DetailWrite, UsageMember::DetailCreation, UsageMember::CacheCreation});
  usage.reasoning = first_of({UsageMember::DetailReasoning, UsageMember::Reasoning});
  if (quirks_.cached == UsageQuirks::Cached::BesidePrompt) {
    usage.prompt += usage.cached_read + usage.cache_write;
  }
  const bool beside = quirks_.reasoning == UsageQuirks::Reasoning::BesideCompletion ||
                      (quirks_.reasoning == UsageQuirks::Reasoning::ByTotal && total.there() &&
                       completion.there() && usage.reasoning > 0 &&
                       total.value == prompt.value + completion.value + usage.reasoning);
  if (beside) {
    usage.completion += usage.reasoning;
  }
  // Mistral counts audio beside the prompt's text; seen by the total, as with reasoning.
  const std::uint64_t audio = first_of({UsageMember::PromptAudio});
  if (audio > 0 && total.there() && prompt.there() && completion.there() &&
      total.value == usage.prompt + usage.completion + audio) {
    usage.prompt += audio;
  }
  usage.cached_read = clamp(usage.cached_read, usage.prompt);
  usage.cache_write = clamp(usage.cache_write, usage.prompt - usage.cached_read);
  usage.reasoning = clamp(usage.reasoning, usage.completion);
  usage.audio_prompt = clamp(audio, usage.prompt);
  usage.audio_completion = clamp(first_of({UsageMember::CompletionAudio}), usage.completion);
  usage.image_completion = clamp(first_of({UsageMember::CompletionImage}), usage.completion);
  return usage;
}

UsageReading UsageReader::judge() noexcept {
  Count prompt = at(UsageMember::Prompt);
  Count completion = at(UsageMember::Completion);
  const Count& total = at(UsageMember::Total);
  if (twice_) {
    return {std::nullopt, UsageFault::Repeated};
  }
  for (const Count& count : {prompt, completion}) {
    if (count.fault == UsageFault::Negative || count.fault == UsageFault::NotInteger) {
      return {std::nullopt, count.fault};
    }
  }
  if (!prompt.there() && !completion.there()) {
    return {std::nullopt, UsageFault::Missing};
  }
  // One of the two may follow from the total.
  const std::uint64_t known = prompt.value + completion.value;
  const std::uint64_t rest = total.there() && total.value > known ? total.value - known : 0;
  if (!prompt.there()) {
    prompt.value = rest;
  }
  if (!completion.there()) {
    completion.value = rest;
  }

  const Usage usage = assemble(prompt, completion);
  const bool large =
      prompt.fault == UsageFault::TooLarge || completion.fault == UsageFault::TooLarge;
  return {usage, large       ? UsageFault::TooLarge
                 : doubtful_ ? UsageFault::Contradictory
                             : UsageFault::None};
}

}  // namespace

UsageReading read_usage(JsonWalker& walker, const UsageQuirks& quirks) {
  return UsageReader(walker, quirks).read();
}

UsageFault check_output(UsageFault fault,
                        const std::optional<Usage>& usage,
                        std::uint64_t output_bytes) noexcept {
  const bool silent = usage && usage->completion == 0 && output_bytes > 0;
  return silent && bill_by(fault) != BillBy::Estimate ? UsageFault::Empty : fault;
}

BillBy bill_by(UsageFault fault) noexcept {
  switch (fault) {
    case UsageFault::None:
    case UsageFault::Contradictory: return BillBy::Usage;
    case UsageFault::TooLarge: return BillBy::Cap;
    case UsageFault::Missing:
    case UsageFault::Repeated:
    case UsageFault::Negative:
    case UsageFault::NotInteger:
    case UsageFault::Empty: break;
  }
  return BillBy::Estimate;
}

std::string_view name(UsageFault fault) noexcept {
  switch (fault) {
    case UsageFault::None: return "none";
    case UsageFault::Missing: return "missing";
    case UsageFault::Repeated: return "repeated";
    case UsageFault::Negative: return "negative";
    case UsageFault::NotInteger: return "not_integer";
    case UsageFault::TooLarge: return "too_large";
    case UsageFault::Contradictory: return "contradictory";
    case UsageFault::Empty: return "empty";
  }
  return "";
}

}  // namespace waybill::dialects
