// The one way to change a key.
//
// Threads: all of it under the stripe's lock.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/object.h"
#include "keyspace/events.h"
#include "keyspace/freeing.h"
#include "keyspace/stripe.h"

namespace tutti {

// A key as it is found in its stripe, until the stripe's next change.
struct KeyState {
  Stripe& stripe;
  int db;
  KeyAddress address;
  std::string_view key;
  KeyPlace place;

  Database& database() const { return stripe.databases[static_cast<size_t>(db)]; }
  bool exists() const { return place.entry != nullptr; }
  const Entry& entry() const { return *place.entry; }
  const Ref<Object>& value() const { return place.entry->value; }
  // True if there is none, or it holds `kind` (kNone: any).
  bool HoldsOrAbsent(ObjectKind kind) const {
    return !exists() || kind == ObjectKind::kNone || value()->kind() == kind;
  }
};

// For reading: an expired key is deleted, unless a pause of all writing keeps it, and absent in any
// case. No other KeyState of the stripe may be in use.
KeyState LookUp(int db, const KeyAddress& address, std::string_view key);
// The same beside other KeyStates: an expired key is absent, and stays.
KeyState LookAt(int db, const KeyAddress& address, std::string_view key);
// For writing: an expired key is deleted first.
KeyState LookUpForWrite(int db, const KeyAddress& address, std::string_view key,
                        Graveyard& graveyard);

// A hit or a miss of a reader.
inline void CountLookUp(const KeyState& state) {
  StripeCounters& counters = state.stripe.counters;
  AddUnderLock(state.exists() ? counters.hits : counters.misses, 1);
}

// Takes the value of an existing key out of its entry, so that the caller may change it in place if
// it is unique: snapshots that share the entry keep a reference of their own. Commit() must follow.
Ref<Object> TakeValue(KeyState& state);

// Puts the value taken back, as it was: no change.
void ReturnValue(KeyState& state, Ref<Object> value);

// From one counter for all keys.
uint64_t NextVersion();

// Every change of a key. `value` null deletes; else the key holds it from now on, until
// `expire_at_ms` (kNoExpiry, kKeepExpiry). Counts the change, gives the key a new version, tells
// who listens to its events, and buries what it held. `state` is spent.
void Commit(KeyState& state, Ref<Object> value, int64_t expire_at_ms, const Effect& effect,
            Graveyard& graveyard);

// Deletes keys of the stripe that have expired, until `deadline_ns` of the steady clock. False if
// some are left.
bool DeleteExpired(Stripe& stripe, int64_t deadline_ns, Graveyard& graveyard);

// Whether a key expires then, as an item of the queue says.
bool IsCurrent(const Stripe& stripe, const ExpiryQueue::Item& item);

// Forgets the items of keys that do not expire then any more.
void CleanExpiryQueue(Stripe& stripe);

// Changes the places of two databases of the stripe.
void SwapInStripe(Stripe& stripe, int a, int b);

// Deletes a key that was found expired, unless a pause of all writing keeps it.
void DeleteIfExpired(int db, std::string_view key);

// Drops all keys of one database of the stripe.
void FlushStripe(Stripe& stripe, int db, Graveyard& graveyard);

}  // namespace tutti
