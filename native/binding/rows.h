// Results of many elements: packed rows in the thread's block, in as many pieces as it takes.
//
// A row is u32 length and bytes. The first words of other rows are in keyspace/reply.h: nil, a
// reference in place of an element of kBlobBytesMin and more, a header, an integer, a double.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/object.h"
#include "keyspace/reply.h"

namespace tutti {

class ThreadState;

// Writes one piece.
class RowWriter {
 public:
  explicit RowWriter(ThreadState& thread) : thread_(thread) {}

  // False if it does not fit: then the piece is full. `owner` keeps `element` alive.
  bool Put(std::string_view element, const Ref<Object>& owner);
  // A whole piece that is written already.
  void PutPiece(const uint8_t* bytes, size_t byte_count, int64_t count);
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

// A command's reply in the thread's block. Rows beyond the first piece follow by rowsNext().
class ThreadReply final : public Reply {
 public:
  explicit ThreadReply(ThreadState& thread) : thread_(thread) {}
  void Begin();
  // Hands over the pieces. @returns Rows in the first one.
  int64_t Finish();

 private:
  uint32_t Keep(Ref<Object> owner, std::string_view bytes) override;

  ThreadState& thread_;
};

}  // namespace tutti
