#include "keyspace/key_index.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <new>

#include "keyspace/clock.h"

namespace tutti {

Entry* Entry::New(std::string_view key, Ref<Object> value, int64_t expire_at_ms, uint64_t version) {
  void* block = AllocateNode(sizeof(Entry) + key.size());
  auto* entry = new (block) Entry(key.size(), std::move(value), expire_at_ms, version);
  if (!key.empty()) std::memcpy(static_cast<void*>(entry + 1), key.data(), key.size());
  return entry;
}

Entry* Entry::Copy() const {
  Entry* copy = New(key(), value, expire_at_ms, version);
  copy->access.store(access.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return copy;
}

void Entry::Release() const {
  if (refs_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  this->~Entry();
  FreeNode(const_cast<Entry*>(this));
}

// As Redis has it: a key lives through the millisecond of its expiry.
bool Entry::IsExpired() const {
  return expire_at_ms >= 0 && UnixTimeMs() > expire_at_ms && !NothingExpires();
}

EntryLeaf* EntryLeaf::WithCapacity(int items) {
  const size_t bytes =
      sizeof(EntryLeaf) + static_cast<size_t>(items) * (sizeof(uint64_t) + sizeof(Entry*));
  return new (AllocateNode(bytes)) EntryLeaf(items);
}

EntryLeaf* EntryLeaf::MoveTo(int items) {
  EntryLeaf* moved = WithCapacity(items);
  std::copy_n(orders(), count, moved->orders());
  std::copy_n(entries(), count, moved->entries());
  moved->count = count;
  FreeNode(this);
  return moved;
}

EntryLeaf* EntryLeaf::Copy() const {
  EntryLeaf* copy = WithCapacity(capacity);
  return copy->Append(*this);
}

void EntryLeaf::Delete(EntryLeaf* leaf) {
  for (int i = 0; i < leaf->count; ++i) leaf->entries()[i]->Release();
  FreeNode(leaf);
}

EntryLeaf* EntryLeaf::Grow(const Item&) { return MoveTo(std::min(capacity * 4, kItemsMax)); }

void EntryLeaf::Insert(int at, const Item& item) {
  assert(count < capacity);
  std::copy_backward(orders() + at, orders() + count, orders() + count + 1);
  std::copy_backward(entries() + at, entries() + count, entries() + count + 1);
  orders()[at] = item.order;
  entries()[at] = item.entry;
  ++count;
}

void EntryLeaf::Erase(int at) {
  entries()[at]->Release();
  std::copy(orders() + at + 1, orders() + count, orders() + at);
  std::copy(entries() + at + 1, entries() + count, entries() + at);
  --count;
}

EntryLeaf* EntryLeaf::SplitOff(int at) {
  EntryLeaf* right = WithCapacity(kItemsMax);
  std::copy(orders() + at, orders() + count, right->orders());
  std::copy(entries() + at, entries() + count, right->entries());
  right->count = static_cast<uint16_t>(count - at);
  count = static_cast<uint16_t>(at);
  return right;
}

EntryLeaf* EntryLeaf::Append(const EntryLeaf& right) {
  EntryLeaf* leaf = count + right.count <= capacity ? this : MoveTo(kItemsMax);
  std::copy_n(right.orders(), right.count, leaf->orders() + leaf->count);
  std::copy_n(right.entries(), right.count, leaf->entries() + leaf->count);
  for (int i = 0; i < right.count; ++i) right.entries()[i]->AddRef();
  leaf->count = static_cast<uint16_t>(leaf->count + right.count);
  return leaf;
}

KeyPlace FindKey(const KeyIndex& index, uint64_t order, std::string_view key) {
  KeyPlace place{index.SeekOrder(order), nullptr};
  // Nearly always the first one is it, or there is none.
  if (place.path.is_at_item()) {
    if (place.path.leaf->OrderOf(place.path.position) != order) return place;
    Entry* entry = place.path.leaf->EntryAt(place.path.position);
    if (entry->key() == key) {
      place.entry = entry;
      return place;
    }
  }
  // Only on a hit does the path move on to the next leaf: a new key belongs where it was sought.
  KeyIndex::Path path = place.path;
  for (bool more = index.Settle(path); more; more = index.Next(path)) {
    if (path.leaf->OrderOf(path.position) != order) break;
    Entry* entry = path.leaf->EntryAt(path.position);
    if (entry->key() == key) {
      place.path = path;
      place.entry = entry;
      break;
    }
  }
  return place;
}

}  // namespace tutti
