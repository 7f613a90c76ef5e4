#include "keyspace/clock.h"

#include <atomic>
#include <chrono>

namespace tutti {

namespace {

std::atomic<int64_t> time_for_test{-1};
std::atomic<bool> nothing_expires{false};

}  // namespace

int64_t UnixTimeMs() {
  const int64_t fixed = time_for_test.load(std::memory_order_relaxed);
  if (fixed >= 0) return fixed;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void SetNothingExpires(bool value) { nothing_expires.store(value, std::memory_order_relaxed); }

bool NothingExpires() { return nothing_expires.load(std::memory_order_relaxed); }

bool IsPast(int64_t expire_at_ms) { return expire_at_ms <= UnixTimeMs() && !NothingExpires(); }

void SetUnixTimeMsForTest(int64_t now_ms) {
  time_for_test.store(now_ms, std::memory_order_relaxed);
}

}  // namespace tutti
