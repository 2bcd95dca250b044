// The commands beside `serve`.  Each returns the process's exit code: 0 done, 1
// what was asked for failed, 2 the call or the settings are wrong.

#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace waybill::app {

enum class Output : unsigned char {
  Table,
  Json
};

// Prints every fault of the settings, or that there is none.
int check_settings(const std::string& config, Output output);

struct KeyCommand {
  std::string config;
  std::string name;
  std::string hash;
  std::string expires;  // RFC 3339, UTC; empty for never
  std::vector<std::string> models;
  Output output = Output::Table;
};
int create_key(const KeyCommand& command);
int list_keys(const KeyCommand& command);
// `action` is "disable", "enable" or "delete".
int change_key(const KeyCommand& command, const std::string& action);

int verify_ledger(const std::string& config, Output output);
// `by` is "model", "key", "day" or "provider".
int report_ledger(const std::string& config, const std::string& by, Output output);

struct AdjustCommand {
  std::string config;
  std::string generation;
  std::string refund;       // USD
  bool refund_all = false;  // instead: all that is left
  std::string reason;
  std::string id;  // empty: one is made
  Output output = Output::Table;
};
int adjust_ledger(const AdjustCommand& command);
int backup_ledger(const std::string& config, const std::string& path);

// Asks a daemon whether it is ready: at `url`, or where the settings say it listens.
int check_health(const std::string& config, const std::string& url);

// Looks for provider keys in the environment and for local servers on their usual
// ports, and writes what it found as settings into the state folder.  Prices come
// from `models_folder`/<provider>.yaml.
int quickstart(const std::string& state_folder, const std::string& models_folder);

}  // namespace waybill::app
