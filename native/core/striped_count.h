// A sum that many threads add to all the time and few read: with one counter its cache line would
// go from core to core at each step, some 100 ns.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace tutti {

// Threads: any. Sum() may miss what is being added.
class StripedCount {
 public:
  void Add(int64_t more) { parts_[OwnPart()].value.fetch_add(more, std::memory_order_relaxed); }
  // A few loads. Never negative: of a block that goes from thread to thread its end may be seen
  // before its beginning.
  uint64_t Sum() const {
    int64_t sum = 0;
    for (const Part& part : parts_) sum += part.value.load(std::memory_order_relaxed);
    return sum > 0 ? static_cast<uint64_t>(sum) : 0;
  }

 private:
  static constexpr size_t kPartCount = 16;
  struct alignas(64) Part {
    std::atomic<int64_t> value{0};
  };

  // Threads take parts in turn; two of them may have the same one.
  static size_t OwnPart() {
    static std::atomic<size_t> thread_count{0};
    thread_local const size_t part =
        thread_count.fetch_add(1, std::memory_order_relaxed) % kPartCount;
    return part;
  }

  std::array<Part, kPartCount> parts_;
};

}  // namespace tutti
