// The stored form of lists.
#pragma once

#include "keyspace/packed_leaf.h"
#include "keyspace/tree.h"
#include "keyspace/value.h"

namespace tutti {

class StoredList final : public List {
 public:
  static Ref<StoredList> New() { return Ref<StoredList>::Adopt(new StoredList); }
  // Another list with the same elements, in O(1).
  Ref<StoredList> Share() const;

  int64_t length() const override { return elements_.size(); }
  void ForRange(int64_t first, int64_t last, const ElementVisitor& visit) const override;
  bool is_slow_to_free() const override { return !elements_.is_single_node(); }

  // Only for the sole holder.
  void Push(const PackedItem<1>& element, bool at_tail);

  static void* operator new(size_t bytes) { return AllocateNode(bytes); }
  static void operator delete(void* block) { FreeNode(block); }

 private:
  Tree<ListLeaf> elements_;
};

}  // namespace tutti
