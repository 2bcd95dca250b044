// A SQLite VFS over the system's that can fail a write or a flush, and that knows what
// a power failure would leave.

#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace waybill::ledger::test {

// The content of one file as the disk has it, and what was written since its last flush.
class DiskImage {
 public:
  struct Change {
    std::uint64_t offset = 0;
    std::string bytes;
    bool truncate = false;
  };

  void change(Change change);
  void flush();
  // What power loss leaves: flushed bytes, and of the rest any sectors in any order.
  [[nodiscard]] std::string after_power_loss(std::mt19937& random) const;
  void load(std::string bytes) { durable_ = std::move(bytes); }

 private:
  std::string durable_;
  std::vector<Change> pending_;
};

// Registered under name() for its lifetime.  Every file opened through it must be
// closed before.
class FaultVfs {
 public:
  FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;
  ~FaultVfs();

  enum class Existed : std::uint8_t {
    Yes,
    No
  };

  [[nodiscard]] std::string name() const { return name_; }

  std::atomic<bool> full{false};       // every write fails as ENOSPC
  std::atomic<bool> fail_sync{false};  // every flush fails as EIO
  std::atomic<int> syncs{0};           // done so far

  // For the file's wrapper.
  void opened(const std::string& path, Existed existed);
  void deleted(const std::string& path);
  void folder_synced();
  void wrote(const std::string& path, DiskImage::Change change);
  void synced(const std::string& path);

  // Writes into `folder`, under their own names, the files as a power failure at this
  // moment would leave them.  A file made or deleted since the last flush of their
  // folder may be there or not.
  void lose_power(const std::string& folder, std::uint32_t seed);

 private:
  struct Registration;
  struct File {
    DiskImage image;
    bool present = false;
    bool named = false;  // present after power loss for certain
  };

  std::string name_;
  std::unique_ptr<Registration> registration_;
  std::mutex mutex_;
  std::map<std::string, File> files_;
};

}  // namespace waybill::ledger::test
