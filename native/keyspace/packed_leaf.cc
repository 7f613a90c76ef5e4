#include "keyspace/packed_leaf.h"

#include <malloc.h>

#include <algorithm>
#include <cassert>
#include <new>

namespace tutti {

template <int kParts>
bool PackedItem<kParts>::Prepare(const std::array<std::string_view, kParts>& parts) {
  parts_ = parts;
  size_t inline_bytes = 0;
  for (const std::string_view part : parts) inline_bytes += part.size();
  while (inline_bytes > kInlineBytesMax) {
    // The longest of those still inside goes out.
    size_t longest = 0;
    size_t longest_bytes = 0;
    for (size_t i = 0; i < kParts; ++i) {
      if (outside_[i] || parts[i].size() <= longest_bytes) continue;
      longest = i;
      longest_bytes = parts[i].size();
    }
    outside_[longest] = String::Copy(parts[longest]);
    if (!outside_[longest]) return false;
    inline_bytes -= longest_bytes;
  }
  return true;
}

template <int kParts>
std::array<PackedPart, kParts> PackedItem<kParts>::Parts() const {
  std::array<PackedPart, kParts> parts;
  for (size_t i = 0; i < kParts; ++i) parts[i] = {parts_[i], Ref<String>(outside_[i]).Leave()};
  return parts;
}

template <int kParts, bool kOrdered>
PackedLeaf<kParts, kOrdered>* PackedLeaf<kParts, kOrdered>::WithCapacity(size_t bytes_min) {
  // Powers of two less malloc's own word.
  size_t bytes = 64;
  while (bytes - 8 < bytes_min) bytes *= 2;
  bytes -= 8;
  assert(bytes <= kCapacityMax);
  return new (AllocateNode(bytes)) PackedLeaf(bytes);
}

template <int kParts, bool kOrdered>
size_t PackedLeaf<kParts, kOrdered>::BytesOf(const Item& item) {
  size_t bytes = sizeof(uint16_t) + kHeadBytes;
  for (const PackedPart& part : item.parts) {
    bytes += part.outside ? sizeof(String*) : part.bytes.size();
  }
  return bytes;
}

template <int kParts, bool kOrdered>
size_t PackedLeaf<kParts, kOrdered>::ItemBytes(const uint8_t* item) {
  size_t bytes = kHeadBytes;
  for (int part = 0; part < kParts; ++part) bytes += InlineBytes(LengthWord(item, part));
  return bytes;
}

template <int kParts, bool kOrdered>
String* PackedLeaf<kParts, kOrdered>::Outside(const uint8_t* bytes) {
  String* outside;
  std::memcpy(&outside, bytes, sizeof outside);
  return outside;
}

template <int kParts, bool kOrdered>
const uint8_t* PackedLeaf<kParts, kOrdered>::PartBytes(const uint8_t* item, int part) const {
  const uint8_t* bytes = item + kHeadBytes;
  for (int before = 0; before < part; ++before) bytes += InlineBytes(LengthWord(item, before));
  return bytes;
}

template <int kParts, bool kOrdered>
auto PackedLeaf<kParts, kOrdered>::New(const Item& item) -> PackedLeaf* {
  return WithCapacity(sizeof(PackedLeaf) + BytesOf(item));
}

template <int kParts, bool kOrdered>
void PackedLeaf<kParts, kOrdered>::CopyItems(const PackedLeaf& from, int first, int last) {
  for (int i = first; i < last; ++i) {
    const uint8_t* item = from.ItemAt(i);
    const size_t bytes = ItemBytes(item);
    items_begin = static_cast<uint16_t>(items_begin - bytes);
    std::memcpy(block() + items_begin, item, bytes);
    offsets()[count++] = items_begin;
    for (int part = 0; from.outside_count > 0 && part < kParts; ++part) {
      if (LengthWord(item, part) & kOutsideBit) ++outside_count;
    }
  }
  assert(sizeof(PackedLeaf) + count * sizeof(uint16_t) <= items_begin);
}

template <int kParts, bool kOrdered>
void PackedLeaf<kParts, kOrdered>::AddOutsideRefs(int first) {
  if (outside_count == 0) return;
  for (int i = first; i < count; ++i) {
    for (int part = 0; part < kParts; ++part) {
      if (!(LengthWord(ItemAt(i), part) & kOutsideBit)) continue;
      Outside(PartBytes(ItemAt(i), part))->AddRef();
    }
  }
}

template <int kParts, bool kOrdered>
auto PackedLeaf<kParts, kOrdered>::MoveTo(size_t bytes_min) -> PackedLeaf* {
  PackedLeaf* moved = WithCapacity(std::min(bytes_min, kCapacityMax));
  moved->CopyItems(*this, 0, count);
  FreeNode(this);
  return moved;
}

template <int kParts, bool kOrdered>
auto PackedLeaf<kParts, kOrdered>::Copy() const -> PackedLeaf* {
  PackedLeaf* copy = WithCapacity(capacity);
  copy->CopyItems(*this, 0, count);
  copy->AddOutsideRefs(0);
  return copy;
}

template <int kParts, bool kOrdered>
void PackedLeaf<kParts, kOrdered>::Delete(PackedLeaf* leaf) {
  for (int i = leaf->count - 1; leaf->outside_count > 0 && i >= 0; --i) leaf->Erase(i);
  FreeNode(leaf);
}

template <int kParts, bool kOrdered>
uint64_t PackedLeaf<kParts, kOrdered>::OrderOf(int at) const {
  if constexpr (!kOrdered) return 0;
  uint64_t order;
  std::memcpy(&order, ItemAt(at) + kParts * sizeof(uint16_t), sizeof order);
  return order;
}

template <int kParts, bool kOrdered>
int PackedLeaf<kParts, kOrdered>::LowerBound(uint64_t order) const {
  int first = 0;
  int last = count;
  while (first < last) {
    const int middle = (first + last) / 2;
    if (OrderOf(middle) < order) {
      first = middle + 1;
    } else {
      last = middle;
    }
  }
  return first;
}

template <int kParts, bool kOrdered>
std::string_view PackedLeaf<kParts, kOrdered>::PartAt(int at, int part) const {
  const uint8_t* item = ItemAt(at);
  const uint8_t* bytes = PartBytes(item, part);
  const uint16_t word = LengthWord(item, part);
  if (word & kOutsideBit) return Outside(bytes)->view();
  return {reinterpret_cast<const char*>(bytes), word};
}

template <int kParts, bool kOrdered>
PackedPart PackedLeaf<kParts, kOrdered>::BorrowPart(int at, int part) const {
  const uint8_t* item = ItemAt(at);
  const uint8_t* bytes = PartBytes(item, part);
  const uint16_t word = LengthWord(item, part);
  if (word & kOutsideBit) return {Outside(bytes)->view(), Outside(bytes)};
  return {{reinterpret_cast<const char*>(bytes), word}, nullptr};
}

template <int kParts, bool kOrdered>
Ref<Object> PackedLeaf<kParts, kOrdered>::OutsideAt(int at, int part) const {
  const uint8_t* item = ItemAt(at);
  if (!(LengthWord(item, part) & kOutsideBit)) return nullptr;
  return Ref<Object>::Share(Outside(PartBytes(item, part)));
}

template <int kParts, bool kOrdered>
void PackedLeaf<kParts, kOrdered>::Insert(int at, const Item& item) {
  const size_t bytes = BytesOf(item) - sizeof(uint16_t);
  const size_t offsets_end = sizeof(PackedLeaf) + (count + 1u) * sizeof(uint16_t);
  if (offsets_end + bytes > items_begin) Compact();
  assert(offsets_end + bytes <= items_begin);
  items_begin = static_cast<uint16_t>(items_begin - bytes);
  uint8_t* to = block() + items_begin;
  for (const PackedPart& part : item.parts) {
    const uint16_t word = part.outside ? kOutsideBit : static_cast<uint16_t>(part.bytes.size());
    std::memcpy(to, &word, sizeof word);
    to += sizeof word;
  }
  if constexpr (kOrdered) {
    std::memcpy(to, &item.order, sizeof item.order);
    to += sizeof item.order;
  }
  for (const PackedPart& part : item.parts) {
    if (part.outside) {
      std::memcpy(to, &part.outside, sizeof part.outside);
      to += sizeof part.outside;
      ++outside_count;
    } else if (!part.bytes.empty()) {
      std::memcpy(to, part.bytes.data(), part.bytes.size());
      to += part.bytes.size();
    }
  }
  std::copy_backward(offsets() + at, offsets() + count, offsets() + count + 1);
  offsets()[at] = items_begin;
  ++count;
}

template <int kParts, bool kOrdered>
void PackedLeaf<kParts, kOrdered>::Erase(int at) {
  const uint8_t* item = ItemAt(at);
  for (int part = 0; outside_count > 0 && part < kParts; ++part) {
    if (!(LengthWord(item, part) & kOutsideBit)) continue;
    Outside(PartBytes(item, part))->Release();
    // The other part may lie outside too: its word still says so.
    --outside_count;
  }
  dead_bytes = static_cast<uint16_t>(dead_bytes + ItemBytes(item));
  std::copy(offsets() + at + 1, offsets() + count, offsets() + at);
  --count;
}

template <int kParts, bool kOrdered>
void PackedLeaf<kParts, kOrdered>::Compact() {
  if (dead_bytes == 0) return;
  uint8_t copied[kCapacityMax];
  size_t begin = capacity;
  for (int i = 0; i < count; ++i) {
    const uint8_t* item = ItemAt(i);
    const size_t bytes = ItemBytes(item);
    begin -= bytes;
    std::memcpy(copied + begin, item, bytes);
    offsets()[i] = static_cast<uint16_t>(begin);
  }
  std::memcpy(block() + begin, copied + begin, capacity - begin);
  items_begin = static_cast<uint16_t>(begin);
  dead_bytes = 0;
}

template <int kParts, bool kOrdered>
int PackedLeaf<kParts, kOrdered>::Middle() const {
  const size_t half = (UsedBytes() - sizeof(PackedLeaf)) / 2;
  size_t bytes = 0;
  int at = 0;
  while (at + 1 < count) {
    const size_t with_item = bytes + ItemBytes(ItemAt(at)) + sizeof(uint16_t);
    // The item across the middle goes to the side that leaves the parts more equal.
    if (with_item > half && with_item - half > half - bytes) break;
    bytes = with_item;
    ++at;
    if (bytes >= half) break;
  }
  return std::max(at, 1);
}

template <int kParts, bool kOrdered>
auto PackedLeaf<kParts, kOrdered>::SplitOff(int at) -> PackedLeaf* {
  PackedLeaf* right = WithCapacity(kCapacityMax);
  right->CopyItems(*this, at, count);
  outside_count = static_cast<uint16_t>(outside_count - right->outside_count);
  for (int i = at; i < count; ++i) {
    dead_bytes = static_cast<uint16_t>(dead_bytes + ItemBytes(ItemAt(i)));
  }
  count = static_cast<uint16_t>(at);
  return right;
}

template <int kParts, bool kOrdered>
auto PackedLeaf<kParts, kOrdered>::Append(const PackedLeaf& right) -> PackedLeaf* {
  const size_t bytes_min = UsedBytes() + right.UsedBytes() - sizeof(PackedLeaf);
  PackedLeaf* leaf = this;
  if (bytes_min > capacity) {
    leaf = MoveTo(bytes_min);
  } else {
    Compact();
  }
  const int first = leaf->count;
  leaf->CopyItems(right, 0, right.count);
  leaf->AddOutsideRefs(first);
  return leaf;
}

template <int kParts, bool kOrdered>
size_t PackedLeaf<kParts, kOrdered>::footprint() const {
  size_t bytes = malloc_usable_size(block());
  if (outside_count == 0) return bytes;
  for (int i = 0; i < count; ++i) {
    for (int part = 0; part < kParts; ++part) {
      if (const String* outside = BorrowPart(i, part).outside) bytes += outside->footprint();
    }
  }
  return bytes;
}

template class PackedItem<1>;
template class PackedItem<2>;
template struct PackedLeaf<1, false>;
template struct PackedLeaf<1, true>;
template struct PackedLeaf<2, false>;
template struct PackedLeaf<2, true>;

}  // namespace tutti
