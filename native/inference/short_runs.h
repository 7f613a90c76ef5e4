// Which runs of a model take less time than it costs to hand them to a run thread.
//
// A thread that sleeps is woken 20 to 50 us late, the caller pays some 5 us for it, and both again
// for the way back; a run of a small net takes 4 us. Such runs are made where they were asked for.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace tutti {

// What is known of one model, by the shapes of all inputs of a run. Only for models whose backend
// answers for it that nothing else decides how long a run takes (backend.h, `has_bounded_runs`): a
// client who could make one long by its values would hold up others.
//
// Threads: any method from any thread.
class ShortRuns {
 public:
  // Ranks and dims of all inputs, one after the other.
  using Shapes = std::vector<int64_t>;
  using Duration = std::chrono::nanoseconds;

  // What an event loop may do in one turn without anyone noticing: as LRANGE of 300 elements.
  static constexpr Duration kShortMax = std::chrono::microseconds(20);
  // A run is made so often again to be timed: the first one, after a pause, may take twenty times
  // as long as the next, since nothing of it is in the caches.
  static constexpr int kRepeats = 4;
  // One that takes longer is not worth it.
  static constexpr Duration kRepeatedMax = std::chrono::milliseconds(1);
  // So many shapes of a model are timed, ever.
  static constexpr int kTimedMax = 64;
  // Shapes that are known at a time; the one used least recently makes room.
  static constexpr size_t kShapesKept = 8;

  // A short run that takes longer was disturbed, or the model is not what it seemed.
  static constexpr Duration kLong = std::chrono::milliseconds(1);
  // So many long ones, and fewer than kRunsBetween others between each two, end the trust.
  static constexpr int kLongRunsMax = 3;
  static constexpr int kRunsBetween = 16;

  bool AreShort(const Shapes& shapes) {
    std::lock_guard lock(mutex_);
    Known* const known = Find(shapes);
    return known && known->is_short;
  }

  // True for the one caller who is to time runs of these shapes, and to call Learn().
  bool ClaimTiming(const Shapes& shapes) {
    std::lock_guard lock(mutex_);
    if (timed_count_ == kTimedMax || Find(shapes)) return false;
    timed_count_++;
    *std::ranges::min_element(known_, {}, &Known::last_use) = {shapes, false, 0, ++use_count_};
    return true;
  }

  void Learn(const Shapes& shapes, Duration best) {
    std::lock_guard lock(mutex_);
    if (Known* const known = Find(shapes)) known->is_short = best <= kShortMax;
  }

  // To be told of each run that was made because it is short.
  void Note(const Shapes& shapes, Duration taken) {
    std::lock_guard lock(mutex_);
    Known* const known = Find(shapes);
    if (!known) return;
    known->doubt = std::max(known->doubt + (taken > kLong ? kRunsBetween : -1), 0);
    if (known->doubt > (kLongRunsMax - 1) * kRunsBetween) *known = {};
  }

 private:
  struct Known {
    Shapes shapes;
    bool is_short = false;
    int doubt = 0;
    uint64_t last_use = 0;  // 0: never
  };

  Known* Find(const Shapes& shapes) {
    for (Known& known : known_) {
      if (known.last_use == 0 || known.shapes != shapes) continue;
      known.last_use = ++use_count_;
      return &known;
    }
    return nullptr;
  }

  std::mutex mutex_;  // guards everything below
  std::array<Known, kShapesKept> known_;
  uint64_t use_count_ = 0;
  int timed_count_ = 0;
};

}  // namespace tutti
