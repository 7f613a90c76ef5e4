#include "keyspace/clock.h"

#include <atomic>
#include <chrono>

namespace tutti {

namespace {

std::atomic<int64_t> time_for_test{-1};

}  // namespace

int64_t UnixTimeMs() {
  const int64_t fixed = time_for_test.load(std::memory_order_relaxed);
  if (fixed >= 0) return fixed;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void SetUnixTimeMsForTest(int64_t now_ms) {
  time_for_test.store(now_ms, std::memory_order_relaxed);
}

}  // namespace tutti
