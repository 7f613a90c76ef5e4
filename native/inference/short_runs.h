// Which runs of a model take less time than it costs to hand them to a run thread.
//
// A thread that sleeps is woken 20 to 50 us late, the caller pays some 5 us for it, and both again
// for the way back; a run of a small net takes 4 us. Such runs are made where they were asked for.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace tutti {

// What is known of one model, by the shapes of all inputs of a run. Only for models whose backend
// answers for it that nothing else decides how long a run takes (backend.h, `has_bounded_runs`): a
// client who could make one long by its values would hold up others.
//
// Threads: any method from any thread. To look a shape up takes no lock: each run does.
class ShortRuns {
 public:
  // Ranks and dims of all inputs, one after the other.
  using Shapes = std::span<const int64_t>;
  using Duration = std::chrono::nanoseconds;

  // What an event loop may do in one turn without anyone noticing: as LRANGE of 300 elements.
  static constexpr Duration kShortMax = std::chrono::microseconds(20);
  // A run is made so often again to be timed: the first one, after a pause, may take twenty times
  // as long as the next, since nothing of it is in the caches.
  static constexpr int kRepeats = 4;
  // One that takes longer is not worth it.
  static constexpr Duration kRepeatedMax = std::chrono::milliseconds(1);
  // So many shapes of a model are timed, ever.
  static constexpr size_t kTimedMax = 64;
  // Shapes of more numbers are not.
  static constexpr size_t kNumbersMax = 64;

  // A short run that takes longer was disturbed, or the model is not what it seemed.
  static constexpr Duration kLong = std::chrono::milliseconds(1);
  // So many long ones, and fewer than kRunsBetween others between each two, end the trust.
  static constexpr int kLongRunsMax = 3;
  static constexpr int kRunsBetween = 16;

  // Runs of the same shapes.
  class Known {
   public:
    explicit Known(Shapes shapes) : shapes_(shapes.begin(), shapes.end()) {}

    // Of the caller who has claimed the timing.
    void Learn(Duration best) { state_ = best <= kShortMax ? State::kShort : State::kNotShort; }

    // To be told of each run that was made because it is short.
    void Note(Duration taken) {
      if (taken <= kLong && doubt_.load(std::memory_order_relaxed) == 0) return;
      // Of two threads at once one may not be heard.
      const int change = taken > kLong ? kRunsBetween : -1;
      const int doubt = std::max(doubt_.load(std::memory_order_relaxed) + change, 0);
      doubt_.store(doubt, std::memory_order_relaxed);
      if (doubt > (kLongRunsMax - 1) * kRunsBetween) state_ = State::kGivenUp;
    }

   private:
    friend class ShortRuns;
    enum class State : uint8_t { kTimed, kShort, kNotShort, kGivenUp };

    const std::vector<int64_t> shapes_;
    std::atomic<State> state_{State::kTimed};
    std::atomic<int> doubt_{0};
  };

  // Null unless such runs are known to be short.
  Known* FindShort(Shapes shapes) {
    Known* const known = Find(shapes);
    return known && known->state_ == Known::State::kShort ? known : nullptr;
  }

  // For the one caller who is to time runs of these shapes, and to call its Learn(); null for
  // others.
  Known* ClaimTiming(Shapes shapes) {
    if (shapes.size() > kNumbersMax || Find(shapes)) return nullptr;
    std::lock_guard lock(mutex_);
    const size_t count = known_count_.load(std::memory_order_relaxed);
    if (count == kTimedMax || Find(shapes)) return nullptr;
    known_[count] = std::make_unique<Known>(shapes);
    known_count_.store(count + 1, std::memory_order_release);
    return known_[count].get();
  }

 private:
  Known* Find(Shapes shapes) const {
    const size_t count = known_count_.load(std::memory_order_acquire);
    for (size_t i = 0; i < count; i++) {
      Known& known = *known_[i];
      if (std::ranges::equal(known.shapes_, shapes) && known.state_ != Known::State::kGivenUp) {
        return &known;
      }
    }
    return nullptr;
  }

  std::mutex mutex_;  // of those who add one; what is there stays
  std::array<std::unique_ptr<Known>, kTimedMax> known_;
  std::atomic<size_t> known_count_{0};
};

}  // namespace tutti
