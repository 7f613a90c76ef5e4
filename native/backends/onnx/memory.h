// The runtime's memory, taken from the server and counted there.
#ifndef TUTTI_BACKENDS_ONNX_MEMORY_H_
#define TUTTI_BACKENDS_ONNX_MEMORY_H_

#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime.h"

namespace tutti::onnx {

[[noreturn]] inline void ThrowNoMemory() {
  if (runtime.memory_limit_bytes == 0) throw std::bad_alloc();
  throw std::runtime_error("Onnxruntime memory limit exceeded, memory allocation failed.");
}

// Throws as the runtime's own allocators do: it turns what is thrown into the status of a call.
inline void* TakeMemory(ort::Allocator*, size_t bytes) {
  if (bytes == 0) return nullptr;
  if (void* block = runtime.memory->allocate(runtime.memory->context, bytes)) return block;
  ThrowNoMemory();
}

// The weights, which are nearly all of a model, stay where the runtime has unpacked them.
inline void ReserveWeights(uint64_t bytes, uint64_t* reserved_bytes) {
  if (runtime.memory == nullptr) return;
  if (runtime.memory->reserve(runtime.memory->context, static_cast<int64_t>(bytes)) != 0) {
    ThrowNoMemory();
  }
  *reserved_bytes = bytes;
}

inline void ReleaseMemory(ort::Allocator*, void* block) {
  runtime.memory->release(runtime.memory->context, block);
}

// In the place of an arena for each session, which would keep what its largest run has needed.
inline ort::Allocator server_allocator = {
    ort::kApiVersion, TakeMemory, ReleaseMemory,
    [](const ort::Allocator*) -> const ort::MemoryInfo* { return runtime.cpu; }};

// The chunks as one piece, which the runtime wants: copied if there are several.
class WholeBlob {
 public:
  WholeBlob(const tutti_bytes* chunks, size_t chunk_count) {
    for (size_t i = 0; i < chunk_count; i++) byte_count_ += chunks[i].bytes;
    // It would take the size for a negative number; its format, protobuf, has the same limit.
    constexpr uint64_t kBytesMax = (uint64_t{1} << 31) - 1;
    if (byte_count_ > kBytesMax) {
      throw Failure{"ERR the ONNX model has " + std::to_string(byte_count_) +
                    " bytes, protobuf allows " + std::to_string(kBytesMax)};
    }
    if (chunk_count == 1) {
      data_ = chunks[0].data;
      return;
    }
    if (runtime.memory == nullptr) {
      own_ = std::make_unique<char[]>(byte_count_);
      data_ = own_.get();
    } else {
      counted_ = static_cast<char*>(TakeMemory(nullptr, byte_count_));
      data_ = counted_;
    }
    char* to = const_cast<char*>(data_);
    for (size_t i = 0; i < chunk_count; i++) {
      if (chunks[i].bytes > 0) std::memcpy(to, chunks[i].data, chunks[i].bytes);
      to += chunks[i].bytes;
    }
  }
  WholeBlob(const WholeBlob&) = delete;
  WholeBlob& operator=(const WholeBlob&) = delete;
  ~WholeBlob() {
    if (counted_ != nullptr) ReleaseMemory(nullptr, counted_);
  }

  std::string_view bytes() const { return {data_, byte_count_}; }

 private:
  const char* data_ = nullptr;
  uint64_t byte_count_ = 0;
  char* counted_ = nullptr;  // the server's memory
  std::unique_ptr<char[]> own_;
};

}  // namespace tutti::onnx

#endif  // TUTTI_BACKENDS_ONNX_MEMORY_H_
