// The commands about sorted sets.
//
// Threads: any; each takes the locks of its keys.
#pragma once

#include <string>

#include "core/status.h"
#include "keyspace/change.h"
#include "keyspace/lists.h"
#include "keyspace/reply.h"
#include "keyspace/sorted_set.h"

namespace tutti::sorted_sets {

enum AddFlag : int {
  kIfAbsent = 1,
  kIfPresent = 2,
  kIfGreater = 4,
  kIfLess = 8,
  kCountChanged = 16
};

// How many members are new; with kCountChanged, new or changed.
Result<int64_t> Add(int db, std::string_view key, int flags, std::span<const double> scores,
                    Words members);
// Adds `by` to a member's score, and replies with the new one, or nil if a flag forbade it.
Status Increment(int db, std::string_view key, int flags, double by, std::string_view member,
                 Reply& reply);
Result<int64_t> Remove(int db, std::string_view key, Words members);

// What a range of members goes by. Values are part of the binding's interface.
enum class RangeBy : int { kRank = 0, kScore = 1, kLex = 2 };

// From `min` to `max` as they are written on the wire.
struct Range {
  RangeBy by = RangeBy::kRank;
  bool is_reversed = false;  // ranks from the other end; what it selects comes in reverse
  int64_t min_rank = 0, max_rank = -1;
  double min_score = 0, max_score = 0;
  bool is_min_open = false, is_max_open = false;  // the bound itself is outside
  std::string_view min_member, max_member;
  // Of members: beyond any. -1 before the first, 1 behind the last.
  int min_end = 0, max_end = 0;
  // LIMIT: negative counts are no limit.
  int64_t offset = 0, count = -1;

  // kNotInteger, kNotFloat or kInvalidRange.
  Status Parse(std::string_view min, std::string_view max);
  // The indices that it selects in `set`, the first above the last if none.
  std::pair<int64_t, int64_t> IndicesIn(const StoredSortedSet& set) const;
};

Status ReplyRange(int db, std::string_view key, const Range& range, bool with_scores, Reply& reply);
Result<int64_t> StoreRange(int db, std::string_view target, std::string_view source,
                           const Range& range);
Result<int64_t> RemoveRange(int db, std::string_view key, const Range& range);
Result<int64_t> CountRange(int db, std::string_view key, const Range& range);

// ZRANK: nil if there is no such member.
Status Rank(int db, std::string_view key, std::string_view member, bool is_reversed,
            bool with_score, Reply& reply);
// `has_count`: pairs. Else flat: nothing, or a member and its score.
Status Pop(int db, std::string_view key, bool from_max, bool has_count, int64_t count,
           Reply& reply);
// Of the first key that holds any: the key and the pairs. A nil array if none does.
Status PopFirst(int db, Words keys, bool from_max, int64_t count, Reply& reply);
// A member, taken out of a sorted set.
struct TakenMember {
  lists::TakenElement member;
  double score;
};
// Takes up to `count` from an end of a sorted set, which is there. The stripe is locked.
void TakeLocked(KeyState& state, bool from_max, int64_t count, Graveyard& graveyard,
                std::vector<TakenMember>& taken);
Status Random(int db, std::string_view key, bool has_count, int64_t count, bool with_scores,
              Reply& reply);

enum class Operation : int { kUnion = 0, kIntersection = 1, kDifference = 2 };
enum class Aggregate : int { kSum = 0, kMin = 1, kMax = 2 };

struct Combination {
  Operation operation = Operation::kUnion;
  Aggregate aggregate = Aggregate::kSum;
  std::vector<double> weights;  // empty: all 1
};

// Of sets and sorted sets.
Status Combine(int db, const Combination& combination, Words keys, bool with_scores, Reply& reply);
// keys[0] is the destination. The result's length.
Result<int64_t> CombineAndStore(int db, const Combination& combination, Words keys);
Result<int64_t> IntersectionLength(int db, Words keys, int64_t limit);

// A row or two for a member, in an array of Header(kPairs) if `with_score`.
inline void ReplyMember(const ScoredMember& each, bool with_score, Reply& reply) {
  if (with_score) reply.Header(RowHeader::kPair, 2);
  reply.Bulk(each.member);
  if (with_score) reply.Double(each.score);
}

}  // namespace tutti::sorted_sets
