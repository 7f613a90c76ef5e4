// Memory that runtimes take from the server: what they keep and use is counted against `maxmemory`
// like everything else, large blocks come from the buffer pool, and a run's use is known after it.
//
// Threads: RuntimeMemory from any thread. A RunScope belongs to the thread that made it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <vector>

#include "core/memory_account.h"
#include "core/striped_count.h"
#include "inference/backend.h"

namespace tutti {

// The blocks of one runtime.
class RuntimeMemory {
 public:
  // `limit_bytes` is BACKEND_MEMORY_LIMIT where it applies; 0 is none.
  explicit RuntimeMemory(uint64_t limit_bytes = 0)
      : limit_bytes_(limit_bytes), table_{this, Allocate, Release, Reserve} {}
  RuntimeMemory(const RuntimeMemory&) = delete;
  RuntimeMemory& operator=(const RuntimeMemory&) = delete;

  // For the runtime's backend; lives as long as this.
  const tutti_memory* table() const { return &table_; }

  uint64_t used_bytes() const { return used_bytes_.Sum(); }
  // How often a block was taken or given back.
  uint64_t access_count() const { return access_count_.Sum(); }

 private:
  friend class RunScope;
  static void* Allocate(void* memory, uint64_t bytes);
  static void Release(void* memory, void* block);
  static int Reserve(void* memory, int64_t bytes);

  const uint64_t limit_bytes_;
  const tutti_memory table_;
  StripedCount used_bytes_, access_count_;
};

// While one of these lives, what this thread takes for a runtime is counted as models.
class ModelMemoryScope {
 public:
  ModelMemoryScope();
  ~ModelMemoryScope();
  ModelMemoryScope(const ModelMemoryScope&) = delete;
  ModelMemoryScope& operator=(const ModelMemoryScope&) = delete;

  // What has been taken within the scope and not been given back, as far as it is counted.
  size_t taken_bytes() const;

 private:
  const MemoryKind outer_;
  const int64_t begin_bytes_;
};

// One run on its thread. They nest, as when a script runs a model.
class RunScope {
 public:
  RunScope();
  ~RunScope();
  RunScope(const RunScope&) = delete;
  RunScope& operator=(const RunScope&) = delete;

  // From here on the outputs' blocks are counted as the tensors that adopt them.
  void HandOver(std::span<const tutti_tensor> outputs);
  // The most bytes that this thread has held at once for the runtime, within the scope.
  size_t peak_bytes() const;

 private:
  const int64_t begin_bytes_;
  const int64_t outer_peak_bytes_;
};

// What runs of one model or script have used: the estimate of the next one.
class RunMemoryUse {
 public:
  // The largest use of the last kRunsKept runs at this batch size; -1 if there was none.
  int64_t Estimate(int64_t row_count) const;
  void Note(int64_t row_count, size_t bytes);

  static constexpr size_t kRunsKept = 16;
  // Of other batch sizes the one that was not run for longest is forgotten.
  static constexpr size_t kBatchSizesKept = 8;

 private:
  struct Uses {
    int64_t row_count;
    uint64_t last_run;
    size_t run_count;
    size_t bytes[kRunsKept];
  };
  mutable std::mutex mutex_;  // guards everything below
  std::vector<Uses> uses_;
  uint64_t run_count_ = 0;
};

}  // namespace tutti
