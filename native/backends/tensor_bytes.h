// What several backends need of the tensors of the backend table.
#ifndef TUTTI_BACKENDS_TENSOR_BYTES_H_
#define TUTTI_BACKENDS_TENSOR_BYTES_H_

#include <cstddef>
#include <cstdint>

#include "../inference/backend.h"

namespace tutti {

// By dtype; 0 for STRING, whose elements differ.
constexpr uint64_t kElementBytes[] = {4, 8, 1, 2, 4, 8, 1, 2, 1, 0};
constexpr uint32_t kDtypeCount = 10;

// Whether `data` lies in one of the inputs, which are only borrowed: then an output must copy it.
inline bool PointsInto(const void* data, const tutti_tensor* inputs, size_t input_count) {
  const auto address = reinterpret_cast<uintptr_t>(data);
  for (size_t i = 0; i < input_count; i++) {
    const auto begin = reinterpret_cast<uintptr_t>(inputs[i].data);
    if (address >= begin && address < begin + inputs[i].bytes) return true;
  }
  return false;
}

// Adds to `bytes` those of a tensor of these dims, where below 0 is a free one: only the first may
// be, and is then `row_count`. Adds none if they cannot be known; UINT64_MAX is too many to count.
template <typename Dims>
void AddKnownBytes(uint32_t dtype, const Dims& dims, int64_t row_count, uint64_t* bytes) {
  uint64_t of_tensor = kElementBytes[dtype];
  bool is_first = true;
  for (const int64_t dim : dims) {
    const int64_t known = dim < 0 && is_first ? row_count : dim;
    if (known < 0) return;
    if (__builtin_mul_overflow(of_tensor, static_cast<uint64_t>(known), &of_tensor)) {
      of_tensor = UINT64_MAX;
    }
    is_first = false;
  }
  if (__builtin_add_overflow(*bytes, of_tensor, bytes)) *bytes = UINT64_MAX;
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TENSOR_BYTES_H_
