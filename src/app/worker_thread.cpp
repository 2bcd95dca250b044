#include "worker_thread.hpp"

#include <utility>

#include <pthread.h>

namespace waybill::app {
namespace {

// After the streams were cut off, their settlements still have this long.
constexpr std::chrono::seconds kLastSettlements{10};
// To settle and to tell the clients that their answers are not whole.
constexpr std::chrono::seconds kLastWords{3};

}  // namespace

http::ServerLimits server_limits(const config::Settings& settings,
                                 const gateway::WorkerShare& share) {
  http::ServerLimits limits;
  limits.head.max_bytes = static_cast<std::size_t>(settings.limits.header_bytes);
  limits.head.max_fields = settings.limits.max_fields;
  limits.max_body_bytes = static_cast<std::size_t>(settings.limits.body_bytes);
  limits.max_all_body_bytes = settings.limits.all_body_bytes;
  limits.all_body_bytes = &share.use->body_bytes;
  limits.header_timeout = settings.limits.header_timeout;
  limits.body_timeout = settings.limits.body_timeout;
  limits.idle_timeout = settings.limits.idle_timeout;
  limits.max_connections = settings.limits.max_connections;
  if (share.divides(limits.max_connections)) {
    limits.max_connections = share.of(limits.max_connections);
  } else {
    limits.all_connections = &share.use->connections;
  }
  limits.max_requests_per_connection = settings.limits.max_requests_per_connection;
  return limits;
}

WorkerThread::WorkerThread(gateway::WorkerShare share,
                           Services& services,
                           gateway::LiveSnapshotPtr live)
    : share_(std::move(share)),
      worker_(share_.index),
      gateway_(worker_, share_, services.ledger, services.log, services.blocking, live),
      front_door_(gateway_, services),
      server_(worker_, server_limits(live->settings(), share_), front_door_) {}

WorkerThread::~WorkerThread() {
  join();
}

void WorkerThread::start() {
  thread_ = std::thread([this] {
    const std::string name = "wb-worker-" + std::to_string(worker_.index());
    ::pthread_setname_np(::pthread_self(), name.c_str());
    worker_.run();
  });
}

void WorkerThread::drain(TimePoint deadline) {
  worker_.post([this, deadline] {
    server_.drain();
    worker_.spawn(finish(deadline));
  });
}

net::Task<> WorkerThread::finish(TimePoint deadline) {
  bool idle = co_await server_.wait_idle(deadline);
  if (!idle) {
    gateway_.cut_off();
    idle = co_await server_.wait_idle(Clock::now() + kLastWords);
  }
  if (!idle) {
    server_.abort();
    const bool settled = co_await server_.wait_idle(Clock::now() + kLastSettlements);
    static_cast<void>(settled);  // what is left is closed by the next start
  }
  gateway_.flush_logs();
  worker_.stop();
}

void WorkerThread::abort() {
  worker_.post([this] {
    gateway_.cut_off();
    server_.hurry();
  });
}

void WorkerThread::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void WorkerThread::adopt(gateway::LiveSnapshotPtr live,
                         std::vector<gateway::Gateway::DefaultKey> keys) {
  worker_.post([this, live = std::move(live), keys = std::move(keys)] {
    server_.set_limits(server_limits(live->settings(), share_));
    gateway_.adopt(live);
    gateway_.set_default_keys(keys);
  });
}

}  // namespace waybill::app
