#include "metrics_page.hpp"

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <boost/asio/thread_pool.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "waybill/catalog/snapshot.hpp"

#include "temp_folder.hpp"

namespace waybill::app {
namespace {

using testing::HasSubstr;

class MetricsPageTest : public testing::Test {
 public:
  MetricsPageTest(const MetricsPageTest&) = delete;
  MetricsPageTest& operator=(const MetricsPageTest&) = delete;

 protected:
  MetricsPageTest() {
    telemetry::LogOptions to_file;
    to_file.file = folder_.file("log");
    auto log = telemetry::Log::open(to_file);
    EXPECT_TRUE(log);
    log_ = std::move(*log);
    const auto snapshot = std::make_shared<catalog::Snapshot>();
    auto live = gateway::make_live(snapshot, slots_, nullptr);
    EXPECT_TRUE(live);
    page_ = std::make_unique<MetricsPage>(
        MetricsPage::Sources{workers_, *ledger_, *log_, reloads_, slots_},
        std::chrono::milliseconds(50));
    services_ = std::make_unique<Services>(
        Services{*ledger_, *log_, blocking_, reloads_, *page_, draining_});
    const auto use = std::make_shared<gateway::DaemonUse>();
    for (std::size_t i = 0; i < 2; ++i) {
      workers_.push_back(
          std::make_unique<WorkerThread>(gateway::WorkerShare{i, 2, use}, *services_, *live));
    }
  }
  ~MetricsPageTest() override {
    for (const auto& worker : workers_) {
      worker->drain(Clock::now());
      worker->join();
    }
  }

  // As a request on a worker of its own sees it.
  Result<std::string> render() {
    net::Worker asking{7};
    std::optional<Result<std::string>> got;
    asking.spawn([](MetricsPage& page, net::Worker& on, auto& into) -> net::Task<> {
      into.emplace(co_await page.render(on));
      on.stop();
    }(*page_, asking, got));
    asking.run();
    return std::move(*got);
  }

  test::TempFolder folder_;
  std::unique_ptr<ledger::Ledger> ledger_ = test::open_ledger(folder_, 2);
  std::unique_ptr<telemetry::Log> log_;
  boost::asio::thread_pool blocking_{1};
  ReloadState reloads_;
  std::atomic<bool> draining_{false};
  telemetry::EndpointSlots slots_;
  MetricsPage::Workers workers_;
  std::unique_ptr<MetricsPage> page_;
  std::unique_ptr<Services> services_;
};

TEST_F(MetricsPageTest, HasTheCountersOfAllWorkers) {
  reloads_.succeeded(1);
  workers_[0]->gateway().metrics().count_request(telemetry::Route::Health, 200);
  workers_[1]->gateway().metrics().count_request(telemetry::Route::Health, 200);
  for (const auto& worker : workers_) {
    worker->start();
  }
  const auto page = render();
  ASSERT_TRUE(page) << page.error().detail();
  EXPECT_THAT(*page, HasSubstr("waybill_requests_total{route=\"health\",status=\"2xx\"} 2\n"));
}

TEST_F(MetricsPageTest, AWorkerThatDoesNotAnswerIsSaid) {
  workers_[0]->start();  // the other one stands still
  const auto page = render();
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code(), "metrics_incomplete");
}

}  // namespace
}  // namespace waybill::app
