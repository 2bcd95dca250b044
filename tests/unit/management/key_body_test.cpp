#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "waybill/management/bodies.hpp"

namespace waybill::management {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

TEST(KeyBody, HasEveryMemberOfTheShape) {
  ledger::KeyRecord key;
  key.label = "sk-wb-abcdef...xyz";
  key.name = "laptop";
  const ledger::KeyUsage usage{.total = MoneySum::picodollars(1'500'000'000'001),
                               .today = MoneySum::picodollars(500'000'000'000),
                               .this_week = MoneySum::picodollars(1'000'000'000'000),
                               .this_month = MoneySum::picodollars(1'250'000'000'000),
                               .generations = 7};
  const std::string body = key_body(key, usage);
  EXPECT_NE(body.find("\"usage\":1.500000000001,"), std::string::npos) << body;
  EXPECT_EQ(json::parse(body)["data"], json::parse(R"({
    "label":"sk-wb-abcdef...xyz","name":"laptop","limit":null,"limit_remaining":null,
    "limit_reset":null,"include_byok_in_limit":false,"usage":1.500000000001,"usage_daily":0.5,
    "usage_weekly":1,"usage_monthly":1.25,"byok_usage":0,"byok_usage_daily":0,"byok_usage_weekly":0,
    "byok_usage_monthly":0,"is_free_tier":false,"is_management_key":false,
    "is_provisioning_key":false,"creator_user_id":null,"organization_id":null,
    "workspace_id":null,"allowed_data_regions":["global"],
    "free_model_daily_requests":{"used":0,"limit":0,"remaining":0},"expires_at":null,
    "rate_limit":{"requests":-1,"interval":"10s",
                  "note":"This field is deprecated and safe to ignore."}})"));
}

TEST(KeyBody, AnExpiryIsATimeInUtc) {
  ledger::KeyRecord key;
  key.expires = WallTime{1'787'300'000s};
  EXPECT_EQ(json::parse(key_body(key, {}))["data"]["expires_at"], "2026-08-21T08:13:20.000Z");
}

TEST(HealthReadyBody, ReasonsAreForTheAdminListenerOnly) {
  const Readiness readiness{.ready = false,
                            .draining = true,
                            .snapshot = 3,
                            .ledger_fault = "The disk is full.",
                            .reload_faults = "a.yaml:1:1: unknown key\n"};
  EXPECT_EQ(health_ready_body(readiness, ReadyDetail::StatusOnly), R"({"status":"not_ready"})");
  EXPECT_EQ(health_ready_body(readiness, ReadyDetail::Full),
            R"({"status":"not_ready","draining":true,"snapshot":3,"ledger":"The disk is full.",)"
            R"("last_reload":"a.yaml:1:1: unknown key\n"})");
  EXPECT_EQ(health_ready_body({.ready = true}, ReadyDetail::Full),
            R"({"status":"ready","draining":false,"snapshot":0,"ledger":"ok","last_reload":"ok"})");
}

}  // namespace
}  // namespace waybill::management
