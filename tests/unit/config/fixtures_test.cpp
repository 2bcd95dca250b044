// The hostile YAML corpora as settings files: what must be refused is, with a
// place, in bounded time; nothing crashes.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "fake_inputs.hpp"

namespace waybill::config {
namespace {

using namespace std::chrono_literals;

std::filesystem::path folder(const std::string& origin) {
  const char* root = std::getenv("WAYBILL_FIXTURES");
  return std::filesystem::path(root == nullptr ? WAYBILL_SOURCE_DIR "/../shared/fixtures" : root) /
         "hostile" / "yaml" / origin;
}

// Files of that origin whose manifest line says `expect`; all if it is empty.
std::vector<std::filesystem::path> files(const std::string& origin, const std::string& expect) {
  std::vector<std::filesystem::path> out;
  std::ifstream manifest(folder(origin) / "../../manifest.jsonl");
  for (std::string line; std::getline(manifest, line);) {
    const std::string name = "\"file\": \"yaml/" + origin + "/";
    const std::size_t at = line.find(name);
    if (at != std::string::npos &&
        (expect.empty() || line.find("\"expect\": \"" + expect + "\"") != std::string::npos)) {
      const std::size_t begin = at + name.size();
      out.push_back(folder(origin) / line.substr(begin, line.find('"', begin) - begin));
    }
  }
  return out;
}

Loaded load_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  FakeInputs inputs;
  return inputs.load_main(std::string{std::istreambuf_iterator<char>(file), {}});
}

void expect_places(const Loaded& loaded, const std::filesystem::path& path) {
  for (const Fault& fault : loaded.faults) {
    EXPECT_GT(fault.at.line, 0U) << path;
    EXPECT_GT(fault.at.column, 0U) << path;
    EXPECT_FALSE(fault.sentence.empty()) << path;
  }
}

TEST(HostileYaml, F1F2F3F4F5WhatMustBeRefusedIsRefusedQuickly) {
  const auto rejected = files("own", "reject");
  if (rejected.empty()) {
    GTEST_SKIP() << "no fixtures at " << folder("own");
  }
  for (const auto& path : rejected) {
    const auto begin = std::chrono::steady_clock::now();
    const Loaded loaded = load_file(path);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s) << path;
    EXPECT_FALSE(loaded.ok()) << path;
    expect_places(loaded, path);
  }
}

TEST(HostileYaml, F1WhatMayBeEitherEndsQuickly) {
  for (const auto& path : files("own", "either")) {
    const auto begin = std::chrono::steady_clock::now();
    expect_places(load_file(path), path);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1s) << path;
  }
}

TEST(HostileYaml, L1ASecretWrittenInlineIsNotEchoed) {
  for (const auto& path : files("own", "")) {
    const Loaded loaded = load_file(path);
    EXPECT_EQ(render(loaded.faults).find("sk-live-123"), std::string::npos) << path;
    EXPECT_EQ(render(loaded.warnings).find("sk-live-123"), std::string::npos) << path;
    EXPECT_EQ(render(loaded.faults).find("user:pass"), std::string::npos) << path;
  }
}

TEST(HostileYaml, F11TheTestSuiteOfYamlItselfNeitherCrashesNorHangs) {
  const auto all = files("yaml-test-suite", "");
  if (all.empty()) {
    GTEST_SKIP() << "no fixtures at " << folder("yaml-test-suite");
  }
  for (const auto& path : all) {
    const Loaded loaded = load_file(path);
    EXPECT_FALSE(loaded.ok()) << path;  // none of them holds settings
    expect_places(loaded, path);
  }
}

}  // namespace
}  // namespace waybill::config
