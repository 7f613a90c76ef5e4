// When and how often a key is used: 32 bits of its entry, read by OBJECT and, later, by eviction.
// With a policy by frequency they are 24 bits of minutes and a counter (redis:src/evict.c), else
// the second of the last use.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

namespace tutti {

struct AccessSettings {
  std::atomic<bool> counts_frequency{false};  // maxmemory-policy *-lfu
  std::atomic<int64_t> lfu_log_factor{10};
  std::atomic<int64_t> lfu_decay_minutes{1};
};

extern AccessSettings access_settings;

// Of a new key.
uint32_t NewAccess();
// Notes a use now, unless this thread's uses do not count.
void NoteAccess(std::atomic<uint32_t>& access);
// The same in any case.
void NoteTouch(std::atomic<uint32_t>& access);
// Whether this thread's uses count, as they do until it is told otherwise (CLIENT NO-TOUCH).
void SetThreadTouches(bool touches);
// Seconds since the last use.
int64_t IdleSeconds(uint32_t access);
// The counter, less what has decayed: 0 to 255.
int64_t AccessFrequency(uint32_t access);
// Of a key that comes with its past. Only what the policy counts is kept: nothing for the other.
std::optional<uint32_t> AccessOfIdle(int64_t seconds);
std::optional<uint32_t> AccessOfFrequency(int64_t frequency);

}  // namespace tutti
