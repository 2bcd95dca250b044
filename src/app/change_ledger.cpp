#include "change_ledger.hpp"

#include "waybill/ledger/ledger.hpp"

#include "command_support.hpp"
#include "control_commands.hpp"
#include "control_socket.hpp"
#include "ledger_options.hpp"

namespace waybill::app {

using Json = nlohmann::json;

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
    auto opened = ledger::Ledger::open(ledger_options(snapshot->settings.ledger));
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

}  // namespace waybill::app
