#include "keyspace/snapshot.h"

#include "keyspace/stripe.h"

namespace tutti {

KeyspaceSnapshot KeyspaceSnapshot::Take(const std::function<void()>& under_locks) {
  KeyspaceSnapshot snapshot;
  // No memory is asked for under the locks, unless a database gets its first keys just now.
  for (int db = 0; db < kDatabaseCountMax; ++db) {
    if (Keyspace::Get().Size(db) > 0) {
      snapshot.databases_[static_cast<size_t>(db)].roots.reserve(kStripeCount);
    }
  }
  const StripesLock lock(StripeSet().set());
  for (int i = 0; i < kStripeCount; ++i) {
    const Stripe& stripe = StripeAt(i);
    snapshot.dirty_ += stripe.counters.dirty.load(std::memory_order_relaxed);
    for (size_t db = 0; db < kDatabaseCountMax; ++db) {
      const tutti::Database& from = stripe.databases[db];
      if (from.index.size() == 0) continue;
      Database& to = snapshot.databases_[db];
      to.roots.push_back(from.index.Share());
      to.key_count += from.index.size();
      to.expiring_count += from.expiring_count.load(std::memory_order_relaxed);
    }
  }
  if (under_locks) under_locks();
  return snapshot;
}

int64_t KeyspaceSnapshot::key_count() const {
  int64_t count = 0;
  for (const Database& database : databases_) count += database.key_count;
  return count;
}

}  // namespace tutti
