// The SQLite store's index of requests that came with an Idempotency-Key.

#include <utility>

#include "sqlite_store.hpp"

namespace waybill::ledger {

Result<void> SqliteStore::put_idempotency(const IdempotencyRecord& record) {
  put_idempotency_.bind(1, record.tenant);
  put_idempotency_.bind(2, std::span<const std::uint8_t>(record.mark.key));
  put_idempotency_.bind(3, std::span<const std::uint8_t>(record.mark.body));
  put_idempotency_.bind(4, std::span<const std::uint8_t>(record.generation.bytes()));
  put_idempotency_.bind(5, std::int64_t{record.mark.expires.time_since_epoch().count()});
  return put_idempotency_.run();
}

Result<std::vector<IdempotencyRecord>> SqliteStore::idempotency(WallTime now) {
  auto select = connection_.prepare(
      "SELECT key_id, key_hash, body_hash, gen_id, expires FROM idempotency WHERE expires > ?");
  if (!select) {
    return select.error();
  }
  select->bind(1, std::int64_t{now.time_since_epoch().count()});
  std::vector<IdempotencyRecord> out;
  auto done = each_row(*select, [&](const Statement& row) -> Result<void> {
    IdempotencyRecord record;
    GenerationId::Bytes generation{};
    record.tenant = row.integer(0);
    record.mark.expires = WallTime(microseconds(row.integer(4)));
    if (!row.blob_into(1, record.mark.key) || !row.blob_into(2, record.mark.body) ||
        !row.blob_into(3, generation)) {
      return Error(ErrorKind::Internal, "ledger_corrupt",
                   "The ledger's table of idempotency keys holds a damaged row; restore the last "
                   "backup.");
    }
    record.generation = GenerationId(generation);
    out.push_back(record);
    return {};
  });
  if (!done) {
    return done.error();
  }
  return out;
}

Result<std::size_t> SqliteStore::drop_idempotency(WallTime now, std::size_t most) {
  auto remove = connection_.prepare(
      "DELETE FROM idempotency WHERE (key_id, key_hash) IN"
      " (SELECT key_id, key_hash FROM idempotency WHERE expires <= ? ORDER BY expires LIMIT ?)");
  if (!remove) {
    return remove.error();
  }
  remove->bind(1, std::int64_t{now.time_since_epoch().count()});
  remove->bind(2, static_cast<std::int64_t>(most));
  if (auto done = remove->run(); !done) {
    return done.error();
  }
  return static_cast<std::size_t>(sqlite3_changes(connection_.handle()));
}

}  // namespace waybill::ledger
