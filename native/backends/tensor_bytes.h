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

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TENSOR_BYTES_H_
