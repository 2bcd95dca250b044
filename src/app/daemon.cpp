#include "daemon.hpp"

#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <boost/asio/signal_set.hpp>

#include "waybill/catalog/presets.hpp"
#include "waybill/catalog/snapshot.hpp"

#include "announcement.hpp"
#include "control_commands.hpp"
#include "control_socket.hpp"
#include "fixed_settings.hpp"
#include "ledger_check.hpp"
#include "ledger_options.hpp"
#include "listeners.hpp"
#include "log_options.hpp"
#include "metrics_page.hpp"
#include "process_setup.hpp"
#include "system_inputs.hpp"
#include "worker_thread.hpp"

namespace waybill::app {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongSettings = 2;

int complain(const Error& error) {
  std::fprintf(stderr, "waybill: %s\n", error.detail().c_str());
  return error.kind() == ErrorKind::InvalidRequest ? kWrongSettings : kFailed;
}

void mask_signals(int how) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) {
    sigaddset(&set, signal);
  }
  ::pthread_sigmask(how, &set, nullptr);
}

class Daemon final {
 public:
  explicit Daemon(ServeOptions options) : options_(std::move(options)), signals_(main_.context()) {}
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;
  ~Daemon() = default;

  int run();

 private:
  int load();
  [[nodiscard]] std::size_t worker_count() const;
  int check_files();
  int open_ledger();
  int register_prices(const gateway::LiveSnapshot& live);
  int listen();
  void refuse_reload(const std::string& reason);
  void on_ledger_failure(const Error& error);
  std::string control(std::string_view line);
  void wait_for_signals();
  void on_signal(int signal);
  void reload();
  void stop();
  int finish();

  [[nodiscard]] const config::Settings& settings() const noexcept { return live_->settings(); }

  ServeOptions options_;
  SystemFiles files_;
  ProcessEnvironment environment_;
  catalog::Presets presets_;
  telemetry::EndpointSlots slots_;
  std::unique_ptr<telemetry::Log> log_;
  net::Worker main_{0xFFFF};  // signals and the control socket; a ledger that fails posts to it
  std::unique_ptr<ledger::Ledger> ledger_;
  gateway::LiveSnapshotPtr live_;
  std::uint64_t version_ = 0;

  boost::asio::thread_pool blocking_{1};
  ReloadState reloads_;
  std::atomic<bool> draining_{false};
  std::unique_ptr<MetricsPage> metrics_;
  std::unique_ptr<Services> services_;
  Listeners listeners_;
  std::vector<std::unique_ptr<WorkerThread>> workers_;
  std::thread joiner_;  // waits for the workers of a daemon that stops
  std::optional<LedgerCheck> ledger_check_;

  net::asio::signal_set signals_;
  std::unique_ptr<ControlServer> control_;
  int stop_signals_ = 0;
};

int Daemon::load() {
  const config::Inputs inputs{files_, environment_, presets_};
  const catalog::LoadedSnapshot loaded =
      catalog::load_snapshot(options_.config, inputs, ++version_);
  if (!loaded.snapshot) {
    std::fputs(config::render(loaded.faults).c_str(), stderr);
    std::fputs(config::closing_line(loaded.faults.size()).c_str(), stderr);
    return kWrongSettings;
  }
  auto log = telemetry::Log::open(log_options(loaded.snapshot->settings.logging));
  if (!log) {
    return complain(log.error());
  }
  log_ = std::move(*log);
  auto live = gateway::make_live(loaded.snapshot, slots_, nullptr);
  if (!live) {
    return complain(live.error());
  }
  live_ = std::move(*live);
  reloads_.succeeded(version_);
  return 0;
}

std::size_t Daemon::worker_count() const {
  return settings().workers != 0 ? settings().workers : usable_cores();
}

int Daemon::check_files() {
  const auto enough = check_file_limit(raise_file_limit(), worker_count());
  return enough ? 0 : complain(enough.error());
}

int Daemon::open_ledger() {
  ledger::Options options = ledger_options(settings().ledger);
  options.after_restore =
      options_.accept_restored ? ledger::AfterRestore::Accept : ledger::AfterRestore::Refuse;
  options.workers = settings().workers != 0 ? settings().workers : usable_cores();
  options.idempotency_keys = settings().idempotency.max_keys;
  options.on_failure = [this](const Error& error) { on_ledger_failure(error); };
  options.on_checkpoint = [this](std::string_view line) {
    log_->info("ledger_checkpoint", {{"line", line}});
  };
  options.on_checkpoints_unwritable = [this](const Error& error) {
    log_->failure(telemetry::LogLevel::Warning, "ledger_checkpoints_unwritten", error);
  };
  auto opened = ledger::Ledger::open(std::move(options));
  if (!opened) {
    return complain(opened.error());
  }
  ledger_ = std::move(*opened);
  const ledger::RecoveryReport& recovery = ledger_->recovery();
  log_->info("ledger_opened", {{"epoch", recovery.epoch},
                               {"rows", recovery.head_seq},
                               {"settled_at_start", recovery.settled},
                               {"voided_at_start", recovery.voided},
                               {"from_spill", recovery.from_spill},
                               {"damaged_intent_segments", recovery.damaged_segments},
                               {"sqlite", recovery.sqlite_version}});
  if (!recovery.spill_set_aside.empty()) {
    log_->warning("ledger_spill_set_aside",
                  {{"file", recovery.spill_set_aside}, {"booked", recovery.from_spill}});
  }
  if (recovery.new_voucher) {
    log_->warning("ledger_signed_anew", {{"rows", recovery.head_seq}});
  }
  return register_prices(*live_);
}

int Daemon::register_prices(const gateway::LiveSnapshot& live) {
  std::vector<catalog::PriceTable> tables;
  for (const catalog::Endpoint& endpoint : live.catalog().endpoints()) {
    tables.push_back(endpoint.price);
  }
  const auto registered = ledger_->register_prices(tables);
  return registered ? 0 : complain(registered.error());
}

int Daemon::listen() {
  metrics_ = std::make_unique<MetricsPage>(
      MetricsPage::Sources{workers_, *ledger_, *log_, reloads_, slots_});
  services_ = std::make_unique<Services>(
      Services{*ledger_, *log_, blocking_, reloads_, *metrics_, draining_});
  const std::size_t count = worker_count();
  const auto use = std::make_shared<gateway::DaemonUse>();
  for (std::size_t i = 0; i < count; ++i) {
    workers_.push_back(
        std::make_unique<WorkerThread>(gateway::WorkerShare{i, count, use}, *services_, live_));
  }
  const auto opened = listeners_.open(settings(), workers_);
  return opened ? 0 : complain(opened.error());
}

std::string Daemon::control(std::string_view line) {
  if (line != kHealthRequest) {
    return run_control(*ledger_, line);
  }
  const bool ready = !draining_.load(std::memory_order_relaxed) && ledger_->has_room();
  return ready ? "{\"ok\":true,\"status\":\"ready\"}" : "{\"ok\":false,\"status\":\"not_ready\"}";
}

void Daemon::wait_for_signals() {
  signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
    if (!ec) {
      on_signal(signal);
      wait_for_signals();
    }
  });
}

void Daemon::on_signal(int signal) {
  if (signal == SIGHUP) {
    reload();
  } else if (signal == SIGUSR1) {
    log_->reopen();
  } else {
    stop();
  }
}

void Daemon::reload() {
  const config::Inputs inputs{files_, environment_, presets_};
  const catalog::LoadedSnapshot loaded =
      catalog::load_snapshot(options_.config, inputs, version_ + 1);
  if (!loaded.snapshot) {
    refuse_reload(config::render(loaded.faults));
    return;
  }
  // All that can fail comes before anything is changed.
  auto renewals = listeners_.certificates().read_again(loaded.snapshot->settings);
  if (!renewals) {
    refuse_reload(renewals.error().detail());
    return;
  }
  auto live = gateway::make_live(loaded.snapshot, slots_, live_.get());
  if (!live) {
    refuse_reload(live.error().detail());
    return;
  }
  if (register_prices(**live) != 0) {
    refuse_reload("The ledger does not take the prices.");
    return;
  }
  const std::string fixed = fixed_at_start(settings(), loaded.snapshot->settings);
  if (!fixed.empty()) {
    log_->warning("restart_needed", {{"settings", fixed}});
  }
  live_ = std::move(*live);
  ++version_;
  reloads_.succeeded(version_);
  Certificates::replace(std::move(*renewals));
  for (const auto& worker : workers_) {
    worker->adopt(live_, listeners_.default_keys(settings()));
  }
  log_->set_level(log_options(settings().logging).level);
  log_->info("reloaded", {{"snapshot", version_}});
}

void Daemon::refuse_reload(const std::string& reason) {
  reloads_.failed(reason);
  log_->warning("reload_refused", {{"faults", reason}});
}

// Without a ledger nothing may be served: the process ends, and its next start recovers.
void Daemon::on_ledger_failure(const Error& error) {
  log_->failure(telemetry::LogLevel::Error, "ledger_failed", error);
  main_.post([this] {
    if (stop_signals_ == 0) {
      stop();
    }
  });
}

void Daemon::stop() {
  ++stop_signals_;
  if (stop_signals_ == 1) {
    draining_.store(true, std::memory_order_relaxed);
    log_->info("draining", {{"limit_ms", settings().drain.count()}});
    for (const auto& worker : workers_) {
      worker->drain(Clock::now() + settings().drain);
    }
    // The workers end by themselves; joining them must not block the signals.
    joiner_ = std::thread([this] {
      for (const auto& worker : workers_) {
        worker->join();
      }
      main_.stop();
    });
    return;
  }
  for (const auto& worker : workers_) {
    worker->abort();
  }
}

int Daemon::finish() {
  ledger_check_.reset();
  if (joiner_.joinable()) {
    joiner_.join();
  }
  control_.reset();
  blocking_.join();
  const auto stopped = ledger_->stop();
  if (!stopped) {
    log_->flush();  // it has been told why
    return kFailed;
  }
  log_->info("stopped");
  log_->flush();
  return 0;
}

int Daemon::run() {
  forbid_dumps();
  say_when_aborted();
  // Every thread inherits the mask: signals reach this one, and only while it waits
  // for them.
  mask_signals(SIG_BLOCK);
  ::signal(SIGUSR2, SIG_IGN);  // means nothing here, and must not end us
  for (int (Daemon::* const step)() :
       {&Daemon::load, &Daemon::check_files, &Daemon::open_ledger, &Daemon::listen}) {
    const int status = (this->*step)();
    if (status != 0) {
      return status;
    }
  }
  log_->info("started", {{"workers", workers_.size()}, {"open_files", raise_file_limit()}});
  auto opened_control =
      ControlServer::open(main_, control_socket_path(settings().ledger.sqlite_path),
                          [this](std::string_view line) { return this->control(line); });
  if (!opened_control) {
    return complain(opened_control.error());
  }
  control_ = std::move(*opened_control);
  signals_.add(SIGTERM);
  signals_.add(SIGINT);
  signals_.add(SIGHUP);
  signals_.add(SIGUSR1);
  wait_for_signals();
  for (const auto& worker : workers_) {
    worker->start();
  }
  const auto announced = announce(listeners_.urls(), options_.ready_file, *log_);
  if (!announced) {
    complain(announced.error());
    stop();
  }
  ledger_check_.emplace(settings().ledger.sqlite_path, *ledger_, *log_);
  mask_signals(SIG_UNBLOCK);
  main_.run();
  mask_signals(SIG_BLOCK);
  return finish();
}

}  // namespace

int serve(const ServeOptions& options) {
  // A daemon opens some from its very beginning.
  const auto enough = check_file_limit(raise_file_limit(), 1);
  if (!enough) {
    return complain(enough.error());
  }
  Daemon daemon(options);
  return daemon.run();
}

}  // namespace waybill::app
