// What the workers of one daemon share.

#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include <boost/asio/thread_pool.hpp>

#include "waybill/base/result.hpp"
#include "waybill/config/fault.hpp"
#include "waybill/ledger/ledger.hpp"
#include "waybill/net/task.hpp"
#include "waybill/net/worker.hpp"
#include "waybill/telemetry/log.hpp"
#include "waybill/telemetry/metrics.hpp"

namespace waybill::app {

// Tells listeners apart: ServerExchange::listener_tag().
inline constexpr int kPublicTag = 0;
inline constexpr int kAdminTag = -1;

// What the last reload said, for /health/ready.
class ReloadState {
 public:
  void succeeded(std::uint64_t version);
  void failed(std::string faults);

  struct View {
    std::uint64_t version = 0;
    std::uint64_t ok = 0;
    std::uint64_t failures = 0;
    std::string last_faults;  // empty while the last one was good
  };
  [[nodiscard]] View view() const;

 private:
  mutable std::mutex mutex_;
  View view_;
};

// Gathers the counters of all workers.
class MetricsSource {
 public:
  virtual ~MetricsSource() = default;
  // The page; completes on `asking`.  Errors: `metrics_incomplete`, when a worker does not answer.
  virtual net::Task<Result<std::string>> render(net::Worker& asking) = 0;
};

struct Services {
  ledger::Ledger& ledger;
  telemetry::Log& log;
  boost::asio::thread_pool& blocking;  // for what reads from disk
  ReloadState& reloads;
  MetricsSource& metrics;
  std::atomic<bool>& draining;
};

}  // namespace waybill::app
