#include "journal_rows.hpp"

#include <limits>
#include <optional>
#include <string>
#include <utility>

namespace waybill::ledger {
namespace {

// The adjustments, one ahead of what was visited.
class Adjustments {
 public:
  explicit Adjustments(Statement select) : select_(std::move(select)) {}

  Result<void> advance() {
    auto next = next_adjustment(select_);
    if (!next) {
      return next.error();
    }
    next_ = std::move(*next);
    return {};
  }
  // All that come before row `seq`.
  Result<void> visit_before(std::int64_t seq, const VisitRow& visit) {
    while (next_ && next_->seq < seq) {
      if (auto done = visit(JournalRow(std::move(*next_))); !done) {
        return done;
      }
      if (auto done = advance(); !done) {
        return done;
      }
    }
    return {};
  }

 private:
  Statement select_;
  std::optional<StoredAdjustment> next_;
};

}  // namespace

Result<void> visit_journal(Connection& connection,
                           Statement& attempts,
                           std::int64_t after,
                           const VisitRow& visit) {
  auto select = connection.prepare(select_generation_sql() + "WHERE seq > ? ORDER BY seq");
  auto adjusting =
      connection.prepare(std::string(kSelectAdjustments) + "WHERE seq > ? ORDER BY seq");
  if (!select || !adjusting) {
    return (select ? adjusting : select).error();
  }
  select->bind(1, after);
  adjusting->bind(1, after);
  Adjustments adjustments(std::move(*adjusting));
  if (auto done = adjustments.advance(); !done) {
    return done;
  }
  for (;;) {
    const auto more = select->next();
    if (!more) {
      return more.error();
    }
    if (!*more) {
      return adjustments.visit_before(std::numeric_limits<std::int64_t>::max(), visit);
    }
    auto row = read_whole(*select, attempts);
    if (!row) {
      return row.error();
    }
    if (auto done = adjustments.visit_before(row->position.seq, visit); !done) {
      return done;
    }
    if (auto done = visit(JournalRow(std::move(*row))); !done) {
      return done;
    }
  }
}

}  // namespace waybill::ledger
