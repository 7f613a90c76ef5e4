// The stored form of sorted sets: a tree by score and, unless they are few and short, another one
// by the hash of the member.
#pragma once

#include <cstring>
#include <optional>
#include <string_view>

#include "keyspace/freeing.h"
#include "keyspace/hash_order.h"
#include "keyspace/packed_leaf.h"
#include "keyspace/tree.h"
#include "keyspace/value.h"

namespace tutti {

struct ScoredMember {
  PackedPart member;  // borrowed
  double score;
};

class StoredSortedSet final : public Object {
 public:
  static constexpr ObjectKind kKind = ObjectKind::kSortedSet;

  static Ref<StoredSortedSet> New() { return Ref<StoredSortedSet>::Adopt(new StoredSortedSet); }
  // Another one with the same members, in O(1).
  Ref<StoredSortedSet> Share() const;

  int64_t length() const { return by_score_.size(); }
  bool is_small() const { return !is_large_; }
  std::optional<double> Score(std::string_view member) const;
  // The index by (score, member) of a member that is there with this score.
  int64_t Rank(std::string_view member, double score) const;
  // How many have a lower score, or if `with_equal` the same.
  int64_t CountBefore(double score, bool with_equal) const;
  // How many are less than `member`, or if `with_equal` the same: all scores must be equal.
  int64_t CountBefore(std::string_view member, bool with_equal) const;
  ScoredMember At(int64_t index) const;
  // visit(const ScoredMember&) for indices first to last, ascending or, if `is_reversed`, from last
  // to first, until it answers false. Within bounds.
  template <typename Visit>
  void ForRange(int64_t first, int64_t last, bool is_reversed, Visit visit) const;
  template <typename Visit>
  void ForEach(Visit visit) const {
    if (length() > 0) ForRange(0, length() - 1, false, visit);
  }
  // As StoredSet::Scan().
  template <typename Visit>
  uint64_t Scan(uint64_t cursor, int64_t count, Visit visit) const;
  bool is_slow_to_free() const override { return !by_score_.is_single_node(); }
  size_t footprint(int64_t sample_count = 0) const override {
    return sizeof(*this) + by_score_.Footprint(sample_count) + by_member_.Footprint(sample_count);
  }

  // Only for the sole holder. The score is not NaN.
  void Insert(const PackedPart& new_member, double score);
  // Of a member that is there with the score `before`.
  void Update(std::string_view member, double before, double score, Graveyard& graveyard);
  bool Remove(std::string_view member, Graveyard& graveyard);
  void RemoveAt(int64_t index, Graveyard& graveyard);

  static void* operator new(size_t bytes) { return AllocateNode(bytes); }
  static void operator delete(void* block) { FreeNode(block); }

 private:
  using ScorePath = Tree<OrderedLeaf>::Path;
  using MemberPath = Tree<HashedPairLeaf>::Path;

  StoredSortedSet() : Object(kKind) {}

  static uint64_t OrderOf(double score);
  static double ScoreOf(uint64_t order);
  static double ScoreAt(const HashedPairLeaf& leaf, int at);
  static ScoredMember MemberAt(const OrderedLeaf& leaf, int at) {
    return {leaf.BorrowPart(at, 0), ScoreOf(leaf.OrderOf(at))};
  }
  ScorePath SeekScore(double score, std::string_view member) const;
  std::optional<MemberPath> FindMember(std::string_view member) const;
  // While small.
  std::optional<ScorePath> FindSmall(std::string_view member) const;
  void InsertByMember(const PackedPart& member, double score);
  void Grow();

  bool is_large_ = false;
  Tree<OrderedLeaf> by_score_;
  Tree<HashedPairLeaf> by_member_;  // member and the 8 bytes of its score; empty while small
};

template <typename Visit>
void StoredSortedSet::ForRange(int64_t first, int64_t last, bool is_reversed, Visit visit) const {
  auto path = by_score_.SeekIndex(is_reversed ? last : first);
  for (int64_t left = last - first + 1; left > 0; --left) {
    if (!visit(MemberAt(*path.leaf, path.position))) return;
    if (!(is_reversed ? by_score_.Previous(path) : by_score_.Next(path))) return;
  }
}

template <typename Visit>
uint64_t StoredSortedSet::Scan(uint64_t cursor, int64_t count, Visit visit) const {
  if (!is_large_) {
    ForEach([&](const ScoredMember& each) { return visit(each), true; });
    return 0;
  }
  return ScanByHash(by_member_, cursor, count, [&](const HashedPairLeaf& leaf, int at) {
    visit(ScoredMember{leaf.BorrowPart(at, 0), ScoreAt(leaf, at)});
  });
}

}  // namespace tutti
