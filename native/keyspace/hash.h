// The stored form of hashes: pairs in the order of insertion while there are few and short ones,
// later by the hash of the field.
#pragma once

#include "keyspace/freeing.h"
#include "keyspace/packed_leaf.h"
#include "keyspace/tree.h"
#include "keyspace/value.h"

namespace tutti {

// `hash-max-listpack-entries` and `hash-max-listpack-value` of Redis 7.
inline constexpr int64_t kSmallHashPairsMax = 128;
inline constexpr size_t kSmallHashBytesMax = 64;

class StoredHash final : public Hash {
 public:
  static Ref<StoredHash> New() { return Ref<StoredHash>::Adopt(new StoredHash); }
  // Another hash with the same pairs, in O(1).
  Ref<StoredHash> Share() const;

  int64_t length() const override { return is_small_ ? small_.size() : large_.size(); }
  bool Contains(std::string_view field) const override;
  bool Find(std::string_view field, std::string_view* value) const override;
  void ForEach(int64_t first, const PairVisitor& visit) const override;
  bool is_slow_to_free() const override { return !large_.is_single_node(); }

  // Only for the sole holder. True if the field is new.
  bool Set(const PackedItem<2>& pair, Graveyard& graveyard);

  static void* operator new(size_t bytes) { return AllocateNode(bytes); }
  static void operator delete(void* block) { FreeNode(block); }

 private:
  void Grow();

  bool is_small_ = true;
  Tree<PairLeaf> small_;
  Tree<HashedPairLeaf> large_;
};

}  // namespace tutti
