#include "inference/runtime_memory.h"

#include <malloc.h>

#include <algorithm>
#include <cstdlib>

#include "core/fault.h"
#include "core/units.h"
#include "tensor/buffer_pool.h"

namespace tutti {
namespace {

constexpr size_t kAlignment = 64;
// Below, malloc does as well as the pool.
constexpr size_t kPooledBytesMin = 32 * kKiB;

// Lies right before each block.
struct Header {
  RuntimeMemory* runtime;
  void* memory;    // what it was taken from, to be given back
  size_t charged;  // bytes that it really takes
  bool is_pooled;
  bool is_counted;  // by us; not once it is an output
  MemoryKind kind;
};
static_assert(sizeof(Header) <= kAlignment);

Header& HeaderOf(void* block) {
  return *reinterpret_cast<Header*>(static_cast<uint8_t*>(block) - sizeof(Header));
}

// Makes the header in memory of `charged` bytes. Returns the block.
void* MakeBlock(RuntimeMemory* runtime, uint8_t* memory, size_t charged, bool is_pooled,
                MemoryKind kind) {
  const auto address = reinterpret_cast<uintptr_t>(memory) + sizeof(Header);
  const uintptr_t aligned = (address + kAlignment - 1) / kAlignment * kAlignment;
  auto* block = reinterpret_cast<uint8_t*>(aligned);
  HeaderOf(block) = {runtime, memory, charged, is_pooled, true, kind};
  return block;
}

// What a thread holds at the moment. A run allocates on its own thread alone, unless its runtime is
// told to use more (INTRA_OP_PARALLELISM), and then nearly always.
struct ThreadUse {
  MemoryKind kind = MemoryKind::kRuntimes;
  int scope_count = 0;
  int64_t bytes = 0;
  int64_t peak_bytes = 0;
  int64_t model_bytes = 0;  // taken and not given back within scopes of models
  // Taken within a scope and not given back by this thread.
  std::vector<std::span<const uint8_t>> blocks;
};
thread_local ThreadUse thread_use;

// A run that holds more blocks at once has some of its outputs counted twice.
constexpr size_t kBlocksNotedMax = 8192;

void NoteTaken(void* block, size_t bytes, size_t charged) {
  ThreadUse& use = thread_use;
  if (use.scope_count == 0) return;
  use.bytes += static_cast<int64_t>(charged);
  use.peak_bytes = std::max(use.peak_bytes, use.bytes);
  if (use.blocks.size() < kBlocksNotedMax) {
    use.blocks.emplace_back(static_cast<const uint8_t*>(block), bytes);
  }
}

void NoteGivenBack(void* block, size_t charged) {
  ThreadUse& use = thread_use;
  if (use.scope_count == 0) return;
  const auto found = std::find_if(use.blocks.rbegin(), use.blocks.rend(),
                                  [block](const auto& noted) { return noted.data() == block; });
  if (found == use.blocks.rend()) return;
  use.bytes -= static_cast<int64_t>(charged);
  *found = use.blocks.back();
  use.blocks.pop_back();
}

}  // namespace

void* RuntimeMemory::Allocate(void* memory, uint64_t bytes) {
  auto& self = *static_cast<RuntimeMemory*>(memory);
  self.access_count_.Add(1);
  constexpr uint64_t kBytesMax = uint64_t{1} << 46;
  if (bytes > kBytesMax) return nullptr;
  const size_t wanted = bytes + sizeof(Header) + kAlignment;
  if (self.limit_bytes_ != 0 && self.used_bytes() + wanted > self.limit_bytes_) return nullptr;

  const bool is_pooled = wanted >= kPooledBytesMin;
  size_t charged = 0;
  uint8_t* taken = nullptr;
  if (is_pooled) {
    taken = buffer_pool::TakeBlock(wanted, &charged);
  } else if (!AllocationFails()) {
    taken = static_cast<uint8_t*>(std::malloc(wanted));
    if (taken) charged = malloc_usable_size(taken);
  }
  if (!taken) return nullptr;
  const MemoryKind kind = thread_use.kind;
  memory_account::Add(kind, static_cast<int64_t>(charged));
  self.used_bytes_.Add(static_cast<int64_t>(charged));
  if (kind == MemoryKind::kModels) thread_use.model_bytes += static_cast<int64_t>(charged);
  void* const block = MakeBlock(&self, taken, charged, is_pooled, kind);
  NoteTaken(block, bytes, charged);
  return block;
}

void RuntimeMemory::Release(void* memory, void* block) {
  if (!block) return;
  auto& self = *static_cast<RuntimeMemory*>(memory);
  self.access_count_.Add(1);
  const Header header = HeaderOf(block);
  NoteGivenBack(block, header.charged);
  if (header.is_counted) {
    memory_account::Add(header.kind, -static_cast<int64_t>(header.charged));
    self.used_bytes_.Add(-static_cast<int64_t>(header.charged));
  }
  if (thread_use.kind == MemoryKind::kModels && header.kind == MemoryKind::kModels) {
    thread_use.model_bytes -= static_cast<int64_t>(header.charged);
  }
  if (header.is_pooled) {
    buffer_pool::GiveBlock(static_cast<uint8_t*>(header.memory), header.charged);
  } else {
    std::free(header.memory);
  }
}

int RuntimeMemory::Reserve(void* memory, int64_t bytes) {
  auto& self = *static_cast<RuntimeMemory*>(memory);
  const auto more = static_cast<uint64_t>(bytes);
  if (bytes > 0 && self.limit_bytes_ != 0 && self.used_bytes() + more > self.limit_bytes_) return 1;
  self.used_bytes_.Add(bytes);
  memory_account::Add(MemoryKind::kModels, bytes);
  if (thread_use.kind == MemoryKind::kModels) thread_use.model_bytes += bytes;
  return 0;
}

ModelMemoryScope::ModelMemoryScope()
    : outer_(thread_use.kind), begin_bytes_(thread_use.model_bytes) {
  thread_use.kind = MemoryKind::kModels;
}

size_t ModelMemoryScope::taken_bytes() const {
  return static_cast<size_t>(std::max<int64_t>(thread_use.model_bytes - begin_bytes_, 0));
}

ModelMemoryScope::~ModelMemoryScope() { thread_use.kind = outer_; }

RunScope::RunScope() : begin_bytes_(thread_use.bytes), outer_peak_bytes_(thread_use.peak_bytes) {
  thread_use.scope_count++;
  thread_use.peak_bytes = thread_use.bytes;
}

RunScope::~RunScope() {
  ThreadUse& use = thread_use;
  use.peak_bytes = std::max(use.peak_bytes, outer_peak_bytes_);
  if (--use.scope_count > 0) return;
  use.bytes = use.peak_bytes = 0;
  use.blocks.clear();
}

size_t RunScope::peak_bytes() const {
  return static_cast<size_t>(thread_use.peak_bytes - begin_bytes_);
}

void RunScope::HandOver(std::span<const tutti_tensor> outputs) {
  ThreadUse& use = thread_use;
  for (const tutti_tensor& output : outputs) {
    const auto* data = static_cast<const uint8_t*>(output.data);
    for (const std::span<const uint8_t> block : use.blocks) {
      if (data < block.data() || data >= block.data() + block.size()) continue;
      // The output keeps it: one that another thread has given back is not looked into.
      Header& header = HeaderOf(const_cast<uint8_t*>(block.data()));
      if (header.is_counted) {
        header.is_counted = false;
        memory_account::Add(header.kind, -static_cast<int64_t>(header.charged));
        // A script may hand over what a model of another runtime gave it.
        header.runtime->used_bytes_.Add(-static_cast<int64_t>(header.charged));
      }
      break;
    }
  }
}

int64_t RunMemoryUse::Estimate(int64_t row_count) const {
  std::lock_guard lock(mutex_);
  for (const Uses& uses : uses_) {
    if (uses.row_count != row_count) continue;
    const size_t kept = std::min(uses.run_count, kRunsKept);
    return static_cast<int64_t>(*std::max_element(uses.bytes, uses.bytes + kept));
  }
  return -1;
}

void RunMemoryUse::Note(int64_t row_count, size_t bytes) {
  std::lock_guard lock(mutex_);
  auto found = std::ranges::find(uses_, row_count, &Uses::row_count);
  if (found == uses_.end()) {
    if (uses_.size() == kBatchSizesKept) {
      uses_.erase(std::ranges::min_element(uses_, {}, &Uses::last_run));
    }
    uses_.push_back({row_count, 0, 0, {}});
    found = std::prev(uses_.end());
  }
  found->last_run = ++run_count_;
  found->bytes[found->run_count++ % kRunsKept] = bytes;
}

}  // namespace tutti
