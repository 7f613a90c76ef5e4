#include "keyspace/access.h"

#include <time.h>

#include <algorithm>

#include "core/random.h"

namespace tutti {

constinit AccessSettings access_settings;

namespace {

constexpr uint32_t kCounterFirst = 5;  // so that new keys are not the first to go
constexpr uint32_t kCounterMax = 255;

constinit thread_local bool thread_touches = true;

// To a few milliseconds, and cheap.
uint32_t NowSeconds() {
  timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return static_cast<uint32_t>(now.tv_sec);
}

uint32_t NowMinutes() { return NowSeconds() / 60 & 0xffffff; }

bool CountsFrequency() { return access_settings.counts_frequency.load(std::memory_order_relaxed); }

uint32_t Decayed(uint32_t access) {
  const int64_t decay = access_settings.lfu_decay_minutes.load(std::memory_order_relaxed);
  if (decay == 0) return access & 0xff;
  const uint32_t minutes = (NowMinutes() - (access >> 8)) & 0xffffff;
  const auto lost = static_cast<uint32_t>(minutes / decay);
  return (access & 0xff) - std::min(access & 0xff, lost);
}

// The higher the counter, the less likely it counts.
uint32_t Counted(uint32_t counter) {
  if (counter == kCounterMax) return counter;
  const uint32_t base = counter - std::min(counter, kCounterFirst);
  const int64_t factor = access_settings.lfu_log_factor.load(std::memory_order_relaxed);
  return RandomBelow(static_cast<uint64_t>(base * factor) + 1) == 0 ? counter + 1 : counter;
}

}  // namespace

uint32_t NewAccess() {
  return CountsFrequency() ? NowMinutes() << 8 | kCounterFirst : NowSeconds();
}

void NoteAccess(std::atomic<uint32_t>& access) {
  if (thread_touches) [[likely]]
    NoteTouch(access);
}

void SetThreadTouches(bool touches) { thread_touches = touches; }

void NoteTouch(std::atomic<uint32_t>& access) {
  const uint32_t before = access.load(std::memory_order_relaxed);
  const uint32_t now =
      CountsFrequency() ? NowMinutes() << 8 | Counted(Decayed(before)) : NowSeconds();
  // Entries are read by many: their cache line is not written without need.
  if (now != before) access.store(now, std::memory_order_relaxed);
}

int64_t IdleSeconds(uint32_t access) {
  const uint32_t now = NowSeconds();
  return now > access ? now - access : 0;
}

int64_t AccessFrequency(uint32_t access) { return Decayed(access); }

std::optional<uint32_t> AccessOfIdle(int64_t seconds) {
  if (CountsFrequency()) return std::nullopt;
  const int64_t now = NowSeconds();
  return static_cast<uint32_t>(now - std::min(now, seconds));
}

std::optional<uint32_t> AccessOfFrequency(int64_t frequency) {
  if (!CountsFrequency()) return std::nullopt;
  return NowMinutes() << 8 | static_cast<uint32_t>(frequency & 0xff);
}

}  // namespace tutti
