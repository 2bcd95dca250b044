// The journal's checkpoints: when one is taken, who vouches for it, where its line goes.

#include <algorithm>
#include <string>
#include <utility>

#include "checkpoint_file.hpp"
#include "journal.hpp"

namespace waybill::ledger {

Result<void> Journal::put_checkpoint(CheckpointKind kind) {
  const Books::Totals totals = books_.totals();
  Checkpoint point{.kind = kind,
                   .seq = head_.seq,
                   .hash = head_.hash,
                   .at = clock_(),
                   .customer_total = books_.customer_total(),
                   .provider_total = books_.provider_total(),
                   .debits = totals.debits,
                   .credits = totals.credits,
                   .voucher = {}};
  sign(point, lane_, key_);
  auto done = books_.write_balances(point.seq);
  if (done) {
    done = store_.put_checkpoint(point);
  }
  if (done) {
    checkpoint_ = point;
    checkpoint_open_ = true;
    constexpr Day kRemembered = 2;
    books_.forget_days_before(day_of(point.at) - kRemembered);
  }
  return done;
}

// Of a clock that was set back nobody knows how long ago it was.
bool Journal::is_checkpoint_old() const {
  const auto age = clock_() - checkpoint_.at;
  return age >= kCheckpointTime || age < decltype(age)::zero();
}

Result<void> Journal::checkpoint(Due due) {
  if (head_.seq == checkpoint_.seq && due != Due::Again) {
    return {};
  }
  if (due == Due::ByTime && !is_checkpoint_old()) {
    return {};
  }
  auto done = begin();
  if (done) {
    done = put_checkpoint(CheckpointKind::Periodic);
  }
  if (done) {
    done = commit_store();
  }
  if (!done) {
    rollback();
  }
  return done;
}

Result<Journal::Vouched> Journal::vouch() {
  const bool ours = checkpoint_.voucher && checkpoint_.voucher->key == key_.public_key();
  if (head_.seq == 0 || ours) {
    return Vouched::Already;
  }
  if (auto done = checkpoint(Due::Again); !done) {
    return done.error();
  }
  return Vouched::Now;
}

Result<void> Journal::check_line(std::string_view last_line, AfterRestore after_restore) {
  const auto line = parse_checkpoint_line(last_line);
  const bool ours = line && line->lane == lane_ && is_signature_sound(line->checkpoint, lane_);
  std::int64_t known = 0;
  if (ours) {
    known = line->checkpoint.seq;
    const Anchor anchor{.lane = lane_, .seq = known, .hash = line->checkpoint.hash};
    if (auto done = check_anchor(anchor, after_restore); !done) {
      return done;
    }
  }
  auto missing = store_.checkpoints_after(known, CheckpointFile::kMostWaiting);
  if (!missing) {
    return missing.error();
  }
  std::vector<std::string> lines;
  for (const Checkpoint& checkpoint : *missing) {
    std::string found = to_line(checkpoint, lane_);
    if (std::ranges::find(lines_, found) == lines_.end()) {
      lines.push_back(std::move(found));
    }
  }
  lines_.insert(lines_.begin(), lines.begin(), lines.end());
  return {};
}

}  // namespace waybill::ledger
