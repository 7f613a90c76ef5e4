// The keys of one stripe and database: a tree of entries by (slot, hash).
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "core/object.h"
#include "keyspace/access.h"
#include "keyspace/slot.h"
#include "keyspace/tree.h"

namespace tutti {

// A key with its value, in one block. Reference-counted: a snapshot shares entries, and a writer
// copies those that it shares.
class Entry {
 public:
  static Entry* New(std::string_view key, Ref<Object> value, int64_t expire_at_ms,
                    uint64_t version);
  Entry* Copy() const;

  void AddRef() const { refs_.fetch_add(1, std::memory_order_relaxed); }
  void Release() const;
  bool is_unique() const { return refs_.load(std::memory_order_acquire) == 1; }

  std::string_view key() const { return {reinterpret_cast<const char*>(this + 1), key_bytes_}; }
  bool IsExpired() const;

  Ref<Object> value;
  int64_t expire_at_ms;
  uint64_t version;
  // When and how often it is used (keyspace/access.h): touched by readers, also in entries that
  // are shared.
  mutable std::atomic<uint32_t> access;

 private:
  Entry(size_t key_bytes, Ref<Object> object, int64_t expire, uint64_t entry_version)
      : value(std::move(object)),
        expire_at_ms(expire),
        version(entry_version),
        access(NewAccess()),
        key_bytes_(static_cast<uint32_t>(key_bytes)) {}
  ~Entry() = default;

  const uint32_t key_bytes_;
  mutable std::atomic<uint32_t> refs_{1};
};

// Up to 64 entries, searched by order in an array of their own.
struct alignas(8) EntryLeaf : TreeNode {
  static constexpr int kItemsMax = 64;

  struct Item {
    uint64_t order;
    Entry* entry;  // its reference is taken over
  };

  static EntryLeaf* New(const Item&) { return WithCapacity(kItemsMin); }
  EntryLeaf* Copy() const;
  static void Delete(EntryLeaf* leaf);
  int LowerBound(uint64_t order) const { return CountBelow(orders(), count, order); }
  uint64_t OrderOf(int at) const { return orders()[at]; }
  Entry* EntryAt(int at) const { return entries()[at]; }
  // Changes the entry of an item; the leaf must be the tree's own.
  void SetEntry(int at, Entry* entry) { entries()[at] = entry; }
  bool HasRoom(const Item&) const { return count < capacity; }
  bool CanGrow(const Item&) const { return capacity < kItemsMax; }
  EntryLeaf* Grow(const Item&);
  void Insert(int at, const Item& item);
  void Erase(int at);
  int Middle() const { return count / 2; }
  EntryLeaf* SplitOff(int at);
  bool is_sparse() const { return count < kItemsMax / 4; }
  static bool CanMerge(const EntryLeaf& left, const EntryLeaf& right) {
    return left.count + right.count <= kItemsMax * 3 / 4;
  }
  EntryLeaf* Append(const EntryLeaf& right);
  // Without the entries.
  size_t footprint() const {
    return sizeof(EntryLeaf) + capacity * (sizeof(uint64_t) + sizeof(Entry*));
  }

 private:
  static constexpr int kItemsMin = 4;
  explicit EntryLeaf(int item_capacity)
      : TreeNode(0), capacity(static_cast<uint16_t>(item_capacity)) {}
  static EntryLeaf* WithCapacity(int items);
  EntryLeaf* MoveTo(int items);
  uint64_t* orders() const { return reinterpret_cast<uint64_t*>(const_cast<EntryLeaf*>(this) + 1); }
  Entry** entries() const { return reinterpret_cast<Entry**>(orders() + capacity); }

  const uint16_t capacity;
};
static_assert(sizeof(EntryLeaf) % 8 == 0);

using KeyIndex = Tree<EntryLeaf>;

// The path to the key's entry; if there is none, to the place to insert it.
struct KeyPlace {
  KeyIndex::Path path;
  Entry* entry = nullptr;
};
KeyPlace FindKey(const KeyIndex& index, uint64_t order, std::string_view key);

}  // namespace tutti
