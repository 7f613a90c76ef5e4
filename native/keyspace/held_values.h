// Values whose key has been evicted and whose memory is not free yet: because a reply, a run or a
// snapshot holds them, or because they take long to free. Until then they are not counted against
// `maxmemory` (memory_account::NotCounted): evicting more would not end it any sooner.
//
// Threads: any; no stripe may be locked.
#pragma once

#include <cstddef>

#include "core/object.h"

namespace tutti::held_values {

// Takes over a value that is worth `bytes`, and frees it as soon as nobody else holds it.
void Release(Ref<Object> value, size_t bytes);

// Frees those that nobody else holds any more, looking at some of them.
void Sweep();

// Values that others hold.
size_t Count();

// Beyond so many bytes that wait for the freeing thread, who evicts frees himself.
inline constexpr size_t kFreeingBytesMax = size_t{256} << 20;

}  // namespace tutti::held_values
