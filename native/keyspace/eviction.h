// Gives up keys when `maxmemory` is reached, as `maxmemory-policy` says which (the policies are
// those of redis:src/evict.c; a key is judged beside some others that are looked at by chance).
//
// Who needs memory makes room for it first (core/memory_account.h, MakeRoom), within a time limit;
// what is left the expiry thread does. Values that others still hold, or that take long to free,
// are not counted as used once their key is gone: nothing more would go in their stead.
//
// Threads: any.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti::eviction {

// The numbers are part of the binding's interface (lib/engine/addon.ts, `evictionPolicies`).
enum class Policy : int {
  kNone = 0,
  kAllKeysLru = 1,
  kAllKeysLfu = 2,
  kAllKeysRandom = 3,
  kVolatileLru = 4,
  kVolatileLfu = 5,
  kVolatileRandom = 6,
  kVolatileTtl = 7,
};
inline constexpr int kPolicyCount = 8;

struct Settings {
  Policy policy = Policy::kNone;
  int64_t sample_count = 5;  // maxmemory-samples
  int64_t tenacity = 10;     // maxmemory-eviction-tenacity, 0 to 100: how long one may take
};

// Also wakes the expiry thread: there may be too much at once.
void Configure(const Settings& settings);

// Microseconds that one who makes room may take; 100 is for ever (redis:src/evict.c).
int64_t TimeLimitUs(int64_t tenacity);

// How far above the limit it may get while keys are being evicted: a 64th of it, 1 MiB at least.
size_t SlackBytes(size_t max_bytes);

// A part of the expiry thread's round: evicts for at most 1 ms. True if there is more to do.
bool RunInBackground();

}  // namespace tutti::eviction
