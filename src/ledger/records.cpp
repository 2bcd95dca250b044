#include "waybill/ledger/records.hpp"

#include <algorithm>

#include "waybill/ledger/key_index.hpp"
#include "waybill/ledger/ledger.hpp"

namespace waybill::ledger {

bool KeyRecord::allows_model(std::string_view model) const noexcept {
  return allowed_models.empty() || std::ranges::find(allowed_models, model) != allowed_models.end();
}

Sha256 key_hash(std::string_view key_text) {
  return sha256(key_text);
}

bool stands_for_repeats(const Settlement& settlement) noexcept {
  return settlement.outcome == Outcome::Ok || settlement.outcome == Outcome::Partial ||
         settlement.counts.completion > 0 || !settlement.cost.total.is_zero();
}

std::string_view name(Endpoint endpoint) noexcept {
  switch (endpoint) {
    case Endpoint::ChatCompletions: return "chat_completions";
    case Endpoint::Completions: return "completions";
    case Endpoint::Embeddings: return "embeddings";
    case Endpoint::Other: return "other";
    case Endpoint::Messages: return "messages";
    case Endpoint::Responses: return "responses";
    case Endpoint::Gemini: return "gemini";
    case Endpoint::Ollama: return "ollama";
  }
  return "other";
}

std::string_view name(Outcome outcome) noexcept {
  switch (outcome) {
    case Outcome::Ok: return "ok";
    case Outcome::Cancelled: return "cancelled";
    case Outcome::Partial: return "partial";
    case Outcome::Failed: return "failed";
    case Outcome::Voided: return "voided";
  }
  return "failed";
}

std::string_view name(UsageSource source) noexcept {
  switch (source) {
    case UsageSource::Upstream: return "upstream";
    case UsageSource::Estimate: return "estimate";
    case UsageSource::Partial: return "partial";
    case UsageSource::None: return "none";
  }
  return "none";
}

std::string_view name(SettleStatus status) noexcept {
  switch (status) {
    case SettleStatus::Recorded: return "recorded";
    case SettleStatus::Exists: return "exists";
    case SettleStatus::Conflict: return "conflict";
    case SettleStatus::Refused: return "refused";
    case SettleStatus::Lost: return "lost";
  }
  return "lost";
}

}  // namespace waybill::ledger
