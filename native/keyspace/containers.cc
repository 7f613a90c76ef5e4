// The keyspace's methods that change lists and hashes.
#include <cassert>
#include <vector>

#include "keyspace/commit.h"
#include "keyspace/hash.h"
#include "keyspace/keyspace.h"
#include "keyspace/list.h"

namespace tutti {

namespace {

// The key's container, to be changed in place: a new one if there is no such key, a copy sharing
// all nodes if somebody is reading it. Commit() must follow.
template <typename Stored>
Ref<Stored> TakeContainer(KeyState& state, Graveyard& graveyard) {
  if (!state.exists()) return Stored::New();
  Ref<Object> taken = TakeValue(state);
  if (taken->is_unique()) return Ref<Stored>::Adopt(static_cast<Stored*>(taken.Leave()));
  Ref<Stored> shared = static_cast<const Stored&>(*taken).Share();
  graveyard.Add(std::move(taken));  // its reader may be gone by now
  return shared;
}

}  // namespace

Result<int64_t> Keyspace::ListPush(int db, std::string_view key,
                                   std::span<const std::string_view> elements, bool at_tail,
                                   bool only_if_present) {
  std::vector<PackedItem<1>> items(elements.size());
  for (size_t i = 0; i < elements.size(); ++i) {
    if (!items[i].Prepare({elements[i]})) return Code::kOutOfMemory;
  }
  const KeyAddress address = AddressOf(key);
  Graveyard graveyard;
  StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, key, graveyard);
  if (!state.HoldsOrAbsent(ObjectKind::kList)) return Code::kWrongType;
  if (!state.exists() && (only_if_present || elements.empty())) return int64_t{0};
  Ref<StoredList> list = TakeContainer<StoredList>(state, graveyard);
  for (const PackedItem<1>& item : items) list->Push(item, at_tail);
  const int64_t length = list->length();
  Commit(state, std::move(list), kKeepExpiry, static_cast<int64_t>(elements.size()), graveyard);
  return length;
}

Result<int64_t> Keyspace::HashSet(int db, std::string_view key,
                                  std::span<const std::string_view> fields_and_values) {
  assert(fields_and_values.size() % 2 == 0);
  std::vector<PackedItem<2>> pairs(fields_and_values.size() / 2);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (!pairs[i].Prepare({fields_and_values[2 * i], fields_and_values[2 * i + 1]})) {
      return Code::kOutOfMemory;
    }
  }
  const KeyAddress address = AddressOf(key);
  Graveyard graveyard;
  StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, key, graveyard);
  if (!state.HoldsOrAbsent(ObjectKind::kHash)) return Code::kWrongType;
  if (pairs.empty()) return int64_t{0};
  Ref<StoredHash> hash = TakeContainer<StoredHash>(state, graveyard);
  int64_t added = 0;
  for (const PackedItem<2>& pair : pairs) added += hash->Set(pair, graveyard);
  Commit(state, std::move(hash), kKeepExpiry, static_cast<int64_t>(pairs.size()), graveyard);
  return added;
}

}  // namespace tutti
