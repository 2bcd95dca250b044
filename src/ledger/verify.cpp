// The whole check: every cost, every balance, every hash.

#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "waybill/catalog/price.hpp"

#include "audit.hpp"
#include "books.hpp"
#include "bytes.hpp"
#include "read_connection.hpp"

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
  Verifier(ReadConnection& connection, const std::function<void(VerifyProgress)>& progress)
      : connection_(connection),
        progress_(progress) {}

  Result<VerifyReport> run() {
    const ReadTransaction view(connection_.sqlite());
    if (!view.begun()) {
      return view.begun().error();
    }
    for (const auto step :
         {&Verifier::load_genesis, &Verifier::load_prices, &Verifier::load_accounts,
          &Verifier::load_checkpoints, &Verifier::check_rows, &Verifier::check_attempts,
          &Verifier::check_balances, &Verifier::check_days}) {
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
    for (;;) {
      const auto more = select->next();
      if (!more) {
        return more.error();
      }
      if (!*more) {
        return {};
      }
      if (Result<void> done = visit(std::as_const(*select)); !done) {
        return done;
      }
    }
  }

  Result<void> load_genesis();
  Result<void> load_prices();
  Result<void> load_accounts();
  Result<void> load_checkpoints();
  Result<void> check_rows();
  Result<void> check_row(const StoredGeneration& row);
  Result<void> check_cost(const StoredGeneration& row);
  Result<void> check_legs(const StoredGeneration& row);
  Result<void> check_checkpoint();
  Result<void> check_attempts();
  Result<void> check_balances();
  Result<void> check_days();
  Result<VerifyReport> report();

  void post(std::int64_t debit, std::int64_t credit, std::int64_t amount) {
    balances_[debit].debits += amount;
    balances_[credit].credits += amount;
  }

  ReadConnection& connection_;
  const std::function<void(VerifyProgress)>& progress_;
  ChainWalk walk_{0, {}};
  std::int64_t rows_ = 0;
  std::size_t attempts_ = 0;
  std::unordered_map<std::string, catalog::PriceTable> prices_;
  std::unordered_map<std::string, std::int64_t> account_ids_;
  std::map<std::int64_t, std::pair<std::string, Balance>> stored_balances_;
  std::map<std::int64_t, Balance> balances_;
  std::multimap<std::int64_t, Checkpoint> checkpoints_;
  std::size_t checkpoints_checked_ = 0;
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
  const auto rows = connection_.sqlite().integer("SELECT count(*) FROM generation");
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

Result<void> Verifier::load_checkpoints() {
  return each("SELECT seq, hash, customer_total, provider_total FROM checkpoint",
              [&](const Statement& row) -> Result<void> {
                Checkpoint point;
                BalanceBytes customer{};
                BalanceBytes provider{};
                point.seq = row.integer(0);
                if (!row.blob_into(1, point.hash) || !row.blob_into(2, customer) ||
                    !row.blob_into(3, provider)) {
                  return corrupt("A checkpoint row is damaged.");
                }
                point.customer_total = from_bytes(customer);
                point.provider_total = from_bytes(provider);
                checkpoints_.emplace(point.seq, point);
                return {};
              });
}

Result<void> Verifier::check_rows() {
  if (auto done = check_checkpoint(); !done) {  // one may stand before the first row
    return done;
  }
  return each(select_generation_sql() + "ORDER BY seq",
              [&](const Statement& statement) -> Result<void> {
                const auto row = read_whole(statement, connection_.attempts());
                if (!row) {
                  return row.error();
                }
                if (auto done = check_row(*row); !done) {
                  return done;
                }
                if (progress_ && walk_.seq() % kProgressRows == 0) {
                  progress_({.row = walk_.seq(), .of = rows_});
                }
                return {};
              });
}

Result<void> Verifier::check_row(const StoredGeneration& row) {
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
  return check_checkpoint();
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
  const auto id_of = [&](const std::string& name) {
    const auto found = account_ids_.find(name);
    return found == account_ids_.end() ? std::int64_t{0} : found->second;
  };
  const Legs expected{.customer_debit = id_of(kCustomerAccount),
                      .customer_credit = id_of(kRevenueAccount),
                      .provider_debit = id_of("cogs/" + s.provider),
                      .provider_credit = id_of("payable/" + s.provider)};
  if (row.position.legs != expected) {
    return corrupt("The accounts of " + describe(row) + " are not those of its provider.");
  }
  post(expected.customer_debit, expected.customer_credit, s.cost.total.count());
  post(expected.provider_debit, expected.provider_credit, s.provider_cost.count());
  for (const FailedAttempt& attempt : s.failed_attempts) {
    post(id_of("cogs/" + attempt.provider), id_of("payable/" + attempt.provider),
         attempt.provider_cost.count());
  }
  return {};
}

Result<void> Verifier::check_checkpoint() {
  const auto [first, last] = checkpoints_.equal_range(walk_.seq());
  for (auto point = first; point != last; ++point) {
    const Checkpoint& stored = point->second;
    if (stored.hash != walk_.hash() || stored.customer_total != walk_.customer_sum() ||
        stored.provider_total != walk_.provider_sum()) {
      return corrupt("The checkpoint at row " + std::to_string(walk_.seq()) +
                     " does not fit the rows before it.");
    }
    ++checkpoints_checked_;
  }
  return {};
}

Result<void> Verifier::check_attempts() {
  if (checkpoints_checked_ != checkpoints_.size()) {
    return corrupt("The ledger ends at row " + std::to_string(walk_.seq()) +
                   ", before a checkpoint that was taken at row " +
                   std::to_string(checkpoints_.rbegin()->first) +
                   ": rows at its end were removed.");
  }
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

Result<void> Verifier::check_balances() {
  for (const auto& [id, account] : stored_balances_) {
    if (balances_[id] != account.second) {
      return corrupt("The balance of account " + account.first + " does not follow from the rows.");
    }
  }
  if (balances_.size() != stored_balances_.size()) {
    return corrupt("Rows post to an account that is gone.");
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

Result<VerifyReport> Verifier::report() {
  const auto customer = checked_money(walk_.customer_sum());
  const auto provider = checked_money(walk_.provider_sum());
  if (!customer || !provider) {
    return (customer ? provider : customer).error();
  }
  return VerifyReport{.rows = walk_.seq(),
                      .head_seq = walk_.seq(),
                      .head_hash = to_hex(walk_.hash()),
                      .checkpoints = checkpoints_checked_,
                      .customer_total = *customer,
                      .provider_total = *provider};
}

}  // namespace

Result<VerifyReport> verify_ledger(ReadConnection& connection,
                                   const std::function<void(VerifyProgress)>& progress) {
  return Verifier(connection, progress).run();
}

}  // namespace waybill::ledger
