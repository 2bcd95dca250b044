#include "checkpoint_file.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.hpp"

namespace waybill::ledger {
namespace {

// Longer than any line.
constexpr off_t kTail = 2048;

// The end of the file, at most kTail bytes.  An errno value or 0.
int read_tail(int fd, std::string& out) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    return errno;
  }
  const off_t from = std::max<off_t>(0, info.st_size - kTail);
  out.assign(static_cast<std::size_t>(info.st_size - from), '\0');
  const ssize_t got = ::pread(fd, out.data(), out.size(), from);
  if (got < 0) {
    return errno;
  }
  out.resize(static_cast<std::size_t>(got));
  return 0;
}

int append_to(const std::string& path, std::string bytes) {
  const File file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  if (!file.is_open()) {
    return errno;
  }
  std::string tail;
  if (const int failed = read_tail(file.fd(), tail); failed != 0) {
    return failed;
  }
  if (!tail.empty() && tail.back() != '\n') {  // a line was torn: it must not take ours along
    bytes.insert(0, 1, '\n');
  }
  const ssize_t written = ::write(file.fd(), bytes.data(), bytes.size());
  if (written == static_cast<ssize_t>(bytes.size())) {
    return 0;
  }
  return written < 0 ? errno : ENOSPC;
}

}  // namespace

std::string checkpoint_lines_path(const CheckpointFiles& files, const std::string& ledger_path) {
  return files.lines.empty() ? ledger_path + ".checkpoints" : files.lines;
}

std::string signing_key_path(const CheckpointFiles& files, const std::string& ledger_path) {
  return files.signing_key.empty() ? ledger_path + ".signing-key" : files.signing_key;
}

std::string public_key_path(const std::string& ledger_path) {
  return ledger_path + ".signing-key.pub";
}

Result<void> CheckpointFile::append(const std::vector<std::string>& lines) {
  waiting_.insert(waiting_.end(), lines.begin(), lines.end());
  if (waiting_.empty()) {
    return {};
  }
  std::string bytes;
  for (const std::string& line : waiting_) {
    bytes.append(line).append("\n");
  }
  if (const int failed = append_to(path_, std::move(bytes)); failed != 0) {
    if (waiting_.size() > kMostWaiting) {
      waiting_.erase(waiting_.begin(), waiting_.end() - static_cast<std::ptrdiff_t>(kMostWaiting));
    }
    return Error(ErrorKind::Unavailable, "checkpoints_unwritable",
                 "The signed checkpoints could not be appended to " + path_ + ": " +
                     std::generic_category().message(failed) +
                     ". They are kept and tried again; see to the disk, or set "
                     "ledger.checkpoints.path.");
  }
  waiting_.clear();
  return {};
}

std::string CheckpointFile::last_line() const {
  const File file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  std::string tail;
  if (!file.is_open() || read_tail(file.fd(), tail) != 0) {
    return {};
  }
  const auto end = tail.rfind('\n');
  if (end == std::string::npos) {
    return {};
  }
  tail.resize(end);
  return tail.substr(tail.rfind('\n') + 1);  // npos + 1 is 0
}

}  // namespace waybill::ledger
