#include "waybill/base/json_writer.hpp"
#include "waybill/management/bodies.hpp"

namespace waybill::management {

std::string key_body(const ledger::KeyRecord& key, const ledger::KeyUsage& usage) {
  JsonWriter json;
  json.begin_object();
  json.begin_object("data");
  json.text("label", key.label);
  json.text("name", key.name);
  json.null("limit");
  json.null("limit_remaining");
  json.null("limit_reset");
  json.flag("include_byok_in_limit", false);
  json.amount("usage", usage.total);
  json.amount("usage_daily", usage.today);
  json.amount("usage_weekly", usage.this_week);
  json.amount("usage_monthly", usage.this_month);
  json.number("byok_usage", 0);
  json.number("byok_usage_daily", 0);
  json.number("byok_usage_weekly", 0);
  json.number("byok_usage_monthly", 0);
  json.flag("is_free_tier", false);
  json.flag("is_management_key", false);
  json.flag("is_provisioning_key", false);
  json.null("creator_user_id");
  json.null("organization_id");
  json.null("workspace_id");
  json.begin_array("allowed_data_regions");
  json.text("global");
  json.end_array();
  if (key.expires) {
    json.text("expires_at", to_rfc3339(*key.expires));
  } else {
    json.null("expires_at");
  }
  // Part of the shape; OpenRouter's SDK 1.3 requires both.
  json.begin_object("free_model_daily_requests");
  json.number("used", 0);
  json.number("limit", 0);
  json.number("remaining", 0);
  json.end_object();
  json.begin_object("rate_limit");
  json.integer("requests", -1);
  json.text("interval", "10s");
  json.text("note", "This field is deprecated and safe to ignore.");
  json.end_object();
  json.end_object();
  json.end_object();
  return json.take();
}

std::string health_ready_body(const Readiness& readiness, ReadyDetail detail) {
  JsonWriter json;
  json.begin_object();
  json.text("status", readiness.ready ? "ready" : "not_ready");
  if (detail == ReadyDetail::Full) {
    const auto or_ok = [](std::string_view fault) {
      return fault.empty() ? std::string_view("ok") : fault;
    };
    json.flag("draining", readiness.draining);
    json.number("snapshot", readiness.snapshot);
    json.text("ledger", or_ok(readiness.ledger_fault));
    json.text("last_reload", or_ok(readiness.reload_faults));
  }
  json.end_object();
  return json.take();
}

}  // namespace waybill::management
