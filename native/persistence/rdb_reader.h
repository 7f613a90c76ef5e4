// Reads RDB: its numbers and strings. The first thing that is wrong is kept, with its offset; from
// then on everything reads as 0 or empty, so that a caller may look at ok() once for several reads.
// No length is believed: each is held against what is left.
//
// Threads: one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/numbers.h"
#include "core/object.h"
#include "core/status.h"
#include "keyspace/value.h"
#include "persistence/bytes.h"
#include "persistence/rdb.h"

namespace tutti {

class RdbReader {
 public:
  explicit RdbReader(ByteSource& source) : source_(source) {}

  bool ok() const { return status_.ok(); }
  // kBadFormat with reason and offset; kOutOfMemory; kEmptyValue.
  const Status& status() const { return status_; }
  void Fail(std::string_view reason);
  void FailWith(Code code);
  // A container without elements was read as a whole: reading may go on.
  void Forget() { status_ = Status::Ok(); }

  uint8_t Byte();
  uint64_t Length();
  // How many items follow, each of which takes `item_bytes_min` at least.
  uint64_t Count(size_t item_bytes_min = 1);
  int64_t Int64();
  double Double();
  // As ZADD's scores were kept before version 8.
  double TextDouble();
  void Raw(void* to, size_t bytes);

  // --- strings, in two steps for those that know where they go ---
  struct StringHead {
    size_t bytes = 0;         // of the string
    size_t packed_bytes = 0;  // compressed; 0: it is not
    bool is_integer = false;
    char integer[kNumberBytesMax];
  };
  StringHead Head();
  // Writes the `head.bytes` of the string.
  void Body(const StringHead& head, uint8_t* to);
  // Valid until the next string is read.
  std::string_view Text();
  // Null: it failed.
  Ref<String> StringValue();
  // Into memory of its own; at least one byte. Null: it failed.
  Ref<Buffer> Blob(MemoryKind kind, size_t* bytes);
  void SkipString();

  uint64_t offset() const { return source_.offset(); }
  uint64_t left() const { return source_.left(); }
  uint64_t checksum() const { return checksum_; }

 private:
  // Sets `is_encoded` for what is no length but an encoding of a string.
  uint64_t LengthOrEncoding(bool* is_encoded);

  ByteSource& source_;
  Status status_;
  uint64_t checksum_ = 0;
  // Room for strings; long ones get memory of the pool, of which no page is touched before it is
  // written: a length alone costs nothing.
  class Room {
   public:
    // Null: no memory.
    uint8_t* Take(size_t bytes);

   private:
    std::string short_;
    Ref<Buffer> long_;
  };

  Room text_;
  Room packed_;
};

}  // namespace tutti
