// A leaf of up to 4 KiB that holds byte strings, or pairs of them, packed: elements of lists,
// sets and sorted sets, fields and values of hashes, entries of streams.
//
// Layout: header, offsets of the items in their order, room, items in the order of their coming
// (growing down). An item: a length (2 bytes, bit 15: the part lies outside) for each part, the
// order (8 bytes, if ordered), the parts. A part outside is a reference to a String.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "keyspace/tree_node.h"
#include "keyspace/value.h"

namespace tutti {

// What an item may take inside a leaf, without its lengths and order: a third of a leaf is the
// most that lets any leaf be split in two with room for another item.
inline constexpr size_t kInlineBytesMax = 1024;

// One part of an item that is to be inserted. One too long for a leaf is a String before the lock
// is taken: that may fail, and nothing has changed then.
struct PackedPart {
  std::string_view bytes;
  String* outside = nullptr;  // its reference is taken over; null: copied into the leaf
};

// The same part, for another leaf to take over.
inline PackedPart Shared(const PackedPart& part) {
  if (part.outside) part.outside->AddRef();
  return part;
}

// The parts of one item: which lie outside depends on all of them.
template <int kParts>
class PackedItem {
 public:
  // False: no memory. The views must outlive the item.
  bool Prepare(const std::array<std::string_view, kParts>& parts);
  // With references of its own, to be taken over by a leaf.
  std::array<PackedPart, kParts> Parts() const;
  std::string_view part(int nth) const { return parts_[static_cast<size_t>(nth)]; }
  // Without a reference of its own: valid as long as the item.
  PackedPart Borrowed(int nth) const {
    return {parts_[static_cast<size_t>(nth)], outside_[static_cast<size_t>(nth)].get()};
  }

 private:
  std::array<std::string_view, kParts> parts_{};
  std::array<Ref<String>, kParts> outside_{};
};

template <int kParts, bool kOrdered>
struct PackedLeaf : TreeNode {
  struct Item {
    uint64_t order;
    std::array<PackedPart, kParts> parts;
  };

  static PackedLeaf* New(const Item& item);
  PackedLeaf* Copy() const;
  static void Delete(PackedLeaf* leaf);
  int LowerBound(uint64_t order) const;
  uint64_t OrderOf(int at) const;
  // Valid as long as the leaf is not changed.
  std::string_view PartAt(int at, int part) const;
  // The same with the String that holds it, if it lies outside, which is not given a reference.
  PackedPart BorrowPart(int at, int part) const;
  // The String that holds the part, null if it lies in the leaf.
  Ref<Object> OutsideAt(int at, int part) const;
  bool HasRoom(const Item& item) const { return UsedBytes() + BytesOf(item) <= capacity; }
  bool CanGrow(const Item&) const { return capacity < kCapacityMax; }
  PackedLeaf* Grow(const Item& item) { return MoveTo(UsedBytes() + BytesOf(item)); }
  void Insert(int at, const Item& item);
  void Erase(int at);
  int Middle() const;
  PackedLeaf* SplitOff(int at);
  bool is_sparse() const { return UsedBytes() < kCapacityMax / 4; }
  static bool CanMerge(const PackedLeaf& left, const PackedLeaf& right) {
    return left.UsedBytes() + right.UsedBytes() - sizeof(PackedLeaf) <= kCapacityMax * 3 / 4;
  }
  PackedLeaf* Append(const PackedLeaf& right);
  // With the parts that lie outside.
  size_t footprint() const;

 private:
  static constexpr size_t kCapacityMax = 4096 - 8;  // with malloc's own word, one page
  static constexpr size_t kOrderBytes = kOrdered ? sizeof(uint64_t) : 0;
  static constexpr size_t kHeadBytes = kParts * sizeof(uint16_t) + kOrderBytes;
  static constexpr uint16_t kOutsideBit = 0x8000;

  explicit PackedLeaf(size_t block_bytes)
      : TreeNode(0),
        capacity(static_cast<uint16_t>(block_bytes)),
        items_begin(static_cast<uint16_t>(block_bytes)) {}
  static PackedLeaf* WithCapacity(size_t bytes_min);
  static size_t BytesOf(const Item& item);  // with its offset

  uint8_t* block() const { return reinterpret_cast<uint8_t*>(const_cast<PackedLeaf*>(this)); }
  uint16_t* offsets() const { return reinterpret_cast<uint16_t*>(block() + sizeof(PackedLeaf)); }
  const uint8_t* ItemAt(int at) const { return block() + offsets()[at]; }
  static uint16_t LengthWord(const uint8_t* item, int part) {
    uint16_t word;
    std::memcpy(&word, item + part * 2, sizeof word);
    return word;
  }
  static size_t InlineBytes(uint16_t word) { return word & kOutsideBit ? sizeof(String*) : word; }
  static size_t ItemBytes(const uint8_t* item);
  static String* Outside(const uint8_t* bytes);
  const uint8_t* PartBytes(const uint8_t* item, int part) const;
  size_t UsedBytes() const {
    return sizeof(PackedLeaf) + count * sizeof(uint16_t) + capacity - items_begin - dead_bytes;
  }
  // Copies the items' bytes behind those there; the references must be seen to by the caller.
  void CopyItems(const PackedLeaf& from, int first, int last);
  void AddOutsideRefs(int first);
  PackedLeaf* MoveTo(size_t bytes_min);
  void Compact();

  const uint16_t capacity;     // of the whole block
  uint16_t items_begin;        // lowest offset of an item
  uint16_t dead_bytes = 0;     // of erased items
  uint16_t outside_count = 0;  // parts that lie outside
};

using ListLeaf = PackedLeaf<1, false>;
using OrderedLeaf = PackedLeaf<1, true>;     // elements by a number of 64 bits
using PairLeaf = PackedLeaf<2, false>;       // small hashes: in the order of insertion
using HashedPairLeaf = PackedLeaf<2, true>;  // by hash of the field

}  // namespace tutti
