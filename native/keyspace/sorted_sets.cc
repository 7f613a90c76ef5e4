#include "keyspace/sorted_sets.h"

#include <algorithm>
#include <cmath>

#include "core/numbers.h"
#include "core/random.h"

namespace tutti::sorted_sets {

namespace {

RowHeader HeaderOf(bool with_scores) { return with_scores ? RowHeader::kPairs : RowHeader::kArray; }

// What ZADD makes of one member. False: kNotANumber.
enum class Added { kNothing, kNew, kChanged, kSame, kNotANumber };

Added AddOne(StoredSortedSet& set, int flags, bool is_increment, double& score,
             const PackedPart& member, Graveyard& graveyard) {
  const std::optional<double> before = set.Score(member.bytes);
  if (!before) {
    if (flags & kIfPresent) return Added::kNothing;
    set.Insert(member, score);
    return Added::kNew;
  }
  if (flags & kIfAbsent) return Added::kNothing;
  if (is_increment) {
    score += *before;
    if (std::isnan(score)) return Added::kNotANumber;
  }
  if ((flags & kIfLess) && score >= *before) return Added::kNothing;
  if ((flags & kIfGreater) && score <= *before) return Added::kNothing;
  if (score == *before) return Added::kSame;
  set.Update(member.bytes, *before, score, graveyard);
  return Added::kChanged;
}

Event RemovalBy(RangeBy by) {
  switch (by) {
    case RangeBy::kRank:
      return events::kSortedSetRemoveByRank;
    case RangeBy::kScore:
      return events::kSortedSetRemoveByScore;
    default:
      return events::kSortedSetRemoveByLex;
  }
}

// As Redis' zslParseRange takes them: what strtod does.
bool ParseBound(std::string_view text, double* score, bool* is_open) {
  *is_open = !text.empty() && text[0] == '(';
  const std::string copy(text.substr(*is_open ? 1 : 0));
  char* end = nullptr;
  *score = std::strtod(copy.c_str(), &end);
  return *end == '\0' && !std::isnan(*score);
}

bool ParseMember(std::string_view text, std::string_view* member, int* end, bool* is_open) {
  if (text.empty()) return false;
  if (text == "-" || text == "+") {
    *end = text == "-" ? -1 : 1;
    return true;
  }
  *is_open = text[0] == '(';
  *member = text.substr(1);
  return text[0] == '(' || text[0] == '[';
}

void ReplyIndices(const StoredSortedSet& set, std::pair<int64_t, int64_t> indices, bool is_reversed,
                  bool with_scores, Reply& reply) {
  const auto [first, last] = indices;
  if (first > last) {
    reply.Array(0);
    return;
  }
  reply.Header(HeaderOf(with_scores), last - first + 1);
  set.ForRange(first, last, is_reversed, [&](const ScoredMember& each) {
    ReplyMember(each, with_scores, reply);
    return true;
  });
}

// Takes `count` members from an end out of a set that has them, row by row.
template <typename Visit>
void PopFrom(StoredSortedSet& set, bool from_max, int64_t count, Graveyard& graveyard,
             Visit visit) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = from_max ? set.length() - 1 : 0;
    visit(set.At(index));
    set.RemoveAt(index, graveyard);
  }
}

}  // namespace

Result<int64_t> Add(int db, std::string_view key, int flags, std::span<const double> scores,
                    Words members) {
  std::vector<PackedItem<1>> items(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    if (!items[i].Prepare({members[i]})) return Code::kOutOfMemory;
  }
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSortedSet)) return Code::kWrongType;
  auto set = TakeContainer<StoredSortedSet>(locked.state, locked.graveyard);
  int64_t added = 0;
  int64_t changed = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    double score = scores[i];
    const Added result = AddOne(*set, flags, false, score, items[i].Borrowed(0), locked.graveyard);
    added += result == Added::kNew;
    changed += result == Added::kChanged;
  }
  PutContainer(locked.state, std::move(set), events::kSortedSetAdd, added + changed,
               locked.graveyard);
  return flags & kCountChanged ? added + changed : added;
}

Status Increment(int db, std::string_view key, int flags, double by, std::string_view member,
                 Reply& reply) {
  PackedItem<1> item;
  if (!item.Prepare({member})) return Code::kOutOfMemory;
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSortedSet)) return Code::kWrongType;
  auto set = TakeContainer<StoredSortedSet>(locked.state, locked.graveyard);
  double score = by;
  const Added result = AddOne(*set, flags, true, score, item.Borrowed(0), locked.graveyard);
  const bool is_change = result == Added::kNew || result == Added::kChanged;
  PutContainer(locked.state, std::move(set), events::kSortedSetIncrement, is_change,
               locked.graveyard);
  if (result == Added::kNotANumber) return Code::kNotANumber;
  if (result == Added::kNothing) {
    reply.Nil();
  } else {
    reply.Double(score);
  }
  return Status::Ok();
}

Result<int64_t> Remove(int db, std::string_view key, Words members) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSortedSet)) return Code::kWrongType;
  if (!locked.state.exists()) return int64_t{0};
  auto set = TakeContainer<StoredSortedSet>(locked.state, locked.graveyard);
  int64_t removed = 0;
  for (const std::string_view member : members) removed += set->Remove(member, locked.graveyard);
  PutContainer(locked.state, std::move(set), events::kSortedSetRemove, removed, locked.graveyard);
  return removed;
}

Status Range::Parse(std::string_view min, std::string_view max) {
  switch (by) {
    case RangeBy::kRank: {
      const auto first = ParseInteger(min);
      const auto last = ParseInteger(max);
      if (!first || !last) return Code::kNotInteger;
      min_rank = *first;
      max_rank = *last;
      return Status::Ok();
    }
    case RangeBy::kScore:
      if (!ParseBound(min, &min_score, &is_min_open) ||
          !ParseBound(max, &max_score, &is_max_open)) {
        return Code::kNotFloatRange;
      }
      return Status::Ok();
    case RangeBy::kLex:
      if (!ParseMember(min, &min_member, &min_end, &is_min_open) ||
          !ParseMember(max, &max_member, &max_end, &is_max_open)) {
        return Code::kNotMemberRange;
      }
      return Status::Ok();
  }
  return Code::kNotInteger;
}

std::pair<int64_t, int64_t> Range::IndicesIn(const StoredSortedSet& set) const {
  const int64_t length = set.length();
  int64_t first = 0;
  int64_t end = 0;
  if (by == RangeBy::kRank) {
    first = std::max<int64_t>(min_rank < 0 ? min_rank + length : min_rank, 0);
    end = std::min(max_rank < 0 ? max_rank + length : max_rank, length - 1) + 1;
    if (first >= end) return {0, -1};
    if (is_reversed) return {length - end, length - first - 1};
    return {first, end - 1};
  }
  if (by == RangeBy::kScore) {
    first = set.CountBefore(min_score, is_min_open);
    end = set.CountBefore(max_score, !is_max_open);
  } else {
    const auto bound = [&](int beyond, std::string_view member, bool with_equal) {
      if (beyond != 0) return beyond < 0 ? 0 : length;
      return set.CountBefore(member, with_equal);
    };
    first = bound(min_end, min_member, is_min_open);
    end = bound(max_end, max_member, !is_max_open);
  }
  if (offset < 0 || offset >= end - first) return {0, -1};
  const int64_t taken = count < 0 ? end - first - offset : std::min(count, end - first - offset);
  if (is_reversed) return {end - offset - taken, end - offset - 1};
  return {first + offset, first + offset + taken - 1};
}

Status ReplyRange(int db, std::string_view key, const Range& range, bool with_scores,
                  Reply& reply) {
  const auto found = FindContainer<StoredSortedSet>(db, key);
  if (!found.ok()) return found.status();
  if (!found.value()) {
    reply.Array(0);
  } else {
    ReplyIndices(*found.value(), range.IndicesIn(*found.value()), range.is_reversed, with_scores,
                 reply);
  }
  return Status::Ok();
}

Result<int64_t> StoreRange(int db, std::string_view target, std::string_view source,
                           const Range& range) {
  const std::string_view keys[] = {target, source};
  LockedKeys locked(keys);
  Result<Ref<StoredSortedSet>> found = Peek<StoredSortedSet>(locked.ForRead(db, 1));
  if (!found.ok()) return found.status();
  Ref<StoredSortedSet> result = StoredSortedSet::New();
  if (found.value()) {
    const auto [first, last] = range.IndicesIn(*found.value());
    if (first <= last) {
      found.value()->ForRange(first, last, false, [&](const ScoredMember& each) {
        result->Insert(each.member, each.score);
        return true;
      });
    }
    locked.graveyard.Add(std::move(found.value()));
  }
  const int64_t length = result->length();
  KeyState state = locked.ForWrite(db, 0);
  StoreContainer(state, std::move(result), events::kSortedSetStoreRange, locked.graveyard);
  return length;
}

Result<int64_t> RemoveRange(int db, std::string_view key, const Range& range) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSortedSet)) return Code::kWrongType;
  if (!locked.state.exists()) return int64_t{0};
  auto set = TakeContainer<StoredSortedSet>(locked.state, locked.graveyard);
  const auto [first, last] = range.IndicesIn(*set);
  const int64_t removed = std::max<int64_t>(last - first + 1, 0);
  if (removed == set->length() && removed > 0) {
    Commit(locked.state, nullptr, kNoExpiry, {RemovalBy(range.by), removed, events::kDelete},
           locked.graveyard);
    locked.graveyard.Add(std::move(set));
    return removed;
  }
  for (int64_t i = 0; i < removed; ++i) set->RemoveAt(first, locked.graveyard);
  PutContainer(locked.state, std::move(set), RemovalBy(range.by), removed, locked.graveyard);
  return removed;
}

Result<int64_t> CountRange(int db, std::string_view key, const Range& range) {
  const auto found = FindContainer<StoredSortedSet>(db, key);
  if (!found.ok()) return found.status();
  if (!found.value()) return int64_t{0};
  const auto [first, last] = range.IndicesIn(*found.value());
  return std::max<int64_t>(last - first + 1, 0);
}

Status Rank(int db, std::string_view key, std::string_view member, bool is_reversed,
            bool with_score, Reply& reply) {
  const auto found = FindContainer<StoredSortedSet>(db, key);
  if (!found.ok()) return found.status();
  const auto score = found.value() ? found.value()->Score(member) : std::nullopt;
  if (!score) {
    if (with_score) {
      reply.NilArray();
    } else {
      reply.Nil();
    }
    return Status::Ok();
  }
  const int64_t rank = found.value()->Rank(member, *score);
  if (with_score) reply.Array(2);
  reply.Integer(is_reversed ? found.value()->length() - 1 - rank : rank);
  if (with_score) reply.Double(*score);
  return Status::Ok();
}

Status Pop(int db, std::string_view key, bool from_max, bool has_count, int64_t count,
           Reply& reply) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSortedSet)) return Code::kWrongType;
  if (!locked.state.exists() || count == 0) {
    reply.Array(0);
    return Status::Ok();
  }
  auto set = TakeContainer<StoredSortedSet>(locked.state, locked.graveyard);
  const int64_t popped = std::min(count, set->length());
  if (has_count) {
    reply.Header(RowHeader::kPairs, popped);
  } else {
    reply.Array(2);
  }
  PopFrom(*set, from_max, popped, locked.graveyard, [&](const ScoredMember& each) {
    if (has_count) reply.Header(RowHeader::kPair, 2);
    reply.Bulk(each.member);
    reply.Double(each.score);
  });
  PutContainer(locked.state, std::move(set), events::SortedSetPop(from_max), popped,
               locked.graveyard);
  return Status::Ok();
}

Status PopFirst(int db, Words keys, bool from_max, int64_t count, Reply& reply) {
  LockedKeys locked(keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    KeyState state = locked.ForWrite(db, i);
    if (!state.HoldsOrAbsent(ObjectKind::kSortedSet)) return Code::kWrongType;
    if (!state.exists()) continue;
    auto set = TakeContainer<StoredSortedSet>(state, locked.graveyard);
    const int64_t popped = std::min(count, set->length());
    reply.Array(2);
    reply.Bulk(keys[i]);
    reply.Array(popped);
    PopFrom(*set, from_max, popped, locked.graveyard, [&](const ScoredMember& each) {
      reply.Array(2);
      reply.Bulk(each.member);
      reply.Double(each.score);
    });
    PutContainer(state, std::move(set), events::SortedSetPop(from_max), popped, locked.graveyard);
    return Status::Ok();
  }
  reply.NilArray();
  return Status::Ok();
}

void TakeLocked(KeyState& state, bool from_max, int64_t count, Graveyard& graveyard,
                std::vector<TakenMember>& taken) {
  auto set = TakeContainer<StoredSortedSet>(state, graveyard);
  const int64_t popped = std::min(count, set->length());
  PopFrom(*set, from_max, popped, graveyard, [&](const ScoredMember& each) {
    taken.push_back({lists::Taken(each.member), each.score});
  });
  PutContainer(state, std::move(set), events::SortedSetPop(from_max), popped, graveyard);
}

Status Random(int db, std::string_view key, bool has_count, int64_t count, bool with_scores,
              Reply& reply) {
  const auto found = FindContainer<StoredSortedSet>(db, key);
  if (!found.ok()) return found.status();
  const StoredSortedSet* set = found.value().get();
  const auto any = [&] {
    return set->At(static_cast<int64_t>(RandomBelow(static_cast<uint64_t>(set->length()))));
  };
  if (!has_count) {
    if (set) {
      reply.Bulk(any().member);
    } else {
      reply.Nil();
    }
  } else if (!set || count == 0) {
    reply.Array(0);
  } else if (count < 0) {
    reply.Header(HeaderOf(with_scores), -count);
    for (int64_t i = 0; i < -count; ++i) ReplyMember(any(), with_scores, reply);
  } else if (count >= set->length()) {
    ReplyIndices(*set, {0, set->length() - 1}, false, with_scores, reply);
  } else {
    reply.Header(HeaderOf(with_scores), count);
    for (const int64_t index : RandomSample(count, set->length())) {
      ReplyMember(set->At(index), with_scores, reply);
    }
  }
  return Status::Ok();
}

}  // namespace tutti::sorted_sets
