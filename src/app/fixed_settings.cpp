#include "fixed_settings.hpp"

#include <string_view>

#include "certificates.hpp"

namespace waybill::app {
namespace {

std::string places_of(const config::Settings& settings) {
  std::string out;
  for (const config::ListenSettings& listen : settings.listen) {
    out += place_of(listen) + (listen.tls ? " tls\n" : "\n");
  }
  return out;
}

}  // namespace

std::string fixed_at_start(const config::Settings& before, const config::Settings& after) {
  std::string out;
  const auto compare = [&out](std::string_view name, bool same) {
    if (!same) {
      out.append(out.empty() ? "" : ", ").append(name);
    }
  };
  compare("listen", places_of(before) == places_of(after));
  compare("admin.listen",
          before.admin.has_value() == after.admin.has_value() &&
              (!before.admin || (place_of(*before.admin) == place_of(*after.admin) &&
                                 before.admin->tls.has_value() == after.admin->tls.has_value())));
  compare("workers", before.workers == after.workers);
  compare("ledger", before.ledger.sqlite_path == after.ledger.sqlite_path &&
                        before.ledger.durability == after.ledger.durability &&
                        before.ledger.least_free == after.ledger.least_free &&
                        before.ledger.checkpoint_path == after.ledger.checkpoint_path &&
                        before.ledger.signing_key == after.ledger.signing_key);
  compare("idempotency.max_keys", before.idempotency.max_keys == after.idempotency.max_keys);
  compare("logging.format", before.logging.format == after.logging.format);
  compare("logging.file", before.logging.file == after.logging.file);
  return out;
}

}  // namespace waybill::app
