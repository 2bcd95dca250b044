#include <cstdio>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "waybill/catalog/presets.hpp"
#include "waybill/ledger/reader.hpp"

#include "command_support.hpp"
#include "commands.hpp"
#include "control_socket.hpp"
#include "system_inputs.hpp"

namespace waybill::app {
namespace {

using Json = nlohmann::json;

Result<std::unique_ptr<ledger::LedgerReader>> open_reader(const std::string& config) {
  const catalog::SnapshotPtr snapshot = load_settings(config);
  if (!snapshot) {
    return Error(ErrorKind::InvalidRequest, "settings_refused", "The ledger was not opened.");
  }
  return ledger::LedgerReader::open(snapshot->settings.ledger.sqlite_path);
}

std::optional<ledger::ReportGroup> parse_group(const std::string& by) {
  if (by == "model") {
    return ledger::ReportGroup::Model;
  }
  if (by == "key") {
    return ledger::ReportGroup::Key;
  }
  if (by == "day") {
    return ledger::ReportGroup::Day;
  }
  if (by == "provider") {
    return ledger::ReportGroup::Provider;
  }
  return std::nullopt;
}

}  // namespace

int check_settings(const std::string& config, Output output) {
  SystemFiles files;
  const ProcessEnvironment environment;
  const catalog::Presets presets;
  const config::Inputs inputs{files, environment, presets};
  const catalog::LoadedSnapshot loaded = catalog::load_snapshot(config, inputs, 1);
  if (output == Output::Json) {
    std::printf("%s\n", config::render_json(loaded.faults).c_str());
    return loaded.snapshot ? 0 : 2;
  }
  if (!loaded.snapshot) {
    std::fputs(config::render(loaded.faults).c_str(), stdout);
    std::fputs(config::closing_line(loaded.faults.size()).c_str(), stdout);
    return 2;
  }
  std::fputs(config::render(loaded.warnings).c_str(), stdout);
  std::printf("%s: %zu models, %zu endpoints, %zu providers, no faults\n", config.c_str(),
              loaded.snapshot->catalog.models().size(), loaded.snapshot->catalog.endpoints().size(),
              loaded.snapshot->catalog.providers().size());
  return 0;
}

int verify_ledger(const std::string& config, Output output) {
  auto reader = open_reader(config);
  if (!reader) {
    fail(reader.error());
    return reader.error().code() == "settings_refused" ? 2 : 1;
  }
  const bool show = output == Output::Table && ::isatty(STDERR_FILENO) != 0;
  const auto report = (*reader)->verify([show](ledger::VerifyProgress progress) {
    if (show) {
      std::fprintf(stderr, "\r%lld of %lld", static_cast<long long>(progress.row),
                   static_cast<long long>(progress.of));
    }
  });
  if (!report) {
    return fail(report.error());
  }
  if (output == Output::Json) {
    const Json out{{"generations", report->rows},
                   {"head", report->head_hash},
                   {"customer_total_usd", to_decimal(report->customer_total)},
                   {"provider_total_usd", to_decimal(report->provider_total)}};
    std::printf("%s\n", out.dump().c_str());
  } else {
    std::printf("%lld generations: chain whole, every cost recomputed, every balance agrees\n",
                static_cast<long long>(report->rows));
  }
  return 0;
}

int report_ledger(const std::string& config, const std::string& by, Output output) {
  const auto group = parse_group(by);
  if (!group) {
    return fail(Error(ErrorKind::InvalidRequest, "invalid_group",
                      "--by takes model, key, day or provider."));
  }
  auto reader = open_reader(config);
  if (!reader) {
    fail(reader.error());
    return reader.error().code() == "settings_refused" ? 2 : 1;
  }
  const auto rows = (*reader)->report(*group, WallTime{}, WallTime::max());
  if (!rows) {
    return fail(rows.error());
  }
  Json all = Json::array();
  for (const ledger::ReportRow& row : *rows) {
    all.push_back({{by, row.group},
                   {"requests", row.generations},
                   {"prompt_tokens", row.prompt_tokens},
                   {"completion_tokens", row.completion_tokens},
                   {"cost_usd", to_decimal(row.cost)}});
  }
  if (output == Output::Json) {
    std::printf("%s\n", all.dump().c_str());
    return 0;
  }
  std::printf("%-36s %9s %12s %12s %16s\n", by.c_str(), "requests", "in tok", "out tok", "cost");
  for (const ledger::ReportRow& row : *rows) {
    std::printf("%-36s %9llu %12llu %12llu %16s\n", row.group.c_str(),
                static_cast<unsigned long long>(row.generations),
                static_cast<unsigned long long>(row.prompt_tokens),
                static_cast<unsigned long long>(row.completion_tokens),
                ("$" + to_decimal(row.cost)).c_str());
  }
  return 0;
}

int check_health(const std::string& config, const std::string& url) {
  if (url.empty()) {
    const catalog::SnapshotPtr snapshot = load_settings(config);
    if (!snapshot) {
      return 2;
    }
    const auto told =
        ask_daemon(control_socket_path(snapshot->settings.ledger.sqlite_path), kHealthRequest);
    if (!told) {
      fail(told.error());
      return 1;
    }
    std::printf("%s\n", told->c_str());
    return told->find("\"ok\":true") != std::string::npos ? 0 : 1;
  }
  const auto parsed = parse_base_url(url);
  if (!parsed) {
    return fail(parsed.error());
  }
  const auto answer = http_get(parsed->host, parsed->port, "/health/live");
  if (!answer) {
    return fail(answer.error());
  }
  std::printf("%s\n", answer->body.c_str());
  return answer->status == 200 ? 0 : 1;
}

}  // namespace waybill::app
