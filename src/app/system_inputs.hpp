// The files and the environment that settings are read from.

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "waybill/config/sources.hpp"

namespace waybill::app {

// The file system.  Refuses everything but regular files.
class SystemFiles final : public config::FileSource {
 public:
  Result<config::FileText> read(const std::string& path, std::size_t limit) override;
  Result<std::vector<std::string>> glob(const std::string& pattern) override;
};

// The environment as it was when the process started: later changes by other
// threads cannot be read safely.
class ProcessEnvironment final : public config::Environment {
 public:
  ProcessEnvironment();
  [[nodiscard]] std::optional<std::string> get(const std::string& name) const override;

 private:
  std::vector<std::pair<std::string, std::string>> variables_;
};

}  // namespace waybill::app
