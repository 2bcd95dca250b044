// The end of a turn, and what a worker does with an exception that nobody caught.

#include "waybill/net/worker.hpp"

#include <array>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "waybill/net/stream.hpp"

#include "run_task.hpp"

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

using Story = std::vector<std::string>;

// Reads one byte, and tells when it did and when the turn it did so in was over.
Task<> read_then_wait(Worker& worker, Stream& stream, char name, Story& story) {
  std::array<char, 1> byte{};
  while (stream.try_read(byte).state == IoState::WouldBlock) {
    const Wake wake = co_await stream.readable(Clock::now() + std::chrono::seconds(10));
    EXPECT_EQ(wake, Wake::Ready);
  }
  story.push_back(std::string("read ") + name);
  co_await worker.end_of_turn();
  story.push_back(std::string("end ") + name);
  co_await worker.end_of_turn();
  story.push_back(std::string("next end ") + name);
  if (story.size() == 6) {
    worker.stop();
  }
}

TEST(WorkerTurn, EndsWhenAllThatWasReadyHasBeenLookedAt) {
  Worker worker(0);
  std::array<std::array<int, 2>, 2> pairs{};
  Story story;
  std::vector<Stream> streams;
  for (auto& pair : pairs) {
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
    streams.emplace_back(worker, pair[0]);
  }
  worker.spawn(read_then_wait(worker, streams[0], 'a', story));
  worker.spawn(read_then_wait(worker, streams[1], 'b', story));
  worker.post([&] {  // both wait by now; both become ready for the same turn
    for (const auto& pair : pairs) {
      EXPECT_EQ(::write(pair[1], "x", 1), 1);
    }
  });
  worker.run();
  EXPECT_EQ(story, (Story{"read a", "read b", "end a", "end b", "next end a", "next end b"}));
  for (const auto& pair : pairs) {
    ::close(pair[1]);
  }
}

Task<int> wait_until_counted(Worker& worker, const std::array<int, 3>& wakes, int wanted) {
  while (wakes[0] + wakes[1] + wakes[2] < wanted) {
    co_await worker.end_of_turn();
  }
  co_return 0;
}

Task<> count_wake(Stream& stream, TimePoint deadline, std::array<int, 3>& wakes) {
  const Wake wake = co_await stream.readable(deadline);
  ++wakes.at(static_cast<std::size_t>(wake));
}

// A process that was stopped (or a machine that slept) finds what came meanwhile and its
// deadlines gone by at once.
TEST(WorkerTurn, O4WhatCameBeforeItsDeadlineWasLookedAtIsNoTimeout) {
  constexpr int kMoreThanABatch = 700;
  Worker worker(0);
  std::vector<Stream> streams;
  std::vector<int> peers;
  std::array<int, 3> wakes{};
  const TimePoint deadline = Clock::now() + std::chrono::milliseconds(50);
  for (int i = 0; i < kMoreThanABatch; ++i) {
    std::array<int, 2> pair{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair.data()), 0);
    streams.emplace_back(worker, pair[0]);
    peers.push_back(pair[1]);
  }
  for (Stream& stream : streams) {
    worker.spawn(count_wake(stream, deadline, wakes));
  }
  worker.post([&] {  // all wait by now
    for (const int peer : peers) {
      EXPECT_EQ(::write(peer, "x", 1), 1);
    }
    while (Clock::now() < deadline + std::chrono::milliseconds(100)) {
    }
  });
  run_task(worker, wait_until_counted(worker, wakes, kMoreThanABatch));
  EXPECT_EQ(wakes.at(static_cast<std::size_t>(Wake::Ready)), kMoreThanABatch);
  for (const int peer : peers) {
    ::close(peer);
  }
}

Task<int> wait_twice(Worker& worker) {
  co_await worker.end_of_turn();
  co_await worker.end_of_turn();
  co_return 2;
}

TEST(WorkerTurn, OutsideOfOneItEndsAtOnce) {
  Worker worker(0);
  EXPECT_EQ(run_task(worker, wait_twice(worker)), 2);
}

}  // namespace
}  // namespace waybill::net
