#include <cstdio>
#include <filesystem>
#include <system_error>

#include <nlohmann/json.hpp>

#include "waybill/ledger/ledger.hpp"

#include "command_support.hpp"
#include "commands.hpp"
#include "control_commands.hpp"
#include "control_socket.hpp"

namespace waybill::app {
namespace {

using Json = nlohmann::json;

// Sends the command to the daemon that holds the ledger, or performs it here
// where none runs.
Result<Json> change_ledger(const std::string& config, const Json& request) {
  const catalog::SnapshotPtr snapshot = load_settings(config);
  if (!snapshot) {
    return Error(ErrorKind::InvalidRequest, "settings_refused", "Nothing was changed.");
  }
  const std::string& path = snapshot->settings.ledger.sqlite_path;
  std::string line;
  try {
    line = request.dump();  // throws on texts that are not UTF-8
  } catch (const Json::exception&) {
    return Error(ErrorKind::InvalidRequest, "invalid_request",
                 "Names, models and paths must be text in UTF-8.");
  }
  auto answer = ask_daemon(control_socket_path(path), line);
  if (!answer && answer.error().code() == "no_daemon") {
    ledger::Options options;
    options.path = path;
    auto opened = ledger::Ledger::open(std::move(options));
    if (!opened) {
      return opened.error();
    }
    answer = run_control(**opened, line);
    const auto stopped = (*opened)->stop();
    if (!stopped) {
      return stopped.error();
    }
  }
  if (!answer) {
    return answer.error();
  }
  Json response = Json::parse(*answer, nullptr, false);
  if (!response.is_object() || !response.value("ok", false)) {
    return Error(ErrorKind::NotFound, "command_failed",
                 response.is_object()
                     ? response.value("message", std::string("The command failed."))
                     : std::string("The daemon's answer cannot be read."));
  }
  response.erase("ok");
  return response;
}

void print_key(const Json& key) {
  std::printf("%-20s  %s  %s\n", key.value("name", std::string()).c_str(),
              key.value("label", std::string()).c_str(),
              key.value("disabled", false) ? "disabled" : "active");
}

}  // namespace

int create_key(const KeyCommand& command) {
  Json request{{"command", "keys.create"}, {"name", command.name}, {"models", command.models}};
  if (!command.expires.empty()) {
    const auto expires = parse_rfc3339(command.expires);
    if (!expires) {
      return fail(
          Error(ErrorKind::InvalidRequest, "invalid_time",
                "'" + command.expires + "' is not a time in UTC; write 2026-12-31T00:00:00Z."));
    }
    request["expires_unix"] =
        std::chrono::duration_cast<std::chrono::seconds>(expires->time_since_epoch()).count();
  }
  const auto created = change_ledger(command.config, request);
  if (!created) {
    return fail(created.error());
  }
  if (command.output == Output::Json) {
    std::printf("%s\n", created->dump().c_str());
  } else {
    std::printf("%s\n", created->value("key", std::string()).c_str());
    std::fprintf(stderr, "Key '%s' made. It is shown this once and kept only as a hash.\n",
                 command.name.c_str());
  }
  return 0;
}

int list_keys(const KeyCommand& command) {
  const catalog::SnapshotPtr snapshot = load_settings(command.config);
  if (!snapshot) {
    return 2;
  }
  auto reader = ledger::LedgerReader::open(snapshot->settings.ledger.sqlite_path);
  if (!reader) {
    return fail(reader.error());
  }
  const auto keys = (*reader)->list_keys();
  if (!keys) {
    return fail(keys.error());
  }
  Json all = Json::array();
  for (const ledger::KeyRecord& key : *keys) {
    if (key.deleted) {
      continue;
    }
    all.push_back({{"name", key.name},
                   {"label", key.label},
                   {"hash", to_hex(key.hash)},
                   {"disabled", key.disabled},
                   {"created_at", to_rfc3339(key.created)},
                   {"expires_at", key.expires ? Json(to_rfc3339(*key.expires)) : Json(nullptr)},
                   {"models", key.allowed_models}});
  }
  if (command.output == Output::Json) {
    std::printf("%s\n", all.dump().c_str());
    return 0;
  }
  for (const Json& key : all) {
    print_key(key);
  }
  return 0;
}

int change_key(const KeyCommand& command, const std::string& action) {
  Json request{{"command", "keys." + action}};
  if (!command.hash.empty()) {
    request["hash"] = command.hash;
  } else {
    request["name"] = command.name;
  }
  const auto changed = change_ledger(command.config, request);
  if (!changed) {
    return fail(changed.error());
  }
  if (command.output == Output::Json) {
    std::printf("%s\n", changed->dump().c_str());
  } else {
    print_key(*changed);
  }
  return 0;
}

int backup_ledger(const std::string& config, const std::string& path) {
  // The daemon's folder is another than ours.
  std::error_code ignored;
  const std::string whole = path.empty() ? path : std::filesystem::absolute(path, ignored).string();
  const auto done = change_ledger(config, Json{{"command", "ledger.backup"}, {"path", whole}});
  return done ? 0 : fail(done.error());
}

}  // namespace waybill::app
