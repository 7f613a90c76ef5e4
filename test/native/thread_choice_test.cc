#include "inference/thread_choice.h"

#include <chrono>
#include <functional>

#include "check.h"

using namespace tutti;
using namespace std::chrono_literals;

namespace {

using Way = ThreadChoice::Way;
using Duration = std::chrono::nanoseconds;

constexpr size_t kBytes = 4096;
constexpr uint32_t kCores = 2;

// So many runs that take the given times; the number of those that went one thread's way.
int Run(ThreadChoice& choice, int run_count, Duration all, Duration one, size_t bytes = kBytes) {
  int alone = 0;
  for (int i = 0; i < run_count; i++) {
    const Way way = choice.Choose(bytes, kCores);
    if (way == Way::kOneThread) alone++;
    choice.Note(bytes, way, way == Way::kOneThread ? one : all);
  }
  return alone;
}

constexpr int kTries = 2 * ThreadChoice::kTriesOfEach;
// After 16, 32 ... 512 runs.
constexpr int kEarlyRetries = 6;

TEST(TriesBothAndKeepsTheBetter) {
  ThreadChoice small, large;
  CHECK(Run(small, kTries, 90us, 18us) == kTries / 2);
  CHECK(Run(small, 1000, 90us, 18us) == 1000);
  CHECK(Run(large, kTries, 1100us, 1900us) == kTries / 2);
  CHECK(Run(large, 1000, 1100us, 1900us) == kEarlyRetries);
}

TEST(LeavesTheCoresToOthersWhenInDoubt) {
  const auto runs_alone = [](Duration all, Duration one) {
    ThreadChoice choice;
    Run(choice, kTries, all, one);
    return Run(choice, 1000, all, one);
  };
  CHECK(runs_alone(100us, 125us) >= 1000 - kEarlyRetries);
  CHECK(runs_alone(100us, 126us) <= kEarlyRetries);
  CHECK(runs_alone(3200us, 3300us) >= 1000 - kEarlyRetries);
  CHECK(runs_alone(3200us, 3301us) <= kEarlyRetries);
}

TEST(DividesLongRunsWithoutATry) {
  ThreadChoice choice;
  CHECK(Run(choice, 5000, ThreadChoice::kTryMax / kCores + 1ns, 60ms) == 0);
}

TEST(KnowsSizesApart) {
  ThreadChoice choice;
  Run(choice, kTries, 90us, 18us, 1000);
  CHECK(choice.Choose(1000, kCores) == Way::kOneThread);
  CHECK(choice.Choose(900, kCores) == Way::kOneThread);
  CHECK(choice.Choose(100'000, kCores) == Way::kAllThreads);
  CHECK(choice.Choose(SIZE_MAX, kCores) == Way::kAllThreads);
  Run(choice, kTries, 90us, 18us, SIZE_MAX);
  CHECK(choice.Choose(SIZE_MAX, kCores) == Way::kOneThread);
  CHECK(choice.Choose(0, kCores) == Way::kAllThreads);
}

TEST(FindsOutThatTheMachineWasBusy) {
  // All threads took long while others had the cores: one is tried when that is over.
  ThreadChoice first;
  Run(first, kTries, 5ms, 18us);
  Run(first, kTries, 90us, 18us);
  CHECK(first.Choose(kBytes, kCores) == Way::kOneThread);
  // One thread was disturbed in all of its tries.
  ThreadChoice later;
  Run(later, kTries, 90us, 200us);
  CHECK(later.Choose(kBytes, kCores) == Way::kAllThreads);
  constexpr int kSoon = 2 * ThreadChoice::kFirstRetry;
  Run(later, kSoon, 90us, 18us);
  CHECK(Run(later, 100, 90us, 18us) >= 100 - kEarlyRetries);
}

TEST(RarelyTriesWhatWasSlower) {
  ThreadChoice choice;
  Run(choice, kTries, 40us, 18us);
  const int runs = 20 * ThreadChoice::kRunsBetweenTries;
  CHECK(Run(choice, runs, 40us, 18us) >= runs - 21 - kEarlyRetries);
}

TEST(GainsBesideWhereDividingIsWorseThanSharing) {
  const auto gains = [](Duration all, Duration one, size_t runs_at_once) {
    ThreadChoice choice;
    for (uint32_t i = 0; i < ThreadChoice::kTriesOfEach; i++) {
      CHECK(!choice.GainsBeside(kBytes, runs_at_once));  // until both are known
      choice.Note(kBytes, Way::kAllThreads, all);
      choice.Note(kBytes, Way::kOneThread, one);
    }
    return choice.GainsBeside(kBytes, runs_at_once);
  };
  CHECK(gains(6500us, 11600us, 2));
  CHECK(!gains(6500us, 11600us, 1));
  CHECK(!gains(6500us, 13000us, 2));
  CHECK(gains(6500us, 13000us, 3));
  CHECK(!gains(500us, 999us, 8));  // short runs are over too soon
  CHECK(!gains(2ms, 40ms, 2));     // two of 64 cores, say
}

}  // namespace

RUN_TESTS()
