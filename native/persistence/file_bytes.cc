#include "persistence/file_bytes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/units.h"

namespace tutti {

namespace {

constexpr size_t kBufferBytes = 256 * kKiB;
// After so many the kernel is told to write them: the disk is busy meanwhile, and the end short.
constexpr uint64_t kSyncBytes = 4 * kMiB;
// write(2) takes no more at once.
constexpr size_t kPieceBytes = size_t{1} << 30;

}  // namespace

FileSink::FileSink(const std::string& path, bool syncs_often) : syncs_often_(syncs_often) {
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) Fail("open");
}

FileSink::~FileSink() {
  if (fd_ >= 0) close(fd_);
}

void FileSink::Fail(const char* what) {
  if (!status_.ok()) return;
  status_ = {Code::kCannotSave, std::string(what) + ": " + std::strerror(errno)};
}

void FileSink::Write(const void* data, size_t bytes) {
  const auto* at = static_cast<const uint8_t*>(data);
  while (status_.ok() && bytes > 0) {
    const ssize_t written = write(fd_, at, std::min(bytes, kPieceBytes));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return Fail("write");
    at += written;
    bytes -= static_cast<size_t>(written);
    written_bytes_ += static_cast<uint64_t>(written);
  }
  if (!syncs_often_ || written_bytes_ - synced_bytes_ < kSyncBytes) return;
  // Begins to write what is new, and waits for what was new the last time.
  const auto from = static_cast<off64_t>(synced_bytes_);
  sync_file_range(fd_, from, 0, SYNC_FILE_RANGE_WRITE);
  if (from > 0) sync_file_range(fd_, 0, from, SYNC_FILE_RANGE_WAIT_BEFORE);
  synced_bytes_ = written_bytes_;
}

void FileSink::Finish() {
  if (fd_ < 0) return;
  if (status_.ok() && fsync(fd_) != 0) Fail("fsync");
  if (close(fd_) != 0) Fail("close");
  fd_ = -1;
}

FileSource::FileSource(const std::string& path) : buffer_(new uint8_t[kBufferBytes]) {
  fd_ = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat facts;
  if (fd_ < 0 || fstat(fd_, &facts) != 0) {
    open_error_ = errno;
    return;
  }
  if (!S_ISREG(facts.st_mode)) {
    open_error_ = S_ISDIR(facts.st_mode) ? EISDIR : EINVAL;
    return;
  }
  size_ = unread_bytes_ = static_cast<uint64_t>(facts.st_size);
  posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
}

FileSource::~FileSource() {
  if (fd_ >= 0) close(fd_);
}

bool FileSource::ReadFromFile(uint8_t* to, size_t bytes) {
  while (bytes > 0) {
    const ssize_t count = read(fd_, to, std::min(bytes, kPieceBytes));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      error_ = count < 0 ? std::string("the file cannot be read: ") + std::strerror(errno)
                         : "the file has become shorter";
      return false;
    }
    to += count;
    bytes -= static_cast<size_t>(count);
    unread_bytes_ -= static_cast<uint64_t>(count);
  }
  return true;
}

bool FileSource::Read(void* to, size_t bytes) {
  if (bytes > left()) return false;
  auto* at = static_cast<uint8_t*>(to);
  size_t needed = bytes;
  while (needed > 0) {
    if (buffer_at_ == buffer_end_) {
      // A large body goes straight to where it stays.
      if (needed >= kBufferBytes) {
        if (!ReadFromFile(at, needed)) return false;
        break;
      }
      const auto piece = static_cast<size_t>(std::min<uint64_t>(kBufferBytes, unread_bytes_));
      if (piece == 0 || !ReadFromFile(buffer_.get(), piece)) return false;
      buffer_at_ = 0;
      buffer_end_ = piece;
    }
    const size_t piece = std::min(needed, buffer_end_ - buffer_at_);
    std::memcpy(at, buffer_.get() + buffer_at_, piece);
    buffer_at_ += piece;
    at += piece;
    needed -= piece;
  }
  offset_ += bytes;
  return true;
}

}  // namespace tutti
