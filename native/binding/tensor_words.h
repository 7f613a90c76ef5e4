// From the words of AI.TENSORSET to a tensor.
#pragma once

#include <cstdint>
#include <functional>

#include "binding/thread_state.h"
#include "core/status.h"
#include "tensor/tensor.h"

namespace tutti {

// Where the elements of a tensor come from: `tensorSources` of lib/engine/addon.ts.
enum class TensorSource : int32_t { kZeros = 0, kBlob = 1, kValues = 2 };

// The words after the key.
struct TensorWords {
  DType dtype;
  int32_t first_dim, dim_count;
  TensorSource source;
  int32_t first_data, data_count;
};

// A blob that came in memory of its own is taken over, not copied. Fails as AI.TENSORSET does.
Result<Ref<Tensor>> MakeTensor(ThreadState& thread, const TensorWords& words);

using TensorMaker = std::function<Result<Ref<Tensor>>()>;

// What makes the tensor later, once, on any thread: it keeps the words of its elements. Fails at
// once as MakeTensor does where the dims are wrong. Empty: the words lie where they do not stay.
Result<TensorMaker> MakeTensorLater(const ThreadState& thread, const TensorWords& words);

}  // namespace tutti
