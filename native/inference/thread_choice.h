// Over how many threads a run is divided: all cores', or none but the caller.
//
// To divide a loop costs 40 to 80 us when the other threads sleep, and there are several in each
// run: in LibTorch a small net on 16 rows takes 93 us on two cores and 18 on one of them, one of
// 1024 neurons on 256 rows 4.1 ms and 6.5. Nobody can tell from the graph, so both are tried.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace tutti {

// What one model or function took so far, by the size of its inputs: of each size both ways are
// tried, the better one stays, and now and then the other is tried again, as the machine may have
// been busy.
//
// Threads: any method from any thread; runs at once may try once more than needed.
class ThreadChoice {
 public:
  enum class Way : uint8_t { kAllThreads, kOneThread };

  // The fastest of so many runs counts: others may have been disturbed, or compiled the graph.
  static constexpr uint32_t kTriesOfEach = 5;
  // What might take longer in one thread, that is this divided by the cores in all of them, is not
  // tried.
  static constexpr std::chrono::nanoseconds kTryMax = std::chrono::milliseconds(100);
  // Each so many runs the other way is tried again, if it is not much slower; and earlier as often
  // as the runs have doubled, since all tries of it may have been disturbed.
  static constexpr uint32_t kRunsBetweenTries = 1024;
  static constexpr uint32_t kFirstRetry = 16;
  static constexpr uint64_t kMuchSlower = 4;

  // A run of one thread that takes less is not divided unless that costs nothing to find out.
  static constexpr std::chrono::nanoseconds kDividedMin = std::chrono::milliseconds(1);

  // Where each run may be divided or not: all threads come first.
  Way Choose(size_t input_bytes, uint32_t core_count) const {
    const Seen& all = At(input_bytes, Way::kAllThreads);
    if (all.runs < kTriesOfEach) return Way::kAllThreads;
    if (all.best_ns * core_count > static_cast<uint64_t>(kTryMax.count())) return Way::kAllThreads;
    if (At(input_bytes, Way::kOneThread).runs < kTriesOfEach) return Way::kOneThread;
    return Better(input_bytes);
  }

  // Where a model must be loaded once more for runs that are divided: one thread comes first, and
  // all are asked for by long runs only.
  Way ChooseWhereDividedIsDear(size_t input_bytes) const {
    const Seen& one = At(input_bytes, Way::kOneThread);
    if (one.runs < kTriesOfEach) return Way::kOneThread;
    if (one.best_ns < static_cast<uint64_t>(kDividedMin.count())) return Way::kOneThread;
    if (At(input_bytes, Way::kAllThreads).runs < kTriesOfEach) return Way::kAllThreads;
    return Better(input_bytes);
  }

  // Whether so many runs at once, each in one thread, make more in a second than one after the
  // other, each divided. Not of short ones: they are over before another thread is awake.
  bool GainsBeside(size_t input_bytes, size_t runs_at_once) const {
    const Seen& one = At(input_bytes, Way::kOneThread);
    const Seen& all = At(input_bytes, Way::kAllThreads);
    if (one.runs < kTriesOfEach || all.runs < kTriesOfEach) return false;
    if (one.best_ns < static_cast<uint64_t>(kDividedMin.count())) return false;
    return runs_at_once > 1 && one.best_ns < all.best_ns * runs_at_once;
  }

  // To be told how long a run took that went this way.
  void Note(size_t input_bytes, Way way, std::chrono::nanoseconds taken) {
    Seen& seen = At(input_bytes, way);
    seen.best_ns = std::min<uint64_t>(seen.best_ns, taken.count());
    seen.runs++;
    // The run that was due has been: the other way's turn.
    Seen& other = At(input_bytes, way == Way::kAllThreads ? Way::kOneThread : Way::kAllThreads);
    if (IsDue(other.runs)) other.runs++;
  }

 private:
  // Sizes within a factor of two are one.
  static constexpr size_t kSizeCount = 40;

  // Far from an overflow when it is multiplied.
  static constexpr uint64_t kNever = UINT64_MAX >> 20;

  struct Seen {
    std::atomic<uint64_t> best_ns{kNever};
    std::atomic<uint32_t> runs{0};
  };

  // Whether the other way is to be tried after so many runs.
  static bool IsDue(uint32_t runs) {
    return runs >= kFirstRetry && (runs % kRunsBetweenTries == 0 || std::has_single_bit(runs));
  }
  static size_t Place(size_t bytes, Way way) {
    return std::min<size_t>(std::bit_width(bytes), kSizeCount - 1) * 2 + static_cast<size_t>(way);
  }
  Way Better(size_t input_bytes) const {
    const Seen& all = At(input_bytes, Way::kAllThreads);
    const Seen& one = At(input_bytes, Way::kOneThread);
    // When in doubt the other cores are left to others, above all by short runs: to wake further
    // threads for one costs them more where the cores are busy.
    const uint64_t best_ns = all.best_ns;
    const bool is_short = one.best_ns < static_cast<uint64_t>(kDividedMin.count());
    const bool is_one_better = one.best_ns <= best_ns + best_ns / (is_short ? 4 : 32);
    const Seen& better = is_one_better ? one : all;
    const Seen& other = is_one_better ? all : one;
    const bool must_retry = IsDue(better.runs) && other.best_ns < better.best_ns * kMuchSlower;
    return is_one_better != must_retry ? Way::kOneThread : Way::kAllThreads;
  }

  const Seen& At(size_t bytes, Way way) const { return seen_[Place(bytes, way)]; }
  Seen& At(size_t bytes, Way way) { return seen_[Place(bytes, way)]; }

  std::array<Seen, kSizeCount * 2> seen_;
};

}  // namespace tutti
