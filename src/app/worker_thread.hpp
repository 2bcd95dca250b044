// One worker with all that runs on it.

#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "waybill/gateway/gateway.hpp"
#include "waybill/http/server.hpp"
#include "waybill/net/worker.hpp"

#include "front_door.hpp"
#include "services.hpp"

namespace waybill::app {

// The limits of an HTTP server as the settings have them.
[[nodiscard]] http::ServerLimits server_limits(const config::Settings& settings,
                                               const gateway::WorkerShare& share);

// Owns a worker, its gateway and its server, and the thread that runs them.
//
// Thread safety: made and destroyed on the main thread; post() from any; the
// accessors are for code on the worker, or before start() and after join().
class WorkerThread {
 public:
  WorkerThread(gateway::WorkerShare share, Services& services, gateway::LiveSnapshotPtr live);
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;
  ~WorkerThread();

  void start();
  // Finishes open requests until `deadline`, then cuts them off, then ends.
  void drain(TimePoint deadline);
  // Of a drain under way: cuts off open generations now, and waits for nothing else.
  void abort();
  void join();

  void adopt(gateway::LiveSnapshotPtr live, std::vector<gateway::Gateway::DefaultKey> keys);

  [[nodiscard]] net::Worker& worker() noexcept { return worker_; }
  [[nodiscard]] gateway::Gateway& gateway() noexcept { return gateway_; }
  [[nodiscard]] http::Server& server() noexcept { return server_; }

 private:
  net::Task<> finish(TimePoint deadline);

  gateway::WorkerShare share_;
  net::Worker worker_;
  gateway::Gateway gateway_;
  FrontDoor front_door_;
  http::Server server_;
  std::thread thread_;
};

}  // namespace waybill::app
