#include "spill_file.hpp"

#include <cerrno>
#include <cstdio>
#include <utility>

#include <fcntl.h>

#include "frames.hpp"

namespace waybill::ledger {

SpillFile::SpillFile(File file, std::string path, std::size_t size) noexcept
    : file_(std::move(file)),
      path_(std::move(path)),
      size_(size) {}

Result<SpillFile> SpillFile::make(std::string path, std::size_t size) {
  auto file = File::open(path, O_RDWR | O_CREAT);
  if (!file) {
    return file.error();
  }
  SpillFile spill(std::move(*file), std::move(path), size);
  if (const int failed = ::posix_fallocate(spill.file_.fd(), 0, static_cast<off_t>(size));
      failed != 0) {
    return file_error("Reserving space in", spill.path_, failed);
  }
  if (const int failed = sync_folder_of(spill.path_); failed != 0) {
    return file_error("Flushing the folder of", spill.path_, failed);
  }
  return spill;
}

Result<SpillFile> SpillFile::open(const std::string& database_path, std::size_t size) {
  auto spill = make(database_path + ".spill", size);
  if (!spill) {
    return spill.error();
  }
  auto left = spill->read();
  if (!left) {
    return left.error();
  }
  spill->left_over_ = std::move(*left);
  return spill;
}

Result<std::string> SpillFile::set_aside(const std::string& name) {
  std::string kept = path_ + "." + name;
  if (::rename(path_.c_str(), kept.c_str()) != 0) {
    return file_error("Renaming", path_, errno);
  }
  auto fresh = make(path_, size_);
  if (!fresh) {
    return fresh.error();
  }
  *this = std::move(*fresh);
  return kept;
}

Result<void> SpillFile::append(const std::vector<const Posting*>& postings) {
  buffer_.clear();
  for (const Posting* posting : postings) {
    const std::size_t start = begin_frame(buffer_);
    encode_posting(*posting, buffer_);
    end_frame(buffer_, start);
  }
  const std::size_t bytes = buffer_.size();
  buffer_.append(kFrameHead, '\0');  // ends the list, whatever an earlier use left behind
  if (used_ + buffer_.size() > size_) {
    return Error(
        ErrorKind::Unavailable, "ledger_spill_full",
        "The spill file " + path_ + " is full; free space on the ledger's disk and restart.");
  }
  if (const int failed = file_.write_at(buffer_, used_); failed != 0) {
    return file_error("Writing", path_, failed);
  }
  if (const int failed = file_.sync_data(); failed != 0) {
    return file_error("Flushing", path_, failed);
  }
  used_ += bytes;
  return {};
}

Result<SpillFile::Content> SpillFile::read() const {
  // Nearly always there is nothing: megabytes of zeros that no start must read.
  const auto head = file_.read_first(kFrameHead);
  if (!head) {
    return head.error();
  }
  if (head->find_first_not_of('\0') == std::string::npos) {
    return Content{};
  }
  auto bytes = file_.read_all();
  if (!bytes) {
    return bytes.error();
  }
  Content out;
  out.end = read_frames(*bytes, [&](std::string_view payload) {
    auto posting = decode_posting(payload);
    if (posting) {
      out.postings.push_back(std::move(*posting));
    }
    return posting.has_value();
  });
  return out;
}

Result<void> SpillFile::clear() {
  if (const int failed = file_.write_at(std::string(kFrameHead, '\0'), 0); failed != 0) {
    return file_error("Writing", path_, failed);
  }
  if (const int failed = file_.sync_data(); failed != 0) {
    return file_error("Flushing", path_, failed);
  }
  used_ = 0;
  left_over_ = {};
  return {};
}

}  // namespace waybill::ledger
