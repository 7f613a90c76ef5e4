// Which runs may be one batch, and how their tensors become one and parts again (compat.md 1.7).
//
// Threads: any.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "inference/engine.h"
#include "tensor/tensor.h"

namespace tutti {

// How a run can be put together with others of its model.
struct BatchFit {
  // Equal for runs that may be one batch: dtypes, ranks and dims but dim 0 of the inputs, and how
  // many outputs are wanted. Empty: the run goes alone.
  std::vector<int64_t> shape;
  int64_t row_count = 0;  // dim 0 of all its inputs; 0 if it goes alone
};

// Runs go alone if their model has no BATCHSIZE or its backend no batches (TFLITE), if an input is
// a scalar or has another dim 0 than the first, and if they fill a batch by themselves.
BatchFit FindBatchFit(const ModelRun& run);

// The inputs of all runs, put together along dim 0. Empty: out of memory.
std::vector<Ref<Tensor>> GatherInputs(std::span<const ModelRun* const> runs);

// Parts of `outputs` for each run, in their order, which share the outputs' memory; an output that
// is null is so for each run. kFailed if an output has not as many rows as all runs together.
Result<std::vector<std::vector<Ref<Tensor>>>> SplitOutputs(BackendKind backend,
                                                           const std::vector<Ref<Tensor>>& outputs,
                                                           std::span<const int64_t> row_counts);

}  // namespace tutti
