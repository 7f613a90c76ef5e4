#include "tensor/buffer_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <bit>
#include <cassert>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <mutex>
#include <new>

#include "core/fault.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

namespace tutti {

namespace {

constexpr size_t kBytesMax = size_t{1} << 47;
constexpr int kFirstClassBits = 10;
constexpr int kClassCount = (47 - kFirstClassBits) * 8 + 1;
constexpr size_t kPooledBytesMin = 32 * kKiB;  // below, malloc does as well
constexpr size_t kHugePageBytes = 2 * kMiB;
constexpr size_t kBlockAlignment = 64;
constexpr size_t kDefaultIdleMax = 512 * kMiB;

struct SizeClass {
  int index;
  size_t bytes;
};

SizeClass ClassOf(size_t bytes) {
  assert(bytes <= kBytesMax);
  if (bytes <= size_t{1} << kFirstClassBits) return {0, size_t{1} << kFirstClassBits};
  const int bits = std::bit_width(bytes - 1) - 1;  // 2^bits < bytes <= 2^(bits + 1)
  const size_t step = size_t{1} << (bits - 3);
  const size_t rounded = (bytes + step - 1) / step * step;
  const size_t nth = (rounded - (size_t{1} << bits)) / step;
  return {(bits - kFirstClassBits) * 8 + static_cast<int>(nth), rounded};
}

size_t PhysicalBytes() {
  static const size_t bytes =
      static_cast<size_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<size_t>(sysconf(_SC_PAGESIZE));
  return bytes;
}

int64_t SteadyMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

enum class HugePages { kWanted, kRefused };

uint8_t* Map(size_t bytes, HugePages huge_pages) {
  void* block = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED) return nullptr;
  if (huge_pages == HugePages::kRefused) {
    madvise(block, bytes, MADV_NOHUGEPAGE);
  } else if (bytes >= kHugePageBytes) {
    madvise(block, bytes, MADV_HUGEPAGE);
  }
  return static_cast<uint8_t*>(block);
}

uint8_t* NewBlock(size_t bytes, HugePages huge_pages) {
  if (bytes >= kMappedBytesMin) return Map(bytes, huge_pages);
  return static_cast<uint8_t*>(std::aligned_alloc(kBlockAlignment, bytes));
}

void DeleteBlock(void* block, size_t bytes) {
  if (bytes < kMappedBytesMin) {
    std::free(block);
  } else {
    munmap(block, bytes);
  }
}

// Lies in the first bytes of the idle block itself.
struct IdleBlock {
  IdleBlock* class_next;  // older of the same class
  IdleBlock* class_previous;
  IdleBlock* older;
  IdleBlock* newer;
  size_t bytes;
  int class_index;
  int64_t since_ms;
};
static_assert(sizeof(IdleBlock) <= kBlockAlignment);

class BufferPool {
 public:
  uint8_t* Take(SizeClass size_class) {
    std::lock_guard lock(mutex_);
    IdleBlock* block = heads_[static_cast<size_t>(size_class.index)];
    if (!block) return nullptr;
    Unlink(block);
    ASAN_UNPOISON_MEMORY_REGION(block, size_class.bytes);
    return reinterpret_cast<uint8_t*>(block);
  }

  void Put(uint8_t* data, size_t bytes) {
    IdleBlock* surplus = nullptr;
    {
      std::lock_guard lock(mutex_);
      if (bytes <= idle_max()) {
        Link(data, bytes);
        surplus = UnlinkOldest([this](const IdleBlock&) { return idle_bytes() > idle_max(); });
        data = nullptr;
      }
    }
    if (data) DeleteBlock(data, bytes);
    DeleteAll(surplus);
  }

  void Trim(int64_t older_than_ms) {
    // Bounded rounds, so that a taker never waits for the whole pool to be walked.
    const int64_t latest =
        older_than_ms == 0 ? std::numeric_limits<int64_t>::max() : SteadyMs() - older_than_ms;
    for (;;) {
      IdleBlock* surplus = nullptr;
      {
        std::lock_guard lock(mutex_);
        int room = 64;
        surplus = UnlinkOldest(
            [&](const IdleBlock& block) { return block.since_ms <= latest && room-- > 0; });
      }
      if (!surplus) return;
      DeleteAll(surplus);
    }
  }

  void SetIdleMax(size_t bytes) {
    IdleBlock* surplus = nullptr;
    {
      std::lock_guard lock(mutex_);
      idle_max_.store(bytes, std::memory_order_relaxed);
      surplus = UnlinkOldest([this](const IdleBlock&) { return idle_bytes() > idle_max(); });
    }
    DeleteAll(surplus);
  }

  size_t idle_bytes() const { return idle_bytes_.load(std::memory_order_relaxed); }
  size_t idle_max() const { return idle_max_.load(std::memory_order_relaxed); }

 private:
  void Link(uint8_t* data, size_t bytes) {
    const int class_index = ClassOf(bytes).index;
    IdleBlock*& head = heads_[static_cast<size_t>(class_index)];
    auto* block = reinterpret_cast<IdleBlock*>(data);
    *block = {head, nullptr, newest_, nullptr, bytes, class_index, SteadyMs()};
    if (head) head->class_previous = block;
    head = block;
    (newest_ ? newest_->newer : oldest_) = block;
    newest_ = block;
    idle_bytes_.store(idle_bytes() + bytes, std::memory_order_relaxed);
    ASAN_POISON_MEMORY_REGION(data + sizeof(IdleBlock), bytes - sizeof(IdleBlock));
  }

  void Unlink(IdleBlock* block) {
    (block->class_previous ? block->class_previous->class_next
                           : heads_[static_cast<size_t>(block->class_index)]) = block->class_next;
    if (block->class_next) block->class_next->class_previous = block->class_previous;
    (block->older ? block->older->newer : oldest_) = block->newer;
    (block->newer ? block->newer->older : newest_) = block->older;
    idle_bytes_.store(idle_bytes() - block->bytes, std::memory_order_relaxed);
  }

  // A chain by `older` of the oldest blocks, for as long as `is_surplus` answers so.
  template <typename Predicate>
  IdleBlock* UnlinkOldest(Predicate is_surplus) {
    IdleBlock* chain = nullptr;
    while (oldest_ && is_surplus(*oldest_)) {
      IdleBlock* block = oldest_;
      Unlink(block);
      block->older = chain;
      chain = block;
    }
    return chain;
  }

  static void DeleteAll(IdleBlock* chain) {
    while (chain) {
      IdleBlock* block = chain;
      chain = block->older;
      ASAN_UNPOISON_MEMORY_REGION(block, block->bytes);
      DeleteBlock(block, block->bytes);
    }
  }

  std::mutex mutex_;  // guards everything below; the atomics may be read without it
  std::array<IdleBlock*, kClassCount> heads_{};  // newest first: its pages are the warmest
  IdleBlock* oldest_ = nullptr;
  IdleBlock* newest_ = nullptr;
  std::atomic<size_t> idle_bytes_{0};
  std::atomic<size_t> idle_max_{kDefaultIdleMax};
};

// Never destroyed: values of other threads may outlive the end of main().
BufferPool& pool = *new BufferPool;

bool MayAdd(size_t bytes, MemoryKind kind) {
  // Replies must go out although memory is short: what they need is what ends the shortage.
  return kind == MemoryKind::kReplies || memory_account::MakeRoom(bytes);
}

uint8_t* Make(SizeClass size_class, HugePages huge_pages) {
  if (uint8_t* data = NewBlock(size_class.bytes, huge_pages)) return data;
  pool.Trim(0);
  return NewBlock(size_class.bytes, huge_pages);
}

uint8_t* TakeOrMake(SizeClass size_class, HugePages huge_pages, bool* is_fresh) {
  *is_fresh = false;
  if (AllocationFails()) return nullptr;
  if (size_class.bytes >= kPooledBytesMin) {
    if (uint8_t* data = pool.Take(size_class)) return data;
  }
  *is_fresh = true;
  return Make(size_class, huge_pages);
}

}  // namespace

// Gives the block back if there is no memory for its object.
Ref<Buffer> Buffer::Own(uint8_t* data, size_t capacity, MemoryKind kind, size_t charged) {
  auto* buffer = new (std::nothrow) Buffer(data, capacity, kind, charged);
  if (!buffer) DeleteBlock(data, capacity);
  return Ref<Buffer>::Adopt(buffer);
}

// `make` answers a block of a class, or null.
template <typename Make>
Ref<Buffer> Buffer::AllocateBy(size_t bytes, MemoryKind kind, const Make& make) {
  // All of it may be written: mapping more than there is would only end the process later.
  if (bytes > kBytesMax || bytes > PhysicalBytes()) return nullptr;
  const SizeClass size_class = ClassOf(bytes);
  if (!MayAdd(size_class.bytes, kind)) {
    pool.Trim(0);
    return nullptr;
  }
  uint8_t* data = make(size_class);
  if (!data) return nullptr;
  Ref<Buffer> buffer = Own(data, size_class.bytes, kind, size_class.bytes);
  if (buffer) memory_account::Add(kind, static_cast<int64_t>(size_class.bytes));
  return buffer;
}

Ref<Buffer> Buffer::Allocate(size_t bytes, MemoryKind kind) {
  return AllocateBy(bytes, kind, [](SizeClass size_class) {
    bool is_fresh = false;
    return TakeOrMake(size_class, HugePages::kWanted, &is_fresh);
  });
}

Ref<Buffer> Buffer::Zeros(size_t bytes, MemoryKind kind) {
  if (bytes < kMappedZerosBytesMin) {
    Ref<Buffer> buffer = Allocate(bytes, kind);
    if (buffer) std::memset(buffer->data_, 0, bytes);
    return buffer;
  }
  return AllocateBy(bytes, kind, [](SizeClass size_class) -> uint8_t* {
    if (AllocationFails()) return nullptr;
    return Make(size_class, HugePages::kWanted);
  });
}

Ref<Buffer> Buffer::Reserve(size_t bytes, MemoryKind kind) {
  if (bytes > kBytesMax) return nullptr;
  const SizeClass size_class = ClassOf(bytes);
  bool is_fresh = false;
  uint8_t* data = TakeOrMake(size_class, HugePages::kRefused, &is_fresh);
  if (!data) return nullptr;
  Ref<Buffer> buffer = Own(data, size_class.bytes, kind, 0);
  if (buffer) buffer->is_small_paged_ = is_fresh && size_class.bytes >= kHugePageBytes;
  return buffer;
}

Ref<Buffer> Buffer::ReserveHead(MemoryKind kind) {
  uint8_t* data = AllocationFails() ? nullptr : Map(kHeadBytes, HugePages::kRefused);
  if (!data) return nullptr;
  auto* buffer = new (std::nothrow) Buffer(data, kHeadBytes, kind, 0);
  if (!buffer) {
    munmap(data, kHeadBytes);
    return nullptr;
  }
  buffer->is_head_ = true;
  return Ref<Buffer>::Adopt(buffer);
}

bool Buffer::Extend(size_t bytes) {
  assert(is_head_ && bytes >= kMappedBytesMin);
  if (bytes > kBytesMax) return false;
  if (AllocationFails()) return false;
  const size_t whole_bytes = ClassOf(bytes).bytes;
  void* const whole = mremap(data_, capacity_, whole_bytes, MREMAP_MAYMOVE);
  if (whole == MAP_FAILED) return false;
  data_ = static_cast<uint8_t*>(whole);
  capacity_ = whole_bytes;
  is_head_ = false;
  is_small_paged_ = whole_bytes >= kHugePageBytes;
  return true;
}

Ref<Buffer> Buffer::ReserveIdle(size_t bytes, MemoryKind kind) {
  if (bytes > kBytesMax || bytes < kPooledBytesMin) return nullptr;
  const SizeClass size_class = ClassOf(bytes);
  uint8_t* data = pool.Take(size_class);
  if (!data) return nullptr;
  return Own(data, size_class.bytes, kind, 0);
}

bool Buffer::Charge(size_t bytes) {
  assert(bytes <= capacity_);
  if (bytes <= charged_) return true;
  const size_t more = bytes - charged_;
  if (!MayAdd(more, kind_)) {
    pool.Trim(0);
    return false;
  }
  memory_account::Add(kind_, static_cast<int64_t>(more));
  charged_ = bytes;
  if (is_small_paged_ && charged_ >= kHugePageBytes) {
    is_small_paged_ = false;
    madvise(data_, capacity_, MADV_HUGEPAGE);
  }
  return true;
}

void Buffer::SetKind(MemoryKind kind) {
  if (kind == kind_) return;
  memory_account::Add(kind_, -static_cast<int64_t>(charged_));
  memory_account::Add(kind, static_cast<int64_t>(charged_));
  kind_ = kind;
}

bool Buffer::is_slow_to_free() const {
  return capacity_ >= kMappedBytesMin && capacity_ + pool.idle_bytes() > pool.idle_max();
}

Buffer::~Buffer() {
  memory_account::Add(kind_, -static_cast<int64_t>(charged_));
  // A body that never came whole leaves a mapping with holes and without huge pages: not for reuse.
  if (is_head_) {
    munmap(data_, capacity_);
  } else if (capacity_ >= kPooledBytesMin && charged_ == capacity_) {
    pool.Put(data_, capacity_);
  } else {
    DeleteBlock(data_, capacity_);
  }
}

namespace buffer_pool {

size_t CapacityOf(size_t bytes) { return ClassOf(bytes).bytes; }

uint8_t* TakeBlock(size_t bytes, size_t* capacity) {
  if (bytes > kBytesMax || bytes > PhysicalBytes()) return nullptr;
  const SizeClass size_class = ClassOf(bytes);
  bool is_fresh = false;
  *capacity = size_class.bytes;
  return TakeOrMake(size_class, HugePages::kWanted, &is_fresh);
}

void GiveBlock(uint8_t* block, size_t capacity) {
  if (capacity >= kPooledBytesMin) {
    pool.Put(block, capacity);
  } else {
    DeleteBlock(block, capacity);
  }
}

void SetIdleMax(size_t bytes) { pool.SetIdleMax(bytes); }
size_t IdleBytes() { return pool.idle_bytes(); }
void Trim(int64_t older_than_ms) { pool.Trim(older_than_ms); }

}  // namespace buffer_pool

}  // namespace tutti
