// What the frames of an intent log say.

#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "waybill/ledger/records.hpp"

namespace waybill::ledger {

struct ProgressMark {
  GenerationId generation;
  catalog::UsageCounts delivered;
};

// An Intent's views point into the bytes it was read from.
using IntentEntry = std::variant<Intent, ProgressMark>;

void encode_intent(const Intent& intent, std::string& bytes);
void encode_progress(const GenerationId& generation,
                     const catalog::UsageCounts& delivered,
                     std::string& bytes);

// Nothing unless `payload` is exactly what one of the two writes.
[[nodiscard]] std::optional<IntentEntry> decode_intent_entry(std::string_view payload);

}  // namespace waybill::ledger
