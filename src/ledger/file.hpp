// File descriptors with owners, and the few calls the ledger's own files need.

#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "waybill/base/result.hpp"

namespace waybill::ledger {

class File {
 public:
  File() = default;
  explicit File(int fd) noexcept : fd_(fd) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  // `flags` as for open(2), mode 0600.  Fails with "ledger_unwritable".
  static Result<File> open(const std::string& path, int flags);

  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int fd() const noexcept { return fd_; }

  // All of it at `offset`, or an errno value.
  [[nodiscard]] int write_at(std::string_view bytes, std::uint64_t offset) const noexcept;
  // An errno value or 0.
  [[nodiscard]] int sync_data() const noexcept;

  // The whole file.  Fails with "ledger_unreadable".
  [[nodiscard]] Result<std::string> read_all() const;
  // The same of its first `size` bytes, or of all where it is shorter.
  [[nodiscard]] Result<std::string> read_first(std::size_t size) const;

 private:
  int fd_ = -1;
};

// Makes the name of a new file at `path` outlive power loss.  An errno value or 0.
[[nodiscard]] int sync_folder_of(const std::string& path) noexcept;

// The kind is Unavailable and the code "ledger_unwritable".
[[nodiscard]] Error file_error(std::string_view doing, const std::string& path, int error_number);

}  // namespace waybill::ledger
