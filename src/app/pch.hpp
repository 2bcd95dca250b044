// What most of the commands and of the simulator include anyway, and what nearly each of them makes
// of it, so that it is instantiated once.
#include <string>

#include <nlohmann/json.hpp>

namespace waybill::app {
inline std::string parsed_and_dumped(const std::string& text) {
  return nlohmann::json::parse(text).dump();
}
}  // namespace waybill::app
