// A folder that is gone when the test ends, with files or a ledger in it.

#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include <stdlib.h>

#include <gtest/gtest.h>

#include "waybill/ledger/ledger.hpp"

namespace waybill::app::test {

class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "waybill-app-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data()) != nullptr ? pattern : std::string();
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  ~TempFolder() { std::filesystem::remove_all(path_); }

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(file(name)).parent_path());
    std::ofstream(file(name), std::ios::binary) << text;
    return file(name);
  }

 private:
  std::string path_;
};

inline std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// A ledger that asks for little room.
inline std::unique_ptr<ledger::Ledger> open_ledger(const TempFolder& folder,
                                                   std::size_t workers = 1) {
  ledger::Options options;
  options.workers = workers;
  options.path = folder.file("ledger.db");
  options.spill_bytes = std::size_t{1} << 20U;
  options.least_free_bytes = 0;
  auto opened = ledger::Ledger::open(std::move(options));
  EXPECT_TRUE(opened);
  return opened ? std::move(*opened) : nullptr;
}

}  // namespace waybill::app::test
