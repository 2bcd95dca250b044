// Adjustments: what may be given back, once, and what verify says of the rest (I11).

#include <csignal>
#include <limits>

#include <unistd.h>

#include "fault_vfs.hpp"
#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests

TEST(Adjust, GivesBackAPartAndThenTheRest) {
  const TempFolder folder;
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
    ASSERT_EQ(bench.settle(settlement(2)), SettleStatus::Recorded);
    const auto part = bench.ledger->adjust(refund(1, 1'000, "part"));
    ASSERT_TRUE(part) << part.error().detail();
    EXPECT_EQ(part->status, AdjustStatus::Recorded);
    EXPECT_EQ(part->seq, 3);
    EXPECT_EQ(part->charged.count(), charge(1));
    EXPECT_EQ(part->refunded.count(), 1'000);
    const auto rest = bench.ledger->adjust(refund(1, std::nullopt, "rest"));
    ASSERT_TRUE(rest) << rest.error().detail();
    EXPECT_EQ(rest->adjustment.refund.count(), charge(1) - 1'000);
    EXPECT_EQ(rest->refunded.count(), charge(1));
    ASSERT_EQ(bench.settle(settlement(3)), SettleStatus::Recorded);  // the chain goes on
    const auto found = bench.ledger->reader().find_generation(id(1));
    EXPECT_EQ((*found)->settlement, settlement(1));  // the original stands
    EXPECT_EQ((*found)->refunded.count(), charge(1));
    EXPECT_EQ((*bench.ledger->reader().find_generation(id(2)))->refunded.count(), 0);
  }
  Bench again(folder);
  ASSERT_TRUE(again.ledger);
  const auto report = again.ledger->reader().verify();
  ASSERT_TRUE(report) << report.error().detail();
  EXPECT_EQ(report->rows, 5);
  EXPECT_EQ(report->adjustments, 2);
  EXPECT_EQ(report->refund_total.count(), charge(1));
  EXPECT_EQ(report->customer_total.count(), charge(1) + charge(2) + charge(3));
  const auto rows =
      again.ledger->reader().report(ReportGroup::Day, kNow, kNow + std::chrono::hours(1));
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ((*rows)[0].refunded.count(), charge(1));
  EXPECT_EQ((*rows)[0].cost, report->customer_total);
  EXPECT_EQ((*rows)[0].generations, 3U);
}

TEST(Adjust, TheSameOnceMoreBooksNothingAndAnotherUnderItsIdIsRefused) {
  const TempFolder folder;
  Bench bench(folder);
  ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  ASSERT_EQ(bench.settle(settlement(2)), SettleStatus::Recorded);
  ASSERT_TRUE(bench.ledger->adjust(refund(1, 1'000)));
  ASSERT_TRUE(bench.ledger->adjust(refund(2, std::nullopt, "all")));
  const auto again = bench.ledger->adjust(refund(1, 1'000));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->status, AdjustStatus::Exists);
  EXPECT_EQ(again->seq, 3);
  EXPECT_EQ(again->refunded.count(), 1'000);
  const auto all = bench.ledger->adjust(refund(2, std::nullopt, "all"));
  ASSERT_TRUE(all);  // though nothing is left
  EXPECT_EQ(all->status, AdjustStatus::Exists);
  EXPECT_EQ(all->adjustment.refund.count(), charge(2));
  for (const NewAdjustment& other : {refund(1, 1'001), refund(2, 1'000), refund(1, std::nullopt),
                                     refund(1, 1'000, "a", "why"), refund(2, charge(2), "all")}) {
    EXPECT_EQ(bench.ledger->adjust(other).error().code(), "adjustment_conflict");
  }
  EXPECT_EQ(bench.ledger->reader().verify()->adjustments, 2);
}

TEST(Adjust, WhatMayNotBeIsRefusedAndChangesNothing) {
  const TempFolder folder;
  Bench bench(folder);
  Settlement nothing = settlement(2);
  nothing.counts = {.requests = 0};
  nothing.cost = {};
  nothing.provider_cost = {};
  ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  ASSERT_EQ(bench.settle(nothing), SettleStatus::Recorded);
  ASSERT_TRUE(bench.ledger->adjust(refund(1, 1'000, "first")));
  struct Case {
    NewAdjustment wanted;
    std::string code;
  };
  const std::vector<Case> cases{
      {refund(1, charge(1)), "refund_too_large"},
      {refund(1, charge(1) - 999), "refund_too_large"},
      {refund(1, std::numeric_limits<std::int64_t>::max()), "refund_too_large"},
      {refund(2, 1), "nothing_charged"},
      {refund(2, std::nullopt), "nothing_charged"},
      {refund(3, 1), "generation_not_found"},
      {refund(1, 0), "adjustment_invalid"},
      {refund(1, -1), "adjustment_invalid"},
      {refund(1, 1, "a", ""), "adjustment_invalid"},
      {refund(1, 1, "a", "   "), "adjustment_invalid"},
      {refund(1, 1, "a", "two\nlines"), "adjustment_invalid"},
      {refund(1, 1, "a", "\xFF"), "adjustment_invalid"},
      {refund(1, 1, "a", std::string(501, 'x')), "adjustment_invalid"},
      {refund(1, 1, ""), "adjustment_invalid"},
      {refund(1, 1, "a b"), "adjustment_invalid"},
      {refund(1, 1, std::string(65, 'x')), "adjustment_invalid"},
  };
  for (const Case& each : cases) {
    const auto done = bench.ledger->adjust(each.wanted);
    ASSERT_FALSE(done) << each.code;
    EXPECT_EQ(done.error().code(), each.code) << done.error().detail();
  }
  EXPECT_FALSE(bench.ledger->failure());
  EXPECT_EQ(bench.ledger->reader().verify()->adjustments, 1);
  ASSERT_TRUE(bench.ledger->adjust(refund(1, charge(1) - 1'000)));  // to the last picodollar
  EXPECT_EQ(bench.ledger->adjust(refund(1, std::nullopt, "b")).error().code(), "refund_too_large");
  EXPECT_EQ(bench.ledger->adjust(refund(1, 1, "b")).error().code(), "refund_too_large");
}

TEST(Adjust, AFullDiskBooksNothingAndTheSameCommandWorksLater) {
  const TempFolder folder;
  FaultVfs vfs;
  Options wanted = options(folder);
  wanted.vfs = vfs.name();
  Bench bench(wanted);
  ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  vfs.full = true;
  EXPECT_EQ(bench.ledger->adjust(refund(1, 5)).error().code(), "store_full");
  EXPECT_FALSE(bench.ledger->failure());
  vfs.full = false;
  const auto done = bench.ledger->adjust(refund(1, 5));
  ASSERT_TRUE(done) << done.error().detail();
  EXPECT_EQ(done->status, AdjustStatus::Recorded);
  EXPECT_EQ(bench.ledger->reader().verify()->refund_total.count(), 5);
}

// Books one picodollar after the other and says so after each; returns only where
// something failed.
void book_until_killed(const TempFolder& folder, int pipe, std::uint32_t first) {
  auto opened = Ledger::open(options(folder));
  for (std::uint32_t n = first; opened; ++n) {
    if (!(*opened)->adjust(refund(1, 1, "a" + std::to_string(n)))) {
      break;
    }
    if (::write(pipe, &n, sizeof(n)) != sizeof(n)) {
      break;
    }
  }
}

TEST(Adjust, D1KillAtARandomInstantLosesNoneAndDoublesNone) {
  const TempFolder folder;
  {
    Bench bench(folder);
    ASSERT_EQ(bench.settle(settlement(1)), SettleStatus::Recorded);
  }
  std::uint32_t next = 1;
  for (std::uint32_t round = 1; round <= 8; ++round) {
    std::uint32_t told = 0;
    ASSERT_NO_FATAL_FAILURE(
        live_until_killed([&](int pipe) { book_until_killed(folder, pipe, next); },
                          [&](int pipe, pid_t child) {
                            std::uint32_t last = 0;
                            while (::read(pipe, &last, sizeof(last)) == sizeof(last)) {
                              if (++told == 3 * round) {
                                ::kill(child, SIGKILL);
                              }
                            }
                          }));
    ASSERT_GE(told, 3 * round);

    Bench bench(folder);
    ASSERT_TRUE(bench.ledger);
    next += told;
    for (std::uint32_t n = 1; n < next; ++n) {
      const auto again = bench.ledger->adjust(refund(1, 1, "a" + std::to_string(n)));
      ASSERT_TRUE(again);
      EXPECT_EQ(again->status, AdjustStatus::Exists) << n;
    }
    // One may have been committed without being told: then it exists, else it is made now.
    ASSERT_TRUE(bench.ledger->adjust(refund(1, 1, "a" + std::to_string(next))));
    ++next;
    const auto report = bench.ledger->reader().verify();
    ASSERT_TRUE(report) << report.error().detail();
    EXPECT_EQ(report->adjustments, next - 1);
    EXPECT_EQ(report->refund_total.count(), next - 1);
  }
}

}  // namespace
}  // namespace waybill::ledger
