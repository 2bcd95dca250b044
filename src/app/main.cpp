#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "commands.hpp"
#include "daemon.hpp"
#include "simulator/simulate_command.hpp"

namespace {

using waybill::app::KeyCommand;
using waybill::app::Output;

constexpr const char* kConfig = "waybill.yaml";

struct Arguments {
  waybill::app::ServeOptions serve{kConfig, {}, false};
  KeyCommand key{kConfig, {}, {}, {}, {}, Output::Table};
  waybill::app::AdjustCommand adjust{kConfig, {}, {}, false, {}, {}, Output::Table};
  std::string config = kConfig;
  std::string url;
  std::string state;
  std::string by = "model";
  std::string path;
  bool json = false;
};

void add_config(CLI::App& command, std::string& config) {
  command.add_option("--config,-c", config, "The settings file")
      ->envname("WAYBILL_CONFIG")
      ->capture_default_str();
}

void add_keys(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* const keys = app.add_subcommand("keys", "Make, list and disable API keys");
  keys->require_subcommand(1);
  const auto add = [&](const char* name, const char* help) {
    CLI::App* const command = keys->add_subcommand(name, help);
    add_config(*command, arguments.key.config);
    command->add_flag("--json", arguments.json, "Print JSON");
    return command;
  };
  const auto output = [&arguments] {
    arguments.key.output = arguments.json ? Output::Json : Output::Table;
  };
  CLI::App* const create = add("create", "Make a key and show it once");
  create->add_option("--name", arguments.key.name, "What to call it")->required();
  create->add_option("--expires", arguments.key.expires,
                     "Until when it works, in UTC: 2026-12-31T00:00:00Z");
  create->add_option("--allow-model", arguments.key.models,
                     "A model it may use; repeat for more (default: all)");
  create->callback([&, output] {
    output();
    status = waybill::app::create_key(arguments.key);
  });
  add("list", "Show all keys")->callback([&, output] {
    output();
    status = waybill::app::list_keys(arguments.key);
  });
  for (const char* const action : {"disable", "enable", "delete"}) {
    CLI::App* const command = add(action, "By --name or --hash");
    command->add_option("--name", arguments.key.name, "Its name");
    command->add_option("--hash", arguments.key.hash, "Its hash");
    command->callback([&, output, action = std::string(action)] {
      output();
      status = waybill::app::change_key(arguments.key, action);
    });
  }
}

void add_adjust(CLI::App& ledger, Arguments& arguments, int& status) {
  waybill::app::AdjustCommand& wanted = arguments.adjust;
  CLI::App* const adjust =
      ledger.add_subcommand("adjust", "Give back what a generation was charged, or a part of it");
  add_config(*adjust, wanted.config);
  adjust->add_flag("--json", arguments.json, "Print JSON");
  adjust->add_option("generation", wanted.generation, "Its id, gen-...")->required();
  adjust->add_option("--reason", wanted.reason, "Why; kept with it for good")->required();
  adjust->add_option("--id", wanted.id,
                     "Names the adjustment: the same command again books nothing (default: made)");
  CLI::Option_group* const amount = adjust->add_option_group("amount");
  amount->add_option("--refund", wanted.refund, "USD, such as 0.0125");
  amount->add_flag("--refund-all", wanted.refund_all, "All that is left of the charge");
  amount->require_option(1);
  adjust->callback([&] {
    wanted.output = arguments.json ? Output::Json : Output::Table;
    status = waybill::app::adjust_ledger(wanted);
  });
}

void add_ledger(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* const ledger =
      app.add_subcommand("ledger", "Report, verify, adjust and back up what everything cost");
  ledger->require_subcommand(1);
  const auto add = [&](const char* name, const char* help) {
    CLI::App* const command = ledger->add_subcommand(name, help);
    add_config(*command, arguments.config);
    command->add_flag("--json", arguments.json, "Print JSON");
    return command;
  };
  const auto output = [&arguments] { return arguments.json ? Output::Json : Output::Table; };
  add_adjust(*ledger, arguments, status);
  add("verify", "Recompute every cost, balance and hash, check every signature")
      ->callback([&, output] { status = waybill::app::verify_ledger(arguments.config, output()); });
  CLI::App* const report = add("report", "Sums by model, key, day or provider");
  report->add_option("--by", arguments.by, "model, key, day or provider")->capture_default_str();
  report->callback([&, output] {
    status = waybill::app::report_ledger(arguments.config, arguments.by, output());
  });
  CLI::App* const backup = add("backup", "A consistent copy, also beside a running daemon");
  backup->add_option("path", arguments.path, "Where to; must not exist")->required();
  backup->callback([&] { status = waybill::app::backup_ledger(arguments.config, arguments.path); });
}

void add_service(CLI::App& app, Arguments& arguments, int& status) {
  CLI::App* const serve = app.add_subcommand("serve", "Run the daemon");
  add_config(*serve, arguments.serve.config);
  serve->add_option("--ready-file", arguments.serve.ready_file,
                    "Written as JSON once everything listens");
  serve->add_flag("--accept-restored", arguments.serve.accept_restored,
                  "Go on with a ledger that is an older copy, once");
  serve->callback([&] { status = waybill::app::serve(arguments.serve); });
  CLI::App* const check =
      app.add_subcommand("check", "Say everything that is wrong with the settings");
  add_config(*check, arguments.config);
  check->add_flag("--json", arguments.json, "Print JSON");
  check->callback([&] {
    status = waybill::app::check_settings(arguments.config,
                                          arguments.json ? Output::Json : Output::Table);
  });
  CLI::App* const quickstart =
      app.add_subcommand("quickstart", "Write settings for what is found here");
  quickstart->add_option("--state", arguments.state, "The state folder")->required();
  quickstart->add_option("--models", arguments.path,
                         "Folder with the models and prices of providers");
  quickstart->callback([&] { status = waybill::app::quickstart(arguments.state, arguments.path); });
  CLI::App* const health = app.add_subcommand("health", "Ask a daemon whether it is ready");
  add_config(*health, arguments.config);
  health->add_option("--url", arguments.url, "Where it listens, instead of what the settings say");
  health->callback([&] { status = waybill::app::check_health(arguments.config, arguments.url); });
}

// CLI11 would take the argument after "--name=" for the value, be it an option.
void refuse_empty_values(std::span<char*> arguments) {
  for (const std::string_view argument : arguments) {
    if (argument == "--") {
      return;
    }
    if (argument.starts_with("--") && argument.find('=') == argument.size() - 1) {
      throw CLI::ValidationError(std::string(argument), "there is no value behind the '='");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Waybill: every request gets a route and a bill.\n\n"
      "  waybill serve --config waybill.yaml\n"
      "  waybill keys create --name laptop\n"
      "  waybill ledger report --by model\n");
  app.set_version_flag("--version", std::string("waybill ") + WAYBILL_VERSION);
  app.require_subcommand(1);
  Arguments arguments;
  waybill::app::SimulateArguments simulate;
  int status = 0;
  add_service(app, arguments, status);
  add_keys(app, arguments, status);
  add_ledger(app, arguments, status);
  waybill::app::add_simulate_command(app, simulate, status);
  try {
    refuse_empty_values({argv, static_cast<std::size_t>(argc)});
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  return status;
}
