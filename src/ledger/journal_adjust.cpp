// Adjustments: what is checked before one is booked, and how.

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "waybill/base/text.hpp"

#include "journal.hpp"

namespace waybill::ledger {
namespace {

constexpr std::size_t kLongestId = 64;
constexpr std::size_t kLongestReason = 500;

Error invalid(std::string sentence) {
  return {ErrorKind::InvalidRequest, "adjustment_invalid", std::move(sentence)};
}

bool is_id(std::string_view text) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-";
  return !text.empty() && text.size() <= kLongestId &&
         text.find_first_not_of(kAllowed) == std::string_view::npos;
}

bool is_reason(std::string_view text) {
  return text.size() <= kLongestReason && is_valid_utf8(text) &&
         text.find_first_not_of(' ') != std::string_view::npos &&
         std::ranges::none_of(
             text, [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == '\x7F'; });
}

Result<void> check_form(const NewAdjustment& wanted) {
  if (!is_id(wanted.id)) {
    return invalid("An adjustment's id has 1 to 64 letters, digits and any of . _ : -.");
  }
  if (!is_reason(wanted.reason)) {
    return invalid("An adjustment needs a reason: one line of text, at most 500 bytes.");
  }
  if (wanted.refund && *wanted.refund <= Money{}) {
    return invalid("A refund is an amount above zero.");
  }
  return {};
}

Error too_large(const NewAdjustment& wanted, Money charged, Money refunded) {
  return {ErrorKind::InvalidRequest, "refund_too_large",
          (wanted.refund ? "A refund of " + to_decimal(*wanted.refund) + " USD"
                         : std::string("A refund of what is left")) +
              " is not possible: " + wanted.generation.to_string() + " was charged " +
              to_decimal(charged) + " USD, of which " + to_decimal(refunded) +
              " USD were given back before."};
}

}  // namespace

Result<Adjusted> Journal::adjust(const NewAdjustment& wanted) {
  if (auto formed = check_form(wanted); !formed) {
    return formed.error();
  }
  const auto stored = store_.find_adjustment(wanted.id);
  if (!stored) {
    return stored.error();
  }
  const auto generation = store_.find(wanted.generation);
  if (!generation) {
    return generation.error();
  }
  if (!*generation) {
    return Error(ErrorKind::NotFound, "generation_not_found",
                 "The ledger has no generation " + wanted.generation.to_string() + ".");
  }
  const auto refunded = store_.refunded(wanted.generation);
  if (!refunded) {
    return refunded.error();
  }
  const Money charged = (*generation)->settlement.cost.total;
  Adjusted out;
  out.charged = charged;
  out.refunded = *refunded;
  if (*stored) {
    return repeat(**stored, wanted, std::move(out));
  }
  if (charged.is_zero()) {
    return Error(
        ErrorKind::InvalidRequest, "nothing_charged",
        wanted.generation.to_string() + " was charged nothing, so there is nothing to give back.");
  }
  const Money left = Money::picodollars(charged.count() - refunded->count());
  const Money refund = wanted.refund.value_or(left);
  if (refund > left || refund <= Money{}) {
    return too_large(wanted, charged, *refunded);
  }
  auto booked = book({.id = wanted.id,
                      .generation = wanted.generation,
                      .refund = refund,
                      .whole = !wanted.refund,
                      .reason = wanted.reason});
  if (!booked) {
    rollback();
    return booked.error();
  }
  out.seq = booked->seq;
  out.booked = booked->booked;
  out.adjustment = std::move(booked->adjustment);
  out.refunded = Money::picodollars(refunded->count() + refund.count());
  return out;
}

// The same command once more books nothing; another one under its id is refused.
Result<Adjusted> Journal::repeat(const StoredAdjustment& stored,
                                 const NewAdjustment& wanted,
                                 Adjusted out) {
  const Adjustment& stands = stored.adjustment;
  const bool same =
      stands.generation == wanted.generation && stands.reason == wanted.reason &&
      (wanted.refund ? !stands.whole && stands.refund == *wanted.refund : stands.whole);
  if (!same) {
    return Error(ErrorKind::InvalidRequest, "adjustment_conflict",
                 "The adjustment " + stands.id + " stands already, with another content: " +
                     to_decimal(stands.refund) + " USD of " + stands.generation.to_string() +
                     ". Use another --id for another adjustment.");
  }
  out.status = AdjustStatus::Exists;
  out.seq = stored.seq;
  out.booked = stored.booked;
  out.adjustment = stands;
  return out;
}

Result<StoredAdjustment> Journal::book(Adjustment adjustment) {
  if (auto begun = begin(); !begun) {
    return begun.error();
  }
  const Books::RefundAccounts accounts = books_.refund_accounts();
  StoredAdjustment row{.seq = head_.seq + 1,
                       .booked = std::max(clock_(), head_.settled),
                       .debit = accounts.debit,
                       .credit = accounts.credit,
                       .adjustment = std::move(adjustment)};
  row.hash = hasher_.next(head_.hash, row);
  if (auto done = store_.insert(row); !done) {
    return done.error();
  }
  books_.post(row);
  head_ = {.seq = row.seq, .hash = row.hash, .settled = row.booked};
  if (auto done = commit(); !done) {
    return done.error();
  }
  return row;
}

}  // namespace waybill::ledger
