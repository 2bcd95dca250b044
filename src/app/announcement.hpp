// Tells who waits for it where the daemon listens: the log, and the ready file.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "waybill/base/result.hpp"
#include "waybill/config/settings.hpp"
#include "waybill/telemetry/log.hpp"

namespace waybill::app {

// Where the daemon listens, as URLs ("unix:" and a path for a Unix socket).
struct ListenUrls {
  std::vector<std::string> open;   // for clients
  std::vector<std::string> admin;  // the admin plane: none or one
};

// `port` is the one that is bound, where the settings have 0.
[[nodiscard]] std::string url_of(const config::ListenSettings& listen, std::uint16_t port);

// Logs `urls`.  A `ready_file` that is not empty appears whole, by a rename:
//   {"listen":["http://127.0.0.1:8080"],"admin":"http://127.0.0.1:9090","pid":4711}
// Errors: `ready_file_unwritable`.
Result<void> announce(const ListenUrls& urls, const std::string& ready_file, telemetry::Log& log);

}  // namespace waybill::app
