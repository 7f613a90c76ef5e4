#include "keyspace/keyspace.h"

#include <algorithm>
#include <cassert>

#include "keyspace/clock.h"
#include "keyspace/commit.h"
#include "keyspace/expiry.h"
#include "keyspace/freeing.h"
#include "keyspace/journal.h"
#include "keyspace/notify.h"
#include "keyspace/stripe.h"
#include "keyspace/watches.h"

namespace tutti {

namespace {

std::vector<KeyAddress> AddressesOf(std::span<const std::string_view> keys, StripeSet* stripes) {
  std::vector<KeyAddress> addresses;
  addresses.reserve(keys.size());
  for (const std::string_view key : keys) {
    addresses.push_back(AddressOf(key));
    stripes->set(addresses.back().stripe);
  }
  return addresses;
}

int64_t SumOfDatabases(int db, std::atomic<int64_t> Database::* count) {
  int64_t sum = 0;
  for (int i = 0; i < kStripeCount; ++i) {
    sum += (StripeAt(i).databases[static_cast<size_t>(db)].*count).load(std::memory_order_relaxed);
  }
  return sum;
}

enum ExpireCondition : uint32_t { kIfNone = 1, kIfAny = 2, kIfGreater = 4, kIfLess = 8 };

// `before` is kNoExpiry for a key that does not expire: later than any time.
bool MeetsConditions(int64_t before, int64_t now, uint32_t conditions) {
  const bool expires = before >= 0;
  if ((conditions & kIfNone) && expires) return false;
  if ((conditions & kIfAny) && !expires) return false;
  if ((conditions & kIfGreater) && (!expires || now <= before)) return false;
  if ((conditions & kIfLess) && expires && now >= before) return false;
  return true;
}

}  // namespace

Keyspace& Keyspace::Get() {
  static Keyspace keyspace;
  return keyspace;
}

Ref<Object> Keyspace::Find(int db, std::string_view key, bool is_use) {
  const KeyAddress address = AddressOf(key);
  StripeLock lock(address.stripe);
  const KeyState state = LookUp(db, address, key);
  CountLookUp(state);
  if (!state.exists()) {
    Tell(db, key, events::kMiss);
    return nullptr;
  }
  if (is_use) NoteAccess(state.entry().access);
  return state.value();
}

Status Keyspace::Set(int db, std::string_view key, Ref<Object> value, const SetOptions& options,
                     Ref<Object>* previous) {
  const KeyAddress address = AddressOf(key);
  Graveyard graveyard;
  StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, key, graveyard);
  if (!state.HoldsOrAbsent(options.required_kind)) return Code::kWrongType;
  if (options.want_previous && !state.HoldsOrAbsent(ObjectKind::kString)) return Code::kWrongType;
  if (options.want_previous && previous && state.exists()) *previous = state.value();
  if (options.only_if_absent && state.exists()) return Code::kNotPerformed;
  if (options.only_if_present && !state.exists()) return Code::kNotPerformed;
  const Event also = options.expire_at_ms >= 0 ? events::kExpire : events::kNone;
  const Event event = events::Stored(value->kind());
  Commit(state, std::move(value), options.expire_at_ms, {event, 1, also}, graveyard);
  return Status::Ok();
}

Status Keyspace::CommitAll(std::span<const Change> changes) {
  StripeSet stripes;
  std::vector<KeyAddress> addresses;
  addresses.reserve(changes.size());
  for (const Change& change : changes) {
    addresses.push_back(AddressOf(change.key));
    stripes.set(addresses.back().stripe);
  }
  Graveyard graveyard;
  StripesLock lock(stripes);
  for (size_t i = 0; i < changes.size(); ++i) {
    const KeyState state = LookUp(changes[i].db, addresses[i], changes[i].key);
    if (!state.HoldsOrAbsent(changes[i].required_kind)) return Code::kWrongType;
  }
  for (size_t i = 0; i < changes.size(); ++i) {
    const Change& change = changes[i];
    KeyState state = LookUpForWrite(change.db, addresses[i], change.key, graveyard);
    if (!change.value && !state.exists()) continue;
    const Event event = change.value ? events::Stored(change.value->kind()) : events::kDelete;
    Commit(state, change.value, change.expire_at_ms, {event}, graveyard);
  }
  return Status::Ok();
}

int64_t Keyspace::Delete(int db, std::span<const std::string_view> keys) {
  StripeSet stripes;
  const std::vector<KeyAddress> addresses = AddressesOf(keys, &stripes);
  Graveyard graveyard;
  StripesLock lock(stripes);
  int64_t deleted = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    KeyState state = LookUpForWrite(db, addresses[i], keys[i], graveyard);
    if (!state.exists()) continue;
    Commit(state, nullptr, kNoExpiry, {events::kDelete}, graveyard);
    ++deleted;
  }
  return deleted;
}

int64_t Keyspace::CountExisting(int db, std::span<const std::string_view> keys, bool is_use) {
  StripeSet stripes;
  const std::vector<KeyAddress> addresses = AddressesOf(keys, &stripes);
  StripesLock lock(stripes);
  int64_t count = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const KeyState state = LookUp(db, addresses[i], keys[i]);
    CountLookUp(state);
    count += state.exists();
    if (!state.exists()) Tell(db, keys[i], events::kMiss);
    if (state.exists() && is_use) NoteTouch(state.entry().access);
  }
  return count;
}

Status Keyspace::Rename(int db, std::string_view from, std::string_view to, bool only_if_absent) {
  const std::string_view keys[] = {from, to};
  StripeSet stripes;
  const std::vector<KeyAddress> addresses = AddressesOf(keys, &stripes);
  Graveyard graveyard;
  StripesLock lock(stripes);
  KeyState source = LookUpForWrite(db, addresses[0], from, graveyard);
  if (!source.exists()) return Code::kNotFound;
  if (from == to) return only_if_absent ? Code::kNotPerformed : Code::kOk;
  if (only_if_absent && LookAt(db, addresses[1], to).exists()) return Code::kNotPerformed;
  Ref<Object> value = source.value();
  const int64_t expire_at_ms = source.entry().expire_at_ms;
  Commit(source, nullptr, kNoExpiry, {events::kNone}, graveyard);
  KeyState target = LookUpForWrite(db, addresses[1], to, graveyard);
  if (target.exists()) Tell(db, to, events::kNew);  // Redis replaces by deleting
  Commit(target, std::move(value), expire_at_ms, {events::kNone, 0}, graveyard);
  Tell(db, from, events::kRenameFrom);
  Tell(db, to, events::kRenameTo);
  return Status::Ok();
}

bool Keyspace::Expire(int db, std::string_view key, int64_t expire_at_ms, uint32_t conditions) {
  const KeyAddress address = AddressOf(key);
  Graveyard graveyard;
  StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, key, graveyard);
  if (!state.exists()) return false;
  if (!MeetsConditions(state.entry().expire_at_ms, expire_at_ms, conditions)) return false;
  Ref<Object> value = IsPast(expire_at_ms) ? nullptr : TakeValue(state);
  const Event event = value ? events::kExpire : events::kDelete;
  Commit(state, std::move(value), expire_at_ms, {event}, graveyard);
  return true;
}

bool Keyspace::Persist(int db, std::string_view key) {
  const KeyAddress address = AddressOf(key);
  Graveyard graveyard;
  StripeLock lock(address.stripe);
  KeyState state = LookUpForWrite(db, address, key, graveyard);
  if (!state.exists() || state.entry().expire_at_ms < 0) return false;
  Commit(state, TakeValue(state), kNoExpiry, {events::kPersist}, graveyard);
  return true;
}

int64_t Keyspace::ExpireTime(int db, std::string_view key) {
  const KeyAddress address = AddressOf(key);
  StripeLock lock(address.stripe);
  const KeyState state = LookUp(db, address, key);
  CountLookUp(state);
  if (state.exists()) return state.entry().expire_at_ms;
  Tell(db, key, events::kMiss);
  return -2;
}

uint64_t Keyspace::Version(int db, std::string_view key) {
  const KeyAddress address = AddressOf(key);
  StripeLock lock(address.stripe);
  return VersionUnderLock(db, address, key);
}

int64_t Keyspace::Size(int db) { return SumOfDatabases(db, &Database::key_count); }
int64_t Keyspace::ExpiringCount(int db) { return SumOfDatabases(db, &Database::expiring_count); }

void Keyspace::Flush(int db) {
  Graveyard graveyard;
  StripesLock lock(StripeSet().set());
  if (journal::IsOn()) journal::Say(db < 0 ? -1 - db : db, {db < 0 ? "FLUSHALL" : "FLUSHDB"});
  for (int i = 0; i < kStripeCount; ++i) {
    const int first = db < 0 ? 0 : db;
    const int last = db < 0 ? kDatabaseCountMax - 1 : db;
    for (int each = first; each <= last; ++each) FlushStripe(StripeAt(i), each, graveyard);
  }
}

void Keyspace::ForEach(int db, ObjectKind kind,
                       const std::function<void(std::string_view, const Ref<Object>&)>& visit) {
  ForEachWithExpiry(db, [&](std::string_view key, const Ref<Object>& value, int64_t) {
    if (kind == ObjectKind::kNone || value->kind() == kind) visit(key, value);
  });
}

void Keyspace::ForEachWithExpiry(
    int db, const std::function<void(std::string_view, const Ref<Object>&, int64_t)>& visit) {
  for (int i = 0; i < kStripeCount; ++i) {
    KeyIndex index;
    {
      StripeLock lock(i);
      index = StripeAt(i).databases[static_cast<size_t>(db)].index.Share();
    }
    KeyIndex::Path path = index.SeekIndex(0);
    for (bool more = index.Settle(path); more; more = index.Next(path)) {
      const Entry& entry = *path.leaf->EntryAt(path.position);
      if (!entry.IsExpired()) visit(entry.key(), entry.value, entry.expire_at_ms);
    }
  }
}

KeyspaceCounters Keyspace::Counters() {
  KeyspaceCounters sums{};
  for (int i = 0; i < kStripeCount; ++i) {
    const StripeCounters& counters = StripeAt(i).counters;
    sums.hits += counters.hits.load(std::memory_order_relaxed);
    sums.misses += counters.misses.load(std::memory_order_relaxed);
    sums.expired += counters.expired.load(std::memory_order_relaxed);
    sums.evicted += counters.evicted.load(std::memory_order_relaxed);
    sums.dirty += counters.dirty.load(std::memory_order_relaxed);
  }
  return sums;
}

int64_t Keyspace::Footprint(int db, std::string_view key, int64_t sample_count) {
  const Ref<Object> value = Find(db, key, false);
  if (!value) return -1;
  return static_cast<int64_t>(value->footprint(sample_count) + sizeof(Entry) + key.size());
}

int64_t Keyspace::IndexBytes(int db) {
  constexpr int64_t kSampleCount = 64;
  size_t bytes = 0;
  for (int i = 0; i < kStripeCount; ++i) {
    const Database& database = StripeAt(i).databases[static_cast<size_t>(db)];
    if (database.key_count.load(std::memory_order_relaxed) == 0) continue;
    StripeLock lock(i);
    bytes += database.index.Footprint(kSampleCount);
  }
  return static_cast<int64_t>(bytes);
}

int64_t Keyspace::AverageTtlMs(int db) {
  constexpr size_t kItemsLookedAt = 4;
  const int64_t now = UnixTimeMs();
  int64_t count = 0;
  double sum = 0;
  for (int i = 0; i < kStripeCount; ++i) {
    const Stripe& stripe = StripeAt(i);
    const Database& database = stripe.databases[static_cast<size_t>(db)];
    if (database.expiring_count.load(std::memory_order_relaxed) == 0) continue;
    StripeLock lock(i);
    const ExpiryQueue& queue = stripe.expiry_queue;
    for (size_t k = 0; k < std::min(queue.size(), kItemsLookedAt); ++k) {
      const ExpiryQueue::Item& item = queue.At(k);
      if (item.db != db || item.expire_at_ms < now || !IsCurrent(stripe, item)) continue;
      sum += static_cast<double>(item.expire_at_ms - now);
      ++count;
    }
  }
  return count > 0 ? static_cast<int64_t>(sum / static_cast<double>(count)) : 0;
}

void Keyspace::LockStripes(std::span<const uint16_t> slots) {
  StripeSet stripes;
  if (slots.empty()) stripes.set();
  for (const uint16_t slot : slots) stripes.set(slot / kSlotsPerStripe);
  HoldStripes(stripes);
}

void Keyspace::UnlockStripes() {
  ReleaseHeldStripes();
  freeing::FreePending();
}

void Keyspace::StartBackground() {
  freeing::StartThread();
  expiry::StartThread();
}

void Keyspace::StopBackground() {
  expiry::StopThread();
  freeing::StopThread();
}

}  // namespace tutti
