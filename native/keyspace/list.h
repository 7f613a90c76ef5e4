// The stored form of lists.
#pragma once

#include "keyspace/freeing.h"
#include "keyspace/packed_leaf.h"
#include "keyspace/tree.h"
#include "keyspace/value.h"

namespace tutti {

class StoredList final : public List {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kList;

  static Ref<StoredList> New() { return Ref<StoredList>::Adopt(new StoredList); }
  // Another list with the same elements, in O(1).
  Ref<StoredList> Share() const;

  int64_t length() const override { return elements_.size(); }
  void ForRange(int64_t first, int64_t last, const ElementVisitor& visit) const override;
  bool is_slow_to_free() const override { return !elements_.is_single_node(); }
  size_t footprint(int64_t sample_count = 0) const override {
    return sizeof(*this) + elements_.Footprint(sample_count);
  }

  // Whether it is as small as list-max-listpack-size says.
  bool is_small() const { return !is_large_; }
  PackedPart At(int64_t index) const;
  // visit(int64_t index, const PackedPart&) from `first` on, or down to 0 if `is_reversed`, until
  // it answers false.
  template <typename Visit>
  void ForEachFrom(int64_t first, bool is_reversed, Visit visit) const {
    if (first < 0 || first >= length()) return;
    auto path = elements_.SeekIndex(first);
    for (int64_t index = first;; index += is_reversed ? -1 : 1) {
      if (!visit(index, path.leaf->BorrowPart(path.position, 0))) return;
      if (!(is_reversed ? elements_.Previous(path) : elements_.Next(path))) return;
    }
  }

  // Only for the sole holder.
  void Push(const PackedItem<1>& element, bool at_tail) {
    Insert(at_tail ? length() : 0, element.Borrowed(0));
  }
  // Before the element at `index`; behind the last for length().
  void Insert(int64_t index, const PackedPart& element);
  void Set(int64_t index, const PackedPart& element, Graveyard& graveyard);
  void Remove(int64_t index, Graveyard& graveyard);

  static void* operator new(size_t bytes) { return AllocateNode(bytes); }
  static void operator delete(void* block) { FreeNode(block); }

 private:
  void NoteSize(int64_t more_bytes);

  Tree<ListLeaf> elements_;
  int64_t listpack_bytes_ = 0;  // what they would take in a listpack
  bool is_large_ = false;
};

}  // namespace tutti
