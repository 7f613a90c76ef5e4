// The stored form of sets: integers by value while there are only those and few, few and short
// members in the order of insertion, else by the hash of the member.
#pragma once

#include <optional>
#include <string_view>

#include "keyspace/freeing.h"
#include "keyspace/hash_order.h"
#include "keyspace/packed_leaf.h"
#include "keyspace/tree.h"
#include "keyspace/value.h"

namespace tutti {

class StoredSet final : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kSet;
  enum class Form : uint8_t { kIntegers, kSmall, kLarge };

  static Ref<StoredSet> New() { return Ref<StoredSet>::Adopt(new StoredSet); }
  // Another set with the same members, in O(1).
  Ref<StoredSet> Share() const;

  int64_t length() const { return small_.size() + ordered_.size(); }
  Form form() const { return form_; }
  bool Contains(std::string_view member) const;
  // The member at an index: their order stays until the set changes.
  PackedPart At(int64_t index) const;
  // visit(const PackedPart&) from member `first` on, until it answers false.
  template <typename Visit>
  void ForEach(int64_t first, Visit visit) const {
    if (form_ == Form::kSmall) {
      Visit_(small_, first, visit);
    } else {
      Visit_(ordered_, first, visit);
    }
  }
  // visit(const PackedPart&) for members by hash, from `cursor` on, at least `count` of them if
  // there are as many, all of a hash or none. @returns The next cursor, 0 at the end. A set that
  // is not large goes in one piece: its members have no places that stay.
  template <typename Visit>
  uint64_t Scan(uint64_t cursor, int64_t count, Visit visit) const;
  bool is_slow_to_free() const override { return !ordered_.is_single_node(); }
  size_t footprint(int64_t sample_count = 0) const override {
    return sizeof(*this) + small_.Footprint(sample_count) + ordered_.Footprint(sample_count);
  }

  // Only for the sole holder. True if the member is new, or was there.
  bool Add(const PackedPart& member);
  bool Remove(std::string_view member, Graveyard& graveyard);
  void RemoveAt(int64_t index, Graveyard& graveyard);

  static void* operator new(size_t bytes) { return AllocateNode(bytes); }
  static void operator delete(void* block) { FreeNode(block); }

 private:
  StoredSet() : Object(kKind) {}

  template <typename Tree, typename Visit>
  static void Visit_(const Tree& tree, int64_t first, Visit visit) {
    auto path = tree.SeekIndex(first);
    for (bool more = tree.Settle(path); more; more = tree.Next(path)) {
      if (!visit(path.leaf->BorrowPart(path.position, 0))) return;
    }
  }
  std::optional<Tree<OrderedLeaf>::Path> FindOrdered(std::string_view member) const;
  uint64_t OrderOf(std::string_view member) const;
  // Takes the form that has room for one more member.
  void MakeFit(std::string_view member);
  void TurnInto(Form form);

  Form form_ = Form::kIntegers;
  Tree<ListLeaf> small_;       // in use while kSmall
  Tree<OrderedLeaf> ordered_;  // in use else
};

template <typename Visit>
uint64_t StoredSet::Scan(uint64_t cursor, int64_t count, Visit visit) const {
  if (form_ != Form::kLarge) {
    ForEach(0, [&](const PackedPart& member) { return visit(member), true; });
    return 0;
  }
  return ScanByHash(ordered_, cursor, count,
                    [&](const OrderedLeaf& leaf, int at) { visit(leaf.BorrowPart(at, 0)); });
}

}  // namespace tutti
