// `used_memory`: live blocks at the capacity of their class, and the limit `maxmemory`.
//
// Threads: any. Each thread adds to a counter of its own; used() adds them up (a few dozen loads).
#pragma once

#include <cstddef>
#include <cstdint>

namespace tutti {

enum class MemoryKind : uint8_t {
  kKeys,      // key entries, index nodes, containers and small strings
  kTensors,   // tensors and large strings
  kModels,    // blobs and compiled forms
  kRuntimes,  // what runs have taken, where the runtime lets us count
  kRequests,  // request blocks and bodies on their way in
  kReplies,   // replies not yet sent
  kCount,
};

namespace memory_account {

void Add(MemoryKind kind, int64_t bytes);
size_t Used();
size_t Used(MemoryKind kind);
size_t Peak();  // highest value seen by Used() and by SamplePeak()
void SamplePeak();

void SetMax(size_t bytes);  // 0: no limit
size_t Max();
// Bytes that are used and yet not counted against the limit: what has been evicted and is being
// freed, or is still read by somebody.
void AddNotCounted(int64_t bytes);
size_t NotCounted();
// True if `more` bytes on top of what is counted pass the limit. Costs one load without a limit.
bool WouldExceed(size_t more);
// The same of a limit that is `slack` bytes higher.
bool WouldExceedBy(size_t more, size_t slack);

// Called where `more` bytes would pass the limit: frees some, and answers whether they fit now.
using Reclaim = bool (*)(size_t more);
// Null: nothing is ever given up for new things.
void SetReclaim(Reclaim reclaim);
// False if `more` bytes do not fit, also after what may be given up has been.
bool MakeRoom(size_t more);
// False if they would not fit even so. Frees nothing.
bool MayFit(size_t more);

}  // namespace memory_account

// malloc and free whose blocks are counted at what they really take (malloc_usable_size).
void* AccountedAlloc(size_t bytes, MemoryKind kind);
void AccountedFree(void* block, MemoryKind kind);

}  // namespace tutti
