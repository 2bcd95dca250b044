#include "recovery.hpp"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "file.hpp"
#include "frames.hpp"
#include "intent_codec.hpp"
#include "spill_file.hpp"

namespace waybill::ledger {
namespace {

constexpr std::size_t kBatch = 1000;
constexpr const char* kInterrupted = "interrupted";  // the daemon died; docs/errors.md

std::string key_of(const GenerationId& id) {
  return {reinterpret_cast<const char*>(id.bytes().data()), id.bytes().size()};
}

void apply(const Intent& intent, GenerationMap& generations) {
  OpenGeneration& open = generations[key_of(intent.generation)];
  Settlement& known = open.known;
  if (known.generation == intent.generation) {  // a later attempt: the one before has failed
    open.earlier.push_back({.number = known.attempt,
                            .provider = known.provider,
                            .endpoint = known.endpoint,
                            .upstream_model = known.upstream_model,
                            .error_code = kInterrupted,
                            .provider_cost = {}});
  }
  known.generation = intent.generation;
  known.key = intent.key;
  known.api = intent.api;
  known.streamed = intent.streamed;
  known.model = intent.model;
  known.provider = intent.provider;
  known.endpoint = intent.endpoint;
  known.upstream_model = intent.upstream_model;
  known.price_version = intent.price_version;
  known.attempt = intent.attempt;
  known.created = intent.started;
  open.prompt_estimate = intent.prompt_estimate;
  open.mark = intent.mark;
}

void apply(const ProgressMark& mark, GenerationMap& generations) {
  const auto found = generations.find(key_of(mark.generation));
  if (found != generations.end()) {  // without its intent nothing could be charged
    found->second.delivered = mark.delivered;
  }
}

bool shows_output(const catalog::UsageCounts& counts) noexcept {
  return counts.completion > 0;
}

// Posts one batch at a time, counting what came of them.
class BatchPoster {
 public:
  explicit BatchPoster(Journal& journal) noexcept : journal_(journal) {}

  Result<void> post(const std::vector<Posting>& postings) {
    for (std::size_t start = 0; start < postings.size(); start += kBatch) {
      const auto batch =
          std::span(postings).subspan(start, std::min(kBatch, postings.size() - start));
      if (auto done = post_batch(batch); !done) {
        journal_.rollback();
        return done;
      }
    }
    return {};
  }
  [[nodiscard]] const std::vector<std::pair<Outcome, SettleStatus>>& results() const noexcept {
    return results_;
  }

 private:
  Result<void> post_batch(std::span<const Posting> batch) {
    if (auto begun = journal_.begin(); !begun) {
      return begun;
    }
    for (const Posting& posting : batch) {
      const auto status = journal_.post(posting);
      if (!status) {
        return status.error();
      }
      results_.emplace_back(posting.settlement.outcome, *status);
    }
    return journal_.commit();
  }

  Journal& journal_;
  std::vector<std::pair<Outcome, SettleStatus>> results_;
};

}  // namespace

bool read_intent_segment(std::string_view bytes, GenerationMap& generations) {
  const FrameEnd end = read_frames(bytes, [&](std::string_view payload) {
    const auto entry = decode_intent_entry(payload);
    if (entry) {
      std::visit([&](const auto& known) { apply(known, generations); }, *entry);
    }
    return entry.has_value();
  });
  return end == FrameEnd::Clean;
}

Result<IntentLogContent> read_intent_logs(const std::string& database_path) {
  namespace fs = std::filesystem;
  IntentLogContent content;
  std::error_code failed;
  for (fs::directory_iterator entry(database_path + ".intents", failed), end;
       !failed && entry != end; entry.increment(failed)) {
    if (entry->path().extension() == ".log") {
      content.files.push_back(entry->path().string());
    }
  }
  if (failed && failed != std::errc::no_such_file_or_directory) {
    return Error(ErrorKind::Unavailable, "ledger_unreadable",
                 "The intent log cannot be read: " + failed.message() + ".");
  }
  std::ranges::sort(content.files);  // epoch, worker, number: each worker's in its order
  GenerationMap generations;
  for (const std::string& path : content.files) {
    const auto file = File::open(path, O_RDONLY);
    if (!file) {
      return file.error();
    }
    const auto bytes = file->read_all();
    if (!bytes) {
      return bytes.error();
    }
    content.damaged += read_intent_segment(*bytes, generations) ? 0 : 1;
  }
  content.generations.reserve(generations.size());
  for (auto& [id, open] : generations) {
    content.generations.push_back(std::move(open));
  }
  std::ranges::sort(content.generations, {},
                    [](const OpenGeneration& open) { return open.known.generation; });
  return content;
}

Settlement close_generation(const OpenGeneration& open, const Journal& journal) {
  Settlement s = open.known;
  s.failed_attempts = open.earlier;
  s.error_code = kInterrupted;
  const catalog::PriceTable* table = journal.price(s.price_version);
  if (table == nullptr) {  // nobody can say what it cost
    s.anomaly = true;
    s.price_version = catalog::free_price_table().version;
  }
  const catalog::PriceTable& prices = table != nullptr ? *table : *journal.price(s.price_version);
  if (open.delivered && shows_output(*open.delivered)) {
    catalog::UsageCounts counts = *open.delivered;
    if (counts.prompt == 0) {
      counts.prompt = open.prompt_estimate;
    }
    counts.requests = 1;
    const auto clamped = catalog::clamp_parts(counts);
    const auto cost = catalog::compute_cost(prices, clamped);
    if (cost && cost->total <= journal.largest_entry()) {
      s.outcome = Outcome::Partial;
      s.usage_source = UsageSource::Partial;
      s.anomaly = s.anomaly || clamped != counts;
      s.counts = clamped;
      s.cost = *cost;
      s.provider_cost = cost->total;
      return s;
    }
    s.anomaly = true;
  }
  s.outcome = Outcome::Voided;
  s.usage_source = UsageSource::None;
  s.counts.requests = 0;
  s.provider_basis = ProviderCostBasis::Unknown;
  s.provider_cost =
      catalog::cost_of_lost_call(prices, open.prompt_estimate, journal.largest_entry());
  return s;
}

namespace {

// Books what the last run could not.  What is left then, damaged or of prices that the ledger
// does not know (an older copy of it was put back), was acknowledged once: it is kept.
Result<void> take_from_spill(Journal& journal, SpillFile& spill, RecoveryReport& report) {
  const SpillFile::Content& left = spill.left_over();
  if (left.postings.empty() && left.end == FrameEnd::Clean) {
    return {};
  }
  BatchPoster spilled(journal);
  if (auto done = spilled.post(left.postings); !done) {
    return done;
  }
  const auto refused = std::ranges::count_if(
      spilled.results(), [](const auto& result) { return result.second == SettleStatus::Refused; });
  report.from_spill = spilled.results().size() - static_cast<std::size_t>(refused);
  if (refused == 0 && left.end == FrameEnd::Clean) {
    return spill.clear();
  }
  auto kept = spill.set_aside("epoch-" + std::to_string(journal.epoch()));
  if (!kept) {
    return kept.error();
  }
  report.spill_set_aside = std::move(*kept);
  return {};
}

}  // namespace

Result<void> recover(const std::string& database_path,
                     Journal& journal,
                     SpillFile& spill,
                     RecoveryReport& report) {
  if (auto done = take_from_spill(journal, spill, report); !done) {
    return done;
  }
  const auto content = read_intent_logs(database_path);
  if (!content) {
    return content.error();
  }
  report.damaged_segments = content->damaged;
  std::vector<Posting> postings;
  postings.reserve(content->generations.size());
  for (const OpenGeneration& open : content->generations) {
    postings.push_back({.settlement = close_generation(open, journal), .mark = open.mark});
  }
  BatchPoster closing(journal);
  if (auto done = closing.post(postings); !done) {
    return done;
  }
  for (const auto& [outcome, status] : closing.results()) {
    if (status != SettleStatus::Recorded) {
      ++report.already_settled;
    } else if (outcome == Outcome::Voided) {
      ++report.voided;
    } else {
      ++report.settled;
    }
  }
  for (const std::string& path : content->files) {
    std::error_code ignored;  // a file that stays is read again, and found settled
    std::filesystem::remove(path, ignored);
  }
  return {};
}

}  // namespace waybill::ledger
