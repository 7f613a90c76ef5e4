// Size-classed memory for large buffers (32 KiB and more): a fresh mapping of 16 MiB costs more in
// page faults than the copy, so freed blocks wait here to be used again.
//
// Threads: any. Classes: 8 per doubling. Live blocks are charged to the memory account at the
// capacity of their class; idle blocks are `mem_pool_idle`, at most `idle max`, the oldest given
// back first, all after 10 s and before any OOM.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/memory_account.h"
#include "core/object.h"
#include "core/units.h"

namespace tutti {

// Blocks of this size and more are mappings of their own, smaller ones come from malloc.
inline constexpr size_t kMappedBytesMin = 128 * kKiB;
// Zeros of this size and more are mapped: writing fewer takes less time than that.
inline constexpr size_t kMappedZerosBytesMin = kMiB;
// What a reserved block has room for until it is extended.
inline constexpr size_t kHeadBytes = 64 * kKiB;

// One block. Its bytes are written once, by whoever allocated it, and read-only once shared.
class Buffer : public Object {
 public:
  // Memory of at least `bytes`, 64-byte aligned; contents undefined. Null if it cannot be mapped
  // or would pass `maxmemory`.
  static Ref<Buffer> Allocate(size_t bytes, MemoryKind kind);
  // The same, all zeros. Large ones are mapped anew, which nobody has written to yet: it takes no
  // longer the more there are, and memory only where they are written.
  static Ref<Buffer> Zeros(size_t bytes, MemoryKind kind);
  // As Allocate, but of address space only: mapped without reserve, charged by Charge() as bytes
  // arrive (then at the end rounded up to its class). For bodies that a client merely announced.
  static Ref<Buffer> Reserve(size_t bytes, MemoryKind kind);
  // A mapping of kHeadBytes, reserved likewise, that Extend() makes longer.
  static Ref<Buffer> ReserveHead(MemoryKind kind);
  // Makes a head a block for `bytes`, at least kMappedBytesMin. Its pages are moved, not copied, to
  // another address. False if the whole cannot be mapped.
  bool Extend(size_t bytes);
  // As Reserve, but only if an idle block of the class exists: it costs no new memory.
  static Ref<Buffer> ReserveIdle(size_t bytes, MemoryKind kind);
  // Tells that the first `bytes` are in use. False if that would pass `maxmemory`.
  bool Charge(size_t bytes);
  // Moves the charge to another kind, as when a request's body becomes a tensor.
  void SetKind(MemoryKind kind);

  uint8_t* data() const { return data_; }
  size_t capacity() const { return capacity_; }
  bool is_slow_to_free() const override;

 private:
  template <typename Make>
  static Ref<Buffer> AllocateBy(size_t bytes, MemoryKind kind, const Make& make);
  static Ref<Buffer> Own(uint8_t* data, size_t capacity, MemoryKind kind, size_t charged);
  Buffer(uint8_t* data, size_t capacity, MemoryKind kind, size_t charged)
      : Object(ObjectKind::kBuffer),
        data_(data),
        capacity_(capacity),
        charged_(charged),
        kind_(kind) {}
  ~Buffer() override;

  uint8_t* data_;
  size_t capacity_;
  size_t charged_;
  MemoryKind kind_;
  bool is_head_ = false;         // not extended yet: of no class
  bool is_small_paged_ = false;  // mapped without huge pages until 2 MiB have come
};

namespace buffer_pool {

// Bytes that a request for `bytes` gets: the capacity of its class.
size_t CapacityOf(size_t bytes);
// 512 MiB until it is called.
void SetIdleMax(size_t bytes);
size_t IdleBytes();
// A block for what is no value of ours, counted by nobody; `capacity` is told, for GiveBlock().
// 64-byte aligned. Null: nothing can be mapped.
uint8_t* TakeBlock(size_t bytes, size_t* capacity);
void GiveBlock(uint8_t* block, size_t capacity);
// Gives back blocks idle for longer than `older_than_ms`; 0 gives back all.
void Trim(int64_t older_than_ms);

}  // namespace buffer_pool

}  // namespace tutti
