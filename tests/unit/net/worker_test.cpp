// What a worker does with an exception that nobody caught.

#include "waybill/net/worker.hpp"

#include <new>
#include <stdexcept>

#include <gtest/gtest.h>

namespace waybill::net {
namespace {

Task<> fail_with(void (*fault)()) {
  fault();
  co_return;
}

void run_failing(void (*fault)()) {
  Worker worker(0);
  worker.spawn(fail_with(fault));
  worker.run();
}

// Going on after a broken invariant could answer wrongly: the process ends, with a line.
TEST(WorkerDeathTest, O6AnEscapedExceptionEndsTheProcessWithALine) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(run_failing([] { throw std::logic_error("an invariant broke"); }),
               "a task ended with an exception: an invariant broke");
  EXPECT_DEATH(run_failing([] { throw std::bad_alloc(); }),
               "a task ended with an exception: std::bad_alloc");
}

}  // namespace
}  // namespace waybill::net
