// What several commands need: settings, the ledger's place, a plain HTTP request.

#pragma once

#include <optional>
#include <string>

#include "waybill/base/result.hpp"
#include "waybill/base/time.hpp"
#include "waybill/catalog/snapshot.hpp"

namespace waybill::app {

// Loads the settings; prints the faults and gives null where there are any.
catalog::SnapshotPtr load_settings(const std::string& config);

// "2026-12-31T00:00:00Z" or "2026-12-31".
std::optional<WallTime> parse_rfc3339(const std::string& text);

// GET on a loopback or other plain-http address, blocking, at most 2 s; the body of
// any answer.
struct HttpAnswer {
  unsigned status = 0;
  std::string body;
};
Result<HttpAnswer> http_get(const std::string& host, std::uint16_t port, const std::string& path);

// Prints the failure and gives its exit code.
int fail(const Error& error);

}  // namespace waybill::app
