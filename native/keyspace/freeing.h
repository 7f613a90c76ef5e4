// Values that nothing holds any more: kept until no lock is held, the slow ones freed by a thread
// of their own.
#pragma once

#include <vector>

#include "core/object.h"

namespace tutti {

// What a change displaces. Declared before the lock of its stripe, so that it ends after it; while
// its thread holds stripes for an EXEC its values wait for UnlockStripes().
class Graveyard {
 public:
  Graveyard() = default;
  Graveyard(const Graveyard&) = delete;
  Graveyard& operator=(const Graveyard&) = delete;
  ~Graveyard();

  void Add(Ref<Object> object);

 private:
  Ref<Object> first_;  // nearly always the only one
  std::vector<Ref<Object>> others_;
};

namespace freeing {

// Drops the reference, on the freeing thread if it is the last of a value that is slow to free.
// Not to be called under a stripe's lock.
void Free(Ref<Object> object);

// Frees what waited for this thread's EXEC to end.
void FreePending();

// At most this many values wait for the freeing thread; beyond, who drops a value frees it.
inline constexpr size_t kWaitingMax = 100'000;

// Values that wait for the freeing thread, and how many it has freed.
size_t WaitingCount();
size_t FreedCount();

void StartThread();
// Frees what still waits.
void StopThread();

}  // namespace freeing

}  // namespace tutti
