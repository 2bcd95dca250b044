#include "books.hpp"

#include <chrono>
#include <utility>

namespace waybill::ledger {

Day day_of(WallTime time) noexcept {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

std::size_t Books::DayHash::operator()(const DayKey& day) const noexcept {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;  // spreads small integers
  return (static_cast<std::uint64_t>(day.key) * kOdd) ^ static_cast<std::uint64_t>(day.day);
}

void Books::load(std::vector<Account> accounts) {
  for (Account& account : accounts) {
    by_name_[account.name] = account.id;
    if (account.name.starts_with("cogs/")) {
      provider_total_ += account.debits;
    }
    accounts_.push_back({.account = std::move(account), .before = {}});
  }
  provider_total_before_ = provider_total_;
  find_or_add(kCustomerAccount);
  find_or_add(kRevenueAccount);
}

std::int64_t Books::find_or_add(const std::string& name) {
  const auto id = static_cast<std::int64_t>(accounts_.size()) + 1;
  const auto [place, added] = by_name_.emplace(name, id);
  if (added) {
    const Account account{.id = id, .name = name};
    accounts_.push_back({.account = account, .before = account, .dirty = true, .stored = false});
    dirty_.push_back(id);
  }
  return place->second;
}

Books::ProviderAccounts Books::provider_accounts(const std::string& provider) {
  const auto found = providers_.find(provider);
  if (found != providers_.end()) {
    return found->second;
  }
  const ProviderAccounts made{.cost_of_goods = find_or_add("cogs/" + provider),
                              .payable = find_or_add("payable/" + provider)};
  providers_.emplace(provider, made);
  return made;
}

Legs Books::legs(const std::string& provider) {
  const ProviderAccounts accounts = provider_accounts(provider);
  return {.customer_debit = 1,
          .customer_credit = 2,
          .provider_debit = accounts.cost_of_goods,
          .provider_credit = accounts.payable};
}

Books::Entry& Books::touch(std::int64_t id) {
  Entry& entry = accounts_[static_cast<std::size_t>(id - 1)];
  if (!entry.dirty) {
    entry.dirty = true;
    entry.before.debits = entry.account.debits;
    entry.before.credits = entry.account.credits;
    dirty_.push_back(id);
  }
  if (!entry.unwritten) {
    entry.unwritten = true;
    unwritten_.push_back(id);
  }
  return entry;
}

void Books::transfer(std::int64_t debit, std::int64_t credit, std::int64_t amount) {
  touch(debit).account.debits += amount;
  touch(credit).account.credits += amount;
}

Result<void> Books::post(const Settlement& settlement, const Legs& legs) {
  transfer(legs.customer_debit, legs.customer_credit, settlement.cost.total.count());
  transfer(legs.provider_debit, legs.provider_credit, settlement.provider_cost.count());
  provider_total_ += settlement.provider_cost.count();
  for (const FailedAttempt& attempt : settlement.failed_attempts) {
    const ProviderAccounts accounts = provider_accounts(attempt.provider);
    transfer(accounts.cost_of_goods, accounts.payable, attempt.provider_cost.count());
    provider_total_ += attempt.provider_cost.count();
  }
  return add_to_day(settlement);
}

Books::RefundAccounts Books::refund_accounts() {
  return {.debit = find_or_add(kGoodwillAccount), .credit = find_or_add(kCustomerAccount)};
}

void Books::post(const StoredAdjustment& adjustment) {
  transfer(adjustment.debit, adjustment.credit, adjustment.adjustment.refund.count());
}

Result<void> Books::add_to_day(const Settlement& settlement) {
  const DayKey key{.key = settlement.key, .day = day_of(settlement.created)};
  auto found = days_.find(key);
  if (found == days_.end()) {
    const auto stored = store_.day_usage(key.key, key.day);
    if (!stored) {
      return stored.error();
    }
    found = days_.emplace(key, DayEntry{.usage = *stored, .before = {}}).first;
  }
  DayEntry& day = found->second;
  if (!day.dirty) {
    day.dirty = true;
    day.before = day.usage;
    dirty_days_.push_back(key);
  }
  if (!day.unwritten) {
    day.unwritten = true;
    unwritten_days_.push_back(key);
  }
  day.usage.amount += settlement.cost.total.count();
  ++day.usage.generations;
  return {};
}

Result<void> Books::write_accounts() {
  for (const std::int64_t id : dirty_) {
    const Entry& entry = accounts_[static_cast<std::size_t>(id - 1)];
    if (entry.stored) {
      continue;
    }
    if (auto done = store_.add_account(id, entry.account.name); !done) {
      return done;
    }
  }
  return {};
}

Result<void> Books::write_balances(std::int64_t seq) {
  if (auto done = write_accounts(); !done) {
    return done;
  }
  written_ = true;
  for (const std::int64_t id : unwritten_) {
    if (auto done = store_.put_account(accounts_[static_cast<std::size_t>(id - 1)].account);
        !done) {
      return done;
    }
  }
  for (const DayKey& key : unwritten_days_) {
    if (auto done = store_.put_day_usage(key.key, key.day, days_.at(key).usage); !done) {
      return done;
    }
  }
  return store_.put_balances_at(seq);
}

void Books::keep_changes() noexcept {
  for (const std::int64_t id : dirty_) {
    accounts_[static_cast<std::size_t>(id - 1)].stored = true;
  }
  if (std::exchange(written_, false)) {
    for (const std::int64_t id : unwritten_) {
      accounts_[static_cast<std::size_t>(id - 1)].unwritten = false;
    }
    for (const DayKey& key : unwritten_days_) {
      days_.find(key)->second.unwritten = false;
    }
    unwritten_.clear();
    unwritten_days_.clear();
  }
  keep_loaded();
}

void Books::undo_changes() noexcept {
  written_ = false;
  for (const std::int64_t id : dirty_) {
    Entry& entry = accounts_[static_cast<std::size_t>(id - 1)];
    entry.account.debits = entry.before.debits;
    entry.account.credits = entry.before.credits;
  }
  for (const DayKey& key : dirty_days_) {
    DayEntry& day = days_.find(key)->second;
    day.usage = day.before;
  }
  provider_total_ = provider_total_before_;
  keep_loaded();
}

void Books::keep_loaded() noexcept {
  // An account that is not stored yet stays dirty: its id is given, only its row is not.
  std::erase_if(dirty_, [&](std::int64_t id) {
    Entry& entry = accounts_[static_cast<std::size_t>(id - 1)];
    entry.dirty = !entry.stored;
    return entry.stored;
  });
  for (const DayKey& key : dirty_days_) {
    days_.find(key)->second.dirty = false;
  }
  dirty_days_.clear();
  provider_total_before_ = provider_total_;
}

Books::Totals Books::totals() const noexcept {
  Totals out;
  for (const Entry& entry : accounts_) {
    out.debits += entry.account.debits;
    out.credits += entry.account.credits;
  }
  return out;
}

bool Books::balanced() const noexcept {
  const Totals sums = totals();
  return sums.debits == sums.credits && accounts_[0].account.debits == accounts_[1].account.credits;
}

void Books::forget_days_before(Day day) {
  std::erase_if(days_, [&](const auto& entry) {
    return entry.first.day < day && !entry.second.dirty && !entry.second.unwritten;
  });
}

}  // namespace waybill::ledger
