#include "control_commands.hpp"

#include <vector>

#include <nlohmann/json.hpp>

#include "waybill/base/text.hpp"

namespace waybill::app {
namespace {

using Json = nlohmann::json;

std::string failure(const Error& error) {
  return Json{{"ok", false}, {"code", error.code()}, {"message", error.detail()}}.dump();
}

Json describe(const ledger::KeyRecord& key) {
  return {{"ok", true},
          {"hash", to_hex(key.hash)},
          {"label", key.label},
          {"name", key.name},
          {"disabled", key.disabled},
          {"deleted", key.deleted},
          {"created_at", to_rfc3339(key.created)},
          {"expires_at", key.expires ? Json(to_rfc3339(*key.expires)) : Json(nullptr)},
          {"models", key.allowed_models}};
}

Result<Sha256> find_key(ledger::Ledger& ledger, const Json& request) {
  if (request.contains("hash")) {
    const auto hash = parse_sha256_hex(request.at("hash").get<std::string>());
    if (hash) {
      return *hash;
    }
    return Error(ErrorKind::InvalidRequest, "invalid_key_hash",
                 "A key's hash has 64 hexadecimal digits.");
  }
  const auto name = request.value("name", std::string());
  const auto keys = ledger.reader().list_keys();
  if (!keys) {
    return keys.error();
  }
  std::vector<Sha256> found;
  for (const ledger::KeyRecord& key : *keys) {
    if (key.name == name && !key.deleted) {
      found.push_back(key.hash);
    }
  }
  if (found.size() == 1) {
    return found.front();
  }
  return Error(
      ErrorKind::NotFound, found.empty() ? "key_not_found" : "key_name_ambiguous",
      found.empty()
          ? "There is no key named '" + printable(name) + "'; 'waybill keys list' shows them."
          : "Several keys are named '" + printable(name) + "'; give the hash instead.");
}

std::string create(ledger::Ledger& ledger, const Json& request) {
  ledger::NewKey wanted;
  wanted.name = request.value("name", std::string());
  wanted.allowed_models = request.value("models", std::vector<std::string>());
  if (request.contains("expires_unix")) {
    wanted.expires = WallTime(std::chrono::seconds(request.at("expires_unix").get<std::int64_t>()));
  }
  auto created = ledger.create_key(wanted);
  if (!created) {
    return failure(created.error());
  }
  Json out = describe(created->record);
  out["key"] = created->text.reveal();
  return out.dump();
}

std::string adjust(ledger::Ledger& ledger, const Json& request) {
  const auto generation = GenerationId::parse(request.value("generation", std::string()));
  if (!generation) {
    return failure(Error(ErrorKind::InvalidRequest, "adjustment_invalid",
                         "A generation's id looks like gen-1732531200-0123456789abcdefghij."));
  }
  ledger::NewAdjustment wanted;
  wanted.id = request.value("id", std::string());
  wanted.generation = *generation;
  wanted.reason = request.value("reason", std::string());
  if (request.contains("refund_usd")) {
    const auto refund = parse_money(request.at("refund_usd").get<std::string>());
    if (!refund) {
      return failure(refund.error());
    }
    wanted.refund = *refund;
  }
  const auto adjusted = ledger.adjust(wanted);
  if (!adjusted) {
    return failure(adjusted.error());
  }
  return Json{{"ok", true},
              {"status", adjusted->status == ledger::AdjustStatus::Exists ? "exists" : "recorded"},
              {"id", adjusted->adjustment.id},
              {"generation", adjusted->adjustment.generation.to_string()},
              {"refund_usd", to_decimal(adjusted->adjustment.refund)},
              {"refunded_usd", to_decimal(adjusted->refunded)},
              {"charged_usd", to_decimal(adjusted->charged)},
              {"reason", adjusted->adjustment.reason},
              {"ledger_seq", adjusted->seq},
              {"booked_at", to_rfc3339(adjusted->booked)}}
      .dump();
}

std::string perform(ledger::Ledger& ledger, const Json& request) {
  const auto command = request.value("command", std::string());
  if (command == "ledger.adjust") {
    return adjust(ledger, request);
  }
  if (command == "keys.create") {
    return create(ledger, request);
  }
  const auto hash = find_key(ledger, request);
  if (!hash) {
    return failure(hash.error());
  }
  Result<ledger::KeyRecord> changed(Error(ErrorKind::InvalidRequest, "unknown_command",
                                          "The daemon does not know this command."));
  if (command == "keys.disable") {
    changed = ledger.disable_key(*hash);
  } else if (command == "keys.enable") {
    changed = ledger.enable_key(*hash);
  } else if (command == "keys.delete") {
    changed = ledger.delete_key(*hash);
  }
  return changed ? describe(*changed).dump() : failure(changed.error());
}

}  // namespace

std::string run_control(ledger::Ledger& ledger, std::string_view line) {
  // The library throws on malformed JSON and on members of another type.
  try {
    return perform(ledger, Json::parse(line));
  } catch (const Json::exception&) {
    return failure(Error(ErrorKind::InvalidRequest, "invalid_request",
                         "The command is not one line of JSON as documented."));
  }
}

}  // namespace waybill::app
