// Unions, intersections and differences of sorted sets and sets (redis:src/t_zset.c,
// zunionInterDiffGenericCommand): a member of a set has the score 1.
#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "keyspace/set.h"
#include "keyspace/sorted_sets.h"

namespace tutti::sorted_sets {

namespace {

// What one key holds.
struct Source {
  Ref<StoredSet> set;
  Ref<StoredSortedSet> sorted;
  double weight = 1;

  int64_t length() const { return set ? set->length() : sorted ? sorted->length() : 0; }

  std::optional<double> Score(std::string_view member) const {
    if (sorted) return sorted->Score(member);
    return set && set->Contains(member) ? std::optional(1.0) : std::nullopt;
  }

  template <typename Visit>
  void ForEach(Visit visit) const {
    if (sorted) sorted->ForEach(visit);
    if (set) {
      set->ForEach(0, [&](const PackedPart& member) { return visit(ScoredMember{member, 1}); });
    }
  }
};

Result<std::vector<Source>> Sources(int db, LockedKeys& locked, size_t first, size_t end,
                                    std::span<const double> weights) {
  std::vector<Source> sources;
  for (size_t i = first; i < end; ++i) {
    const KeyState state = locked.ForRead(db, i);
    Source source;
    if (!weights.empty()) source.weight = weights[i - first];
    if (state.exists() && state.value()->kind() == ObjectKind::kSet) {
      source.set = Peek<StoredSet>(state).value();
    } else {
      auto sorted = Peek<StoredSortedSet>(state);
      if (!sorted.ok()) return sorted.status();
      source.sorted = std::move(sorted.value());
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

double Weighted(double weight, double score) {
  const double value = weight * score;
  return std::isnan(value) ? 0 : value;
}

double Aggregated(Aggregate aggregate, double a, double b) {
  switch (aggregate) {
    case Aggregate::kMin:
      return std::min(a, b);
    case Aggregate::kMax:
      return std::max(a, b);
    default:
      // +inf and -inf.
      return std::isnan(a + b) ? 0 : a + b;
  }
}

void SortByLength(std::vector<Source>& sources) {
  std::stable_sort(sources.begin(), sources.end(),
                   [](const Source& a, const Source& b) { return a.length() < b.length(); });
}

Ref<StoredSortedSet> Union(Aggregate aggregate, std::vector<Source>& sources) {
  struct Total {
    PackedPart member;
    double score;
  };
  std::unordered_map<std::string_view, Total> totals;
  SortByLength(sources);
  for (const Source& source : sources) {
    source.ForEach([&](const ScoredMember& each) {
      const double score = Weighted(source.weight, each.score);
      const auto [known, is_new] = totals.try_emplace(each.member.bytes, each.member, score);
      if (!is_new) known->second.score = Aggregated(aggregate, known->second.score, score);
      return true;
    });
  }
  Ref<StoredSortedSet> result = StoredSortedSet::New();
  for (const auto& [_, total] : totals) result->Insert(total.member, total.score);
  return result;
}

// visit(const ScoredMember&) until it answers false.
template <typename Visit>
void ForIntersection(Aggregate aggregate, std::vector<Source>& sources, Visit visit) {
  SortByLength(sources);
  sources[0].ForEach([&](const ScoredMember& each) {
    double total = Weighted(sources[0].weight, each.score);
    for (size_t i = 1; i < sources.size(); ++i) {
      const auto score = sources[i].Score(each.member.bytes);
      if (!score) return true;
      // Only a sum makes 0 of what is no number, as 0 times infinity.
      total = Aggregated(aggregate, total, sources[i].weight * *score);
    }
    return static_cast<bool>(visit(ScoredMember{each.member, total}));
  });
}

Event EventOf(Operation operation) {
  switch (operation) {
    case Operation::kUnion:
      return events::kSortedSetUnion;
    case Operation::kIntersection:
      return events::kSortedSetIntersection;
    default:
      return events::kSortedSetDifference;
  }
}

Ref<StoredSortedSet> ResultOf(const Combination& combination, std::vector<Source>& sources) {
  if (combination.operation == Operation::kUnion) return Union(combination.aggregate, sources);
  Ref<StoredSortedSet> result = StoredSortedSet::New();
  const auto add = [&](const ScoredMember& each) {
    result->Insert(each.member, each.score);
    return true;
  };
  if (combination.operation == Operation::kIntersection) {
    ForIntersection(combination.aggregate, sources, add);
    return result;
  }
  sources[0].ForEach([&](const ScoredMember& each) {
    const bool is_elsewhere = std::any_of(
        sources.begin() + 1, sources.end(),
        [&](const Source& source) { return source.Score(each.member.bytes).has_value(); });
    return is_elsewhere || add(each);
  });
  return result;
}

}  // namespace

Status Combine(int db, const Combination& combination, Words keys, bool with_scores, Reply& reply) {
  Result<std::vector<Source>> sources = std::vector<Source>();
  {
    LockedKeys locked(keys);
    sources = Sources(db, locked, 0, keys.size(), combination.weights);
  }
  if (!sources.ok()) return sources.status();
  const Ref<StoredSortedSet> result = ResultOf(combination, sources.value());
  reply.Header(with_scores ? RowHeader::kPairs : RowHeader::kArray, result->length());
  result->ForEach([&](const ScoredMember& each) {
    ReplyMember(each, with_scores, reply);
    return true;
  });
  return Status::Ok();
}

Result<int64_t> CombineAndStore(int db, const Combination& combination, Words keys) {
  LockedKeys locked(keys);
  auto sources = Sources(db, locked, 1, keys.size(), combination.weights);
  if (!sources.ok()) return sources.status();
  Ref<StoredSortedSet> result = ResultOf(combination, sources.value());
  const int64_t length = result->length();
  for (Source& source : sources.value()) {
    locked.graveyard.Add(std::move(source.set));
    locked.graveyard.Add(std::move(source.sorted));
  }
  KeyState target = locked.ForWrite(db, 0);
  StoreContainer(target, std::move(result), EventOf(combination.operation), locked.graveyard);
  return length;
}

Result<int64_t> IntersectionLength(int db, Words keys, int64_t limit) {
  Result<std::vector<Source>> sources = std::vector<Source>();
  {
    LockedKeys locked(keys);
    sources = Sources(db, locked, 0, keys.size(), {});
  }
  if (!sources.ok()) return sources.status();
  int64_t count = 0;
  ForIntersection(Aggregate::kSum, sources.value(),
                  [&](const ScoredMember&) { return ++count != limit; });
  return count;
}

}  // namespace tutti::sorted_sets
