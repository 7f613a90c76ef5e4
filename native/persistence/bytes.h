// Where the bytes of an RDB go and come from: a file, or memory.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>

#include "core/status.h"
#include "keyspace/value.h"
#include "tensor/buffer_pool.h"

namespace tutti {

class ByteSink {
 public:
  virtual ~ByteSink() = default;
  // After the first failure it does nothing.
  virtual void Write(const void* data, size_t bytes) = 0;
  const Status& status() const { return status_; }

 protected:
  Status status_;
};

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // All of the bytes, or false: there are not as many, or they cannot be read.
  virtual bool Read(void* to, size_t bytes) = 0;
  // How many are left: what a length in a damaged file is held against.
  virtual uint64_t left() const = 0;
  virtual uint64_t offset() const = 0;
  // Why Read() failed, where it was not for the end.
  virtual std::string_view error() const { return {}; }
};

// Collects in memory of the pool, counted as a reply.
class MemorySink final : public ByteSink {
 public:
  void Write(const void* data, size_t bytes) override;
  std::span<const uint8_t> bytes() const { return {buffer_ ? buffer_->data() : nullptr, bytes_}; }
  // What was written, as a string. Null: no memory. Once.
  Ref<String> Take();

 private:
  Ref<Buffer> buffer_;
  size_t bytes_ = 0;
};

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string_view bytes) : bytes_(bytes) {}
  bool Read(void* to, size_t bytes) override {
    if (bytes > bytes_.size() - offset_) return false;
    if (bytes > 0) std::memcpy(to, bytes_.data() + offset_, bytes);
    offset_ += bytes;
    return true;
  }
  uint64_t left() const override { return bytes_.size() - offset_; }
  uint64_t offset() const override { return offset_; }

 private:
  const std::string_view bytes_;
  size_t offset_ = 0;
};

}  // namespace tutti
