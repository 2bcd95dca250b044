// `waybill ledger adjust`.

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "waybill/base/digest.hpp"

#include "change_ledger.hpp"
#include "command_support.hpp"
#include "commands.hpp"

namespace waybill::app {

using Json = nlohmann::json;

int adjust_ledger(const AdjustCommand& command) {
  Json request{
      {"command", "ledger.adjust"}, {"generation", command.generation}, {"reason", command.reason}};
  if (!command.refund_all) {
    request["refund_usd"] = command.refund;
  }
  std::string id = command.id;
  if (id.empty()) {
    std::array<std::uint8_t, 10> random{};
    fill_random(random);
    id = "adj-" + to_hex(random);
  }
  request["id"] = id;
  const auto done = change_ledger(command.config, request);
  if (!done) {
    if (done.error().code() == "daemon_silent") {
      std::fprintf(stderr, "It may be booked all the same: repeat the command with --id %s.\n",
                   id.c_str());
    }
    return fail(done.error());
  }
  if (command.output == Output::Json) {
    std::printf("%s\n", done->dump().c_str());
    return 0;
  }
  const auto text = [&done](const char* member) { return done->value(member, std::string()); };
  std::printf("%s %s: $%s of %s given back, $%s of $%s in all\n", text("id").c_str(),
              text("status").c_str(), text("refund_usd").c_str(), text("generation").c_str(),
              text("refunded_usd").c_str(), text("charged_usd").c_str());
  return 0;
}

}  // namespace waybill::app
