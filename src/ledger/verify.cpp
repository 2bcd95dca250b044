// The whole check: every cost, every balance, every hash.

#include <map>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

#include "waybill/catalog/price.hpp"

#include "audit.hpp"
#include "books.hpp"
#include "bytes.hpp"
#include "checkpoint_audit.hpp"
#include "journal_rows.hpp"
#include "read_connection.hpp"
#include "schema.hpp"

namespace waybill::ledger {
namespace {

constexpr std::int64_t kProgressRows = 4096;

struct Balance {
  Int128 debits = 0;
  Int128 credits = 0;
  friend bool operator==(const Balance&, const Balance&) = default;
};

// One consistent view of the file for as long as it lives.
class ReadTransaction {
 public:
  explicit ReadTransaction(Connection& connection)
      : connection_(connection),
        begun_(connection.execute("BEGIN")) {}
  ReadTransaction(const ReadTransaction&) = delete;
  ReadTransaction& operator=(const ReadTransaction&) = delete;
  ~ReadTransaction() { (void)connection_.execute("ROLLBACK"); }  // nothing was written

  [[nodiscard]] const Result<void>& begun() const noexcept { return begun_; }

 private:
  Connection& connection_;
  Result<void> begun_;
};

class Verifier {
 public:
  Verifier(ReadConnection& connection,
           CheckpointAudit& checkpoints,
           const std::function<void(VerifyProgress)>& progress)
      : connection_(connection),
        checkpoints_(checkpoints),
        progress_(progress) {}

  Result<VerifyReport> run() {
    const ReadTransaction view(connection_.sqlite());
    if (!view.begun()) {
      return view.begun().error();
    }
    for (const auto step :
         {&Verifier::load_genesis, &Verifier::load_prices, &Verifier::load_accounts,
          &Verifier::check_rows, &Verifier::check_attempts, &Verifier::check_accounts}) {
      if (auto done = (this->*step)(); !done) {
        return done.error();
      }
    }
    return report();
  }

 private:
  // Runs `visit` on each row of a query.
  template <class Visit>
  Result<void> each(std::string_view sql, Visit visit) {
    auto select = connection_.sqlite().prepare(sql);
    if (!select) {
      return select.error();
    }
    return each_row(*select, visit);
  }

  Result<void> load_genesis();
  Result<void> load_prices();
  Result<void> load_accounts();
  Result<void> check_rows();
  Result<void> check_row(const JournalRow& row);
  Result<void> check_generation(const StoredGeneration& row);
  Result<void> check_adjustment(const StoredAdjustment& row);
  Result<void> check_cost(const StoredGeneration& row);
  Result<void> check_legs(const StoredGeneration& row);
  Result<void> check_attempts();
  Result<void> check_accounts();
  Result<void> check_balances_here();
  Result<void> check_balances();
  Result<void> check_days();
  [[nodiscard]] VerifyReport report() const;

  [[nodiscard]] std::int64_t account(const std::string& name) const {
    const auto found = account_ids_.find(name);
    return found == account_ids_.end() ? std::int64_t{0} : found->second;
  }
  void post(std::int64_t debit, std::int64_t credit, std::int64_t amount) {
    balances_[debit].debits += amount;
    balances_[credit].credits += amount;
  }

  ReadConnection& connection_;
  CheckpointAudit& checkpoints_;
  const std::function<void(VerifyProgress)>& progress_;
  ChainWalk walk_{0, {}};
  std::int64_t rows_ = 0;
  std::size_t attempts_ = 0;
  std::unordered_map<std::string, catalog::PriceTable> prices_;
  std::unordered_map<std::string, std::int64_t> account_ids_;
  std::map<std::int64_t, std::pair<std::string, Balance>> stored_balances_;
  std::map<std::int64_t, Balance> balances_;
  std::int64_t balances_at_ = 0;  // the row that the stored ones are of
  std::int64_t adjustments_ = 0;
  std::map<GenerationId, Int128> refunds_;
  std::map<std::pair<KeyId, Day>, DayUsage> days_;
};

Result<void> Verifier::load_genesis() {
  LaneId lane{};
  bool found = false;
  auto done =
      each("SELECT value FROM meta WHERE name = 'lane'", [&](const Statement& row) -> Result<void> {
        found = row.blob_into(0, lane);
        return {};
      });
  if (!done) {
    return done;
  }
  if (!found) {
    return corrupt("The ledger has lost the identity of its chain.");
  }
  walk_ = ChainWalk(0, genesis_hash(lane));
  if (auto loaded = checkpoints_.load(connection_.sqlite(), lane); !loaded) {
    return loaded;
  }
  const auto rows = connection_.sqlite().integer(
      "SELECT (SELECT count(*) FROM generation) + (SELECT count(*) FROM adjustment)");
  if (!rows) {
    return rows.error();
  }
  rows_ = *rows;
  return {};
}

Result<void> Verifier::load_prices() {
  return each("SELECT version, text FROM price", [&](const Statement& row) -> Result<void> {
    auto table = catalog::parse_price_text(row.text(1));
    if (!table || table->version != row.text(0)) {
      return corrupt("The price table " + std::string(row.text(0)) + " was changed.");
    }
    prices_.emplace(row.text(0), std::move(*table));
    return {};
  });
}

Result<void> Verifier::load_accounts() {
  const auto balances_at = connection_.sqlite().integer(kSelectBalancesAt);
  if (!balances_at) {
    return balances_at.error();
  }
  balances_at_ = *balances_at;
  return each(
      "SELECT id, name, debits, credits FROM account", [&](const Statement& row) -> Result<void> {
        BalanceBytes debits{};
        BalanceBytes credits{};
        if (!row.blob_into(2, debits) || !row.blob_into(3, credits)) {
          return corrupt("The account " + std::string(row.text(1)) + " is damaged.");
        }
        account_ids_.emplace(row.text(1), row.integer(0));
        stored_balances_.emplace(
            row.integer(0),
            std::pair(std::string(row.text(1)), Balance{from_bytes(debits), from_bytes(credits)}));
        balances_.emplace(row.integer(0), Balance{});
        return {};
      });
}

Result<void> Verifier::check_rows() {
  if (auto done = checkpoints_.reached(walk_, {}); !done) {  // one may stand before the first row
    return done;
  }
  if (auto done = check_balances_here(); !done) {
    return done;
  }
  auto done = visit_journal(connection_.sqlite(), connection_.attempts(), 0,
                            [&](const JournalRow& row) { return check_row(row); });
  return done ? checkpoints_.finish(walk_) : done;
}

Result<void> Verifier::check_row(const JournalRow& row) {
  const auto* const generation = std::get_if<StoredGeneration>(&row);
  auto done =
      generation != nullptr ? check_generation(*generation) : check_adjustment(std::get<1>(row));
  if (done) {
    done = checkpoints_.reached(
        walk_, generation != nullptr ? generation->position.settled : std::get<1>(row).booked);
  }
  if (done) {
    done = check_balances_here();
  }
  if (done && progress_ && walk_.seq() % kProgressRows == 0) {
    progress_({.row = walk_.seq(), .of = rows_});
  }
  return done;
}

Result<void> Verifier::check_generation(const StoredGeneration& row) {
  if (auto done = walk_.follow(row); !done) {
    return done;
  }
  for (const auto check : {&Verifier::check_cost, &Verifier::check_legs}) {
    if (auto done = (this->*check)(row); !done) {
      return done;
    }
  }
  const Settlement& s = row.settlement;
  attempts_ += s.failed_attempts.size();
  DayUsage& day = days_[{s.key, day_of(s.created)}];
  day.amount += s.cost.total.count();
  ++day.generations;
  return {};
}

// I11: no generation gives back more than it was charged, or before.
Result<void> Verifier::check_adjustment(const StoredAdjustment& row) {
  if (auto done = walk_.follow(row); !done) {
    return done;
  }
  ++adjustments_;
  const Adjustment& adjustment = row.adjustment;
  if (row.debit != account(kGoodwillAccount) || row.credit != account(kCustomerAccount)) {
    return corrupt("The accounts of " + describe(row) + " are not those of a refund.");
  }
  Statement& find = connection_.find();
  find.bind(1, std::span<const std::uint8_t>(adjustment.generation.bytes()));
  const auto found = find.next();
  if (!found) {
    return found.error();
  }
  StoredGeneration generation;
  std::size_t attempts = 0;
  const bool sound =
      *found && read_generation(find, generation, attempts) && generation.position.seq < row.seq;
  find.reset();
  if (!sound) {
    return corrupt("There is no generation before it that " + describe(row) + " could adjust.");
  }
  Int128& refunded = refunds_[adjustment.generation];
  refunded += adjustment.refund.count();
  if (refunded > generation.settlement.cost.total.count()) {
    return corrupt("With " + describe(row) +
                   " more is given back of its generation than was charged for it.");
  }
  post(row.debit, row.credit, adjustment.refund.count());
  return {};
}

Result<void> Verifier::check_cost(const StoredGeneration& row) {
  const Settlement& s = row.settlement;
  const auto table = prices_.find(s.price_version);
  if (table == prices_.end()) {
    return corrupt("The price table " + s.price_version + " of " + describe(row) + " is gone.");
  }
  const auto cost = catalog::compute_cost(table->second, s.counts);
  if (!cost || *cost != s.cost) {
    return corrupt("The cost of " + describe(row) + " does not follow from its usage and prices.");
  }
  if (s.provider_basis == ProviderCostBasis::Usage && s.provider_cost != s.cost.total) {
    return corrupt("The provider's cost of " + describe(row) +
                   " does not follow from its usage and prices.");
  }
  return {};
}

Result<void> Verifier::check_legs(const StoredGeneration& row) {
  const Settlement& s = row.settlement;
  const Legs expected{.customer_debit = account(kCustomerAccount),
                      .customer_credit = account(kRevenueAccount),
                      .provider_debit = account("cogs/" + s.provider),
                      .provider_credit = account("payable/" + s.provider)};
  if (row.position.legs != expected) {
    return corrupt("The accounts of " + describe(row) + " are not those of its provider.");
  }
  post(expected.customer_debit, expected.customer_credit, s.cost.total.count());
  post(expected.provider_debit, expected.provider_credit, s.provider_cost.count());
  for (const FailedAttempt& attempt : s.failed_attempts) {
    post(account("cogs/" + attempt.provider), account("payable/" + attempt.provider),
         attempt.provider_cost.count());
  }
  return {};
}

Result<void> Verifier::check_attempts() {
  const auto stored = connection_.sqlite().integer("SELECT count(*) FROM attempt");
  if (!stored) {
    return stored.error();
  }
  if (*stored != static_cast<std::int64_t>(attempts_)) {
    return corrupt("The ledger holds " + std::to_string(*stored) +
                   " failed attempts where its rows name " + std::to_string(attempts_) + ".");
  }
  return {};
}

// Where the walk stands on the row that the stored balances are of.
Result<void> Verifier::check_balances_here() {
  if (walk_.seq() != balances_at_) {
    return {};
  }
  auto done = check_balances();
  return done ? check_days() : done;
}

Result<void> Verifier::check_accounts() {
  if (balances_at_ < 0 || balances_at_ > walk_.seq()) {
    return corrupt("The balances are said to be of row " + std::to_string(balances_at_) +
                   ", which the ledger does not have.");
  }
  if (balances_.size() != stored_balances_.size()) {
    return corrupt("Rows post to an account that is gone.");
  }
  return {};
}

Result<void> Verifier::check_balances() {
  for (const auto& [id, account] : stored_balances_) {
    if (balances_[id] != account.second) {
      return corrupt("The balance of account " + account.first + " does not follow from the rows.");
    }
  }
  return {};
}

Result<void> Verifier::check_days() {
  auto done = each("SELECT key_id, day, amount, generations FROM key_day",
                   [&](const Statement& row) -> Result<void> {
                     BalanceBytes bytes{};
                     const auto found = days_.find({row.integer(0), row.integer(1)});
                     if (!row.blob_into(2, bytes) || found == days_.end() ||
                         found->second.amount != from_bytes(bytes) ||
                         found->second.generations != row.integer(3)) {
                       return corrupt("The daily sum of key " + std::to_string(row.integer(0)) +
                                      " does not follow from the rows.");
                     }
                     days_.erase(found);
                     return {};
                   });
  if (done && !days_.empty()) {
    return corrupt("A daily sum of key " + std::to_string(days_.begin()->first.first) +
                   " is gone.");
  }
  return done;
}

VerifyReport Verifier::report() const {
  VerifyReport out;
  out.rows = walk_.seq();
  out.adjustments = adjustments_;
  out.head_seq = walk_.seq();
  out.head_hash = to_hex(walk_.hash());
  out.customer_total = MoneySum::picodollars(walk_.customer_sum());
  out.refund_total = MoneySum::picodollars(walk_.refund_sum());
  out.provider_total = MoneySum::picodollars(walk_.provider_sum());
  checkpoints_.describe(out);
  return out;
}

}  // namespace

Result<VerifyReport> verify_ledger(ReadConnection& connection,
                                   CheckpointAudit& checkpoints,
                                   const std::function<void(VerifyProgress)>& progress) {
  return Verifier(connection, checkpoints, progress).run();
}

}  // namespace waybill::ledger
