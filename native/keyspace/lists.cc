#include "keyspace/lists.h"

#include <algorithm>

#include "keyspace/journal.h"

namespace tutti::lists {

namespace {

void PopInto(StoredList& list, bool from_tail, int64_t count, Graveyard& graveyard, Reply& reply) {
  for (int64_t i = 0; i < count; ++i) {
    const int64_t index = from_tail ? list.length() - 1 : 0;
    reply.Bulk(list.At(index));
    list.Remove(index, graveyard);
  }
}

// The index of the first element equal to this, or -1.
int64_t Find(const StoredList& list, std::string_view element) {
  int64_t found = -1;
  list.ForEachFrom(0, false, [&](int64_t index, const PackedPart& part) {
    if (part.bytes != element) return true;
    found = index;
    return false;
  });
  return found;
}

// From the nearer side: keeps [first, last].
Ref<StoredList> Trimmed(Ref<StoredList> list, int64_t first, int64_t last, Graveyard& graveyard) {
  const int64_t kept = last - first + 1;
  if (kept <= 0) {
    graveyard.Add(std::move(list));
    return StoredList::New();
  }
  if (kept < list->length() / 2) {
    Ref<StoredList> copy = StoredList::New();
    list->ForEachFrom(first, false, [&](int64_t index, const PackedPart& part) {
      copy->Insert(copy->length(), part);
      return index < last;
    });
    graveyard.Add(std::move(list));
    return copy;
  }
  while (list->length() > last + 1) list->Remove(list->length() - 1, graveyard);
  for (int64_t i = 0; i < first; ++i) list->Remove(0, graveyard);
  return list;
}

}  // namespace

Result<int64_t> Push(int db, std::string_view key, Words elements, bool at_tail,
                     bool only_if_present) {
  std::vector<PackedItem<1>> items(elements.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    if (!items[i].Prepare({elements[i]})) return Code::kOutOfMemory;
  }
  LockedKey locked(db, key);
  KeyState& state = locked.state;
  if (!state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  if (!state.exists() && (only_if_present || elements.empty())) return int64_t{0};
  Ref<StoredList> list = TakeContainer<StoredList>(state, locked.graveyard);
  for (const PackedItem<1>& item : items) list->Push(item, at_tail);
  const int64_t length = list->length();
  PutContainer(state, std::move(list), events::ListPush(at_tail),
               static_cast<int64_t>(elements.size()), locked.graveyard);
  return length;
}

Status Pop(int db, std::string_view key, bool from_tail, bool has_count, int64_t count,
           Reply& reply) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  if (!locked.state.exists()) {
    if (has_count) {
      reply.NilArray();
    } else {
      reply.Nil();
    }
    return Status::Ok();
  }
  Ref<StoredList> list = TakeContainer<StoredList>(locked.state, locked.graveyard);
  const int64_t popped = std::min(count, list->length());
  if (has_count) reply.Array(popped);
  PopInto(*list, from_tail, popped, locked.graveyard, reply);
  PutContainer(locked.state, std::move(list), events::ListPop(from_tail), popped, locked.graveyard);
  return Status::Ok();
}

Status PopFirst(int db, Words keys, bool from_tail, int64_t count, Reply& reply) {
  LockedKeys locked(keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    KeyState state = locked.ForWrite(db, i);
    if (!state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
    if (!state.exists()) continue;
    Ref<StoredList> list = TakeContainer<StoredList>(state, locked.graveyard);
    const int64_t popped = std::min(count, list->length());
    reply.Array(2);
    reply.Bulk(keys[i]);
    reply.Array(popped);
    PopInto(*list, from_tail, popped, locked.graveyard, reply);
    PutContainer(state, std::move(list), events::ListPop(from_tail), popped, locked.graveyard);
    return Status::Ok();
  }
  reply.NilArray();
  return Status::Ok();
}

Status Index(int db, std::string_view key, int64_t index, Reply& reply) {
  const auto found = FindContainer<StoredList>(db, key);
  if (!found.ok()) return found.status();
  const int64_t length = found.value() ? found.value()->length() : 0;
  if (index < 0) index += length;
  if (index < 0 || index >= length) {
    reply.Nil();
  } else {
    reply.Bulk(found.value()->At(index));
  }
  return Status::Ok();
}

Status Set(int db, std::string_view key, int64_t index, std::string_view element) {
  PackedItem<1> item;
  if (!item.Prepare({element})) return Code::kOutOfMemory;
  LockedKey locked(db, key);
  if (!locked.state.exists()) return Code::kNotFound;
  if (!locked.state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  Ref<StoredList> list = TakeContainer<StoredList>(locked.state, locked.graveyard);
  if (index < 0) index += list->length();
  const bool is_within = index >= 0 && index < list->length();
  if (is_within) list->Set(index, item.Borrowed(0), locked.graveyard);
  PutContainer(locked.state, std::move(list), events::kListSet, is_within, locked.graveyard);
  return is_within ? Code::kOk : Code::kIndexOutOfRange;
}

Status Insert(int db, std::string_view key, bool is_after, std::string_view pivot,
              std::string_view element, Reply& reply) {
  PackedItem<1> item;
  if (!item.Prepare({element})) return Code::kOutOfMemory;
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  if (!locked.state.exists()) {
    reply.Integer(0);
    return Status::Ok();
  }
  Ref<StoredList> list = TakeContainer<StoredList>(locked.state, locked.graveyard);
  const int64_t index = Find(*list, pivot);
  if (index >= 0) list->Insert(index + (is_after ? 1 : 0), item.Borrowed(0));
  reply.Integer(index < 0 ? -1 : list->length());
  PutContainer(locked.state, std::move(list), events::kListInsert, index >= 0, locked.graveyard);
  return Status::Ok();
}

Result<int64_t> Remove(int db, std::string_view key, int64_t count, std::string_view element) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  if (!locked.state.exists()) return int64_t{0};
  Ref<StoredList> list = TakeContainer<StoredList>(locked.state, locked.graveyard);
  const bool from_tail = count < 0;
  const int64_t removed_max = count == 0 ? list->length() : std::abs(count);
  std::vector<int64_t> indices;
  list->ForEachFrom(from_tail ? list->length() - 1 : 0, from_tail,
                    [&](int64_t index, const PackedPart& part) {
                      if (part.bytes == element) indices.push_back(index);
                      return static_cast<int64_t>(indices.size()) < removed_max;
                    });
  // The last first: the others keep their indices.
  std::sort(indices.begin(), indices.end(), std::greater<>());
  for (const int64_t index : indices) list->Remove(index, locked.graveyard);
  const auto removed = static_cast<int64_t>(indices.size());
  PutContainer(locked.state, std::move(list), events::kListRemove, removed, locked.graveyard);
  return removed;
}

Status Trim(int db, std::string_view key, int64_t start, int64_t stop) {
  LockedKey locked(db, key);
  if (!locked.state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  if (!locked.state.exists()) return Status::Ok();
  Ref<StoredList> list = TakeContainer<StoredList>(locked.state, locked.graveyard);
  const int64_t length = list->length();
  const int64_t first = std::max<int64_t>(start < 0 ? start + length : start, 0);
  const int64_t last = std::min(stop < 0 ? stop + length : stop, length - 1);
  const int64_t removed = first > last ? length : length - (last - first + 1);
  if (removed > 0) {
    list = Trimmed(std::move(list), first, last, locked.graveyard);
  } else {
    Tell(db, key, events::kListTrim);  // as Redis does, though nothing has changed
  }
  PutContainer(locked.state, std::move(list), events::kListTrim, removed, locked.graveyard);
  return Status::Ok();
}

TakenElement Taken(const PackedPart& part) {
  if (part.outside) return {{}, Ref<String>::Share(part.outside)};
  return {std::string(part.bytes), nullptr};
}

void TakeLocked(KeyState& state, bool from_tail, int64_t count, Graveyard& graveyard,
                std::vector<TakenElement>& taken) {
  Ref<StoredList> list = TakeContainer<StoredList>(state, graveyard);
  const int64_t taken_count = std::min(count, list->length());
  for (int64_t i = 0; i < taken_count; ++i) {
    const int64_t index = from_tail ? list->length() - 1 : 0;
    taken.push_back(Taken(list->At(index)));
    list->Remove(index, graveyard);
  }
  PutContainer(state, std::move(list), events::ListPop(from_tail), taken_count, graveyard);
}

Status MoveLocked(int db, std::string_view from, std::string_view to, bool from_tail, bool to_tail,
                  Graveyard& graveyard, TakenElement& moved) {
  KeyState source = LookUpForWrite(db, AddressOf(from), from, graveyard);
  if (!source.exists()) return Code::kNotFound;
  if (!source.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  const KeyAddress target_address = AddressOf(to);
  if (!LookAt(db, target_address, to).HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  if (journal::IsOn()) {
    journal::Say(db, {"LMOVE", from, to, from_tail ? "RIGHT" : "LEFT", to_tail ? "RIGHT" : "LEFT"});
  }
  Ref<StoredList> list = TakeContainer<StoredList>(source, graveyard);
  const int64_t index = from_tail ? list->length() - 1 : 0;
  moved = Taken(list->At(index));
  const PackedPart element{moved.view(), moved.outside.get()};
  list->Remove(index, graveyard);
  if (from == to) {
    list->Insert(to_tail ? list->length() : 0, element);
    const Effect effect{events::ListPush(to_tail), 1, events::ListPop(from_tail)};
    Commit(source, std::move(list), kKeepExpiry, effect, graveyard);
    return Status::Ok();
  }
  const bool ends_source = list->length() == 0;
  Ref<Object> rest;
  if (!ends_source) rest = list;
  Commit(source, std::move(rest), kKeepExpiry, {events::kNone}, graveyard);
  KeyState target = LookUpForWrite(db, target_address, to, graveyard);
  list = TakeContainer<StoredList>(target, graveyard);
  list->Insert(to_tail ? list->length() : 0, element);
  PutContainer(target, std::move(list), events::ListPush(to_tail), 1, graveyard);
  // In Redis' order: what is pushed first.
  Tell(db, from, events::ListPop(from_tail));
  if (ends_source) Tell(db, from, events::kDelete);
  return Status::Ok();
}

Status Move(int db, std::string_view from, std::string_view to, bool from_tail, bool to_tail,
            Reply& reply) {
  const std::string_view keys[] = {from, to};
  LockedKeys locked(keys);
  TakenElement moved;
  const Status status = MoveLocked(db, from, to, from_tail, to_tail, locked.graveyard, moved);
  if (status.ok()) {
    moved.Write(reply);
  } else if (status.code() == Code::kNotFound) {
    reply.Nil();
    return Status::Ok();
  }
  return status;
}

Status Position(int db, std::string_view key, std::string_view element, int64_t rank, int64_t count,
                int64_t compared_max, Reply& reply) {
  const auto found = FindContainer<StoredList>(db, key);
  if (!found.ok()) return found.status();
  const bool is_single = count < 0;
  std::vector<int64_t> indices;
  const size_t wanted = is_single ? 1 : static_cast<size_t>(count);
  if (found.value()) {
    const StoredList& list = *found.value();
    int64_t skipped = std::abs(rank) - 1;
    int64_t compared = 0;
    list.ForEachFrom(rank < 0 ? list.length() - 1 : 0, rank < 0,
                     [&](int64_t index, const PackedPart& part) {
                       if (part.bytes == element && skipped-- <= 0) indices.push_back(index);
                       if (wanted != 0 && indices.size() == wanted) return false;
                       return ++compared != compared_max;
                     });
  }
  if (!is_single) {
    reply.Array(static_cast<int64_t>(indices.size()));
  } else if (indices.empty()) {
    reply.Nil();
  }
  for (const int64_t index : indices) reply.Integer(index);
  return Status::Ok();
}

}  // namespace tutti::lists
