#include "metrics_page.hpp"

#include <utility>

#include "waybill/net/waiter.hpp"
#include "waybill/telemetry/process_stats.hpp"

namespace waybill::app {

// What came in so far; on the asking worker alone.
struct MetricsPage::Gathering {
  explicit Gathering(net::Worker& worker) : waiter(worker) {}

  net::Waiter waiter;
  telemetry::WorkerMetrics sum;
  std::size_t missing = 0;
};

// NOLINTNEXTLINE(readability-function-size): three nested steps on three threads
void MetricsPage::ask(const std::shared_ptr<Gathering>& gathering, net::Worker& asking) const {
  for (const auto& worker : sources_.workers) {
    WorkerThread* const source = worker.get();
    source->worker().post([source, gathering, &asking] {
      source->gateway().collect_counters(source->server().counters());
      auto copy = std::make_shared<telemetry::WorkerMetrics>(source->gateway().metrics());
      asking.post([gathering, copy] {
        gathering->sum.merge(*copy);
        if (--gathering->missing == 0) {
          gathering->waiter.wake(net::Wake::Ready);
        }
      });
    });
  }
}

net::Task<Result<std::string>> MetricsPage::render(net::Worker& asking) {
  const auto gathering = std::make_shared<Gathering>(asking);
  gathering->missing = sources_.workers.size();
  ask(gathering, asking);
  const TimePoint deadline = Clock::now() + patience_;
  while (gathering->missing > 0) {
    if (co_await gathering->waiter.wait(deadline) != net::Wake::Ready) {
      co_return Error(ErrorKind::Unavailable, "metrics_incomplete",
                      "A worker did not tell its counters in time; ask again.");
    }
  }
  telemetry::MetricsSnapshot snapshot;
  snapshot.workers = std::move(gathering->sum);
  const ReloadState::View reloads = sources_.reloads.view();
  const ledger::LedgerStats ledger = sources_.ledger.stats();
  snapshot.service.ledger_queue_depth = ledger.queue_depth;
  snapshot.service.ledger_commits = ledger.commits;
  snapshot.service.ledger_log_pages = ledger.wal_pages;
  snapshot.service.ledger_spilled = ledger.spilled;
  snapshot.service.reloads_ok = reloads.ok;
  snapshot.service.reloads_failed = reloads.failures;
  snapshot.service.log_messages_dropped = sources_.log.dropped();
  snapshot.service.workers = sources_.workers.size();
  snapshot.service.version = WAYBILL_VERSION;
  snapshot.process = telemetry::read_process_stats();
  // After the counters: a slot that one of them has is labelled by now.
  co_return telemetry::render_prometheus(snapshot, sources_.slots.labels());
}

}  // namespace waybill::app
