// The stored form of hashes: pairs in the order of insertion while there are few and short ones,
// later by the hash of the field.
#pragma once

#include <optional>

#include "keyspace/freeing.h"
#include "keyspace/hash_order.h"
#include "keyspace/packed_leaf.h"
#include "keyspace/tree.h"
#include "keyspace/value.h"

namespace tutti {

class StoredHash final : public Hash {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kHash;

  static Ref<StoredHash> New() { return Ref<StoredHash>::Adopt(new StoredHash); }
  // Another hash with the same pairs, in O(1).
  Ref<StoredHash> Share() const;

  int64_t length() const override { return is_small_ ? small_.size() : large_.size(); }
  bool Contains(std::string_view field) const override;
  bool Find(std::string_view field, std::string_view* value) const override;
  void ForEach(int64_t first, const PairVisitor& visit) const override;
  bool is_small() const { return is_small_; }
  // The value of a field, borrowed.
  std::optional<PackedPart> Value(std::string_view field) const;
  struct Pair {
    PackedPart field, value;
  };
  // The pair at an index: their order stays until the hash changes.
  Pair At(int64_t index) const;
  // visit(const PackedPart& field, const PackedPart& value) from pair `first` on, until it answers
  // false.
  template <typename Visit>
  void ForEachPart(int64_t first, Visit visit) const {
    if (is_small_) {
      VisitParts(small_, first, visit);
    } else {
      VisitParts(large_, first, visit);
    }
  }
  // visit(const Pair&), as StoredSet::Scan().
  template <typename Visit>
  uint64_t Scan(uint64_t cursor, int64_t count, Visit visit) const {
    if (is_small_) {
      ForEachPart(0, [&](const PackedPart& field, const PackedPart& value) {
        visit(Pair{field, value});
        return true;
      });
      return 0;
    }
    return ScanByHash(large_, cursor, count, [&](const HashedPairLeaf& leaf, int at) {
      visit(Pair{leaf.BorrowPart(at, 0), leaf.BorrowPart(at, 1)});
    });
  }
  bool is_slow_to_free() const override { return !large_.is_single_node(); }
  size_t footprint(int64_t sample_count = 0) const override {
    return sizeof(*this) + small_.Footprint(sample_count) + large_.Footprint(sample_count);
  }

  // Only for the sole holder. True if the field is new.
  bool Set(const PackedItem<2>& pair, Graveyard& graveyard);
  // True if it was there.
  bool Remove(std::string_view field, Graveyard& graveyard);

  static void* operator new(size_t bytes) { return AllocateNode(bytes); }
  static void operator delete(void* block) { FreeNode(block); }

 private:
  template <typename Leaf, typename Visit>
  static void VisitParts(const Tree<Leaf>& tree, int64_t first, Visit visit) {
    auto path = tree.SeekIndex(first);
    for (bool more = tree.Settle(path); more; more = tree.Next(path)) {
      const Leaf& leaf = *path.leaf;
      if (!visit(leaf.BorrowPart(path.position, 0), leaf.BorrowPart(path.position, 1))) return;
    }
  }
  void Grow();

  bool is_small_ = true;
  Tree<PairLeaf> small_;
  Tree<HashedPairLeaf> large_;
};

}  // namespace tutti
