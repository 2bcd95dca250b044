// The page of /metrics: the counters of all workers, and the process's own.

#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/ledger/ledger.hpp"
#include "waybill/net/task.hpp"
#include "waybill/net/worker.hpp"
#include "waybill/telemetry/log.hpp"
#include "waybill/telemetry/metrics.hpp"

#include "services.hpp"
#include "worker_thread.hpp"

namespace waybill::app {

// Each worker copies its own counters on its own thread; the last one wakes the asking one.
//
// Ownership: of nothing; `sources` is what it reads from, all of which outlives the workers.
// Thread safety: render() on any worker.
class MetricsPage final : public MetricsSource {
 public:
  using Workers = std::vector<std::unique_ptr<WorkerThread>>;

  struct Sources {
    const Workers& workers;
    const ledger::Ledger& ledger;
    const telemetry::Log& log;
    const ReloadState& reloads;
    const telemetry::EndpointSlots& slots;
  };

  // How long a worker may take.  One that has ended, or stands still, never answers: better no
  // page than one whose counters went back.
  static constexpr std::chrono::milliseconds kPatience{2000};

  explicit MetricsPage(Sources sources, std::chrono::milliseconds patience = kPatience) noexcept
      : sources_(sources),
        patience_(patience) {}

  net::Task<Result<std::string>> render(net::Worker& asking) override;

 private:
  struct Gathering;

  void ask(const std::shared_ptr<Gathering>& gathering, net::Worker& asking) const;

  Sources sources_;
  std::chrono::milliseconds patience_;
};

}  // namespace waybill::app
