#include "file.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace waybill::ledger {
namespace {

Error unreadable(int error_number) {
  return {ErrorKind::Unavailable, "ledger_unreadable",
          std::string("A file of the ledger cannot be read: ") +
              std::generic_category().message(error_number) + "."};
}

}  // namespace

Error file_error(std::string_view doing, const std::string& path, int error_number) {
  return {ErrorKind::Unavailable, "ledger_unwritable",
          std::string(doing) + " " + path +
              " failed: " + std::generic_category().message(error_number) +
              ". Check the disk's space and the folder's owner."};
}

int sync_folder_of(const std::string& path) noexcept {
  const auto slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return file.is_open() && ::fsync(file.fd()) == 0 ? 0 : errno;
}

File::File(File&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

File::~File() {
  if (fd_ >= 0) {
    ::close(fd_);
  }
}

Result<File> File::open(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return file_error("Opening", path, errno);
  }
  return File(fd);
}

int File::write_at(std::string_view bytes, std::uint64_t offset) const noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return written < 0 ? errno : ENOSPC;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += static_cast<std::uint64_t>(written);
  }
  return 0;
}

int File::sync_data() const noexcept {
  return ::fdatasync(fd_) == 0 ? 0 : errno;
}

Result<std::string> File::read_all() const {
  struct stat info{};
  if (::fstat(fd_, &info) != 0) {
    return unreadable(errno);
  }
  return read_first(static_cast<std::size_t>(info.st_size));
}

Result<std::string> File::read_first(std::size_t size) const {
  std::string out(size, '\0');
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        ::pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return unreadable(errno);
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  out.resize(done);
  return out;
}

}  // namespace waybill::ledger
