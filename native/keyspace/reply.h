// The reply of a command, as packed rows that TypeScript frames in RESP2 or RESP3 (binding/rows.h
// has their layout): the first piece in a block of the thread's, further ones in blocks of its own.
//
// A value is copied into its row, or from kBlobBytesMin on kept by reference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/object.h"
#include "core/units.h"
#include "keyspace/packed_leaf.h"

namespace tutti {

inline constexpr size_t kRowsBytes = 64 * kKiB;

// First words of rows that are no plain element.
inline constexpr uint32_t kRowNil = 0xffff'ffff;
inline constexpr uint32_t kRowReference = 0xffff'fffe;  // u32 reply blob, f64 bytes
inline constexpr uint32_t kRowHeader = 0xffff'fffd;     // u32 RowHeader, u32 count
inline constexpr uint32_t kRowInteger = 0xffff'fffc;    // u32 bytes, text
inline constexpr uint32_t kRowDouble = 0xffff'fffb;     // u32 bytes, text

// What the next rows are elements of. Values are part of the binding's interface
// (lib/resp/native-memory.ts, `rowHeaders`).
enum class RowHeader : uint32_t {
  kArray = 0,
  kMap = 1,    // of pairs: in RESP2 an array of twice as many
  kSet = 2,    // in RESP2 an array
  kPairs = 3,  // an array of pairs: in RESP2 flat, of twice as many
  kPair = 4,   // each of those: in RESP2 nothing
  kNilArray = 5,
  kMapOrPairs = 6,  // a map; in RESP2 an array of arrays of two
  kMapEntry = 7,    // each of those: in RESP3 nothing
  kPush = 8,        // in RESP2 an array
};

class Reply {
 public:
  virtual ~Reply() = default;

  void Array(int64_t count) { Header(RowHeader::kArray, count); }
  // Returns where its count is to be set, before the command ends.
  uint8_t* Header(RowHeader kind, int64_t count);
  static void SetCount(uint8_t* header, int64_t count);
  void Bulk(std::string_view bytes, Object* owner = nullptr);
  void Bulk(const PackedPart& part) { Bulk(part.bytes, part.outside); }
  void Integer(int64_t value);
  void Double(double value);
  void Nil();
  void NilArray() { Header(RowHeader::kNilArray, 0); }

 protected:
  struct Piece {
    uint8_t* block;
    size_t bytes = 0;
    int64_t count = 0;
  };
  struct FreeBlock {
    void operator()(uint8_t* block) const;
  };

  // Forgets all rows. `first_block` has room for kRowsBytes.
  void Begin(uint8_t* first_block);
  // Keeps an element for the encoder. `owner` is not null.
  virtual uint32_t Keep(Ref<Object> owner, std::string_view bytes) = 0;

  std::vector<Piece> pieces_;
  std::vector<std::unique_ptr<uint8_t, FreeBlock>> blocks_;  // of the pieces from the second on

 private:
  // A row of so many bytes.
  uint8_t* Row(size_t bytes);
  void Text(uint32_t kind, const char* text, size_t bytes);
};

}  // namespace tutti
