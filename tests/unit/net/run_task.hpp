// Drives a coroutine to its end on a worker.

#pragma once

#include <optional>
#include <utility>

#include "waybill/net/worker.hpp"

namespace waybill::net {

template <class T>
Task<> store_result(Worker* worker, Task<T> task, std::optional<T>* out) {
  out->emplace(co_await std::move(task));
  worker->stop();
}

// Runs `task` and everything else on the worker until the task has ended.
template <class T>
T run_task(Worker& worker, Task<T> task) {
  std::optional<T> out;
  worker.spawn(store_result(&worker, std::move(task), &out));
  worker.context().restart();
  worker.run();
  return std::move(*out);
}

}  // namespace waybill::net
