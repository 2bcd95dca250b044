#include "waybill/net/offload.hpp"

#include <memory>
#include <thread>

#include <gtest/gtest.h>

#include "run_task.hpp"

namespace waybill::net {
namespace {

TEST(Offload, WorksElsewhereAndComesBackToTheWorker) {
  asio::thread_pool blocking{1};
  Worker worker(0);
  const auto task = [&]() -> Task<bool> {
    const std::thread::id before = std::this_thread::get_id();
    const std::thread::id there =
        co_await offload(blocking, worker, [] { return std::this_thread::get_id(); });
    co_return there != before&& std::this_thread::get_id() == before;
  };
  EXPECT_TRUE(run_task(worker, task()));
  blocking.join();
}

TEST(Offload, ItsResultMayBeMovedOnly) {
  asio::thread_pool blocking{1};
  Worker worker(0);
  const auto task = [&]() -> Task<int> {
    const auto value = co_await offload(blocking, worker, [] { return std::make_unique<int>(7); });
    co_return *value;
  };
  EXPECT_EQ(run_task(worker, task()), 7);
  blocking.join();
}

}  // namespace
}  // namespace waybill::net
