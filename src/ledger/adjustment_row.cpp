#include "adjustment_row.hpp"

#include <span>
#include <string_view>
#include <utility>

namespace waybill::ledger {

void bind_adjustment(Statement& statement, const StoredAdjustment& row) {
  const Adjustment& adjustment = row.adjustment;
  statement.bind(1, row.seq);
  statement.bind(2, std::string_view(adjustment.id));
  statement.bind(3, std::span<const std::uint8_t>(adjustment.generation.bytes()));
  statement.bind(4, std::int64_t{row.booked.time_since_epoch().count()});
  statement.bind(5, row.debit);
  statement.bind(6, row.credit);
  statement.bind(7, adjustment.refund.count());
  statement.bind(8, std::int64_t{adjustment.whole ? 1 : 0});
  statement.bind(9, std::string_view(adjustment.reason));
  statement.bind(10, std::span<const std::uint8_t>(row.hash));
}

Result<std::optional<StoredAdjustment>> next_adjustment(Statement& select) {
  const auto more = select.next();
  if (!more) {
    return more.error();
  }
  if (!*more) {
    return std::optional<StoredAdjustment>{};
  }
  StoredAdjustment row;
  GenerationId::Bytes generation{};
  row.seq = select.integer(0);
  row.adjustment.id = select.text(1);
  row.booked = WallTime(microseconds(select.integer(3)));
  row.debit = select.integer(4);
  row.credit = select.integer(5);
  row.adjustment.refund = Money::picodollars(select.integer(6));
  row.adjustment.whole = select.integer(7) != 0;
  row.adjustment.reason = select.text(8);
  const bool sound = select.blob_into(2, generation) && select.blob_into(9, row.hash) &&
                     (select.integer(7) == 0 || select.integer(7) == 1) &&
                     row.adjustment.refund > Money{};
  row.adjustment.generation = GenerationId(generation);
  if (!sound) {
    return Error(ErrorKind::Internal, "ledger_corrupt",
                 "Row " + std::to_string(row.seq) +
                     " of the ledger, an adjustment, holds a value out of its range.");
  }
  return std::optional(std::move(row));
}

Result<Money> sum_refunds(Statement& select, const GenerationId& id) {
  select.bind(1, std::span<const std::uint8_t>(id.bytes()));
  Int128 sum = 0;  // of at most as many as the generation was charged picodollars
  for (;;) {
    const auto more = select.next();
    if (!more) {
      return more.error();
    }
    if (!*more) {
      break;
    }
    sum += select.integer(0);
  }
  const auto money = to_money(sum);
  if (!money) {
    return Error(ErrorKind::Internal, "ledger_corrupt",
                 "The refunds of " + id.to_string() +
                     " sum to more than an amount can hold; run `waybill ledger verify`.");
  }
  return *money;
}

}  // namespace waybill::ledger
