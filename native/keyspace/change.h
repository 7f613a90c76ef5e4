// What commands that change keys share: the keys under their stripes' locks, and containers taken
// out of a key, changed and put back.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "keyspace/commit.h"
#include "keyspace/keyspace.h"
#include "keyspace/notify.h"
#include "keyspace/slot.h"

namespace tutti {

using Words = std::span<const std::string_view>;

// One key to be changed, its stripe locked as long as this lives.
class LockedKey {
 public:
  LockedKey(int db, std::string_view key)
      : address_(AddressOf(key)),
        lock_(address_.stripe),
        state(LookUpForWrite(db, address_, key, graveyard)) {}

  Graveyard graveyard;  // ends after the lock

 private:
  const KeyAddress address_;
  const StripeLock lock_;

 public:
  KeyState state;
};

// Several keys, some to be changed, all of their stripes locked as long as this lives. A KeyState
// is good until a key of its stripe changes: look each up when it is its turn.
class LockedKeys {
 public:
  explicit LockedKeys(Words keys) {
    StripeSet stripes;
    for (const std::string_view key : keys) {
      addresses_.push_back(AddressOf(key));
      stripes.set(addresses_.back().stripe);
    }
    keys_.assign(keys.begin(), keys.end());
    lock_.emplace(stripes);
  }

  // Counts a hit or a miss.
  KeyState ForRead(int db, size_t i) {
    KeyState state = LookUp(db, addresses_[i], keys_[i]);
    CountLookUp(state);
    if (state.exists()) {
      NoteAccess(state.entry().access);
    } else {
      Tell(db, keys_[i], events::kMiss);
    }
    return state;
  }
  // Beside other KeyStates of these keys, and not as a use.
  KeyState ForCheck(int db, size_t i) { return LookAt(db, addresses_[i], keys_[i]); }
  KeyState ForWrite(int db, size_t i) {
    return LookUpForWrite(db, addresses_[i], keys_[i], graveyard);
  }

  Graveyard graveyard;

 private:
  std::vector<KeyAddress> addresses_;
  std::vector<std::string_view> keys_;
  std::optional<StripesLock> lock_;
};

// The key's container, to be changed in place: a new one if there is no such key, a copy sharing
// all nodes if somebody is reading it. PutContainer() must follow.
template <typename Stored>
Ref<Stored> TakeContainer(KeyState& state, Graveyard& graveyard) {
  if (!state.exists()) return Stored::New();
  Ref<Object> taken = TakeValue(state);
  if (taken->is_unique()) return Ref<Stored>::Adopt(static_cast<Stored*>(taken.Leave()));
  Ref<Stored> shared = static_cast<const Stored&>(*taken).Share();
  graveyard.Add(std::move(taken));  // its reader may be gone by now
  return shared;
}

// `dirty` is the number of changes: without any the key is as before, and there was no event. An
// empty container ends the key.
template <typename Stored>
void PutContainer(KeyState& state, Ref<Stored> container, const Event& event, int64_t dirty,
                  Graveyard& graveyard) {
  if (dirty == 0) {
    if (state.exists()) ReturnValue(state, std::move(container));
  } else if (container->length() > 0) {
    Commit(state, std::move(container), kKeepExpiry, {event, dirty}, graveyard);
  } else {
    Commit(state, nullptr, kNoExpiry, {event, dirty, events::kDelete}, graveyard);
    graveyard.Add(std::move(container));
  }
}

// Puts a container, or nothing if it is empty, in the place of whatever the key held.
template <typename Stored>
void StoreContainer(KeyState& state, Ref<Stored> container, const Event& event,
                    Graveyard& graveyard) {
  if (container && container->length() > 0) {
    Commit(state, std::move(container), kNoExpiry, {event}, graveyard);
  } else if (state.exists()) {
    Commit(state, nullptr, kNoExpiry, {events::kDelete}, graveyard);
  }
}

// The key's container. Null if there is none; kWrongType.
template <typename Stored>
Result<Ref<Stored>> Peek(const KeyState& state) {
  if (!state.HoldsOrAbsent(Stored::kKind)) return Code::kWrongType;
  if (!state.exists()) return Ref<Stored>();
  return Ref<Stored>::Share(static_cast<Stored*>(state.value().get()));
}

// The same without a lock held, counting a hit or a miss. It stays as it is as long as it is held.
template <typename Stored>
Result<Ref<Stored>> FindContainer(int db, std::string_view key) {
  Ref<Object> value = Keyspace::Get().Find(db, key);
  if (!value) return Ref<Stored>();
  if (value->kind() != Stored::kKind) return Code::kWrongType;
  return Ref<Stored>::Adopt(static_cast<Stored*>(value.Leave()));
}

}  // namespace tutti
