#include "lock_file.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>

#include "bytes.hpp"
#include "frames.hpp"

namespace waybill::ledger {
namespace {

std::string encode(const Anchor& anchor) {
  std::string out;
  const std::size_t start = begin_frame(out);
  out.append(reinterpret_cast<const char*>(anchor.lane.data()), anchor.lane.size());
  out.append(reinterpret_cast<const char*>(anchor.hash.data()), anchor.hash.size());
  std::array<char, sizeof(std::uint64_t)> seq{};
  store_le(seq.data(), static_cast<std::uint64_t>(anchor.seq));
  out.append(seq.data(), seq.size());
  end_frame(out, start);
  return out;
}

std::optional<Anchor> decode(std::string_view bytes) {
  std::optional<Anchor> anchor;
  read_frames(bytes, [&](std::string_view payload) {
    Anchor read;
    if (payload.size() != read.lane.size() + read.hash.size() + sizeof(std::uint64_t)) {
      return false;
    }
    std::memcpy(read.lane.data(), payload.data(), read.lane.size());
    std::memcpy(read.hash.data(), payload.data() + read.lane.size(), read.hash.size());
    read.seq = static_cast<std::int64_t>(
        load_le<std::uint64_t>(payload.substr(read.lane.size() + read.hash.size())));
    anchor = read;
    return true;
  });
  return anchor;
}

}  // namespace

Result<LockFile> LockFile::acquire(const std::string& database_path) {
  const std::string path = database_path + ".lock";
  auto file = File::open(path, O_RDWR | O_CREAT);
  if (!file) {
    return file.error();
  }
  if (::flock(file->fd(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) {
      return Error(ErrorKind::Unavailable, "ledger_locked",
                   "Another Waybill process has the ledger " + database_path +
                       "; stop it first, or give this one a ledger of its own.");
    }
    return file_error("Locking", path, errno);
  }
  LockFile lock(std::move(*file));
  const auto bytes = lock.file_.read_all();
  if (!bytes) {
    return bytes.error();
  }
  lock.anchor_ = decode(*bytes);
  return lock;
}

void LockFile::write_anchor(const Anchor& anchor) noexcept {
  if (anchor_ == anchor) {
    return;
  }
  if (file_.write_at(encode(anchor), 0) == 0) {
    anchor_ = anchor;
  }
}

}  // namespace waybill::ledger
