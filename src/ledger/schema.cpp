#include "schema.hpp"

#include <array>
#include <string>

namespace waybill::ledger {
namespace {

// Amounts are picodollars, times microseconds (times of day since 1970 UTC), balances
// 16-byte big-endian two's complement.  Enumerations are numbers in the order of
// waybill/ledger/records.hpp.  `generation` has no foreign keys on purpose: the writer
// holds keys, prices and accounts in memory and checks them there.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE price (version TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
  debits BLOB NOT NULL CHECK (length(debits) = 16), credits BLOB NOT NULL CHECK (length(credits) = 16)
) STRICT;

CREATE TABLE api_key (
  id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
  label TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL, expires INTEGER,
  disabled INTEGER NOT NULL, deleted INTEGER NOT NULL,
  allowed_models TEXT NOT NULL  -- one a line
) STRICT;

CREATE TABLE key_day (
  key_id INTEGER NOT NULL, day INTEGER NOT NULL,  -- since 1970, UTC
  amount BLOB NOT NULL CHECK (length(amount) = 16), generations INTEGER NOT NULL,
  PRIMARY KEY (key_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE generation (
  seq INTEGER PRIMARY KEY, gen_id BLOB NOT NULL UNIQUE CHECK (length(gen_id) = 16), settled INTEGER NOT NULL,
  customer_debit INTEGER NOT NULL, customer_credit INTEGER NOT NULL, cost INTEGER NOT NULL CHECK (cost >= 0),
  provider_debit INTEGER NOT NULL, provider_credit INTEGER NOT NULL,
  provider_cost INTEGER NOT NULL CHECK (provider_cost >= 0),
  cost_prompt INTEGER NOT NULL, cost_completion INTEGER NOT NULL, price_version TEXT NOT NULL,
  key_id INTEGER NOT NULL, api INTEGER NOT NULL, outcome INTEGER NOT NULL, usage_source INTEGER NOT NULL,
  provider_basis INTEGER NOT NULL, streamed INTEGER NOT NULL, cancelled INTEGER NOT NULL, anomaly INTEGER NOT NULL,
  model TEXT NOT NULL, provider TEXT NOT NULL, endpoint TEXT NOT NULL, upstream_model TEXT NOT NULL,
  upstream_id TEXT NOT NULL, finish_reason TEXT NOT NULL, native_finish_reason TEXT NOT NULL, error_code TEXT NOT NULL,
  prompt_tokens INTEGER NOT NULL, cached_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
  audio_prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
  audio_completion_tokens INTEGER NOT NULL, image_completion_tokens INTEGER NOT NULL,
  images INTEGER NOT NULL, requests INTEGER NOT NULL,
  status INTEGER NOT NULL, attempt INTEGER NOT NULL, failed_attempts INTEGER NOT NULL,
  created INTEGER NOT NULL, first_token INTEGER, upstream_latency INTEGER NOT NULL, duration INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;

CREATE TABLE attempt (
  seq INTEGER NOT NULL REFERENCES generation (seq), position INTEGER NOT NULL, number INTEGER NOT NULL,
  provider TEXT NOT NULL, endpoint TEXT NOT NULL, upstream_model TEXT NOT NULL,
  status INTEGER NOT NULL, error_code TEXT NOT NULL, latency INTEGER NOT NULL,
  provider_cost INTEGER NOT NULL CHECK (provider_cost >= 0),
  PRIMARY KEY (seq, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE checkpoint (
  id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,  -- 0 periodic, 1 continued from an older copy
  seq INTEGER NOT NULL, hash BLOB NOT NULL, at INTEGER NOT NULL,
  customer_total BLOB NOT NULL, provider_total BLOB NOT NULL
) STRICT;

CREATE TRIGGER generation_stands BEFORE UPDATE ON generation BEGIN SELECT RAISE(ABORT, 'rows never change'); END;
CREATE TRIGGER generation_stays BEFORE DELETE ON generation BEGIN SELECT RAISE(ABORT, 'rows never go'); END;
CREATE TRIGGER attempt_stands BEFORE UPDATE ON attempt BEGIN SELECT RAISE(ABORT, 'rows never change'); END;
CREATE TRIGGER attempt_stays BEFORE DELETE ON attempt BEGIN SELECT RAISE(ABORT, 'rows never go'); END;
CREATE TRIGGER checkpoint_stands BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'rows never change'); END;
CREATE TRIGGER checkpoint_stays BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'rows never go'); END;
CREATE TRIGGER price_stands BEFORE UPDATE ON price BEGIN SELECT RAISE(ABORT, 'rows never change'); END;
CREATE TRIGGER price_stays BEFORE DELETE ON price BEGIN SELECT RAISE(ABORT, 'rows never go'); END;

INSERT INTO meta VALUES ('lane', randomblob(16)), ('epoch', 0);
)sql";

// Which requests an Idempotency-Key names, and by which generation they are answered: an
// index with an expiry, no part of the journal, so its rows may go.
constexpr const char* kIdempotency = R"sql(
CREATE TABLE idempotency (
  key_id INTEGER NOT NULL, key_hash BLOB NOT NULL CHECK (length(key_hash) = 32),
  body_hash BLOB NOT NULL CHECK (length(body_hash) = 32), gen_id BLOB NOT NULL CHECK (length(gen_id) = 16),
  expires INTEGER NOT NULL,
  PRIMARY KEY (key_id, key_hash)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires);
)sql";

// Signed checkpoints and adjustments.  `debits` and `credits` are over all accounts;
// the four new columns of a checkpoint are empty in older rows.  Generations and
// adjustments share one sequence and one chain.
constexpr const char* kSignedCheckpointsAndAdjustments = R"sql(
ALTER TABLE checkpoint ADD COLUMN debits BLOB;
ALTER TABLE checkpoint ADD COLUMN credits BLOB;
ALTER TABLE checkpoint ADD COLUMN public_key BLOB;
ALTER TABLE checkpoint ADD COLUMN signature BLOB;

CREATE TABLE adjustment (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, gen_id BLOB NOT NULL CHECK (length(gen_id) = 16),
  booked INTEGER NOT NULL, debit INTEGER NOT NULL, credit INTEGER NOT NULL,
  refund INTEGER NOT NULL CHECK (refund > 0), whole INTEGER NOT NULL, reason TEXT NOT NULL, hash BLOB NOT NULL
) STRICT;
CREATE INDEX adjustment_of_generation ON adjustment (gen_id);

CREATE TRIGGER adjustment_stands BEFORE UPDATE ON adjustment BEGIN SELECT RAISE(ABORT, 'rows never change'); END;
CREATE TRIGGER adjustment_stays BEFORE DELETE ON adjustment BEGIN SELECT RAISE(ABORT, 'rows never go'); END;
)sql";

// Balances and daily sums are written with checkpoints and not with every commit.
constexpr const char* kBalancesAt = R"sql(
INSERT INTO meta SELECT 'balances_at', max(ifnull((SELECT max(seq) FROM generation), 0),
                                           ifnull((SELECT max(seq) FROM adjustment), 0));
)sql";

constexpr std::array kMigrations{kVersion1, kIdempotency, kSignedCheckpointsAndAdjustments,
                                 kBalancesAt};  // index i leads from version i to i + 1
static_assert(kMigrations.size() == kSchemaVersion);

Error newer_schema(std::int64_t version) {
  return {ErrorKind::InvalidRequest, "ledger_newer_schema",
          "The ledger has schema version " + std::to_string(version) +
              ", and this program knows up to " + std::to_string(kSchemaVersion) +
              "; use the newer program that wrote it, or restore an older backup."};
}

Error foreign() {
  return {ErrorKind::InvalidRequest, "ledger_foreign",
          "The file is a SQLite database, but not a ledger of Waybill; name another path."};
}

// The version, after making sure that the file is ours or empty.
Result<std::int64_t> version_of(Connection& connection) {
  const auto application = connection.integer("PRAGMA application_id");
  if (!application) {
    return application.error();
  }
  const auto version = connection.integer("PRAGMA user_version");
  if (!version) {
    return version.error();
  }
  if (*application != kApplicationId) {
    const auto tables = connection.integer("SELECT count(*) FROM sqlite_schema");
    if (!tables) {
      return tables.error();
    }
    if (*application != 0 || *version != 0 || *tables != 0) {
      return foreign();
    }
  }
  if (*version > kSchemaVersion) {
    return newer_schema(*version);
  }
  return *version;
}

}  // namespace

Result<void> migrate(Connection& connection) {
  const auto version = version_of(connection);
  if (!version) {
    return version.error();
  }
  for (auto step = static_cast<std::size_t>(*version); step < kMigrations.size(); ++step) {
    const std::string sql = "BEGIN IMMEDIATE;" + std::string(kMigrations[step]) +
                            "PRAGMA application_id = " + std::to_string(kApplicationId) +
                            ";PRAGMA user_version = " + std::to_string(step + 1) + ";COMMIT;";
    if (auto done = connection.execute(sql.c_str()); !done) {
      if (sqlite3_get_autocommit(connection.handle()) == 0) {
        (void)connection.execute("ROLLBACK");  // the first error is the one to report
      }
      return done;
    }
  }
  return {};
}

Result<void> check_schema(Connection& connection) {
  const auto version = version_of(connection);
  if (!version) {
    return version.error();
  }
  if (*version < kSchemaVersion) {
    return Error(ErrorKind::InvalidRequest, "ledger_older_schema",
                 "The ledger has an older schema; start the daemon once, which migrates it.");
  }
  return {};
}

}  // namespace waybill::ledger
