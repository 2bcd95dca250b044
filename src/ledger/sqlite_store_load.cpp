// The rarely used half of the SQLite store: loading, keys, prices, checkpoints.

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "books.hpp"
#include "bytes.hpp"
#include "checkpoint_row.hpp"
#include "schema.hpp"
#include "sqlite_store.hpp"

namespace waybill::ledger {
namespace {

Error damaged(std::string_view what) {
  return {ErrorKind::Internal, "ledger_corrupt",
          "The ledger's table of " + std::string(what) +
              " holds a damaged row; restore the last backup."};
}

std::string join_lines(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) {
    out.append(out.empty() ? "" : "\n").append(line);
  }
  return out;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    out.emplace_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return out;
}

// Runs `read` on each row of `sql`; it returns false for a damaged one.
template <class Read>
Result<void> read_rows(Connection& connection,
                       std::string_view sql,
                       std::string_view what,
                       Read read) {
  auto select = connection.prepare(sql);
  if (!select) {
    return select.error();
  }
  return each_row(*select, [&](const Statement& row) -> Result<void> {
    return read(row) ? Result<void>{} : damaged(what);
  });
}

void bind_key(Statement& statement, const KeyRecord& key, const std::string& models) {
  statement.bind(1, std::span<const std::uint8_t>(key.hash));
  statement.bind(2, std::string_view(key.label));
  statement.bind(3, std::string_view(key.name));
  statement.bind(4, std::int64_t{key.created.time_since_epoch().count()});
  if (key.expires) {
    statement.bind(5, std::int64_t{key.expires->time_since_epoch().count()});
  } else {
    statement.bind_null(5);
  }
  statement.bind(6, std::int64_t{key.disabled ? 1 : 0});
  statement.bind(7, std::int64_t{key.deleted ? 1 : 0});
  statement.bind(8, std::string_view(models));
}

}  // namespace

Result<std::vector<KeyRecord>> read_keys(Connection& connection) {
  std::vector<KeyRecord> keys;
  auto done =
      read_rows(connection,
                "SELECT id, hash, label, name, created, expires, disabled, deleted, allowed_models"
                " FROM api_key ORDER BY id",
                "keys", [&](const Statement& row) {
                  KeyRecord key;
                  key.id = row.integer(0);
                  key.label = row.text(2);
                  key.name = row.text(3);
                  key.created = WallTime(microseconds(row.integer(4)));
                  if (!row.is_null(5)) {
                    key.expires = WallTime(microseconds(row.integer(5)));
                  }
                  key.disabled = row.integer(6) != 0;
                  key.deleted = row.integer(7) != 0;
                  key.allowed_models = split_lines(row.text(8));
                  const bool sound = row.blob_into(1, key.hash);
                  keys.push_back(std::move(key));
                  return sound;
                });
  if (!done) {
    return done.error();
  }
  return keys;
}

Result<StoreState> SqliteStore::load() {
  if (auto done = connection_.execute("UPDATE meta SET value = value + 1 WHERE name = 'epoch'");
      !done) {
    return done.error();
  }
  StoreState state;
  for (const auto step : {&SqliteStore::load_meta, &SqliteStore::load_head,
                          &SqliteStore::load_checkpoint, &SqliteStore::load_accounts}) {
    if (auto done = (this->*step)(state); !done) {
      return done.error();
    }
  }
  auto keys = read_keys(connection_);
  if (!keys) {
    return keys.error();
  }
  state.keys = std::move(*keys);
  auto prices = read_rows(
      connection_, "SELECT version, text FROM price", "prices", [&](const Statement& row) {
        state.prices.push_back(
            {.version = std::string(row.text(0)), .text = std::string(row.text(1))});
        return true;
      });
  if (!prices) {
    return prices.error();
  }
  return state;
}

Result<void> SqliteStore::load_meta(StoreState& state) {
  const auto epoch = connection_.integer("SELECT value FROM meta WHERE name = 'epoch'");
  if (!epoch) {
    return epoch.error();
  }
  state.epoch = static_cast<std::uint64_t>(*epoch);
  const auto balances_at = connection_.integer(kSelectBalancesAt);
  if (!balances_at) {
    return balances_at.error();
  }
  state.balances_at = *balances_at;
  bool found = false;
  auto done = read_rows(connection_, "SELECT value FROM meta WHERE name = 'lane'", "settings",
                        [&](const Statement& row) {
                          found = row.blob_into(0, state.lane);
                          return found;
                        });
  if (done && !found) {
    return damaged("settings");
  }
  return done;
}

Result<void> SqliteStore::load_head(StoreState& state) {
  state.head_hash = genesis_hash(state.lane);
  return read_rows(connection_,
                   "SELECT * FROM"
                   " (SELECT seq, settled, hash FROM generation ORDER BY seq DESC LIMIT 1)"
                   " UNION ALL SELECT * FROM"
                   " (SELECT seq, booked, hash FROM adjustment ORDER BY seq DESC LIMIT 1)"
                   " ORDER BY 1 DESC LIMIT 1",
                   "generations", [&](const Statement& row) {
                     state.head_seq = row.integer(0);
                     state.head_settled = WallTime(microseconds(row.integer(1)));
                     return row.blob_into(2, state.head_hash);
                   });
}

Result<void> SqliteStore::load_checkpoint(StoreState& state) {
  return read_rows(connection_, std::string(kSelectCheckpoints) + "ORDER BY id DESC LIMIT 1",
                   "checkpoints", [&](const Statement& row) {
                     state.checkpoint = read_checkpoint(row);
                     return state.checkpoint.has_value();
                   });
}

Result<void> SqliteStore::load_accounts(StoreState& state) {
  return read_rows(connection_, "SELECT id, name, debits, credits FROM account ORDER BY id",
                   "accounts", [&](const Statement& row) {
                     BalanceBytes debits{};
                     BalanceBytes credits{};
                     // Books counts them from 1, and its first two are always the same.
                     const auto id = static_cast<std::int64_t>(state.accounts.size()) + 1;
                     const bool in_order =
                         row.integer(0) == id &&
                         (id > 2 || row.text(1) == (id == 1 ? kCustomerAccount : kRevenueAccount));
                     const bool sound =
                         in_order && row.blob_into(2, debits) && row.blob_into(3, credits);
                     state.accounts.push_back({.id = row.integer(0),
                                               .name = std::string(row.text(1)),
                                               .debits = from_bytes(debits),
                                               .credits = from_bytes(credits)});
                     return sound;
                   });
}

Result<void> SqliteStore::add_account(std::int64_t id, const std::string& name) {
  auto insert = connection_.prepare(
      "INSERT INTO account VALUES (?, ?, zeroblob(16), zeroblob(16)) ON CONFLICT (id) DO NOTHING");
  if (!insert) {
    return insert.error();
  }
  insert->bind(1, id);
  insert->bind(2, std::string_view(name));
  return insert->run();
}

Result<void> SqliteStore::put_balances_at(std::int64_t seq) {
  auto update = connection_.prepare("UPDATE meta SET value = ? WHERE name = 'balances_at'");
  if (!update) {
    return update.error();
  }
  update->bind(1, seq);
  return update->run();
}

Result<std::optional<Sha256>> SqliteStore::hash_at(std::int64_t seq) {
  auto select = connection_.prepare(
      "SELECT hash FROM generation WHERE seq = ?1"
      " UNION ALL SELECT hash FROM adjustment WHERE seq = ?1");
  if (!select) {
    return select.error();
  }
  select->bind(1, seq);
  const auto row = select->next();
  if (!row) {
    return row.error();
  }
  Sha256 hash{};
  if (!*row || !select->blob_into(0, hash)) {
    return std::optional<Sha256>{};
  }
  return std::optional(hash);
}

Result<void> SqliteStore::put_checkpoint(const Checkpoint& checkpoint) {
  auto insert = connection_.prepare(kInsertCheckpoint);
  if (!insert) {
    return insert.error();
  }
  const CheckpointBinding binding(checkpoint);
  binding.bind(*insert);
  return insert->run();
}

// From the end: few are wanted of many.
Result<std::vector<Checkpoint>> SqliteStore::checkpoints_after(std::int64_t seq, std::size_t most) {
  auto select = connection_.prepare(std::string(kSelectCheckpoints) + "ORDER BY id DESC");
  if (!select) {
    return select.error();
  }
  std::vector<Checkpoint> out;
  for (;;) {
    const auto more = select->next();
    if (!more) {
      return more.error();
    }
    const auto point = *more ? read_checkpoint(*select) : std::nullopt;
    if (*more && !point) {
      return damaged("checkpoints");
    }
    // Those before an unsigned one are from before signing.
    if (!point || point->seq <= seq || !point->voucher || out.size() == most) {
      std::ranges::reverse(out);
      return out;
    }
    out.push_back(*point);
  }
}

Result<void> SqliteStore::insert(const StoredAdjustment& row) {
  auto insert = connection_.prepare(kInsertAdjustment);
  if (!insert) {
    return insert.error();
  }
  bind_adjustment(*insert, row);
  return insert->run();
}

Result<std::optional<StoredAdjustment>> SqliteStore::find_adjustment(const std::string& id) {
  auto select = connection_.prepare(std::string(kSelectAdjustments) + "WHERE id = ?");
  if (!select) {
    return select.error();
  }
  select->bind(1, std::string_view(id));
  return next_adjustment(*select);
}

Result<Money> SqliteStore::refunded(const GenerationId& id) {
  auto select = connection_.prepare(kSelectRefunds);
  if (!select) {
    return select.error();
  }
  return sum_refunds(*select, id);
}

Result<void> SqliteStore::put_price(const StoredPrice& price) {
  auto insert =
      connection_.prepare("INSERT INTO price VALUES (?, ?) ON CONFLICT (version) DO NOTHING");
  if (!insert) {
    return insert.error();
  }
  insert->bind(1, std::string_view(price.version));
  insert->bind(2, std::string_view(price.text));
  return insert->run();
}

Result<KeyId> SqliteStore::add_key(const KeyRecord& key) {
  auto insert = connection_.prepare(
      "INSERT INTO api_key (hash, label, name, created, expires, disabled, deleted, allowed_models)"
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert) {
    return insert.error();
  }
  const std::string models = join_lines(key.allowed_models);
  bind_key(*insert, key, models);
  if (auto done = insert->run(); !done) {
    return done.error();
  }
  return KeyId{sqlite3_last_insert_rowid(connection_.handle())};
}

Result<void> SqliteStore::update_key(const KeyRecord& key) {
  auto update = connection_.prepare(
      "UPDATE api_key SET hash = ?, label = ?, name = ?, created = ?, expires = ?, disabled = ?, "
      "deleted = ?,"
      " allowed_models = ? WHERE id = ?");
  if (!update) {
    return update.error();
  }
  const std::string models = join_lines(key.allowed_models);
  bind_key(*update, key, models);
  update->bind(9, key.id);
  return update->run();
}

}  // namespace waybill::ledger
