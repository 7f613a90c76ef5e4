// A file as a sink and as a source of bytes.
//
// Threads: one at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "persistence/bytes.h"

namespace tutti {

class FileSink final : public ByteSink {
 public:
  // Makes the file, or empties it. `syncs_often`: what is written goes to the disk bit by bit, not
  // all at the end.
  FileSink(const std::string& path, bool syncs_often);
  ~FileSink() override;
  FileSink(const FileSink&) = delete;
  FileSink& operator=(const FileSink&) = delete;

  void Write(const void* data, size_t bytes) override;
  // All of it is on the disk, or status() says why not. Closes.
  void Finish();

 private:
  void Fail(const char* what);

  int fd_ = -1;
  const bool syncs_often_;
  uint64_t written_bytes_ = 0;
  uint64_t synced_bytes_ = 0;
};

class FileSource final : public ByteSource {
 public:
  explicit FileSource(const std::string& path);
  ~FileSource() override;
  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;

  // 0, or the errno with which it could not be opened.
  int open_error() const { return open_error_; }
  uint64_t size() const { return size_; }
  bool Read(void* to, size_t bytes) override;
  uint64_t left() const override { return size_ - offset_; }
  uint64_t offset() const override { return offset_; }
  std::string_view error() const override { return error_; }

 private:
  bool ReadFromFile(uint8_t* to, size_t bytes);

  int fd_ = -1;
  int open_error_ = 0;
  uint64_t size_ = 0;
  uint64_t offset_ = 0;
  std::string error_;
  const std::unique_ptr<uint8_t[]> buffer_;
  size_t buffer_at_ = 0, buffer_end_ = 0;
  uint64_t unread_bytes_ = 0;  // of the file, behind the buffer
};

}  // namespace tutti
