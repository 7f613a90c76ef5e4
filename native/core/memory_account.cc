#include "core/memory_account.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>

#include "core/fault.h"

namespace tutti {

namespace {

constexpr int kKindCount = static_cast<int>(MemoryKind::kCount);

// What one thread has added. Written by its owner with plain loads and stores, read by all; when
// the owner ends the next new thread goes on with it, so nothing is ever moved.
struct alignas(64) ThreadCounts {
  std::atomic<int64_t> bytes[kKindCount]{};
  ThreadCounts* next = nullptr;  // constant once published
  bool is_owned = true;          // guarded by registry_mutex
};

std::mutex registry_mutex;
std::atomic<ThreadCounts*> all_counts{nullptr};
// For threads that are ending: their thread-local objects may still free memory.
std::atomic<int64_t> orphan_bytes[kKindCount]{};

std::atomic<size_t> max_bytes{0};
std::atomic<size_t> peak_bytes{0};
std::atomic<int64_t> not_counted_bytes{0};
std::atomic<memory_account::Reclaim> reclaim{nullptr};

enum class ThreadState : uint8_t { kNew, kRegistered, kEnding };
thread_local ThreadState thread_state = ThreadState::kNew;
thread_local ThreadCounts* thread_counts = nullptr;

struct ThreadEnd {
  ~ThreadEnd() {
    std::lock_guard lock(registry_mutex);
    thread_counts->is_owned = false;
    thread_counts = nullptr;
    thread_state = ThreadState::kEnding;
  }
};

ThreadCounts* Register() {
  {
    std::lock_guard lock(registry_mutex);
    for (ThreadCounts* counts = all_counts.load(std::memory_order_relaxed); counts;
         counts = counts->next) {
      if (counts->is_owned) continue;
      counts->is_owned = true;
      thread_counts = counts;
      break;
    }
    if (!thread_counts) {
      thread_counts = new ThreadCounts;
      thread_counts->next = all_counts.load(std::memory_order_relaxed);
      all_counts.store(thread_counts, std::memory_order_release);
    }
  }
  thread_state = ThreadState::kRegistered;
  thread_local ThreadEnd end;
  return thread_counts;
}

}  // namespace

namespace memory_account {

void Add(MemoryKind kind, int64_t bytes) {
  ThreadCounts* counts = thread_counts;
  if (!counts) {
    if (thread_state == ThreadState::kEnding) {
      orphan_bytes[static_cast<int>(kind)].fetch_add(bytes, std::memory_order_relaxed);
      return;
    }
    counts = Register();
  }
  std::atomic<int64_t>& count = counts->bytes[static_cast<int>(kind)];
  count.store(count.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

size_t Used(MemoryKind kind) {
  const int index = static_cast<int>(kind);
  int64_t sum = orphan_bytes[index].load(std::memory_order_relaxed);
  for (ThreadCounts* counts = all_counts.load(std::memory_order_acquire); counts;
       counts = counts->next) {
    sum += counts->bytes[index].load(std::memory_order_relaxed);
  }
  // One thread's free may be seen before another's allocation.
  return sum > 0 ? static_cast<size_t>(sum) : 0;
}

size_t Used() {
  int64_t sum = 0;
  for (const auto& orphans : orphan_bytes) sum += orphans.load(std::memory_order_relaxed);
  for (ThreadCounts* counts = all_counts.load(std::memory_order_acquire); counts;
       counts = counts->next) {
    for (const auto& bytes : counts->bytes) sum += bytes.load(std::memory_order_relaxed);
  }
  return sum > 0 ? static_cast<size_t>(sum) : 0;
}

void SamplePeak() {
  const size_t used = Used();
  size_t peak = peak_bytes.load(std::memory_order_relaxed);
  while (used > peak && !peak_bytes.compare_exchange_weak(peak, used, std::memory_order_relaxed)) {
  }
}

size_t Peak() {
  SamplePeak();
  return peak_bytes.load(std::memory_order_relaxed);
}

void SetMax(size_t bytes) { max_bytes.store(bytes, std::memory_order_relaxed); }
size_t Max() { return max_bytes.load(std::memory_order_relaxed); }

bool WouldExceed(size_t more) { return WouldExceedBy(more, 0); }

bool WouldExceedBy(size_t more, size_t slack) {
  if (Max() == 0) return false;
  const size_t max = Max() + slack;
  if (more > max) return true;
  const size_t used = Used();
  const size_t not_counted = NotCounted();
  return used > max - more && used - std::min(not_counted, used) > max - more;
}

void AddNotCounted(int64_t bytes) { not_counted_bytes.fetch_add(bytes, std::memory_order_relaxed); }

size_t NotCounted() {
  const int64_t bytes = not_counted_bytes.load(std::memory_order_relaxed);
  return bytes > 0 ? static_cast<size_t>(bytes) : 0;
}

void SetReclaim(Reclaim function) { reclaim.store(function, std::memory_order_release); }

bool MakeRoom(size_t more) {
  if (!WouldExceed(more)) return true;
  const Reclaim function = reclaim.load(std::memory_order_acquire);
  return function && function(more);
}

bool MayFit(size_t more) {
  if (!WouldExceed(more)) return true;
  return reclaim.load(std::memory_order_relaxed) && more <= Max();
}

}  // namespace memory_account

void* AccountedAlloc(size_t bytes, MemoryKind kind) {
  void* block = AllocationFails() ? nullptr : std::malloc(bytes);
  if (block) memory_account::Add(kind, static_cast<int64_t>(malloc_usable_size(block)));
  return block;
}

void AccountedFree(void* block, MemoryKind kind) {
  if (!block) return;
  memory_account::Add(kind, -static_cast<int64_t>(malloc_usable_size(block)));
  std::free(block);
}

}  // namespace tutti
