#include "waybill/http/places.hpp"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace waybill::http {
namespace {

// Writes down what it is told.
class Recorder final : public Places::Taker {
 public:
  void on_place_given() override { heard += 'g'; }
  void on_place_wanted() override { heard += 'w'; }
  std::string heard;
};

TEST(Places, AreAsManyAsSaid) {
  Places places(2);
  EXPECT_TRUE(places.take());
  EXPECT_TRUE(places.take());
  EXPECT_FALSE(places.take());
  places.give_back();
  EXPECT_TRUE(places.take());
}

TEST(Places, WhoWaitsLongestGetsThePlaceAndNobodyElse) {
  Places places(1);
  Recorder holder;
  Recorder first;
  Recorder second;
  for (Recorder* const each : {&holder, &first, &second}) {
    places.join(*each);
  }
  ASSERT_TRUE(places.take());
  EXPECT_FALSE(places.wait_in_line(first));
  EXPECT_FALSE(places.wait_in_line(first)) << "once is enough";
  EXPECT_FALSE(places.wait_in_line(second));
  EXPECT_EQ(holder.heard, "ww");
  places.give_back();
  EXPECT_EQ(first.heard, "wg") << "the second asked it for an idle connection";
  EXPECT_FALSE(places.take()) << "it is the first one's, and the second waits";
  EXPECT_EQ(second.heard, "w");
  places.give_back();
  EXPECT_EQ(second.heard, "wg");
  EXPECT_FALSE(places.wanted());
}

TEST(Places, WhoFindsAFreeOneDoesNotWait) {
  Places places(1);
  Recorder taker;
  places.join(taker);
  EXPECT_TRUE(places.wait_in_line(taker));
  EXPECT_FALSE(places.wanted());
  EXPECT_FALSE(places.take());
}

TEST(Places, AUsedPlaceGoesRoundAmongThoseThatWait) {
  Places places(1);
  Recorder one;
  Recorder two;
  places.join(one);
  places.join(two);
  ASSERT_TRUE(places.take());
  EXPECT_TRUE(places.keep_or_pass(one)) << "nobody else wants it";
  EXPECT_FALSE(places.wait_in_line(one));
  EXPECT_FALSE(places.wait_in_line(two));
  EXPECT_TRUE(places.keep_or_pass(one)) << "it is first in line itself";
  EXPECT_FALSE(places.wait_in_line(one));
  EXPECT_FALSE(places.keep_or_pass(one)) << "now the other one is";
  EXPECT_EQ(two.heard, "wwg");
}

TEST(Places, WhoHasLeftIsToldNothing) {
  Places places(1);
  Recorder stays;
  Recorder leaves;
  places.join(stays);
  places.join(leaves);
  ASSERT_TRUE(places.take());
  EXPECT_FALSE(places.wait_in_line(leaves));
  EXPECT_FALSE(places.wait_in_line(stays));
  leaves.heard.clear();
  places.leave(leaves);
  places.give_back();
  EXPECT_EQ(leaves.heard, "");
  EXPECT_EQ(stays.heard, "wg");
  places.leave_line(stays);
  EXPECT_FALSE(places.wanted());
}

// A pool that hands its place back at once, from whatever thread gives it one.
class Passer final : public Places::Taker {
 public:
  void on_place_given() override { given.fetch_add(1); }
  void on_place_wanted() override {}
  std::atomic<int> given{0};
};

TEST(Places, NoPlaceIsLostOrMadeBetweenThreads) {
  constexpr int kRounds = 3000;
  Places places(2);
  std::atomic<int> held{0};
  std::atomic<int> most{0};
  const auto work = [&] {
    Passer self;
    places.join(self);
    for (int i = 0; i < kRounds; ++i) {
      if (!places.take() && !places.wait_in_line(self)) {
        while (self.given.load() == 0) {
          std::this_thread::yield();
        }
        self.given.store(0);
      }
      const int now = held.fetch_add(1) + 1;
      int seen = most.load();
      while (seen < now && !most.compare_exchange_weak(seen, now)) {
      }
      held.fetch_sub(1);
      places.give_back();
    }
    places.leave(self);
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back(work);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_LE(most.load(), 2);
  EXPECT_TRUE(places.take());
  EXPECT_TRUE(places.take());
  EXPECT_FALSE(places.take());
}

}  // namespace
}  // namespace waybill::http
