#include "core/random.h"

#include <random>
#include <unordered_set>

namespace tutti {

uint64_t RandomBelow(uint64_t below) {
  // SplitMix64: one word of thread-local memory, of which a library that is loaded late gets
  // little.
  thread_local uint64_t state = std::random_device{}() * uint64_t{0x9e3779b97f4a7c15};
  const uint64_t most = UINT64_MAX - UINT64_MAX % below;  // a multiple: no number is likelier
  for (;;) {
    uint64_t mixed = state += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    mixed ^= mixed >> 31;
    if (mixed < most) return mixed % below;
  }
}

// Floyd's: each subset is as likely as any other.
std::vector<int64_t> RandomSample(int64_t count, int64_t below) {
  std::vector<int64_t> sample;
  sample.reserve(static_cast<size_t>(count));
  std::unordered_set<int64_t> taken;
  for (int64_t last = below - count; last < below; ++last) {
    int64_t chosen = static_cast<int64_t>(RandomBelow(static_cast<uint64_t>(last) + 1));
    if (!taken.insert(chosen).second) {
      chosen = last;
      taken.insert(chosen);
    }
    sample.push_back(chosen);
  }
  return sample;
}

}  // namespace tutti
