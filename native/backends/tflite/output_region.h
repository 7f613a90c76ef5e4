// Where LiteRT writes an output. It wants the memory before it knows the size: where an operator in
// the middle takes its shape from data (as Keras' Flatten does), the shapes it tells before a run
// are those of the run before, and it writes the true ones without looking at the size of the
// memory.
#ifndef TUTTI_BACKENDS_TFLITE_OUTPUT_REGION_H_
#define TUTTI_BACKENDS_TFLITE_OUTPUT_REGION_H_

#include <sys/mman.h>

#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace tutti::litert {

// The largest output.
constexpr size_t kOutputBytesMax = size_t{16} << 30;

// Address space for the largest output. Memory is what has been written.
class OutputRegion {
 public:
  OutputRegion() = default;
  OutputRegion(OutputRegion&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  OutputRegion& operator=(OutputRegion&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~OutputRegion() {
    if (data_ != nullptr) munmap(data_, bytes_);
  }

  // One that is not valid() if the address space is used up, or limited.
  static OutputRegion Map() {
    OutputRegion region;
    void* data = mmap(nullptr, kOutputBytesMax, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (data == MAP_FAILED) return region;
    // Or the first byte written would take 2 MiB.
    madvise(data, kOutputBytesMax, MADV_NOHUGEPAGE);
    region.data_ = static_cast<char*>(data);
    region.bytes_ = kOutputBytesMax;
    return region;
  }

  bool valid() const { return data_ != nullptr; }
  char* data() const { return data_; }

  // Gives back the address space and memory beyond the first `used_bytes`.
  void Shrink(size_t used_bytes) {
    constexpr size_t kPageBytes = 4096;
    const size_t kept_bytes = (used_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
    if (kept_bytes == 0 || kept_bytes >= bytes_) return;
    munmap(data_ + kept_bytes, bytes_ - kept_bytes);
    bytes_ = kept_bytes;
  }

 private:
  char* data_ = nullptr;
  size_t bytes_ = 0;
};

// Regions that small outputs were copied out of: they come with their first pages. Threads: any.
class OutputRegionPool {
 public:
  OutputRegion Take() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        OutputRegion region = std::move(idle_.back());
        idle_.pop_back();
        return region;
      }
    }
    return OutputRegion::Map();
  }

  void GiveBack(OutputRegion region) {
    constexpr size_t kIdleMax = 64;
    std::lock_guard lock(mutex_);
    if (idle_.size() < kIdleMax) idle_.push_back(std::move(region));
  }

 private:
  std::mutex mutex_;  // guards idle_
  std::vector<OutputRegion> idle_;
};

}  // namespace tutti::litert

#endif  // TUTTI_BACKENDS_TFLITE_OUTPUT_REGION_H_
