// Who is the first with an Idempotency-Key.

#include "waybill/ledger/idempotency_index.hpp"

#include <atomic>
#include <barrier>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "support.hpp"

namespace waybill::ledger {
namespace {

using namespace test;  // NOLINT(google-build-using-namespace): the support of these tests
using State = IdempotencyIndex::State;
using std::chrono::hours;

IdempotencyRecord record(std::uint32_t generation,
                         std::string_view key = "key",
                         std::string_view body = "body",
                         KeyId tenant = 1) {
  return {.tenant = tenant,
          .mark = {.key = sha256(key), .body = sha256(body), .expires = kNow + hours(24)},
          .generation = id(generation)};
}

State claim(IdempotencyIndex& index, const IdempotencyRecord& wanted, WallTime now = kNow) {
  return index.claim(wanted, now).state;
}

struct Case {
  const char* name;
  std::function<void(IdempotencyIndex&)> before;
  IdempotencyRecord wanted;
  WallTime now;
  State expected;
};

void claim_first(IdempotencyIndex& index) {
  EXPECT_EQ(claim(index, record(1)), State::Claimed);
}
void finish_first(IdempotencyIndex& index) {
  claim_first(index);
  index.finish(record(1));
}
void release_first(IdempotencyIndex& index) {
  claim_first(index);
  index.release(record(1));
}

TEST(IdempotencyIndex, B11WhatARepeatMeets) {
  const std::vector<Case> cases{
      {"nothing before", [](IdempotencyIndex&) {}, record(2), kNow, State::Claimed},
      {"under way", claim_first, record(2), kNow, State::UnderWay},
      {"under way, another body", claim_first, record(2, "key", "b"), kNow, State::OtherBody},
      {"under way, another key", claim_first, record(2, "other"), kNow, State::Claimed},
      {"under way, another tenant", claim_first, record(2, "key", "body", 2), kNow, State::Claimed},
      {"under way for very long", claim_first, record(2), kNow + hours(99), State::UnderWay},
      {"finished", finish_first, record(2), kNow, State::Remembered},
      {"finished, another body", finish_first, record(2, "key", "b"), kNow, State::OtherBody},
      {"finished, another tenant", finish_first, record(2, "key", "b", 2), kNow, State::Claimed},
      {"a moment before its expiry", finish_first, record(2), kNow + hours(24) - microseconds(1),
       State::Remembered},
      {"expired", finish_first, record(2), kNow + hours(24), State::Claimed},
      {"expired, another body", finish_first, record(2, "key", "b"), kNow + hours(24),
       State::Claimed},
      {"released", release_first, record(2), kNow, State::Claimed},
      {"released, another body", release_first, record(2, "key", "b"), kNow, State::Claimed},
  };
  for (const Case& c : cases) {
    IdempotencyIndex index(10);
    c.before(index);
    const auto answer = index.claim(c.wanted, c.now);
    EXPECT_EQ(answer.state, c.expected) << c.name;
    if (answer.state != State::Claimed) {
      EXPECT_EQ(answer.earlier, id(1)) << c.name;
    }
  }
}

TEST(IdempotencyIndex, WhoLostItsClaimCannotEndAnothers) {
  IdempotencyIndex index(10);
  finish_first(index);
  ASSERT_EQ(claim(index, record(2), kNow + hours(25)), State::Claimed);
  index.release(record(1));
  index.finish(record(1));
  EXPECT_EQ(claim(index, record(3), kNow + hours(25)), State::UnderWay);
}

TEST(IdempotencyIndex, AFullIndexRefusesAndForgetsNothing) {
  IdempotencyIndex index(3);
  for (std::uint32_t n = 1; n <= 3; ++n) {
    ASSERT_EQ(claim(index, record(n, std::to_string(n))), State::Claimed);
  }
  EXPECT_EQ(claim(index, record(4, "4")), State::Full);
  index.finish(record(1, "1"));
  EXPECT_EQ(claim(index, record(4, "4")), State::Full);
  EXPECT_EQ(claim(index, record(4, "1")), State::Remembered);  // the known ones are known
  EXPECT_EQ(claim(index, record(4, "2")), State::UnderWay);
  index.release(record(3, "3"));
  EXPECT_EQ(claim(index, record(4, "4")), State::Claimed);
  EXPECT_EQ(index.size(), 3U);
}

// All parts are swept in turn; what is under way stays, and what has not expired.
TEST(IdempotencyIndex, ExpiredOnesMakeRoomAndOthersStay) {
  constexpr std::uint32_t kKeys = 3000;
  IdempotencyIndex index(kKeys);
  for (std::uint32_t n = 0; n < kKeys; ++n) {
    IdempotencyRecord wanted = record(n, std::to_string(n));
    wanted.mark.expires = kNow + hours(n % 3 == 1 ? 1 : 24);
    ASSERT_EQ(claim(index, wanted), State::Claimed);
    if (n % 3 != 0) {
      index.finish(wanted);
    }
  }
  std::size_t dropped = 0;
  for (int call = 0; call < 64; ++call) {
    dropped += index.drop_expired(kNow + hours(2));
  }
  EXPECT_EQ(dropped, kKeys / 3);
  EXPECT_EQ(index.size(), kKeys - kKeys / 3);
  EXPECT_EQ(claim(index, record(kKeys, "1"), kNow + hours(2)), State::Claimed);
  EXPECT_EQ(claim(index, record(kKeys, "2"), kNow + hours(2)), State::Remembered);
  EXPECT_EQ(claim(index, record(kKeys, "3"), kNow + hours(200)), State::UnderWay);
  EXPECT_EQ(index.drop_expired(kNow + hours(2)), 0U);
}

TEST(IdempotencyIndex, AFullOneSweepsByItself) {
  IdempotencyIndex index(1);
  finish_first(index);
  // Another key, until one falls into the part of the expired one.
  std::uint32_t n = 2;
  while (claim(index, record(n, std::to_string(n)), kNow + hours(25)) == State::Full &&
         n < 10'000) {
    ++n;
  }
  EXPECT_LT(n, 10'000U);
  EXPECT_EQ(index.size(), 1U);
}

TEST(IdempotencyIndex, LoadsAboveItsCapacity) {
  IdempotencyIndex index(1);
  index.load(std::vector<IdempotencyRecord>{record(1, "1"), record(2, "2")});
  EXPECT_EQ(claim(index, record(3, "1")), State::Remembered);
  EXPECT_EQ(claim(index, record(3, "2")), State::Remembered);
  EXPECT_EQ(claim(index, record(3, "3")), State::Full);
}

TEST(IdempotencyClaim, ReleasesAtItsEndUnlessFinishedOrLeftOpen) {
  IdempotencyIndex index(10);
  {
    ASSERT_EQ(claim(index, record(1)), State::Claimed);
    const IdempotencyClaim held(index, record(1));
    EXPECT_EQ(claim(index, record(2)), State::UnderWay);
  }
  {
    ASSERT_EQ(claim(index, record(3)), State::Claimed);
    IdempotencyClaim held(index, record(3));
    held.finish();
    held.release();
  }
  EXPECT_EQ(index.claim(record(4), kNow).earlier, id(3));
  {
    ASSERT_EQ(claim(index, record(5, "open")), State::Claimed);
    IdempotencyClaim held(index, record(5, "open"));
    held.leave_open();
  }
  EXPECT_EQ(claim(index, record(6, "open")), State::UnderWay);
}

// Several workers, one key, at once: exactly one is the first, every time.
TEST(IdempotencyIndex, B11OfManyAtOnceOneIsTheFirst) {
  constexpr int kThreads = 4;
  constexpr std::uint32_t kRounds = 500;
  IdempotencyIndex index(std::size_t{kRounds} * 2);
  std::barrier start(kThreads);
  std::vector<std::atomic<int>> winners(kRounds);
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint32_t round = 0; round < kRounds; ++round) {
        start.arrive_and_wait();
        const auto wanted = record(round * kThreads + thread, std::to_string(round));
        winners[round] += claim(index, wanted) == State::Claimed ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const auto& won : winners) {
    ASSERT_EQ(won, 1);
  }
  EXPECT_EQ(index.size(), kRounds);
}

// Claims that are released and made again, beside a sweep: never two holders at a time.
TEST(IdempotencyIndex, ClaimsThatComeAndGoNeverOverlap) {
  constexpr std::uint32_t kThreads = 4;
  constexpr std::uint32_t kTurns = 5000;
  IdempotencyIndex index(8);
  std::vector<std::atomic<int>> holders(4);
  std::atomic<int> overlaps{0};
  std::vector<std::thread> threads;
  for (std::uint32_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint32_t turn = 0; turn < kTurns; ++turn) {
        const std::uint32_t key = turn % 4;
        const auto wanted = record(turn * kThreads + thread, std::to_string(key));
        if (claim(index, wanted) == State::Claimed) {
          overlaps += holders[key].fetch_add(1) != 0 ? 1 : 0;
          holders[key].fetch_sub(1);
          index.release(wanted);
        }
        index.drop_expired(kNow);
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(overlaps, 0);
  EXPECT_EQ(index.size(), 0U);
}

}  // namespace
}  // namespace waybill::ledger
