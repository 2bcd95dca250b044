#include <cstdio>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "waybill/catalog/presets.hpp"
#include "waybill/ledger/reader.hpp"

#include "command_support.hpp"
#include "commands.hpp"
#include "control_socket.hpp"
#include "ledger_options.hpp"
#include "system_inputs.hpp"

namespace waybill::app {
namespace {

using Json = nlohmann::json;

struct OpenLedger {
  std::unique_ptr<ledger::LedgerReader> reader;
  ledger::CheckpointFiles files;
};

Result<OpenLedger> open_reader(const std::string& config) {
  const catalog::SnapshotPtr snapshot = load_settings(config);
  if (!snapshot) {
    return Error(ErrorKind::InvalidRequest, "settings_refused", "The ledger was not opened.");
  }
  const config::LedgerSettings& settings = snapshot->settings.ledger;
  auto reader = ledger::LedgerReader::open(settings.sqlite_path);
  if (!reader) {
    return reader.error();
  }
  return OpenLedger{.reader = std::move(*reader), .files = checkpoint_files(settings)};
}

void print_report(const ledger::VerifyReport& report) {
  std::printf("%lld generations%s: chain whole, every cost recomputed, every balance agrees\n",
              static_cast<long long>(report.rows - report.adjustments),
              report.adjustments == 0
                  ? ""
                  : (" and " + std::to_string(report.adjustments) + " adjustments").c_str());
  std::printf("%zu checkpoints signed by their key, %zu lines of the second file agree\n",
              report.signed_checkpoints, report.checkpoint_lines);
  for (const std::string& note : report.notes) {
    std::printf("note: %s\n", note.c_str());
  }
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

// On a connection of its own: a daemon beside it goes on meanwhile.
int backup_ledger(const std::string& config, const std::string& path) {
  if (path.empty()) {  // SQLite would write a nameless file, and forget it
    return fail(Error(ErrorKind::InvalidRequest, "invalid_request",
                      "A backup needs a path, of a file that does not exist yet."));
  }
  const auto opened = open_reader(config);
  if (!opened) {
    return fail(opened.error());
  }
  const auto done = opened->reader->backup(path);
  return done ? 0 : fail(done.error());
}

int verify_ledger(const std::string& config, Output output) {
  const auto opened = open_reader(config);
  if (!opened) {
    fail(opened.error());
    return opened.error().code() == "settings_refused" ? 2 : 1;
  }
  const bool show = output == Output::Table && ::isatty(STDERR_FILENO) != 0;
  const auto tell = [show](ledger::VerifyProgress progress) {
    if (show) {
      std::fprintf(stderr, "\r%lld of %lld", static_cast<long long>(progress.row),
                   static_cast<long long>(progress.of));
    }
  };
  const auto report = opened->reader->verify(tell, opened->files);
  if (!report) {
    return fail(report.error());
  }
  if (output == Output::Json) {
    const Json out{{"generations", report->rows - report->adjustments},
                   {"adjustments", report->adjustments},
                   {"head", report->head_hash},
                   {"customer_total_usd", to_decimal(report->customer_total)},
                   {"refund_total_usd", to_decimal(report->refund_total)},
                   {"provider_total_usd", to_decimal(report->provider_total)},
                   {"signed_checkpoints", report->signed_checkpoints},
                   {"checkpoint_lines", report->checkpoint_lines},
                   {"unsigned_rows", report->unsigned_rows},
                   {"notes", report->notes}};
    std::printf("%s\n", out.dump().c_str());
  } else {
    print_report(*report);
  }
  return 0;
}

int report_ledger(const std::string& config, const std::string& by, Output output) {
  const auto group = parse_group(by);
  if (!group) {
    return fail(Error(ErrorKind::InvalidRequest, "invalid_group",
                      "--by takes model, key, day or provider."));
  }
  const auto opened = open_reader(config);
  if (!opened) {
    fail(opened.error());
    return opened.error().code() == "settings_refused" ? 2 : 1;
  }
  const auto rows = opened->reader->report(*group, WallTime{}, WallTime::max());
  if (!rows) {
    return fail(rows.error());
  }
  Json all = Json::array();
  for (const ledger::ReportRow& row : *rows) {
    all.push_back({{by, row.group},
                   {"requests", row.generations},
                   {"prompt_tokens", row.prompt_tokens},
                   {"completion_tokens", row.completion_tokens},
                   {"cost_usd", to_decimal(row.cost)},
                   {"refunded_usd", to_decimal(row.refunded)}});
  }
  if (output == Output::Json) {
    std::printf("%s\n", all.dump().c_str());
    return 0;
  }
  std::printf("%-36s %9s %12s %12s %16s %12s\n", by.c_str(), "requests", "in tok", "out tok",
              "cost", "refunded");
  for (const ledger::ReportRow& row : *rows) {
    std::printf("%-36s %9llu %12llu %12llu %16s %12s\n", row.group.c_str(),
                static_cast<unsigned long long>(row.generations),
                static_cast<unsigned long long>(row.prompt_tokens),
                static_cast<unsigned long long>(row.completion_tokens),
                ("$" + to_decimal(row.cost)).c_str(), ("$" + to_decimal(row.refunded)).c_str());
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
  if (parsed->scheme != UrlScheme::Http) {
    return fail(Error(ErrorKind::InvalidRequest, "invalid_request",
                      "--url asks over plain http; without it, health is asked on the control "
                      "socket, whatever the listeners speak."));
  }
  const auto answer = http_get(parsed->host, parsed->port, "/health/live");
  if (!answer) {
    return fail(answer.error());
  }
  std::printf("%s\n", answer->body.c_str());
  return answer->status == 200 ? 0 : 1;
}

}  // namespace waybill::app
