#include "waybill/base/shared_use.hpp"

#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace waybill {
namespace {

TEST(SharedUse, PartsTogetherStayBelowTheBound) {
  SharedUse use;
  SharedUse::Part one;
  SharedUse::Part two;
  EXPECT_TRUE(one.take(use, 6, 10));
  EXPECT_FALSE(two.take(use, 5, 10));
  EXPECT_TRUE(two.take(use, 4, 10));
  EXPECT_FALSE(one.take(use, 1, 10));
  EXPECT_FALSE(one.take(use, 1, 3)) << "a bound that has become smaller";
  EXPECT_EQ(use.used(), 10U);
  one.give_back();
  EXPECT_EQ(use.used(), 4U);
  EXPECT_FALSE(one.take(use, ~std::uint64_t{0}, ~std::uint64_t{0})) << "no wrap around";
}

TEST(SharedUse, APartThatGrewIsGivenBackWhole) {
  SharedUse use;
  {
    SharedUse::Part part;
    EXPECT_TRUE(part.take(use, 1, 10));
    EXPECT_TRUE(part.take(use, 2, 10));
    SharedUse::Part moved(std::move(part));
    EXPECT_EQ(use.used(), 3U);
    SharedUse::Part over;
    EXPECT_TRUE(over.take(use, 5, 10));
    over = std::move(moved);
    EXPECT_EQ(use.used(), 3U);
  }
  EXPECT_EQ(use.used(), 0U);
}

TEST(SharedUse, ThreadsNeverTakeMoreThanThereIs) {
  SharedUse use;
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&use] {
      for (int n = 0; n < 2000; ++n) {
        SharedUse::Part part;
        if (part.take(use, 3, 7)) {
          EXPECT_LE(use.used(), 7U);
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(use.used(), 0U);
}

}  // namespace
}  // namespace waybill
