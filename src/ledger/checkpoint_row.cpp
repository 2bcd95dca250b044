#include "checkpoint_row.hpp"

#include <chrono>
#include <span>

namespace waybill::ledger {

void CheckpointBinding::bind(Statement& insert) const noexcept {
  insert.bind(1, static_cast<std::int64_t>(checkpoint_.kind));
  insert.bind(2, checkpoint_.seq);
  insert.bind(3, std::span<const std::uint8_t>(checkpoint_.hash));
  insert.bind(4, std::int64_t{checkpoint_.at.time_since_epoch().count()});
  insert.bind(5, std::span<const std::uint8_t>(customer_));
  insert.bind(6, std::span<const std::uint8_t>(provider_));
  insert.bind(7, std::span<const std::uint8_t>(debits_));
  insert.bind(8, std::span<const std::uint8_t>(credits_));
  if (checkpoint_.voucher) {
    insert.bind(9, std::span<const std::uint8_t>(checkpoint_.voucher->key));
    insert.bind(10, std::span<const std::uint8_t>(checkpoint_.voucher->signature));
  } else {
    insert.bind_null(9);
    insert.bind_null(10);
  }
}

std::optional<Checkpoint> read_checkpoint(const Statement& row) noexcept {
  Checkpoint point;
  BalanceBytes customer{};
  BalanceBytes provider{};
  point.kind = row.integer(0) == 0 ? CheckpointKind::Periodic : CheckpointKind::ContinuedFromCopy;
  point.seq = row.integer(1);
  point.at = WallTime(std::chrono::microseconds(row.integer(3)));
  if (!row.blob_into(2, point.hash) || !row.blob_into(4, customer) || !row.blob_into(5, provider)) {
    return std::nullopt;
  }
  point.customer_total = from_bytes(customer);
  point.provider_total = from_bytes(provider);
  if (row.is_null(6) && row.is_null(7) && row.is_null(8) && row.is_null(9)) {
    point.debits = point.credits = point.customer_total + point.provider_total;
    return point;
  }
  BalanceBytes debits{};
  BalanceBytes credits{};
  Voucher voucher;
  if (!row.blob_into(6, debits) || !row.blob_into(7, credits) || !row.blob_into(8, voucher.key) ||
      !row.blob_into(9, voucher.signature)) {
    return std::nullopt;
  }
  point.debits = from_bytes(debits);
  point.credits = from_bytes(credits);
  point.voucher = voucher;
  return point;
}

}  // namespace waybill::ledger
