#include <future>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "control_commands.hpp"
#include "control_socket.hpp"
#include "temp_folder.hpp"

namespace waybill::app {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class RunControl : public testing::Test {
 protected:
  Json run(const Json& request) { return Json::parse(run_control(*ledger_, request.dump())); }
  Json create(const std::string& name) { return run({{"command", "keys.create"}, {"name", name}}); }

  test::TempFolder folder_;
  std::unique_ptr<ledger::Ledger> ledger_ = test::open_ledger(folder_);
};

TEST_F(RunControl, AKeyIsShownOnceAndWorks) {
  const Json made = run({{"command", "keys.create"},
                         {"name", "laptop"},
                         {"models", {"a/one"}},
                         {"expires_unix", 4'102'444'800}});
  ASSERT_TRUE(made["ok"]) << made;
  const std::string key = made["key"];
  EXPECT_THAT(key, StartsWith("sk-wb-"));
  EXPECT_EQ(made["expires_at"], "2100-01-01T00:00:00.000Z");
  EXPECT_EQ(made["models"], Json({"a/one"}));
  EXPECT_NE(ledger_->keys()->find_usable(ledger::key_hash(key), wall_now()), nullptr);
  const Json disabled = run({{"command", "keys.disable"}, {"name", "laptop"}});
  EXPECT_TRUE(disabled["disabled"]);
  EXPECT_THAT(disabled.dump(), Not(HasSubstr(key)));
  EXPECT_EQ(ledger_->keys()->find_usable(ledger::key_hash(key), wall_now()), nullptr);
  EXPECT_FALSE(run({{"command", "keys.enable"}, {"hash", made["hash"]}})["disabled"]);
  EXPECT_TRUE(run({{"command", "keys.delete"}, {"hash", made["hash"]}})["deleted"]);
  EXPECT_EQ(run({{"command", "keys.disable"}, {"name", "laptop"}})["code"], "key_not_found");
}

TEST_F(RunControl, ANameThatSeveralKeysHaveNeedsTheHash) {
  const Json first = create("twin");
  create("twin");
  const Json refused = run({{"command", "keys.delete"}, {"name", "twin"}});
  EXPECT_FALSE(refused["ok"]);
  EXPECT_EQ(refused["code"], "key_name_ambiguous");
  EXPECT_TRUE(run({{"command", "keys.delete"}, {"hash", first["hash"]}})["ok"]);
  EXPECT_TRUE(run({{"command", "keys.delete"}, {"name", "twin"}})["ok"]);
}

TEST_F(RunControl, WhatCannotBeDoneIsSaidOnOneLine) {
  create("laptop");
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "invalid_request"},
      {"{", "invalid_request"},
      {"[]", "invalid_request"},
      {"7", "invalid_request"},
      {R"({"command":7})", "invalid_request"},
      {R"({"command":"keys.create","name":7})", "invalid_request"},
      {R"({"command":"keys.create","name":"x","models":"a"})", "invalid_request"},
      {R"({"command":"keys.create","name":"x","expires_unix":"soon"})", "invalid_request"},
      {R"({"command":"keys.create"})", "key_name_invalid"},
      {R"({"command":"keys.create","name":""})", "key_name_invalid"},
      {R"({"command":"keys.disable","hash":"xyz"})", "invalid_key_hash"},
      {R"({"command":"keys.disable","hash":7})", "invalid_request"},
      {R"({"command":"keys.disable","name":"no\nbody"})", "key_not_found"},
      {R"({"command":"keys.disable"})", "key_not_found"},
      {R"({"command":"keys.rename","name":"laptop"})", "unknown_command"},
      {"{\"command\":\"keys.disable\",\"name\":\"\xFF\"}", "invalid_request"},
  };
  for (const auto& [line, code] : cases) {
    const std::string answer = run_control(*ledger_, line);
    EXPECT_EQ(answer.find('\n'), std::string::npos) << line;
    const Json parsed = Json::parse(answer);
    EXPECT_EQ(parsed["ok"], false) << line;
    EXPECT_EQ(parsed["code"], code) << line << answer;
    EXPECT_FALSE(parsed["message"].get<std::string>().empty()) << line;
  }
  EXPECT_EQ(ledger_->reader().list_keys()->size(), 1U);
}

class OneSettlement final : public ledger::CompletionSink {
 public:
  void deliver(std::span<const ledger::Settled> batch) noexcept override {
    done_.set_value(batch.front().status);
  }
  ledger::SettleStatus wait() { return done_.get_future().get(); }

 private:
  std::promise<ledger::SettleStatus> done_;
};

// A generation that was charged $0.000012.
GenerationId settle_one(ledger::Ledger& ledger) {
  catalog::UnitPrices unit;
  unit.prompt = Money::picodollars(1'000'000);
  unit.completion = Money{};
  const catalog::PriceTable prices = *catalog::make_price_table(unit);
  EXPECT_TRUE(ledger.register_prices({&prices, 1}));
  ledger::Settlement s;
  s.generation = GenerationIdSource().next(wall_now());
  s.key = 1;
  s.model = "a/one";
  s.provider = "shed";
  s.price_version = prices.version;
  s.counts = {.prompt = 12};
  s.cost = *catalog::compute_cost(prices, s.counts);
  s.provider_cost = s.cost.total;
  s.created = wall_now();
  const GenerationId id = s.generation;
  OneSettlement sink;
  ledger.set_sink(0, sink);
  EXPECT_TRUE(ledger.settle(0, std::move(s), 1));
  EXPECT_EQ(sink.wait(), ledger::SettleStatus::Recorded);
  return id;
}

TEST_F(RunControl, AdjustGivesBackOnceWhateverTheRepeats) {
  const std::string generation = settle_one(*ledger_).to_string();
  const Json part{{"command", "ledger.adjust"},
                  {"id", "ticket-1"},
                  {"generation", generation},
                  {"refund_usd", "0.000005"},
                  {"reason", "cut"}};
  const Json made = run(part);
  ASSERT_TRUE(made["ok"]) << made;
  EXPECT_EQ(made["status"], "recorded");
  EXPECT_EQ(made["id"], "ticket-1");
  EXPECT_EQ(made["generation"], generation);
  EXPECT_EQ(made["refund_usd"], "0.000005");
  EXPECT_EQ(made["refunded_usd"], "0.000005");
  EXPECT_EQ(made["charged_usd"], "0.000012");
  EXPECT_EQ(made["reason"], "cut");
  EXPECT_EQ(made["ledger_seq"], 2);
  const Json again = run(part);
  EXPECT_EQ(again["status"], "exists");
  EXPECT_EQ(again["booked_at"], made["booked_at"]);
  const Json rest = run({{"command", "ledger.adjust"},
                         {"id", "ticket-2"},
                         {"generation", generation},
                         {"reason", "the rest"}});
  EXPECT_EQ(rest["refund_usd"], "0.000007");
  EXPECT_EQ(rest["refunded_usd"], "0.000012");
  EXPECT_EQ(ledger_->reader().verify()->adjustments, 2);
}

TEST_F(RunControl, AnAdjustmentThatMayNotBeSaysWhyAndBooksNothing) {
  const std::string generation = settle_one(*ledger_).to_string();
  const std::string unknown = GenerationIdSource().next(wall_now()).to_string();
  const Json sound{{"command", "ledger.adjust"},
                   {"id", "t"},
                   {"generation", generation},
                   {"refund_usd", "0.000001"},
                   {"reason", "x"}};
  const std::vector<std::pair<Json, std::string>> cases{
      {{{"generation", "gen-1"}}, "adjustment_invalid"},
      {{{"generation", unknown}}, "generation_not_found"},
      {{{"generation", 7}}, "invalid_request"},
      {{{"refund_usd", "0.000013"}}, "refund_too_large"},
      {{{"refund_usd", "0"}}, "adjustment_invalid"},
      {{{"refund_usd", "a lot"}}, "invalid_decimal"},
      {{{"refund_usd", 1}}, "invalid_request"},
      {{{"reason", ""}}, "adjustment_invalid"},
      {{{"id", "two words"}}, "adjustment_invalid"},
  };
  for (const auto& [change, code] : cases) {
    Json request = sound;
    request.update(change);
    const Json refused = run(request);
    EXPECT_EQ(refused["ok"], false) << request;
    EXPECT_EQ(refused["code"], code) << request << refused;
  }
  EXPECT_EQ(ledger_->reader().verify()->adjustments, 0);
}

// A control server with a thread of its own.
class Control {
 public:
  Control(const std::string& path, ControlServer::Handle handle) {
    auto opened = ControlServer::open(worker_, path, std::move(handle));
    EXPECT_TRUE(opened);
    server_ = std::move(*opened);
    thread_ = std::thread([this] { worker_.run(); });
  }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;
  ~Control() {
    worker_.stop();
    thread_.join();
    server_.reset();
  }

 private:
  net::Worker worker_{0};
  std::unique_ptr<ControlServer> server_;
  std::thread thread_;
};

TEST(ControlSocket, AnswersLinesAndBelongsToItsOwnerAlone) {
  const test::TempFolder folder;
  const std::string path = control_socket_path(folder.file("ledger.db"));
  EXPECT_EQ(path, folder.file("ledger.db.sock"));
  {
    const Control control(path,
                          [](std::string_view line) { return "<" + std::string(line) + ">"; });
    struct stat info{};
    ASSERT_EQ(::stat(path.c_str(), &info), 0);
    EXPECT_TRUE(S_ISSOCK(info.st_mode));
    EXPECT_EQ(info.st_mode & 0777U, 0600U);
    for (const std::string line : {"", "a", "{\"x\":1}"}) {
      const auto answer = ask_daemon(path, line);
      ASSERT_TRUE(answer) << answer.error().detail();
      EXPECT_EQ(*answer, "<" + line + ">");
    }
    const std::string large(60'000, 'x');
    EXPECT_EQ(ask_daemon(path, large).has_value(), true);
    // Beyond the limit nothing is answered, and the server lives on.
    EXPECT_FALSE(ask_daemon(path, std::string(200'000, 'x')));
    EXPECT_TRUE(ask_daemon(path, "a"));
  }
  struct stat info{};
  EXPECT_NE(::stat(path.c_str(), &info), 0);  // gone with the server
}

TEST(ControlSocket, ADeadSocketAndNoSocketAreBothNoDaemon) {
  const test::TempFolder folder;
  EXPECT_EQ(ask_daemon(folder.file("none.sock"), "x").error().code(), "no_daemon");
  EXPECT_EQ(ask_daemon(folder.write("file.sock", ""), "x").error().code(), "no_daemon");
  const auto long_path = ask_daemon("/" + std::string(200, 'x'), "x");
  EXPECT_EQ(long_path.error().code(), "path_too_long");
}

}  // namespace
}  // namespace waybill::app
