// Recordings and hostile corpora, where this machine has them.

#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace waybill::dialects::test {

inline std::filesystem::path fixtures() {
  const char* const set = std::getenv("WAYBILL_FIXTURES");
  return set == nullptr ? std::filesystem::path() : std::filesystem::path(set);
}

inline std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

// The hostile corpora's manifest lines of one suite; empty where there are none.
inline std::vector<nlohmann::json> hostile_cases(const std::string& suite) {
  std::vector<nlohmann::json> cases;
  std::ifstream manifest(fixtures() / "hostile" / "manifest.jsonl");
  for (std::string line; std::getline(manifest, line);) {
    auto entry = nlohmann::json::parse(line);
    if (entry.at("suite") == suite) {
      cases.push_back(std::move(entry));
    }
  }
  return cases;
}

inline std::string hostile_bytes(const nlohmann::json& entry) {
  return read_file(fixtures() / "hostile" / entry.at("file").get<std::string>());
}

}  // namespace waybill::dialects::test
