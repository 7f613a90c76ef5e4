// One call of a backend: with the form of the model that is expected to be the fastest, if there is
// memory for it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "inference/backend.h"
#include "inference/compiler.h"
#include "inference/engine.h"
#include "tensor/tensor.h"

namespace tutti {

// What the backend answered, to be kept or released.
struct BackendOutputs {
  std::vector<tutti_tensor> tensors;
  size_t count = 0;
  Status status;
  std::chrono::steady_clock::duration duration{};
};

void ReleaseAll(const BackendOutputs& outputs);

// Borrowed, as inputs.
std::vector<tutti_tensor> ToViews(const std::vector<Ref<Tensor>>& tensors);

// The rows of a run: dim 0 of the first input that has one.
int64_t RowCount(std::span<const tutti_tensor> inputs);

int64_t Microseconds(std::chrono::steady_clock::duration duration);

// The status is kOutOfMemory if the run would pass `maxmemory`: then it has not begun.
BackendOutputs RunModel(Compiler& compiler, const Model& model,
                        std::span<const tutti_tensor> inputs, size_t output_count,
                        size_t runs_at_once, bool are_outputs_adopted);
// The same of a model whose compiled form is at hand.
BackendOutputs RunCompiled(Compiler& compiler, const Model& model,
                           std::shared_ptr<CompiledModel> compiled,
                           std::span<const tutti_tensor> inputs, size_t output_count,
                           size_t runs_at_once, bool are_outputs_adopted);
BackendOutputs RunScript(Compiler& compiler, const ScriptRun& run);

}  // namespace tutti
