// LibTorch's host memory, taken from the server.
#ifndef TUTTI_BACKENDS_TORCH_MEMORY_H_
#define TUTTI_BACKENDS_TORCH_MEMORY_H_

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <new>

#include "../../inference/backend.h"

namespace tutti {

// Set once, before anything is allocated by it.
inline const tutti_memory* server_memory = nullptr;

class ServerAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* block = nullptr;
    if (bytes > 0) {
      block = server_memory->allocate(server_memory->context, bytes);
      if (block == nullptr) throw std::bad_alloc();
    }
    return {block, block, Release, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return Release; }
  void copy_data(void* to, const void* from, size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }

 private:
  static void Release(void* block) { server_memory->release(server_memory->context, block); }
};

// For the life of the process; null leaves torch its own.
inline void TakeMemoryFrom(const tutti_memory* memory) {
  if (memory == nullptr) return;
  server_memory = memory;
  static ServerAllocator& allocator = *new ServerAllocator;
  // Above any that torch registers by itself, which are of priority 0.
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_MEMORY_H_
