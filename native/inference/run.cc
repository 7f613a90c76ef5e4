#include "inference/run.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "core/memory_account.h"
#include "inference/runtime_memory.h"
#include "keyspace/keyspace.h"
#include "tensor/buffer_pool.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// What the backend answered, to be kept or released.
struct Outputs {
  std::vector<tutti_tensor> tensors;
  size_t count = 0;
  Status status;
  int64_t duration_us = 0;
};

bool IsTooLate(const QueuedRun& run) {
  const RunTarget& target = run.target();
  if (target.timeout_ms == 0) return false;
  const Clock::time_point from = target.clock_from.value_or(run.queued_at);
  const std::chrono::duration<double, std::milli> waited = Clock::now() - from;
  return waited.count() > static_cast<double>(target.timeout_ms);
}

std::vector<tutti_tensor> ToViews(const std::vector<Ref<Tensor>>& tensors) {
  std::vector<tutti_tensor> views;
  views.reserve(tensors.size());
  for (const Ref<Tensor>& tensor : tensors) {
    views.push_back({static_cast<uint32_t>(tensor->dtype()),
                     static_cast<uint32_t>(tensor->dims().size()), tensor->dims().data(),
                     // Borrowed and never written (backend.h).
                     const_cast<uint8_t*>(tensor->data()), tensor->bytes(), nullptr, nullptr});
  }
  return views;
}

std::vector<tutti_bytes> ToViews(const std::vector<std::string>& strings) {
  std::vector<tutti_bytes> views;
  views.reserve(strings.size());
  for (const std::string& string : strings) views.push_back({string.data(), string.size()});
  return views;
}

// The compiled form, made now if the model or script came from a file.
template <typename Compilable>
auto FindCompiled(Compiler& compiler, const Compilable& subject)
    -> Result<decltype(subject.compiled())> {
  if (auto compiled = subject.compiled()) return compiled;
  auto made = compiler.Compile(subject);
  if (made.ok()) subject.set_compiled(made.value());
  return made;
}

// The rows of a run: dim 0 of the first input that has one.
int64_t RowCount(const std::vector<Ref<Tensor>>& inputs) {
  for (const Ref<Tensor>& input : inputs) {
    if (!input->dims().empty()) return input->dims()[0];
  }
  return 1;
}

// What a run may be expected to take, and where it is noted what it took.
struct RunBudget {
  RunMemoryUse& use;
  int64_t row_count;
  uint64_t known_output_bytes;  // 0 if unknown

  // Only an estimate: nobody knows what a runtime takes before it did.
  bool IsAboveLimit() const {
    if (memory_account::Max() == 0) return false;
    const int64_t seen = use.Estimate(row_count);
    const bool is_above =
        memory_account::WouldExceed(seen < 0 ? known_output_bytes : static_cast<size_t>(seen));
    if (is_above) buffer_pool::Trim(0);
    return is_above;
  }
};

// Calls the backend, which takes the arguments and the four that all runs share. kOutOfMemory if
// the run would pass `maxmemory`: then it has not begun.
template <typename Call>
Outputs CallBackend(Compiler& compiler, BackendKind kind, const tutti_backend& backend,
                    const RunBudget& budget, size_t output_capacity, const Call& call_backend) {
  if (budget.IsAboveLimit()) return {{}, 0, Code::kOutOfMemory};
  PrepareThread(backend);
  RunScope memory_scope;
  Outputs outputs;
  outputs.tensors.resize(output_capacity);
  char error[TUTTI_ERROR_BYTES];
  error[0] = '\0';
  BackendCall call;
  const Clock::time_point begin = Clock::now();
  const int failure =
      call_backend(outputs.tensors.data(), output_capacity, &outputs.count, error, sizeof(error));
  outputs.duration_us =
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begin).count();
  compiler.NoteRunTime(kind, outputs.duration_us);
  if (failure != 0) {
    outputs.count = 0;
    outputs.status = Status(Code::kFailed, error);
    return outputs;
  }
  const std::span<const tutti_tensor> given = std::span(outputs.tensors).first(outputs.count);
  memory_scope.HandOver(compiler.memory(kind), given);
  size_t output_bytes = 0;
  for (const tutti_tensor& output : given) output_bytes += output.bytes;
  budget.use.Note(budget.row_count, std::max(output_bytes, memory_scope.peak_bytes()));
  return outputs;
}

Outputs Run(Compiler& compiler, const ModelRun& run) {
  auto compiled = FindCompiled(compiler, *run.model);
  if (!compiled.ok()) return {{}, 0, compiled.status()};
  const tutti_backend& backend = compiled.value()->backend();
  const std::vector<tutti_tensor> inputs = ToViews(run.inputs);
  const BackendKind kind = run.model->spec().backend;
  const int64_t row_count = RowCount(run.inputs);
  const RunBudget budget = {
      run.model->memory_use, row_count,
      backend.output_bytes ? backend.output_bytes(compiled.value()->handle(), row_count) : 0};
  return CallBackend(compiler, kind, backend, budget, run.target.output_count, [&](auto... shared) {
    return backend.run(compiled.value()->handle(), inputs.data(), inputs.size(), shared...);
  });
}

Outputs Run(Compiler& compiler, const ScriptRun& run) {
  auto compiled = FindCompiled(compiler, *run.script);
  if (!compiled.ok()) return {{}, 0, compiled.status()};
  const tutti_backend& backend = compiled.value()->backend();
  const std::vector<tutti_tensor> inputs = ToViews(run.inputs);
  const std::vector<tutti_bytes> keys = ToViews(run.keys);
  const std::vector<tutti_bytes> args = ToViews(run.args);
  const std::vector<std::string>& entry_points = run.script->spec().entry_points;
  const tutti_script_call call = {
      .function = run.function.c_str(),
      .is_entry_point = std::ranges::find(entry_points, run.function) != entry_points.end(),
      .variadic_index = run.variadic_from,
      .inputs = inputs.data(),
      .input_count = inputs.size(),
      .keys = keys.data(),
      .key_count = keys.size(),
      .args = args.data(),
      .arg_count = args.size(),
  };
  const RunBudget budget = {run.script->memory_use, RowCount(run.inputs), 0};
  const auto kind = BackendKind::kTorch;
  return CallBackend(compiler, kind, backend, budget, run.target.output_count, [&](auto... shared) {
    return backend.run_script(compiled.value()->handle(), &call, shared...);
  });
}

// Takes over all of the backend's outputs: those that cannot be kept are released.
Status Adopt(const Outputs& outputs, size_t wanted_count, std::vector<Ref<Tensor>>* tensors) {
  Status status = outputs.status;
  if (status.ok() && outputs.count != wanted_count) {
    status = Status(Code::kFailed, "ERR Model did not generate the expected number of outputs");
  }
  for (const tutti_tensor& output : std::span(outputs.tensors).first(outputs.count)) {
    if (status.ok() && (output.dtype >= kDTypeCount || output.rank > kTensorRankMax)) {
      status = Status(Code::kFailed, "ERR Model generated an output that is no tensor");
    }
    if (!status.ok()) {
      if (output.release) output.release(output.owner);
      continue;
    }
    // No tensor, as a map of an ONNX classifier: its place stays empty.
    if (!output.release) {
      tensors->emplace_back();
      continue;
    }
    // Releases the output itself if it fails.
    auto tensor = Tensor::Adopt(static_cast<DType>(output.dtype), {output.dims, output.rank},
                                output.data, output.bytes, output.owner, output.release);
    if (!tensor) {
      status = Code::kOutOfMemory;
      continue;
    }
    tensors->push_back(std::move(tensor));
  }
  return status;
}

Status Commit(const RunTarget& target, const std::vector<Ref<Tensor>>& tensors) {
  std::vector<Change> changes;
  changes.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); i++) {
    if (!tensors[i]) continue;
    changes.push_back({.db = target.db,
                       .key = target.output_keys[i],
                       .value = tensors[i],
                       .required_kind = ObjectKind::kTensor});
  }
  // With an output key named twice the last one wins.
  return Keyspace::Get().CommitAll(changes);
}

// Dim 0 of the first output that has one: the batch (RedisAI 1.2, `samples`).
int64_t SampleCount(const std::vector<Ref<Tensor>>& tensors) {
  for (const Ref<Tensor>& tensor : tensors) {
    if (tensor && !tensor->dims().empty()) return tensor->dims()[0];
  }
  return 1;
}

void Count(RunStatistics& statistics, int64_t duration_us, int64_t sample_count, bool is_error) {
  statistics.calls.fetch_add(1, std::memory_order_relaxed);
  statistics.duration_us.fetch_add(duration_us, std::memory_order_relaxed);
  if (is_error) {
    statistics.errors.fetch_add(1, std::memory_order_relaxed);
  } else {
    statistics.samples.fetch_add(sample_count, std::memory_order_relaxed);
  }
}

RunStatistics& StatisticsOf(const ModelRun& run) { return run.model->statistics; }
RunStatistics& StatisticsOf(const ScriptRun& run) { return run.script->statistics; }

}  // namespace

void ExecuteRun(Compiler& compiler, QueuedRun& queued) {
  const RunTarget& target = queued.target();
  if (IsTooLate(queued)) return target.Fail(Code::kTimedOut);

  const Outputs outputs =
      std::visit([&](const auto& run) { return Run(compiler, run); }, queued.work);
  std::vector<Ref<Tensor>> tensors;
  tensors.reserve(outputs.count);
  Status status = Adopt(outputs, target.output_count, &tensors);
  if (status.ok() && !target.sink && !tensors.empty()) status = Commit(target, tensors);

  // Before anyone is told: the client that is answered may ask AI.INFO next.
  RunStatistics& statistics =
      std::visit([](const auto& run) -> RunStatistics& { return StatisticsOf(run); }, queued.work);
  Count(statistics, outputs.duration_us, SampleCount(tensors), !status.ok());
  if (!status.ok()) return target.Fail(std::move(status));
  if (target.sink) return target.sink->Finish(Status::Ok(), std::move(tensors));
  target.completion.Done(Code::kOk);
}

}  // namespace tutti
