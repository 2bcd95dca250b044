#include "journal.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "audit.hpp"
#include "settlement_codec.hpp"

namespace waybill::ledger {
namespace {

Error rolled_back(std::int64_t had, std::int64_t has) {
  return {ErrorKind::Internal, "ledger_rolled_back",
          "The ledger ends at row " + std::to_string(has) + ", but row " + std::to_string(had) +
              " was once recorded: the file is an older copy, or its write-ahead log is lost. Put "
              "the newer file "
              "back, or start once with `waybill serve --accept-restored`."};
}

}  // namespace

// ------------------------------------------------------------------ loading

Result<void> Journal::load() {
  auto state = store_.load();
  if (!state) {
    return state.error();
  }
  for (const StoredPrice& stored : state->prices) {
    auto table = catalog::parse_price_text(stored.text);
    if (!table || table->version != stored.version) {
      return corrupt("The ledger's price table " + stored.version + " is damaged.");
    }
    prices_.emplace(stored.version, std::move(*table));
  }
  lane_ = state->lane;
  epoch_ = state->epoch;
  head_ = {.seq = state->head_seq, .hash = state->head_hash, .settled = state->head_settled};
  keys_ = std::move(state->keys);
  books_.load(std::move(state->accounts));
  checkpoint_ = state->checkpoint.value_or(Checkpoint{});
  return check_tail(*state);
}

Result<void> Journal::check_tail(const StoreState& state) {
  if (auto done = check_last_checkpoint(); !done) {
    return done;
  }
  ChainWalk walk(checkpoint_.seq,
                 checkpoint_.seq > 0 ? checkpoint_.hash : genesis_hash(state.lane));
  auto done = store_.visit_rows(checkpoint_.seq, [&](const JournalRow& row) {
    ++rows_checked_;
    auto followed = std::visit([&walk](const auto& kind) { return walk.follow(kind); }, row);
    if (followed && walk.seq() > state.balances_at) {
      followed = std::visit([this](const auto& kind) { return post_again(kind); }, row);
    }
    return followed;
  });
  if (!done) {
    return done;
  }
  books_.keep_loaded();
  const Books::Totals totals = books_.totals();
  const bool sums_fit =
      checkpoint_.customer_total + walk.customer_sum() == books_.customer_total() &&
      checkpoint_.provider_total + walk.provider_sum() == books_.provider_total() &&
      checkpoint_.debits + walk.posted_sum() == totals.debits &&
      checkpoint_.credits + walk.posted_sum() == totals.credits;
  if (!sums_fit || !books_.balanced()) {
    return corrupt("The ledger's balances do not fit its rows.");
  }
  return {};
}

// A row that the stored balances do not know of yet.
Result<void> Journal::post_again(const StoredGeneration& row) {
  if (books_.legs(row.settlement.provider) != row.position.legs) {
    return corrupt("The accounts of " + describe(row) + " are not those of its provider.");
  }
  return books_.post(row.settlement, row.position.legs);
}

Result<void> Journal::post_again(const StoredAdjustment& row) {
  const Books::RefundAccounts accounts = books_.refund_accounts();
  if (accounts.debit != row.debit || accounts.credit != row.credit) {
    return corrupt("The accounts of " + describe(row) + " are not those of a refund.");
  }
  books_.post(row);
  return {};
}

Result<void> Journal::check_last_checkpoint() {
  if (checkpoint_.voucher && !is_signature_sound(checkpoint_, lane_)) {
    return corrupt("The signature of the checkpoint at row " + std::to_string(checkpoint_.seq) +
                   " is not one of its key: the ledger was rewritten by somebody without it.");
  }
  if (checkpoint_.seq == 0) {
    return {};
  }
  const auto hash = store_.hash_at(checkpoint_.seq);
  if (!hash) {
    return hash.error();
  }
  if (!*hash || **hash != checkpoint_.hash) {
    return corrupt("The ledger was changed at or before row " + std::to_string(checkpoint_.seq) +
                   ": it does not fit the checkpoint taken there.");
  }
  return {};
}

Result<void> Journal::check_anchor(const Anchor& anchor, AfterRestore after_restore) {
  if (anchor.lane != lane_) {
    return Error(ErrorKind::Internal, "ledger_replaced",
                 "The database is not the ledger that its lock file knows; put the right file "
                 "back, or remove the "
                 "lock file beside it if it was moved here on purpose.");
  }
  if (anchor.seq > head_.seq) {
    if (after_restore == AfterRestore::Refuse) {
      return rolled_back(anchor.seq, head_.seq);
    }
    if (auto begun = begin(); !begun) {
      return begun;
    }
    auto done = put_checkpoint(CheckpointKind::ContinuedFromCopy);
    if (done) {
      done = commit();
    }
    if (!done) {
      rollback();
    }
    return done;
  }
  if (anchor.seq > 0) {
    const auto hash = store_.hash_at(anchor.seq);
    if (!hash) {
      return hash.error();
    }
    if (!*hash || **hash != anchor.hash) {  // a fork, not an older copy
      return corrupt("Row " + std::to_string(anchor.seq) +
                     " of the ledger is not the row that was once recorded.");
    }
  }
  return {};
}

// ------------------------------------------------------------------ posting

Result<void> Journal::begin() {
  head_before_ = head_;
  checkpoint_before_ = checkpoint_;
  checkpoint_open_ = false;
  return store_.begin();
}

bool Journal::acceptable(const Settlement& settlement) const {
  const catalog::PriceTable* const table = price(settlement.price_version);
  if (table == nullptr) {
    return false;
  }
  const auto cost = catalog::compute_cost(*table, settlement.counts);
  const auto in_range = [](Money amount) {
    return Money{} <= amount && amount <= Money::largest_entry();
  };
  return cost && *cost == settlement.cost && in_range(settlement.provider_cost) &&
         (settlement.provider_basis == ProviderCostBasis::Unknown ||
          settlement.provider_cost == settlement.cost.total) &&
         std::ranges::all_of(settlement.failed_attempts, in_range, &FailedAttempt::provider_cost);
}

Result<SettleStatus> Journal::post(const Posting& posting) {
  const Settlement& settlement = posting.settlement;
  if (!acceptable(settlement)) {
    return SettleStatus::Refused;
  }
  // Ledger time never goes back, whatever the system's clock does.
  const Position position{.seq = head_.seq + 1,
                          .settled = std::max(clock_(), head_.settled),
                          .legs = books_.legs(settlement.provider)};
  const Sha256 hash = hasher_.next(head_.hash, position, settlement);
  const auto inserted = store_.insert(position, settlement, hash);
  if (!inserted) {
    return inserted.error();
  }
  if (*inserted == Inserted::Exists) {
    return compare_with_stored(settlement);
  }
  if (auto posted = books_.post(settlement, position.legs); !posted) {
    return posted.error();
  }
  if (posting.mark && stands_for_repeats(settlement)) {
    const IdempotencyRecord record{
        .tenant = settlement.key, .mark = *posting.mark, .generation = settlement.generation};
    if (auto kept = store_.put_idempotency(record); !kept) {
      return kept.error();
    }
  }
  head_ = {.seq = position.seq, .hash = hash, .settled = position.settled};
  return SettleStatus::Recorded;
}

Result<SettleStatus> Journal::compare_with_stored(const Settlement& settlement) {
  const auto stored = store_.find(settlement.generation);
  if (!stored) {
    return stored.error();
  }
  return *stored && (*stored)->settlement == settlement ? SettleStatus::Exists
                                                        : SettleStatus::Conflict;
}

Result<void> Journal::commit() {
  const bool due = head_.seq - checkpoint_.seq >= kCheckpointRows ||
                   (head_.seq > checkpoint_.seq && is_checkpoint_old());
  auto done = due ? put_checkpoint(CheckpointKind::Periodic) : books_.write_accounts();
  return done ? commit_store() : done;
}

Result<void> Journal::commit_store() {
  if (auto done = store_.commit(); !done) {
    return done;
  }
  books_.keep_changes();
  if (std::exchange(checkpoint_open_, false)) {
    lines_.push_back(to_line(checkpoint_, lane_));
  }
  return {};
}

void Journal::rollback() noexcept {
  store_.rollback();
  books_.undo_changes();
  head_ = head_before_;
  checkpoint_ = checkpoint_before_;
  checkpoint_open_ = false;
}

// ------------------------------------------------------------------ prices

const catalog::PriceTable* Journal::price(std::string_view version) const {
  const auto found = prices_.find(version);
  return found == prices_.end() ? nullptr : &found->second;
}

Result<void> Journal::add_prices(std::span<const catalog::PriceTable> tables) {
  std::vector<const catalog::PriceTable*> fresh;
  for (const catalog::PriceTable& table : tables) {
    if (prices_.contains(table.version)) {
      continue;
    }
    const auto again = catalog::parse_price_text(catalog::to_text(table));
    if (!again || again->version != table.version) {
      return Error(ErrorKind::Internal, "price_version_invalid",
                   "A price table was registered under a version that is not that of its content.");
    }
    fresh.push_back(&table);
  }
  if (fresh.empty()) {
    return {};
  }
  if (auto done = store_prices(fresh); !done) {
    rollback();
    return done;
  }
  for (const catalog::PriceTable* table : fresh) {
    prices_.emplace(table->version, *table);
  }
  return {};
}

Result<void> Journal::store_prices(const std::vector<const catalog::PriceTable*>& tables) {
  if (auto begun = begin(); !begun) {
    return begun;
  }
  for (const catalog::PriceTable* table : tables) {
    if (auto done = store_.put_price({.version = table->version, .text = catalog::to_text(*table)});
        !done) {
      return done;
    }
  }
  return store_.commit();
}

}  // namespace waybill::ledger
