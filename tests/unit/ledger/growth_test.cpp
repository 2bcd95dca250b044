// How fast the ledger grows (D5).

#include "growth.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace waybill::ledger {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

TEST(Growth, IsWhatCameInTheLastTenMinutes) {
  const Growth::Time start;
  Growth growth;
  EXPECT_EQ(growth.bytes(), 0U);
  growth.observe(start, 5'000);
  EXPECT_EQ(growth.bytes(), 0U);  // what was there before says nothing
  growth.observe(start + seconds(1), 5'100);
  EXPECT_EQ(growth.bytes(), 100U);
  for (int second = 2; second <= 3'600; ++second) {
    growth.observe(start + seconds(second), 5'000U + 100U * static_cast<unsigned>(second));
  }
  // A size is kept each minute, so that the span is ten minutes to within one.
  EXPECT_GE(growth.bytes(), 100U * 600U);
  EXPECT_LT(growth.bytes(), 100U * 660U);
  growth.observe(start + seconds(3'600) + minutes(11), 5'000U + 100U * 3'600U);
  EXPECT_EQ(growth.bytes(), 0U);  // nothing came since
}

TEST(Growth, AFileThatShrinksDoesNotGrow) {
  const Growth::Time start;
  Growth growth;
  growth.observe(start, 5'000);
  growth.observe(start + minutes(2), 1'000);
  EXPECT_EQ(growth.bytes(), 0U);
}

}  // namespace
}  // namespace waybill::ledger
