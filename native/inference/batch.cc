#include "inference/batch.h"

#include <cassert>
#include <numeric>
#include <utility>

namespace tutti {

namespace {

// Dim 0 of all inputs; 0 if they have none in common.
int64_t CommonRowCount(const std::vector<Ref<Tensor>>& inputs) {
  int64_t row_count = 0;
  for (const Ref<Tensor>& input : inputs) {
    if (input->dims().empty()) return 0;
    const int64_t rows = input->dims()[0];
    if (row_count != 0 && rows != row_count) return 0;
    row_count = rows;
  }
  return row_count;
}

Status WrongBatchSize(BackendKind backend) {
  return {Code::kFailed,
          backend == BackendKind::kTensorFlow
              ? "ERR Tensorflow batching error: model did not generate the expected batch size"
              : "ERR Model did not generate the expected batch size"};
}

}  // namespace

BatchFit FindBatchFit(const ModelRun& run) {
  const ModelSpec& spec = run.model->spec();
  if (spec.batch_size <= 1 || spec.backend == BackendKind::kTfLite) return {};
  const int64_t row_count = CommonRowCount(run.inputs);
  if (row_count == 0 || row_count >= spec.batch_size) return {};

  BatchFit fit;
  fit.row_count = row_count;
  fit.shape.push_back(static_cast<int64_t>(run.target.output_count));
  for (const Ref<Tensor>& input : run.inputs) {
    fit.shape.push_back(static_cast<int64_t>(input->dtype()));
    fit.shape.push_back(static_cast<int64_t>(input->dims().size()));
    fit.shape.insert(fit.shape.end(), input->dims().begin() + 1, input->dims().end());
  }
  return fit;
}

std::vector<Ref<Tensor>> GatherInputs(std::span<const ModelRun* const> runs) {
  std::vector<Ref<Tensor>> gathered;
  for (size_t i = 0; i < runs[0]->inputs.size(); i++) {
    std::vector<Ref<Tensor>> parts;
    parts.reserve(runs.size());
    for (const ModelRun* run : runs) parts.push_back(run->inputs[i]);
    Ref<Tensor> all = Tensor::Concatenate(parts);
    if (!all) return {};
    gathered.push_back(std::move(all));
  }
  return gathered;
}

Result<std::vector<std::vector<Ref<Tensor>>>> SplitOutputs(BackendKind backend,
                                                           const std::vector<Ref<Tensor>>& outputs,
                                                           std::span<const int64_t> row_counts) {
  const int64_t all_rows = std::accumulate(row_counts.begin(), row_counts.end(), int64_t{0});
  std::vector<std::vector<Ref<Tensor>>> parts_of_runs(row_counts.size());
  for (const Ref<Tensor>& output : outputs) {
    if (output && (output->dims().empty() || output->dims()[0] != all_rows)) {
      return WrongBatchSize(backend);
    }
    std::vector<Ref<Tensor>> parts(row_counts.size());
    if (output) parts = Tensor::Split(output, row_counts);
    if (parts.empty()) return Code::kOutOfMemory;
    for (size_t i = 0; i < parts.size(); i++) parts_of_runs[i].push_back(std::move(parts[i]));
  }
  return parts_of_runs;
}

}  // namespace tutti
