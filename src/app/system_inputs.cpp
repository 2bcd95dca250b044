#include "system_inputs.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

namespace waybill::app {
namespace {

Error unreadable(int reason) {
  std::array<char, 128> text{};
  return {ErrorKind::NotFound, "file_unreadable", strerror_r(reason, text.data(), text.size())};
}

// A folder that is not there matches nothing; one that cannot be read is a fault.
int on_glob_error(const char* /*path*/, int reason) {
  return reason == ENOENT || reason == ENOTDIR ? 0 : 1;
}

// Closes a descriptor at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) {
      ::close(fd_);
    }
  }
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace

Result<config::FileText> SystemFiles::read(const std::string& path, std::size_t limit) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return unreadable(errno);
  }
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) {
    return unreadable(errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return Error(ErrorKind::InvalidRequest, "file_unreadable", "not a regular file");
  }
  config::FileText out;
  out.readable_by_others = (info.st_mode & S_IROTH) != 0;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return unreadable(errno);
    }
    if (got == 0) {
      return out;
    }
    out.bytes.append(buffer.data(), static_cast<std::size_t>(got));
    if (out.bytes.size() > limit) {
      return Error(ErrorKind::InvalidRequest, "file_unreadable",
                   "larger than " + std::to_string(limit) + " bytes");
    }
  }
}

Result<std::vector<std::string>> SystemFiles::glob(const std::string& pattern) {
  glob_t found{};
  // Settings are read by one thread at a time.
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  const int status = ::glob(pattern.c_str(), 0, on_glob_error, &found);
  std::vector<std::string> out;
  if (status == 0) {
    out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  if (status != 0 && status != GLOB_NOMATCH) {
    return Error(ErrorKind::InvalidRequest, "file_unreadable", "the folder cannot be read");
  }
  return out;
}

ProcessEnvironment::ProcessEnvironment() {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals != std::string_view::npos) {
      variables_.emplace_back(text.substr(0, equals), text.substr(equals + 1));
    }
  }
}

std::optional<std::string> ProcessEnvironment::get(const std::string& name) const {
  const auto found = std::find_if(variables_.begin(), variables_.end(),
                                  [&](const auto& item) { return item.first == name; });
  return found == variables_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace waybill::app
