// The stripes of the keyspace and their locks.
#pragma once

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "keyspace/expiry_queue.h"
#include "keyspace/key_index.h"
#include "keyspace/keyspace.h"

namespace tutti {

struct Database {
  KeyIndex index;
  // Written under the stripe's lock, read by all.
  std::atomic<int64_t> key_count{0};
  std::atomic<int64_t> expiring_count{0};
};

// Counters that are written under the lock and read by all.
struct StripeCounters {
  std::atomic<int64_t> hits{0}, misses{0}, expired{0}, evicted{0}, dirty{0};
};

inline void AddUnderLock(std::atomic<int64_t>& counter, int64_t more) {
  counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

// A key whose waiters may have to be served (keyspace/waiters.h).
struct ReadyKey {
  int db;
  std::string name;
};

class StripeWatches;

struct alignas(64) Stripe {
  std::mutex mutex;  // guards everything below but the atomics' reading
  StripeCounters counters;
  std::atomic<int64_t> next_expiry_ms{
      ExpiryQueue::kNever};  // the queue's first, for the expiry thread
  ExpiryQueue expiry_queue;
  std::array<Database, kDatabaseCountMax> databases;
  // How often keys of the stripe are waited for. It grows under the lock only.
  std::atomic<int32_t> waiter_count{0};
  std::vector<ReadyKey> ready_keys;  // served before the lock is released
  // Null as long as no transaction watches a key of the stripe (keyspace/watches.h).
  StripeWatches* watches = nullptr;
};

Stripe& StripeAt(int index);

// True between LockStripes() and UnlockStripes() of this thread.
bool ThisThreadHoldsStripes();
// True then, and while it has one of the locks below: it must not wait for another stripe.
bool ThisThreadHasLocks();

using StripeSet = std::bitset<kStripeCount>;

// Locks one stripe for a scope, unless its thread holds it for an EXEC. An EXEC touches no stripe
// but those it holds: others, taken out of order, could lock for ever.
class StripeLock {
 public:
  explicit StripeLock(int index);
  ~StripeLock();
  StripeLock(const StripeLock&) = delete;
  StripeLock& operator=(const StripeLock&) = delete;

 private:
  Stripe* stripe_ = nullptr;
};

// Locks several, ascending, for a scope; the same exception.
class StripesLock {
 public:
  explicit StripesLock(const StripeSet& stripes);
  ~StripesLock();
  StripesLock(const StripesLock&) = delete;
  StripesLock& operator=(const StripesLock&) = delete;

 private:
  StripeSet locked_;
};

// Bare: without regard to what this thread holds, and to who waits for keys.
void LockStripes(const StripeSet& stripes);
void UnlockStripes(const StripeSet& stripes);

// For EXEC: until ReleaseHeldStripes() this thread's locks above do nothing.
void HoldStripes(const StripeSet& stripes);
void ReleaseHeldStripes();

}  // namespace tutti
