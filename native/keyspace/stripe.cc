#include "keyspace/stripe.h"

#include <cassert>

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

}  // namespace

Stripe& StripeAt(int index) { return stripes[index]; }

bool ThisThreadHoldsStripes() { return held.any; }
bool ThisThreadHasLocks() { return held.any || held.lock_count > 0; }

StripeLock::StripeLock(int index) {
  if (held.any) {
    assert(held.set.test(static_cast<size_t>(index)) && "a stripe that EXEC has not locked");
    return;
  }
  mutex_ = &stripes[index].mutex;
  mutex_->lock();
  ++held.lock_count;
}

StripeLock::~StripeLock() {
  if (!mutex_) return;
  --held.lock_count;
  mutex_->unlock();
}

StripesLock::StripesLock(const StripeSet& wanted) {
  if (held.any) {
    assert((wanted & ~held.set).none() && "a stripe that EXEC has not locked");
    return;
  }
  if (wanted.none()) return;
  locked_ = wanted;
  ForEachOf(locked_, [](int index) { stripes[index].mutex.lock(); });
  ++held.lock_count;
}

StripesLock::~StripesLock() {
  if (locked_.none()) return;
  --held.lock_count;
  ForEachOf(locked_, [](int index) { stripes[index].mutex.unlock(); });
}

void HoldStripes(const StripeSet& wanted) {
  assert(!held.any && "an EXEC inside an EXEC");
  ForEachOf(wanted, [](int index) { stripes[index].mutex.lock(); });
  held.any = true;
  held.set = wanted;
}

void ReleaseHeldStripes() {
  assert(held.any);
  ForEachOf(held.set, [](int index) { stripes[index].mutex.unlock(); });
  held.any = false;
  held.set.reset();
}

}  // namespace tutti
