#include "services.hpp"

#include <string>

#include <gtest/gtest.h>

#include "process_setup.hpp"
#include "temp_folder.hpp"
#include "worker_thread.hpp"

namespace waybill::app {
namespace {

TEST(ReloadState, ABadReloadKeepsTheVersionAndAGoodOneForgetsTheFaults) {
  ReloadState state;
  EXPECT_EQ(state.view().version, 0U);
  state.succeeded(1);
  state.failed("waybill.yaml:1:1  something");
  ReloadState::View view = state.view();
  EXPECT_EQ(view.version, 1U);
  EXPECT_EQ(view.ok, 1U);
  EXPECT_EQ(view.failures, 1U);
  EXPECT_EQ(view.last_faults, "waybill.yaml:1:1  something");
  state.succeeded(2);
  view = state.view();
  EXPECT_EQ(view.version, 2U);
  EXPECT_EQ(view.ok, 2U);
  EXPECT_EQ(view.failures, 1U);
  EXPECT_EQ(view.last_faults, "");
}

TEST(ServerLimits, AreThoseOfTheSettings) {
  config::Settings settings;
  settings.limits.header_bytes = 1;
  settings.limits.body_bytes = 2;
  settings.limits.max_fields = 3;
  settings.limits.header_timeout = std::chrono::milliseconds(4);
  settings.limits.body_timeout = std::chrono::milliseconds(5);
  settings.limits.idle_timeout = std::chrono::milliseconds(6);
  settings.limits.max_connections = 7;
  settings.limits.max_requests_per_connection = 8;
  settings.limits.all_body_bytes = 9;
  const gateway::WorkerShare share;
  const http::ServerLimits limits = server_limits(settings, share);
  EXPECT_EQ(limits.max_all_body_bytes, 9U);
  EXPECT_EQ(limits.all_body_bytes, &share.use->body_bytes);
  EXPECT_EQ(limits.head.max_bytes, 1U);
  EXPECT_EQ(limits.max_body_bytes, 2U);
  EXPECT_EQ(limits.head.max_fields, 3U);
  EXPECT_EQ(limits.header_timeout.count(), 4);
  EXPECT_EQ(limits.body_timeout.count(), 5);
  EXPECT_EQ(limits.idle_timeout.count(), 6);
  EXPECT_EQ(limits.max_connections, 7U);
  EXPECT_EQ(limits.max_requests_per_connection, 8U);
}

TEST(ServerLimits, ConnectionsAreSharedOutAmongTheWorkers) {
  config::Settings settings;
  settings.limits.max_connections = 10;
  std::size_t sum = 0;
  for (std::size_t worker = 0; worker < 4; ++worker) {
    sum += server_limits(settings, gateway::WorkerShare{worker, 4}).max_connections;
  }
  EXPECT_EQ(sum, 10U);
  // A limit that gives not every worker one is counted by all together.
  settings.limits.max_connections = 3;
  const gateway::WorkerShare share{3, 4};
  const http::ServerLimits limits = server_limits(settings, share);
  EXPECT_EQ(limits.max_connections, 3U);
  EXPECT_EQ(limits.all_connections, &share.use->connections);
  settings.limits.max_connections = 4;
  EXPECT_EQ(server_limits(settings, share).all_connections, nullptr);
}

TEST(ProcessSetup, ThereIsAlwaysACoreAndTheFileLimitIsAtItsMost) {
  EXPECT_GE(usable_cores(), 1U);
  const std::size_t files = raise_file_limit();
  EXPECT_GT(files, 0U);
  EXPECT_EQ(raise_file_limit(), files);
}

}  // namespace
}  // namespace waybill::app
