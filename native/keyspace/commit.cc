#include "keyspace/commit.h"

#include <atomic>
#include <cassert>
#include <chrono>

#include "keyspace/clock.h"
#include "keyspace/expiry.h"
#include "keyspace/journal.h"
#include "keyspace/notify.h"
#include "keyspace/watches.h"

namespace tutti {

namespace {

// The entry, changeable: the path to it and itself are reached by no other tree.
Entry* WritableEntry(KeyState& state) {
  EntryLeaf* leaf = state.database().index.MakeWritable(state.place.path);
  const int at = state.place.path.position;
  Entry* entry = leaf->EntryAt(at);
  if (!entry->is_unique()) {
    Entry* copy = entry->Copy();
    entry->Release();
    leaf->SetEntry(at, copy);
    entry = copy;
  }
  state.place.entry = entry;
  return entry;
}

int64_t ExpiringCount(const Stripe& stripe) {
  int64_t count = 0;
  for (const Database& database : stripe.databases) {
    count += database.expiring_count.load(std::memory_order_relaxed);
  }
  return count;
}

// Keeps the queue in step with an expiry that was `before` and is `now`.
void NoteExpiry(KeyState& state, int64_t before, int64_t now) {
  if (before == now) return;
  Stripe& stripe = state.stripe;
  const int64_t more = (now >= 0) - (before >= 0);
  if (more != 0) AddUnderLock(state.database().expiring_count, more);
  if (now >= 0) {
    stripe.expiry_queue.Push({now, state.address.order, state.db});
    const auto live = static_cast<size_t>(ExpiringCount(stripe));
    if (stripe.expiry_queue.size() > 2 * live + 64) {
      stripe.expiry_queue.Clean([&](const auto& item) { return IsCurrent(stripe, item); });
    }
  } else if (more < 0 && ExpiringCount(stripe) == 0) {
    stripe.expiry_queue.Clear();
  }
  stripe.next_expiry_ms.store(stripe.expiry_queue.first_ms(), std::memory_order_relaxed);
}

void Erase(KeyState& state, Graveyard& graveyard) {
  // The reference held here keeps the value's end out of the lock.
  graveyard.Add(state.value());
  state.database().index.Erase(state.place.path);
  AddUnderLock(state.database().key_count, -1);
}

void Expire(KeyState& state, Graveyard& graveyard) {
  Commit(state, nullptr, kNoExpiry, {events::kExpired}, graveyard);
  AddUnderLock(state.stripe.counters.expired, 1);
}

bool CanBeWaitedFor(ObjectKind kind) {
  return kind == ObjectKind::kList || kind == ObjectKind::kSortedSet || kind == ObjectKind::kStream;
}

void TellEffect(const KeyState& state, const Effect& effect) {
  Tell(state.db, state.key, effect.event);
  Tell(state.db, state.key, effect.also);
}

// What a flushed database held, for the freeing thread.
class DroppedIndex final : public Object {
 public:
  explicit DroppedIndex(KeyIndex index) : Object(ObjectKind::kNone), index_(std::move(index)) {}
  bool is_slow_to_free() const override { return true; }

 private:
  KeyIndex index_;
};

KeyState Find(int db, const KeyAddress& address, std::string_view key) {
  assert(db >= 0 && db < kDatabaseCountMax);
  Stripe& stripe = StripeAt(address.stripe);
  return {stripe, db, address, key,
          FindKey(stripe.databases[static_cast<size_t>(db)].index, address.order, key)};
}

// Gives the keys of one place in the order new versions.
void RenewVersions(Stripe& stripe, int db, uint64_t order) {
  KeyIndex& index = stripe.databases[static_cast<size_t>(db)].index;
  KeyIndex::Path path = index.SeekOrder(order);
  for (bool more = index.Settle(path); more; more = index.Next(path)) {
    if (path.leaf->OrderOf(path.position) != order) return;
    Entry* entry = path.leaf->EntryAt(path.position);
    KeyState state{stripe, db, AddressOf(entry->key()), entry->key(), {path, entry}};
    WritableEntry(state)->version = NextVersion();
    path = state.place.path;
  }
}

// Whether a key of that place is there, and has not expired.
bool IsLive(const Stripe& stripe, int db, uint64_t order) {
  const KeyIndex& index = stripe.databases[static_cast<size_t>(db)].index;
  KeyIndex::Path path = index.SeekOrder(order);
  for (bool more = index.Settle(path); more; more = index.Next(path)) {
    if (path.leaf->OrderOf(path.position) != order) return false;
    if (!path.leaf->EntryAt(path.position)->IsExpired()) return true;
  }
  return false;
}

// Who watches a key of two databases that change their places sees another one, or none, from now
// on, and must be told so even if they change back.
void TouchSwapped(Stripe& stripe, int a, int b) {
  if (!stripe.watches) return;
  stripe.watches->ForEach([&](int db, uint64_t order, uint64_t& absent_version) {
    if (db != a && db != b) return;
    if (!IsLive(stripe, a, order) && !IsLive(stripe, b, order)) return;
    RenewVersions(stripe, a, order);
    RenewVersions(stripe, b, order);
    absent_version = NextVersion();
  });
}

}  // namespace

// Versions only have to differ, so each thread takes them from the counter by the block.
uint64_t NextVersion() {
  constexpr uint64_t kBlock = 1024;
  static std::atomic<uint64_t> counter{1};
  thread_local uint64_t next = 0;
  thread_local uint64_t end = 0;
  if (next == end) {
    next = counter.fetch_add(kBlock, std::memory_order_relaxed);
    end = next + kBlock;
  }
  return next++;
}

bool IsCurrent(const Stripe& stripe, const ExpiryQueue::Item& item) {
  const KeyIndex& index = stripe.databases[static_cast<size_t>(item.db)].index;
  KeyIndex::Path path = index.SeekOrder(item.order);
  for (bool more = index.Settle(path); more; more = index.Next(path)) {
    if (path.leaf->OrderOf(path.position) != item.order) return false;
    if (path.leaf->EntryAt(path.position)->expire_at_ms == item.expire_at_ms) return true;
  }
  return false;
}

KeyState LookUp(int db, const KeyAddress& address, std::string_view key) {
  KeyState state = Find(db, address, key);
  if (!state.exists() || !state.entry().IsExpired()) return state;
  if (!expiry::IsResting()) {
    Graveyard graveyard;
    Expire(state, graveyard);
    return Find(db, address, key);
  }
  if (journal::IsOn()) journal::NoteSeenExpired(db, key);
  state.place.entry = nullptr;
  return state;
}

KeyState LookAt(int db, const KeyAddress& address, std::string_view key) {
  KeyState state = Find(db, address, key);
  if (state.exists() && state.entry().IsExpired()) state.place.entry = nullptr;
  return state;
}

void DeleteIfExpired(int db, std::string_view key) { LookUp(db, AddressOf(key), key); }

KeyState LookUpForWrite(int db, const KeyAddress& address, std::string_view key,
                        Graveyard& graveyard) {
  KeyState state = Find(db, address, key);
  if (state.exists()) NoteAccess(state.entry().access);
  if (!state.exists() || !state.entry().IsExpired()) return state;
  Expire(state, graveyard);
  return Find(db, address, key);
}

Ref<Object> TakeValue(KeyState& state) { return std::move(WritableEntry(state)->value); }

void ReturnValue(KeyState& state, Ref<Object> value) {
  assert(state.exists() && !state.value());
  state.place.entry->value = std::move(value);
}

void Commit(KeyState& state, Ref<Object> value, int64_t expire_at_ms, const Effect& effect,
            Graveyard& graveyard) {
  const bool is_new = !state.exists();
  const int64_t expiry_before = is_new ? kNoExpiry : state.entry().expire_at_ms;
  AddUnderLock(state.stripe.counters.dirty, effect.dirty);
  if (journal::IsOn()) [[unlikely]] {
    journal::Note(state.db, state.key, value.get(),
                  expire_at_ms == kKeepExpiry ? expiry_before : expire_at_ms, effect);
  }
  if (!value) {
    // Before it goes: the key's bytes may be those of its entry.
    TellEffect(state, effect);
    if (!is_new) Erase(state, graveyard);
    NoteExpiry(state, expiry_before, kNoExpiry);
    return;
  }
  const int64_t expiry_now = expire_at_ms == kKeepExpiry ? expiry_before : expire_at_ms;
  const bool is_waited_for = state.stripe.waiter_count.load(std::memory_order_relaxed) > 0 &&
                             CanBeWaitedFor(value->kind());
  if (is_new) {
    Entry* entry = Entry::New(state.key, std::move(value), expiry_now, NextVersion());
    state.database().index.Insert(state.place.path, {state.address.order, entry});
    AddUnderLock(state.database().key_count, 1);
    if (state.stripe.watches) [[unlikely]]
      state.stripe.watches->NoteNew(state.db, state.address.order);
    Tell(state.db, state.key, events::kNew);
  } else {
    Entry* entry = WritableEntry(state);
    std::swap(entry->value, value);
    entry->expire_at_ms = expiry_now;
    entry->version = NextVersion();
    graveyard.Add(std::move(value));
  }
  NoteExpiry(state, expiry_before, expiry_now);
  TellEffect(state, effect);
  if (is_waited_for) [[unlikely]] {
    state.stripe.ready_keys.push_back({state.db, std::string(state.key)});
  }
}

void CleanExpiryQueue(Stripe& stripe) {
  stripe.expiry_queue.Clean([&](const auto& item) { return IsCurrent(stripe, item); });
  stripe.next_expiry_ms.store(stripe.expiry_queue.first_ms(), std::memory_order_relaxed);
}

bool DeleteExpired(Stripe& stripe, int64_t deadline_ns, Graveyard& graveyard) {
  if (NothingExpires()) return true;
  const int64_t now_ms = UnixTimeMs();
  ExpiryQueue& queue = stripe.expiry_queue;
  for (int deleted = 0; queue.first_ms() < now_ms; ++deleted) {
    if (deleted % 16 == 15 &&
        std::chrono::steady_clock::now().time_since_epoch().count() > deadline_ns) {
      return false;
    }
    const ExpiryQueue::Item item = queue.first();
    queue.Pop();
    stripe.next_expiry_ms.store(queue.first_ms(), std::memory_order_relaxed);
    KeyIndex& index = stripe.databases[static_cast<size_t>(item.db)].index;
    KeyIndex::Path path = index.SeekOrder(item.order);
    for (bool more = index.Settle(path); more; more = index.Next(path)) {
      if (path.leaf->OrderOf(path.position) != item.order) break;
      Entry* entry = path.leaf->EntryAt(path.position);
      // By the same time as above: an item taken off the queue must not leave its key behind.
      if (entry->expire_at_ms < 0 || entry->expire_at_ms >= now_ms) continue;
      const KeyAddress address = AddressOf(entry->key());
      KeyState state{stripe, item.db, address, entry->key(), {path, entry}};
      Expire(state, graveyard);
      path = index.SeekOrder(item.order);
      --path.position;  // Next() comes back to it
    }
  }
  return true;
}

void SwapInStripe(Stripe& stripe, int a, int b) {
  Database& first = stripe.databases[static_cast<size_t>(a)];
  Database& second = stripe.databases[static_cast<size_t>(b)];
  if (first.index.size() == 0 && second.index.size() == 0) return;
  TouchSwapped(stripe, a, b);
  AddUnderLock(stripe.counters.dirty, 1);
  std::swap(first.index, second.index);
  const auto swap_counts = [&](std::atomic<int64_t> Database::* count) {
    const int64_t before = (first.*count).load(std::memory_order_relaxed);
    (first.*count).store((second.*count).load(std::memory_order_relaxed));
    (second.*count).store(before);
  };
  swap_counts(&Database::key_count);
  swap_counts(&Database::expiring_count);
  stripe.expiry_queue.ChangeAll([&](ExpiryQueue::Item& item) {
    if (item.db == a || item.db == b) item.db = item.db == a ? b : a;
  });
}

void FlushStripe(Stripe& stripe, int db, Graveyard& graveyard) {
  Database& database = stripe.databases[static_cast<size_t>(db)];
  if (database.index.size() == 0) return;
  AddUnderLock(stripe.counters.dirty, database.index.size());
  KeyIndex dropped = std::move(database.index);
  graveyard.Add(Ref<Object>::Adopt(new DroppedIndex(std::move(dropped))));
  database.key_count.store(0, std::memory_order_relaxed);
  database.expiring_count.store(0, std::memory_order_relaxed);
  if (ExpiringCount(stripe) == 0) {
    stripe.expiry_queue.Clear();
  } else {
    stripe.expiry_queue.Clean([&](const auto& item) { return IsCurrent(stripe, item); });
  }
  stripe.next_expiry_ms.store(stripe.expiry_queue.first_ms(), std::memory_order_relaxed);
}

}  // namespace tutti
