// The hostile corpora, where this machine has them.

#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace waybill::http::test {

struct CorpusCase {
  std::string id;
  nlohmann::json meta;
  std::string bytes;

  // "accept", "reject", ...; "" where the manifest says more than a word.
  [[nodiscard]] std::string expect() const {
    const auto& value = meta.at("expect");
    return value.is_string() ? value.get<std::string>() : std::string();
  }
};

// The cases of one suite; empty where there are none.
inline std::vector<CorpusCase> corpus(const std::string& suite) {
  const char* const set = std::getenv("WAYBILL_FIXTURES");
  const std::filesystem::path root =
      std::filesystem::path(set == nullptr ? "../shared/fixtures" : set) / "hostile";
  std::vector<CorpusCase> cases;
  std::ifstream manifest(root / "manifest.jsonl");
  for (std::string line; std::getline(manifest, line);) {
    auto meta = nlohmann::json::parse(line);
    if (meta.at("suite") != suite) {
      continue;
    }
    std::ifstream file(root / meta.at("file").get<std::string>(), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(file), {}};
    std::string id = meta.at("id");
    cases.push_back({std::move(id), std::move(meta), std::move(bytes)});
  }
  return cases;
}

}  // namespace waybill::http::test
