// Results of many elements: packed rows in the thread's block, in as many pieces as it takes.
//
// A row is u32 length and bytes. 2^32-1 is nil; 2^32-2 is followed by u32 reply blob and f64 bytes,
// in place of an element of kBlobBytesMin and more.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/object.h"
#include "core/units.h"

namespace tutti {

class ThreadState;

inline constexpr size_t kRowsBytes = 64 * kKiB;
inline constexpr uint32_t kRowReference = 0xffff'fffe;

// Writes one piece.
class RowWriter {
 public:
  explicit RowWriter(ThreadState& thread) : thread_(thread) {}

  // False if it does not fit: then the piece is full. `owner` keeps `element` alive.
  bool Put(std::string_view element, const Ref<Object>& owner);
  int64_t count() const { return count_; }

 private:
  ThreadState& thread_;
  size_t bytes_ = 0;
  int64_t count_ = 0;
};

// A result under one root, read piece by piece.
class RowSource {
 public:
  virtual ~RowSource() = default;
  virtual int64_t total() const = 0;
  // Puts rows from `first` on until the writer is full or there are no more.
  virtual void Write(int64_t first, RowWriter& writer) = 0;

  int64_t written = 0;  // by earlier pieces
};

}  // namespace tutti
