#include "keyspace/stripe.h"

#include <cassert>

#include "keyspace/journal.h"
#include "keyspace/waiters.h"

#if defined(__SANITIZE_THREAD__)
// Its deadlock detector stops at 64 locks held at a time; an EXEC may hold 1,024.
extern "C" __attribute__((visibility("default"))) const char* __tsan_default_options() {
  return "detect_deadlocks=0";
}
#endif

namespace tutti {

namespace {

// Never destroyed: background threads may outlive the end of main().
Stripe* const stripes = new Stripe[kStripeCount];

struct HeldStripes {
  bool any = false;
  int lock_count = 0;  // StripeLock and StripesLock that are not for nothing
  StripeSet set;
};
thread_local HeldStripes held;

template <typename Visit>
void ForEachOf(const StripeSet& set, Visit visit) {
  for (size_t i = set._Find_first(); i < set.size(); i = set._Find_next(i)) {
    visit(static_cast<int>(i));
  }
}

// Releases these locks, after those that wait for keys of theirs have been served.
void Release(const StripeSet& locked) {
  bool is_ready = false;
  ForEachOf(locked, [&](int index) { is_ready |= !stripes[index].ready_keys.empty(); });
  if (is_ready) {
    Waiters::Get().ServeAndUnlock(locked);
  } else {
    UnlockStripes(locked);
  }
}

}  // namespace

Stripe& StripeAt(int index) { return stripes[index]; }

bool ThisThreadHoldsStripes() { return held.any; }
bool ThisThreadHasLocks() { return held.any || held.lock_count > 0; }

void LockStripes(const StripeSet& wanted) {
  ForEachOf(wanted, [](int index) { stripes[index].mutex.lock(); });
  ++held.lock_count;
}

void UnlockStripes(const StripeSet& locked) {
  --held.lock_count;
  if (journal::IsOn()) [[unlikely]]
    journal::AppendNoted();
  ForEachOf(locked, [](int index) { stripes[index].mutex.unlock(); });
}

StripeLock::StripeLock(int index) {
  if (held.any) {
    assert(held.set.test(static_cast<size_t>(index)) && "a stripe that EXEC has not locked");
    return;
  }
  stripe_ = &stripes[index];
  stripe_->mutex.lock();
  ++held.lock_count;
}

StripeLock::~StripeLock() {
  if (!stripe_) return;
  if (!stripe_->ready_keys.empty()) [[unlikely]] {
    StripeSet locked;
    locked.set(static_cast<size_t>(stripe_ - stripes));
    Waiters::Get().ServeAndUnlock(locked);
    return;
  }
  --held.lock_count;
  if (journal::IsOn()) [[unlikely]]
    journal::AppendNoted();
  stripe_->mutex.unlock();
}

StripesLock::StripesLock(const StripeSet& wanted) {
  if (held.any) {
    assert((wanted & ~held.set).none() && "a stripe that EXEC has not locked");
    return;
  }
  if (wanted.none()) return;
  locked_ = wanted;
  LockStripes(locked_);
}

StripesLock::~StripesLock() {
  if (locked_.any()) Release(locked_);
}

void HoldStripes(const StripeSet& wanted) {
  assert(!held.any && "an EXEC inside an EXEC");
  LockStripes(wanted);
  held.any = true;
  held.set = wanted;
}

void ReleaseHeldStripes() {
  assert(held.any);
  const StripeSet locked = held.set;
  held.any = false;
  held.set.reset();
  Release(locked);
}

}  // namespace tutti
