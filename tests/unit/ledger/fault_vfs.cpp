#include "fault_vfs.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <utility>

#include <sqlite3.h>

namespace waybill::ledger::test {
namespace {

constexpr std::uint64_t kSector = 512;

void apply_change(std::string& content, const DiskImage::Change& change) {
  if (change.truncate) {
    content.resize(std::min<std::size_t>(content.size(), change.offset));
    return;
  }
  content.resize(std::max<std::size_t>(content.size(), change.offset + change.bytes.size()));
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

// SQLite allocates this with room for the real file behind it.
struct WrappedFile {
  sqlite3_file base;
  FaultVfs* vfs;
  std::string* path;
  bool syncs_folder;  // SQLite flushes the folder after a new journal's first flush

  sqlite3_file* real() noexcept { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

WrappedFile& wrapped(sqlite3_file* file) noexcept {
  return *reinterpret_cast<WrappedFile*>(file);
}
sqlite3_file* real(sqlite3_file* file) noexcept {
  return wrapped(file).real();
}

int close_file(sqlite3_file* file) {
  const int code = real(file)->pMethods->xClose(real(file));
  delete wrapped(file).path;
  return code;
}
int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 offset) {
  return real(file)->pMethods->xRead(real(file), out, size, offset);
}
int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 offset) {
  WrappedFile& self = wrapped(file);
  if (self.vfs->full) {
    return SQLITE_FULL;
  }
  self.vfs->wrote(*self.path, {.offset = static_cast<std::uint64_t>(offset),
                               .bytes = std::string(static_cast<const char*>(bytes),
                                                    static_cast<std::size_t>(size))});
  return real(file)->pMethods->xWrite(real(file), bytes, size, offset);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  WrappedFile& self = wrapped(file);
  self.vfs->wrote(*self.path,
                  {.offset = static_cast<std::uint64_t>(size), .bytes = {}, .truncate = true});
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  WrappedFile& self = wrapped(file);
  if (self.vfs->fail_sync) {
    return SQLITE_IOERR_FSYNC;
  }
  const int code = real(file)->pMethods->xSync(real(file), flags);
  if (code == SQLITE_OK) {
    self.vfs->synced(*self.path);
    if (std::exchange(self.syncs_folder, false)) {
      self.vfs->folder_synced();
    }
  }
  return code;
}
int file_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int check_lock(sqlite3_file* file, int* held) {
  return real(file)->pMethods->xCheckReservedLock(real(file), held);
}
int control(sqlite3_file* file, int op, void* arg) {
  return real(file)->pMethods->xFileControl(real(file), op, arg);
}
int sector_size(sqlite3_file* file) {
  return real(file)->pMethods->xSectorSize(real(file));
}
// No promise of the disk's is passed on: no safe append, no power-safe overwrite.
int characteristics(sqlite3_file* /*file*/) {
  return 0;
}
int shm_map(sqlite3_file* file, int page, int size, int extend, volatile void** out) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}
int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void shm_barrier(sqlite3_file* file) {
  real(file)->pMethods->xShmBarrier(real(file));
}
int shm_unmap(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

constexpr sqlite3_io_methods kMethods{
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock,
    .xUnlock = unlock,
    .xCheckReservedLock = check_lock,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

struct VfsData {
  sqlite3_vfs* real = nullptr;
  FaultVfs* owner = nullptr;
};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const VfsData& data = *static_cast<VfsData*>(vfs->pAppData);
  WrappedFile& self = wrapped(file);
  self.base.pMethods = nullptr;
  const std::string path(name != nullptr ? name : "");
  const auto existed =
      std::filesystem::exists(path) ? FaultVfs::Existed::Yes : FaultVfs::Existed::No;
  const int code = data.real->xOpen(data.real, name, self.real(), flags, out_flags);
  if (code == SQLITE_OK) {
    self.base.pMethods = &kMethods;
    self.vfs = data.owner;
    self.path = new std::string(path);
    constexpr int kJournals =
        SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;
    self.syncs_folder = (flags & SQLITE_OPEN_CREATE) != 0 && (flags & kJournals) != 0;
    data.owner->opened(path, existed);
  }
  return code;
}

}  // namespace

// ------------------------------------------------------------------ DiskImage

void DiskImage::change(Change change) {
  pending_.push_back(std::move(change));
}

void DiskImage::flush() {
  for (const Change& change : pending_) {
    apply_change(durable_, change);
  }
  pending_.clear();
}

std::string DiskImage::after_power_loss(std::mt19937& random) const {
  std::vector<Change> sectors;
  for (const Change& change : pending_) {
    if (change.truncate) {
      sectors.push_back(change);
      continue;
    }
    for (std::uint64_t at = 0; at < change.bytes.size();) {
      const std::uint64_t to_boundary = kSector - (change.offset + at) % kSector;
      sectors.push_back(
          {.offset = change.offset + at, .bytes = change.bytes.substr(at, to_boundary)});
      at += to_boundary;
    }
  }
  // A truncation orders what is before and after it; writes in between do not keep theirs.
  std::string content = durable_;
  const unsigned keep_of_eight = random() % 9;
  for (auto begin = sectors.begin(); begin != sectors.end();) {
    auto end =
        std::find_if(begin, sectors.end(), [](const Change& change) { return change.truncate; });
    std::shuffle(begin, end, random);
    end = end == sectors.end() ? end : end + 1;
    for (; begin != end; ++begin) {
      if (random() % 8 < keep_of_eight) {
        apply_change(content, *begin);
      }
    }
  }
  return content;
}

// ------------------------------------------------------------------ FaultVfs

struct FaultVfs::Registration {
  VfsData data;
  sqlite3_vfs vfs{};
};

FaultVfs::FaultVfs() : registration_(std::make_unique<Registration>()) {
  static std::atomic<int> count{0};
  name_ = "fault" + std::to_string(++count);
  registration_->data = {.real = sqlite3_vfs_find(nullptr), .owner = this};
  registration_->vfs = *registration_->data.real;
  registration_->vfs.pNext = nullptr;
  registration_->vfs.zName = name_.c_str();
  registration_->vfs.pAppData = &registration_->data;
  registration_->vfs.szOsFile =
      static_cast<int>(sizeof(WrappedFile)) + registration_->data.real->szOsFile;
  registration_->vfs.xOpen = open_file;
  // The system's own methods below read their own pAppData.
  registration_->vfs.xDelete = [](sqlite3_vfs* vfs, const char* name, int sync) {
    const VfsData& data = *static_cast<VfsData*>(vfs->pAppData);
    const int code = data.real->xDelete(data.real, name, sync);
    if (code == SQLITE_OK) {
      data.owner->deleted(name);
      if (sync != 0) {
        data.owner->folder_synced();
      }
    }
    return code;
  };
  registration_->vfs.xAccess = [](sqlite3_vfs* vfs, const char* name, int flags, int* out) {
    auto* const real = static_cast<VfsData*>(vfs->pAppData)->real;
    return real->xAccess(real, name, flags, out);
  };
  registration_->vfs.xFullPathname = [](sqlite3_vfs* vfs, const char* name, int size, char* out) {
    auto* const real = static_cast<VfsData*>(vfs->pAppData)->real;
    return real->xFullPathname(real, name, size, out);
  };
  sqlite3_vfs_register(&registration_->vfs, 0);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&registration_->vfs);
}

void FaultVfs::opened(const std::string& path, Existed existed) {
  std::ifstream stream(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(stream), {}};
  const std::scoped_lock lock(mutex_);
  File& file = files_[path];
  if (file.present) {
    return;  // opened before: what of it is flushed is known
  }
  file = {.image = {}, .present = true, .named = existed == Existed::Yes};
  file.image.load(std::move(bytes));
}

void FaultVfs::deleted(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  files_[path].present = false;
}

void FaultVfs::folder_synced() {
  const std::scoped_lock lock(mutex_);
  for (auto& [path, file] : files_) {
    file.named = file.present;
  }
}

void FaultVfs::wrote(const std::string& path, DiskImage::Change change) {
  const std::scoped_lock lock(mutex_);
  files_[path].image.change(std::move(change));
}

void FaultVfs::synced(const std::string& path) {
  ++syncs;
  const std::scoped_lock lock(mutex_);
  files_[path].image.flush();
}

void FaultVfs::lose_power(const std::string& folder, std::uint32_t seed) {
  std::mt19937 random(seed);
  const std::scoped_lock lock(mutex_);
  for (const auto& [path, file] : files_) {
    const bool survives = file.present == file.named ? file.named : random() % 2 == 0;
    if (!survives) {
      continue;
    }
    const std::string content = file.image.after_power_loss(random);
    std::ofstream(folder + "/" + std::filesystem::path(path).filename().string(), std::ios::binary)
        .write(content.data(), static_cast<std::streamsize>(content.size()));
  }
}

}  // namespace waybill::ledger::test
