#include <cstdio>

#include <nlohmann/json.hpp>

#include "waybill/ledger/reader.hpp"

#include "change_ledger.hpp"
#include "command_support.hpp"
#include "commands.hpp"

namespace waybill::app {
namespace {

using Json = nlohmann::json;

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

}  // namespace waybill::app
