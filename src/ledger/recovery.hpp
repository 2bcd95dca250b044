// What an intent log left behind says about generations that were never settled.

#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "waybill/ledger/records.hpp"

#include "journal.hpp"

namespace waybill::ledger {

class SpillFile;

// One generation as its frames tell it.
struct OpenGeneration {
  Settlement known;                               // identity and last attempt
  std::uint64_t prompt_estimate = 0;              // of the last attempt
  std::vector<FailedAttempt> earlier;             // attempts with a later one after them
  std::optional<catalog::UsageCounts> delivered;  // the last mark
  std::optional<IdempotencyMark> mark;            // of its request
};

struct IntentLogContent {
  std::vector<OpenGeneration> generations;  // by id: oldest first
  std::vector<std::string> files;
  std::size_t damaged = 0;  // files that end in a torn or damaged frame
};

// Reads every segment of `<database>.intents`; an absent folder is an empty log.
// What follows a damaged frame in its segment is not believed.
Result<IntentLogContent> read_intent_logs(const std::string& database_path);

using GenerationMap = std::unordered_map<std::string, OpenGeneration>;  // by the id's bytes
// The frames of one segment, added to `generations`.  False if damaged.
bool read_intent_segment(std::string_view bytes, GenerationMap& generations);

// How the table of crash windows closes it: W4 with its progress; W2 and W3 (no sign
// of output) void for the customer, with an upper estimate on the provider's side.
// Deterministic, so that a crash during recovery does no harm.
[[nodiscard]] Settlement close_generation(const OpenGeneration& open, const Journal& journal);

// Posts the spill file's settlements, then closes what is open; adds to `report`.
// Removes the intent log's files once all of it is durable.
Result<void> recover(const std::string& database_path,
                     Journal& journal,
                     SpillFile& spill,
                     RecoveryReport& report);

}  // namespace waybill::ledger
