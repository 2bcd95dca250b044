// Work that reads from disk, done elsewhere.

#pragma once

#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include "waybill/net/task.hpp"
#include "waybill/net/waiter.hpp"

namespace waybill::net {

// Runs `work` on the pool and comes back to the worker with its result.  Never cut
// short: whoever waits has time.
template <class Work>
Task<std::invoke_result_t<Work>> offload(asio::thread_pool& pool, Worker& worker, Work work) {
  using Value = std::invoke_result_t<Work>;
  struct Shared {
    explicit Shared(Worker& on) : waiter(on) {}
    Waiter waiter;
    std::optional<Value> value;
  };
  const auto shared = std::make_shared<Shared>(worker);
  auto job = [shared, &worker, work = std::move(work)]() mutable {
    auto value = std::make_shared<Value>(work());
    worker.post([shared, value] {
      shared->value.emplace(std::move(*value));
      shared->waiter.wake(Wake::Ready);
    });
  };
  asio::post(pool, std::move(job));
  while (!shared->value) {
    const Wake wake = co_await shared->waiter.wait(TimePoint::max());
    static_cast<void>(wake);
  }
  co_return std::move(*shared->value);
}

}  // namespace waybill::net
