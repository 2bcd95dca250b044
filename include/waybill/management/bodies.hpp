// The JSON bodies of the endpoints that only read: models, one generation, the
// caller's key, readiness.
//
// Pure functions of values.  The shapes are OpenRouter's (its OpenAPI document,
// schemas Model, PublicEndpoint and GenerationResponse), so that its own SDKs parse
// them, with the members that OpenAI's SDKs read beside them.  Prices are decimal
// strings in USD per unit; amounts are plain JSON numbers in USD with up to 12
// decimals.  Every member that an SDK requires is there, null where Waybill has nothing to
// say.  Checked against @openrouter/sdk 1.3.19.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/catalog/catalog.hpp"
#include "waybill/ledger/records.hpp"

namespace waybill::management {

// Which part of a list is asked for, from the query parameters `offset` and `limit`.
struct PageQuery {
  std::size_t offset = 0;
  std::size_t limit = 0;  // 0: all of the rest
};

// Empty texts are parameters that were not given.  Fails with InvalidRequest
// "invalid_request" on what is no decimal number, and on a limit of 0.
Result<PageQuery> parse_page(std::string_view offset, std::string_view limit);

// GET /models of one catalog: each model is rendered once, pages are cut from that.
// The caller keeps it as long as the catalog's snapshot.
//
// Thread safety: const, so any number of threads may read.
class ModelsListing {
 public:
  explicit ModelsListing(const catalog::Catalog& catalog);

  // {"object":"list","data":[...],"total_count":n,"links":{"next":null}}
  [[nodiscard]] std::string page(const PageQuery& query) const;

 private:
  std::vector<std::string> models_;
};

// GET /models/{id} and GET /model/{author}/{slug}: the model's members at the top,
// where OpenAI's SDKs look, and again under "data", where OpenRouter's do.
// Requires: the model is of this catalog.
[[nodiscard]] std::string model_body(const catalog::Catalog& catalog, const catalog::Model& model);

// GET /models/{author}/{slug}/endpoints.
// Requires: the model is of this catalog.
[[nodiscard]] std::string model_endpoints_body(const catalog::Catalog& catalog,
                                               const catalog::Model& model);

// GET /generation?id=.  The catalog lends the display names of the providers that
// it still has.  What OpenRouter's shape has no place for stands under "waybill":
// outcome, where the usage came from, the price version that billed it, exact
// amounts as decimal strings, and the error code.
[[nodiscard]] std::string generation_body(const ledger::GenerationRecord& record,
                                          const catalog::Catalog& catalog);

// GET /key.  No limits yet: a key spends what its account has.
[[nodiscard]] std::string key_body(const ledger::KeyRecord& key, const ledger::KeyUsage& usage);

// What GET /health/ready answers from.
struct Readiness {
  bool ready = false;
  bool draining = false;
  std::uint64_t snapshot = 0;        // its version
  std::string_view ledger_fault{};   // a sentence; empty: none
  std::string_view reload_faults{};  // of the last reload; empty: it was good
};

enum class ReadyDetail : std::uint8_t {
  StatusOnly,  // what any listener may say
  Full,        // the admin listener
};

[[nodiscard]] std::string health_ready_body(const Readiness& readiness, ReadyDetail detail);

}  // namespace waybill::management
