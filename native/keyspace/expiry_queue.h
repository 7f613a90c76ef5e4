// When the keys of a stripe expire, the earliest first. Changing or deleting a key leaves its old
// item here until it comes up or the queue is cleaned: an item is a hint, the entry decides.
//
// Threads: under the stripe's lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "core/memory_account.h"

namespace tutti {

// Counts a vector's memory as MemoryKind::kKeys.
template <typename T>
struct KeysAllocator {
  using value_type = T;
  KeysAllocator() = default;
  template <typename U>
  KeysAllocator(const KeysAllocator<U>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(AccountedAlloc(count * sizeof(T), MemoryKind::kKeys));
  }
  void deallocate(T* block, size_t) { AccountedFree(block, MemoryKind::kKeys); }
  bool operator==(const KeysAllocator&) const { return true; }
};

class ExpiryQueue {
 public:
  static constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

  struct Item {
    int64_t expire_at_ms;
    uint64_t order;  // in the index; several keys may have it
    int db;

    auto operator<=>(const Item&) const = default;
  };

  void Push(const Item& item);
  void Pop();
  const Item& first() const { return items_.front(); }
  // In no order that means anything.
  const Item& At(size_t index) const { return items_[index]; }
  bool empty() const { return items_.empty(); }
  size_t size() const { return items_.size(); }
  int64_t first_ms() const { return items_.empty() ? kNever : items_.front().expire_at_ms; }
  // Keeps the items for which `is_current` answers true, each once. O(n log n).
  template <typename Predicate>
  void Clean(Predicate is_current);
  // Calls change(Item&) for each, and puts them in order again. O(n log n).
  template <typename Change>
  void ChangeAll(Change change) {
    for (Item& item : items_) change(item);
    SortUnique();
  }
  // Gives the memory back too.
  void Clear();

 private:
  void SortUnique();

  std::vector<Item, KeysAllocator<Item>> items_;  // a heap; sorted ascending is one too
};

template <typename Predicate>
void ExpiryQueue::Clean(Predicate is_current) {
  std::erase_if(items_, [&](const Item& item) { return !is_current(item); });
  SortUnique();
}

}  // namespace tutti
