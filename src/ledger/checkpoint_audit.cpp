#include "checkpoint_audit.hpp"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <utility>

#include "checkpoint_file.hpp"
#include "checkpoint_row.hpp"
#include "journal.hpp"

namespace waybill::ledger {
namespace {

std::string at_row(std::int64_t seq) {
  return "at row " + std::to_string(seq);
}

}  // namespace

// ------------------------------------------------------------------ reading

void CheckpointAudit::gather(const CheckpointFiles& files, const std::string& ledger_path) {
  path_ = checkpoint_lines_path(files, ledger_path);
  trusted_ = read_public_key(signing_key_path(files, ledger_path));
  if (!trusted_) {
    trusted_ = read_public_key(public_key_path(ledger_path));
  }
  if (!trusted_) {
    note(
        "Neither the signing key nor its public half could be read: signatures were checked "
        "against the keys that the checkpoints name themselves.");
  }
  read_lines();
}

void CheckpointAudit::read_lines() {
  std::ifstream file(path_);
  has_file_ = file.is_open();
  for (std::string line; std::getline(file, line);) {
    if (line.empty()) {
      continue;
    }
    if (auto read = parse_checkpoint_line(line)) {
      gathered_.push_back(*read);
    } else {
      ++unreadable_lines_;
    }
  }
}

// A copy that was restored and continued left a part of the chain behind; the lines of
// that part stand before the one that says so.
void CheckpointAudit::keep_last_branch() {
  for (const CheckpointLine& line : gathered_) {
    const Checkpoint& checkpoint = line.checkpoint;
    if (line.lane != lane_) {
      continue;
    }
    if (checkpoint.kind == CheckpointKind::ContinuedFromCopy &&
        is_signature_sound(checkpoint, lane_)) {
      const auto first = lines_.upper_bound(checkpoint.seq);
      left_behind_ += static_cast<std::size_t>(std::distance(first, lines_.end()));
      lines_.erase(first, lines_.end());
    }
    lines_.emplace(checkpoint.seq, checkpoint);
  }
  gathered_.clear();
}

Result<void> CheckpointAudit::load(Connection& connection, const LaneId& lane) {
  lane_ = lane;
  keep_last_branch();
  auto select = connection.prepare(std::string(kSelectCheckpoints) + "ORDER BY id");
  if (!select) {
    return select.error();
  }
  return each_row(*select, [this](const Statement& row) { return load_row(row); });
}

Result<void> CheckpointAudit::load_row(const Statement& stored) {
  const auto row = read_checkpoint(stored);
  if (!row) {
    return corrupt("A checkpoint row is damaged.");
  }
  rows_.emplace(row->seq, *row);
  if (row->voucher) {
    last_signed_ = *row;
    ++signed_rows_;
  } else if (last_signed_) {
    return corrupt("The checkpoint " + at_row(row->seq) +
                   " is not signed, though one before it is.");
  }
  return {};
}

// ------------------------------------------------------------------ following the chain

Result<void> CheckpointAudit::reached(const ChainWalk& walk, WallTime settled) {
  head_settled_ = settled;
  const auto [first_row, last_row] = rows_.equal_range(walk.seq());
  for (auto row = first_row; row != last_row; ++row) {
    if (auto done = check_row(row->second, walk); !done) {
      return done;
    }
  }
  const auto [first_line, last_line] = lines_.equal_range(walk.seq());
  for (auto line = first_line; line != last_line; ++line) {
    if (auto done = check_line(line->second, walk); !done) {
      return done;
    }
  }
  const bool has_signed_row =
      std::any_of(first_row, last_row, [](const auto& row) { return row.second.voucher; });
  rows_without_line_ += has_signed_row && first_line == last_line ? 1 : 0;
  if (last_signed_ && last_signed_->seq == walk.seq()) {
    last_signed_settled_ = settled;
  }
  return {};
}

Result<void> CheckpointAudit::check_row(const Checkpoint& row, const ChainWalk& walk) {
  if (row.hash != walk.hash() || row.customer_total != walk.customer_sum() ||
      row.provider_total != walk.provider_sum() || row.debits != walk.posted_sum() ||
      row.credits != walk.posted_sum()) {
    return corrupt("The checkpoint " + at_row(row.seq) + " does not fit the rows before it.");
  }
  if (row.voucher && !is_signature_sound(row, lane_)) {
    return corrupt("The signature of the checkpoint " + at_row(row.seq) +
                   " is not one of its key: the ledger was rewritten by somebody without it.");
  }
  ++rows_checked_;
  return {};
}

Result<void> CheckpointAudit::check_line(const Checkpoint& line, const ChainWalk& walk) {
  if (!is_row(line) && !is_signature_sound(line, lane_)) {
    return corrupt("The line for row " + std::to_string(line.seq) + " in " + path_ +
                   " was changed: its signature is not one of its key.");
  }
  if (line.hash != walk.hash() || line.debits != walk.posted_sum() ||
      line.credits != walk.posted_sum()) {
    return corrupt("The ledger was rewritten at or before row " + std::to_string(line.seq) +
                   ": the checkpoint signed for it in " + path_ + " says otherwise.");
  }
  ++lines_checked_;
  return {};
}

// Then its signature has been checked already.
bool CheckpointAudit::is_row(const Checkpoint& line) const {
  const auto [first, last] = rows_.equal_range(line.seq);
  return std::any_of(first, last, [&](const auto& row) {
    return row.second.voucher && to_line(row.second, lane_) == to_line(line, lane_);
  });
}

// ------------------------------------------------------------------ the end

Result<void> CheckpointAudit::finish(const ChainWalk& walk) {
  if (rows_checked_ != rows_.size()) {
    return corrupt("The ledger ends " + at_row(walk.seq()) +
                   ", before a checkpoint that was taken " + at_row(rows_.rbegin()->first) +
                   ": rows at its end were removed.");
  }
  if (lines_checked_ != lines_.size()) {
    return corrupt("The ledger ends " + at_row(walk.seq()) + ", but " + path_ +
                   " has a checkpoint signed for row " + std::to_string(lines_.rbegin()->first) +
                   ": rows at its end were removed, or it is an older copy.");
  }
  if (walk.seq() == 0) {
    return {};
  }
  return last_signed_ ? check_end(walk) : check_unsigned();
}

Result<void> CheckpointAudit::check_unsigned() {
  if (trusted_ || !lines_.empty()) {
    return corrupt(
        "No checkpoint of the ledger is signed, though it has a signing key: the signed ones were "
        "removed, or the daemon has not run since the update that signs.");
  }
  note(
      "No checkpoint is signed: whoever rewrote the whole file with its hashes would not be "
      "found.");
  return {};
}

Result<void> CheckpointAudit::check_end(const ChainWalk& walk) const {
  if (trusted_ && last_signed_->voucher->key != *trusted_) {
    return corrupt("The last checkpoint, " + at_row(last_signed_->seq) +
                   ", is signed by another key than the ledger's: the ledger was rewritten by "
                   "somebody without it.");
  }
  return check_tail(walk);
}

Result<void> CheckpointAudit::check_tail(const ChainWalk& walk) const {
  const auto from = std::max(last_signed_->at, last_signed_settled_);
  if (walk.seq() - last_signed_->seq >= Journal::kCheckpointRows ||
      head_settled_ - from >= Journal::kCheckpointTime) {
    return corrupt("The rows after the last checkpoint, " + at_row(last_signed_->seq) +
                   ", are more than the daemon leaves unsigned: checkpoints were removed.");
  }
  return {};
}

void CheckpointAudit::describe(VerifyReport& report) const {
  report.checkpoints = rows_checked_;
  report.signed_checkpoints = signed_rows_;
  report.checkpoint_lines = lines_checked_;
  report.unsigned_rows = report.head_seq - (last_signed_ ? last_signed_->seq : std::int64_t{0});
  report.notes = notes_;
  const auto add = [&report](std::size_t count, const std::string& sentence) {
    if (count > 0) {
      report.notes.push_back(std::to_string(count) + sentence);
    }
  };
  if (!has_file_) {
    report.notes.push_back(
        "The second file of signed checkpoints, " + path_ +
        ", is missing: the chain and its signatures were checked, but not against what was signed "
        "before; rows removed at the end, or an older copy, would not be found.");
  } else {
    add(rows_without_line_, " signed checkpoints have no line in " + path_ + ".");
  }
  add(unreadable_lines_, " lines of " + path_ + " cannot be read and were passed over.");
  add(left_behind_,
      " lines of " + path_ + " are of rows that were left behind when an older copy was restored.");
}

}  // namespace waybill::ledger
