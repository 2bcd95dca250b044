// For the tests that look into JSON: what nearly each of them makes of it is instantiated here
// once.
#include <string>

#include <nlohmann/json.hpp>

namespace waybill::test {
inline std::string parsed_and_dumped(const std::string& text) {
  return nlohmann::json::parse(text).dump();
}
}  // namespace waybill::test
