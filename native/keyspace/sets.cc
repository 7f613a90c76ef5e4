#include "keyspace/sets.h"

#include <algorithm>

#include "core/random.h"
#include "keyspace/journal.h"

namespace tutti::sets {

namespace {

using Sets = std::vector<Ref<StoredSet>>;

// The sets of the keys from `first` to before `end`; null where there is no key.
Result<Sets> Peeks(int db, LockedKeys& locked, size_t first, size_t end) {
  Sets found;
  for (size_t i = first; i < end; ++i) {
    Result<Ref<StoredSet>> set = Peek<StoredSet>(locked.ForRead(db, i));
    if (!set.ok()) return set.status();
    found.push_back(std::move(set.value()));
  }
  return found;
}

// The same, for reading without a lock.
Result<Sets> Find(int db, Words keys) {
  LockedKeys locked(keys);
  return Peeks(db, locked, 0, keys.size());
}

// visit(const PackedPart&) for each member of all sets, until it answers false.
template <typename Visit>
void ForIntersection(Sets sets, Visit visit) {
  if (std::any_of(sets.begin(), sets.end(), [](const auto& set) { return !set; })) return;
  std::stable_sort(sets.begin(), sets.end(),
                   [](const auto& a, const auto& b) { return a->length() < b->length(); });
  sets[0]->ForEach(0, [&](const PackedPart& member) {
    for (size_t i = 1; i < sets.size(); ++i) {
      if (sets[i].get() != sets[0].get() && !sets[i]->Contains(member.bytes)) return true;
    }
    return static_cast<bool>(visit(member));
  });
}

template <typename Visit>
void ForDifference(const Sets& sets, Visit visit) {
  if (!sets[0]) return;
  sets[0]->ForEach(0, [&](const PackedPart& member) {
    for (size_t i = 1; i < sets.size(); ++i) {
      if (sets[i] && sets[i]->Contains(member.bytes)) return true;
    }
    visit(member);
    return true;
  });
}

// On top of `result`, which may share its nodes with one of them.
Ref<StoredSet> Union(const Sets& sets, Ref<StoredSet> result) {
  for (const Ref<StoredSet>& set : sets) {
    if (!set) continue;
    set->ForEach(0, [&](const PackedPart& member) { return result->Add(member), true; });
  }
  return result;
}

Ref<StoredSet> ResultOf(Operation operation, const Sets& sets) {
  if (operation == Operation::kUnion) return Union(sets, StoredSet::New());
  Ref<StoredSet> result = StoredSet::New();
  const auto add = [&](const PackedPart& member) { return result->Add(member), true; };
  if (operation == Operation::kIntersection) {
    ForIntersection(sets, add);
  } else {
    ForDifference(sets, add);
  }
  return result;
}

void ReplyAll(const StoredSet& set, Reply& reply) {
  reply.Header(RowHeader::kSet, set.length());
  set.ForEach(0, [&](const PackedPart& member) { return reply.Bulk(member), true; });
}

Event EventOf(Operation operation) {
  switch (operation) {
    case Operation::kUnion:
      return events::kSetUnion;
    case Operation::kIntersection:
      return events::kSetIntersection;
    default:
      return events::kSetDifference;
  }
}

uint64_t LengthOf(const StoredSet& set) { return static_cast<uint64_t>(set.length()); }

}  // namespace

Result<int64_t> Add(int db, std::string_view key, Words members) {
  std::vector<PackedItem<1>> items(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    if (!items[i].Prepare({members[i]})) return Code::kOutOfMemory;
  }
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSet)) return Code::kWrongType;
  Ref<StoredSet> set = TakeContainer<StoredSet>(locked.state, locked.graveyard);
  int64_t added = 0;
  for (const PackedItem<1>& item : items) added += set->Add(item.Borrowed(0));
  PutContainer(locked.state, std::move(set), events::kSetAdd, added, locked.graveyard);
  return added;
}

Result<int64_t> Remove(int db, std::string_view key, Words members) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSet)) return Code::kWrongType;
  if (!locked.state.exists()) return int64_t{0};
  Ref<StoredSet> set = TakeContainer<StoredSet>(locked.state, locked.graveyard);
  int64_t removed = 0;
  for (const std::string_view member : members) removed += set->Remove(member, locked.graveyard);
  PutContainer(locked.state, std::move(set), events::kSetRemove, removed, locked.graveyard);
  return removed;
}

Result<int64_t> Move(int db, std::string_view from, std::string_view to, std::string_view member) {
  PackedItem<1> item;
  if (!item.Prepare({member})) return Code::kOutOfMemory;
  const std::string_view keys[] = {from, to};
  LockedKeys locked(keys);
  KeyState source = locked.ForWrite(db, 0);
  if (!source.exists()) return int64_t{0};
  if (!source.HoldsOrAbsent(ObjectKind::kSet)) return Code::kWrongType;
  if (!locked.ForCheck(db, 1).HoldsOrAbsent(ObjectKind::kSet)) return Code::kWrongType;
  if (from == to) return int64_t{Peek<StoredSet>(source).value()->Contains(member)};
  Ref<StoredSet> set = TakeContainer<StoredSet>(source, locked.graveyard);
  const bool is_found = set->Remove(member, locked.graveyard);
  PutContainer(source, std::move(set), events::kSetRemove, is_found, locked.graveyard);
  if (!is_found) return int64_t{0};
  KeyState target = locked.ForWrite(db, 1);
  set = TakeContainer<StoredSet>(target, locked.graveyard);
  const bool is_new = set->Add(item.Borrowed(0));
  PutContainer(target, std::move(set), events::kSetAdd, is_new, locked.graveyard);
  return int64_t{1};
}

Status Pop(int db, std::string_view key, int64_t count, Reply& reply) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kSet)) return Code::kWrongType;
  const bool is_single = count < 0;
  if (!locked.state.exists() || count == 0) {
    if (is_single) {
      reply.Nil();
    } else {
      reply.Header(RowHeader::kSet, 0);
    }
    return Status::Ok();
  }
  Ref<StoredSet> set = TakeContainer<StoredSet>(locked.state, locked.graveyard);
  const int64_t popped = std::min(is_single ? 1 : count, set->length());
  if (!is_single) reply.Header(RowHeader::kSet, popped);
  if (popped == set->length()) {
    if (journal::IsOn()) journal::Say(db, {"DEL", key});
    set->ForEach(0, [&](const PackedPart& member) { return reply.Bulk(member), true; });
    Commit(locked.state, nullptr, kNoExpiry, {events::kSetPop, popped, events::kDelete},
           locked.graveyard);
    locked.graveyard.Add(std::move(set));
    return Status::Ok();
  }
  std::vector<std::string> members;  // for the journal
  for (int64_t i = 0; i < popped; ++i) {
    const auto index = static_cast<int64_t>(RandomBelow(LengthOf(*set)));
    reply.Bulk(set->At(index));
    if (journal::IsOn()) members.emplace_back(set->At(index).bytes);
    set->RemoveAt(index, locked.graveyard);
  }
  if (journal::IsOn()) {
    std::vector<std::string_view> words{"SREM", key};
    words.insert(words.end(), members.begin(), members.end());
    journal::Say(db, words);
  }
  PutContainer(locked.state, std::move(set), events::kSetPop, popped, locked.graveyard);
  return Status::Ok();
}

Status Random(int db, std::string_view key, bool has_count, int64_t count, Reply& reply) {
  const Result<Ref<StoredSet>> found = FindContainer<StoredSet>(db, key);
  if (!found.ok()) return found.status();
  const StoredSet* set = found.value().get();
  if (!has_count) {
    if (!set) {
      reply.Nil();
    } else {
      reply.Bulk(set->At(static_cast<int64_t>(RandomBelow(LengthOf(*set)))));
    }
    return Status::Ok();
  }
  if (!set || count == 0) {
    reply.Array(0);
  } else if (count < 0) {
    reply.Array(-count);
    for (int64_t i = 0; i < -count; ++i) {
      reply.Bulk(set->At(static_cast<int64_t>(RandomBelow(LengthOf(*set)))));
    }
  } else if (count >= set->length()) {
    reply.Array(set->length());
    set->ForEach(0, [&](const PackedPart& member) { return reply.Bulk(member), true; });
  } else {
    reply.Array(count);
    for (const int64_t index : RandomSample(count, set->length())) reply.Bulk(set->At(index));
  }
  return Status::Ok();
}

Status ContainsEach(int db, std::string_view key, Words members, Reply& reply) {
  const Result<Ref<StoredSet>> found = FindContainer<StoredSet>(db, key);
  if (!found.ok()) return found.status();
  reply.Array(static_cast<int64_t>(members.size()));
  for (const std::string_view member : members) {
    reply.Integer(found.value() && found.value()->Contains(member) ? 1 : 0);
  }
  return Status::Ok();
}

Status Combine(int db, Operation operation, Words keys, Reply& reply) {
  const Result<Sets> sets = Find(db, keys);
  if (!sets.ok()) return sets.status();
  if (operation == Operation::kUnion) {
    const Ref<StoredSet>& first = sets.value()[0];
    ReplyAll(*Union(sets.value(), first ? first->Share() : StoredSet::New()), reply);
    return Status::Ok();
  }
  uint8_t* header = reply.Header(RowHeader::kSet, 0);
  int64_t count = 0;
  const auto add = [&](const PackedPart& member) {
    reply.Bulk(member);
    return ++count > 0;
  };
  if (operation == Operation::kIntersection) {
    ForIntersection(sets.value(), add);
  } else {
    ForDifference(sets.value(), add);
  }
  Reply::SetCount(header, count);
  return Status::Ok();
}

Result<int64_t> CombineAndStore(int db, Operation operation, Words keys) {
  LockedKeys locked(keys);
  Result<Sets> sets = Peeks(db, locked, 1, keys.size());
  if (!sets.ok()) return sets.status();
  Ref<StoredSet> result = ResultOf(operation, sets.value());
  const int64_t length = result->length();
  for (Ref<StoredSet>& set : sets.value()) locked.graveyard.Add(std::move(set));
  KeyState target = locked.ForWrite(db, 0);
  StoreContainer(target, std::move(result), EventOf(operation), locked.graveyard);
  return length;
}

Result<int64_t> IntersectionLength(int db, Words keys, int64_t limit) {
  const Result<Sets> sets = Find(db, keys);
  if (!sets.ok()) return sets.status();
  int64_t count = 0;
  ForIntersection(sets.value(), [&](const PackedPart&) { return ++count != limit; });
  return count;
}

}  // namespace tutti::sets
