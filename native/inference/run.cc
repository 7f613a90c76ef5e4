#include "inference/run.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include "core/memory_account.h"
#include "inference/backend_call.h"
#include "inference/batch.h"
#include "inference/run_joins.h"
#include "keyspace/keyspace.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

// How long they are no shape tells.
bool HasStrings(std::span<const tutti_tensor> inputs) {
  return std::ranges::any_of(inputs, [](auto& input) { return input.dtype == TUTTI_STRING; });
}

// As ShortRuns tells them apart. Cut off, and too long for it, if they are many.
class ShapeNumbers {
 public:
  explicit ShapeNumbers(std::span<const tutti_tensor> inputs) {
    for (const tutti_tensor& input : inputs) {
      Add(input.rank);
      for (uint32_t i = 0; i < input.rank; i++) Add(input.dims[i]);
    }
  }
  ShortRuns::Shapes get() const { return std::span(numbers_).first(count_); }

 private:
  void Add(int64_t number) {
    if (count_ < numbers_.size()) numbers_[count_++] = number;
  }
  std::array<int64_t, ShortRuns::kNumbersMax + 1> numbers_;
  size_t count_ = 0;
};

BackendOutputs Run(Compiler& compiler, const ModelRun& run, size_t runs_at_once) {
  return RunModel(compiler, *run.model, ToViews(run.inputs), run.target.output_count, runs_at_once,
                  /*are_outputs_adopted=*/true);
}

BackendOutputs Run(Compiler& compiler, const ScriptRun& run, size_t) {
  return RunScript(compiler, run);
}

// Takes over all of the backend's outputs: those that cannot be kept are released.
Status Adopt(const BackendOutputs& outputs, size_t wanted_count,
             std::vector<Ref<Tensor>>* tensors) {
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

Status CommitMany(const RunTarget& target, const std::vector<Ref<Tensor>>& tensors) {
  std::vector<Change> changes;
  changes.reserve(tensors.size());
  for (size_t i = 0; i < tensors.size(); i++) {
    if (!tensors[i]) continue;
    changes.push_back({.db = target.db,
                       .key = target.output_keys[i],
                       .value = tensors[i],
                       .required_kind = ObjectKind::kTensor});
  }
  if (changes.empty()) return Status::Ok();
  // With an output key named twice the last one wins.
  return Keyspace::Get().CommitAll(changes);
}

Status Commit(const RunTarget& target, const std::vector<Ref<Tensor>>& tensors) {
  Status status;
  if (tensors.size() == 1 && tensors[0]) {
    const SetOptions options = {.required_kind = ObjectKind::kTensor};
    status = Keyspace::Get().Set(target.db, target.output_keys[0], tensors[0], options, nullptr);
  } else {
    status = CommitMany(target, tensors);
  }
  // The estimate may have been too low: others make room for what the outputs take beyond it.
  memory_account::MakeRoom(0);
  return status;
}

// Dim 0 of the first output that has one: the batch (RedisAI 1.2, `samples`).
int64_t SampleCount(const std::vector<Ref<Tensor>>& tensors) {
  for (const Ref<Tensor>& tensor : tensors) {
    if (tensor && !tensor->dims().empty()) return tensor->dims()[0];
  }
  return 1;
}

RunStatistics& StatisticsOf(const QueuedRun& run) {
  if (const auto* of_model = std::get_if<ModelRun>(&run.work)) return of_model->model->statistics;
  return std::get<ScriptRun>(run.work).script->statistics;
}

void Add(std::atomic<int64_t>& counter, int64_t more) {
  counter.fetch_add(more, std::memory_order_relaxed);
}

// How a run has ended, to be told when all of its batch are stored and counted.
struct Ending {
  Status status;
  std::vector<Ref<Tensor>> tensors;  // empty unless status is ok
};

// What one call of the backend is counted as, besides each of its runs.
void CountExecution(RunStatistics& statistics, Clock::time_point begin, Clock::duration compute) {
  Add(statistics.executions, 1);
  Add(statistics.compute_us, Microseconds(compute));
  Add(statistics.copy_us,
      std::max<int64_t>(Microseconds(Clock::now() - begin) - Microseconds(compute), 0));
}

void CountRun(RunStatistics& statistics, Clock::duration queued, Clock::duration compute,
              const Ending& ending) {
  Add(statistics.calls, 1);
  Add(statistics.duration_us, Microseconds(compute));
  Add(statistics.queue_us, Microseconds(queued));
  if (ending.status.ok()) {
    Add(statistics.samples, SampleCount(ending.tensors));
  } else {
    Add(statistics.errors, 1);
  }
}

// Commits the outputs, unless a sink wants them.
void Store(const RunTarget& target, Ending* ending) {
  if (target.joined && !target.sink) target.joined->Close();
  if (ending->status.ok() && !target.sink) ending->status = Commit(target, ending->tensors);
  if (!ending->status.ok()) ending->tensors.clear();
}

// A run that takes longer finds the I/O thread asleep: it is answered by the thread that made it.
constexpr std::chrono::microseconds kAnsweredHereMin{150};

void Tell(const RunTarget& target, Ending ending, bool has_worked_long) {
  if (!ending.status.ok()) return target.Fail(std::move(ending.status));
  if (target.sink) return target.sink->Finish(Status::Ok(), std::move(ending.tensors));
  target.Succeed(has_worked_long);
}

// Takes over what the backend answered: the outputs are stored, or kept for a sink.
Ending EndingOf(const BackendOutputs& outputs, const RunTarget& target) {
  Ending ending;
  ending.tensors.reserve(outputs.count);
  ending.status = Adopt(outputs, target.output_count, &ending.tensors);
  Store(target, &ending);
  return ending;
}

// Makes a run that took so long again, to learn whether those of its shapes are short.
void LearnWhetherShort(Compiler& compiler, const ModelRun& run, Clock::duration taken) {
  const Model& model = *run.model;
  const auto compiled = model.compiled();
  if (!compiled || !compiled->has_bounded_runs()) return;
  const std::vector<tutti_tensor> inputs = ToViews(run.inputs);
  if (HasStrings(inputs)) return;
  ShortRuns::Known* const known = model.short_runs.ClaimTiming(ShapeNumbers(inputs).get());
  if (!known) return;
  Clock::duration best = taken;
  for (int i = 0; i < ShortRuns::kRepeats && best <= ShortRuns::kRepeatedMax; i++) {
    const BackendOutputs outputs =
        RunCompiled(compiler, model, compiled, inputs, run.target.output_count,
                    /*runs_at_once=*/1, /*are_outputs_adopted=*/true);
    ReleaseAll(outputs);
    if (!outputs.status.ok()) return;
    best = std::min(best, outputs.duration);
  }
  known->Learn(best);
}

void ExecuteAlone(Compiler& compiler, const QueuedRun& run, Clock::time_point begin) {
  const BackendOutputs outputs =
      std::visit([&](const auto& work) { return Run(compiler, work, run.runs_at_once); }, run.work);
  Ending ending = EndingOf(outputs, run.target());
  // Before anyone is told: the client that is answered may ask AI.INFO next.
  CountExecution(StatisticsOf(run), begin, outputs.duration);
  CountRun(StatisticsOf(run), begin - run.queued_at, outputs.duration, ending);
  const bool has_worked = ending.status.ok();
  Tell(run.target(), std::move(ending), outputs.duration >= kAnsweredHereMin);
  if (const auto* work = std::get_if<ModelRun>(&run.work); work && has_worked) {
    LearnWhetherShort(compiler, *work, outputs.duration);
  }
}

// One call of the backend for all of `runs`, which fit together. False: there is no memory for all
// of them at once, and nothing was done.
bool ExecuteBatch(Compiler& compiler, const std::vector<const QueuedRun*>& runs,
                  Clock::time_point begin) {
  std::vector<const ModelRun*> works;
  std::vector<int64_t> row_counts;
  for (const QueuedRun* run : runs) {
    works.push_back(&std::get<ModelRun>(run->work));
    row_counts.push_back(run->fit.row_count);
  }
  const Model& model = *works[0]->model;
  const size_t output_count = works[0]->target.output_count;
  std::vector<Ref<Tensor>> inputs = GatherInputs(works);
  if (inputs.empty()) return false;
  const BackendOutputs outputs =
      RunModel(compiler, model, ToViews(inputs), output_count, runs[0]->runs_at_once,
               /*are_outputs_adopted=*/true);
  inputs.clear();
  if (outputs.status.code() == Code::kOutOfMemory) return false;

  std::vector<Ref<Tensor>> tensors;
  Status status = Adopt(outputs, output_count, &tensors);
  std::vector<Ending> endings(runs.size());
  if (status.ok()) {
    auto parts = SplitOutputs(model.spec().backend, tensors, row_counts);
    status = parts.status();
    for (size_t i = 0; status.ok() && i < runs.size(); i++) {
      endings[i].tensors = std::move(parts.value()[i]);
    }
  }
  tensors.clear();
  for (size_t i = 0; i < runs.size(); i++) {
    endings[i].status = status;
    Store(runs[i]->target(), &endings[i]);
    CountRun(model.statistics, begin - runs[i]->queued_at, outputs.duration, endings[i]);
  }
  CountExecution(model.statistics, begin, outputs.duration);
  // All at once: an I/O thread is woken for the first of its clients and finds the others.
  for (size_t i = 0; i < runs.size(); i++) {
    Tell(runs[i]->target(), std::move(endings[i]), /*has_worked_long=*/false);
  }
  return true;
}

// All outputs, or none: those of a run that gave something else too are released.
Status TakeAll(const BackendOutputs& given, std::span<tutti_tensor> outputs) {
  if (!given.status.ok()) return given.status;
  const auto is_tensor = [](const tutti_tensor& output) { return output.release != nullptr; };
  if (given.count == outputs.size() && std::ranges::all_of(given.tensors, is_tensor)) {
    std::ranges::copy(given.tensors, outputs.begin());
    return Status::Ok();
  }
  ReleaseAll(given);
  return Status(Code::kFailed, "ERR Model generated an output that is no tensor");
}

}  // namespace

void ExecuteRuns(Compiler& compiler, std::list<QueuedRun>& runs) {
  const Clock::time_point begin = Clock::now();
  std::vector<const QueuedRun*> taken;
  taken.reserve(runs.size());
  for (const QueuedRun& run : runs) {
    if (run.IsDropped(begin)) {
      run.target().Fail(Code::kTimedOut);
    } else {
      taken.push_back(&run);
    }
  }
  if (taken.size() > 1 && ExecuteBatch(compiler, taken, begin)) return;
  for (const QueuedRun* run : taken) {
    ExecuteAlone(compiler, *run, taken.size() == 1 ? begin : Clock::now());
  }
}

bool GainsBeside(const Compiler& compiler, const QueuedRun& run, size_t runs_at_once) {
  const auto* const work = std::get_if<ModelRun>(&run.work);
  if (!work) return false;  // scripts have effects: they go one after the other
  const Model& model = *work->model;
  const auto compiled = model.compiled();
  if (!compiled || !compiler.MayBeDivided(model, compiled->backend())) return false;
  if (model.gate.FreeCount() != SIZE_MAX) return false;
  size_t input_bytes = 0;
  for (const Ref<Tensor>& input : work->inputs) input_bytes += input->bytes();
  return model.thread_choice.GainsBeside(input_bytes, runs_at_once);
}

std::optional<Status> ExecuteIfShort(Compiler& compiler, const ModelRun& run) {
  const Model& model = *run.model;
  // It waits for others, to make a batch or for its turn.
  if (model.spec().min_batch_size > 1 || model.gate.FreeCount() != SIZE_MAX) return std::nullopt;
  auto compiled = model.compiled();
  if (!compiled || !compiled->has_bounded_runs()) return std::nullopt;
  const std::vector<tutti_tensor> inputs = ToViews(run.inputs);
  if (HasStrings(inputs)) return std::nullopt;
  ShortRuns::Known* const known = model.short_runs.FindShort(ShapeNumbers(inputs).get());
  if (!known) return std::nullopt;

  const Clock::time_point begin = Clock::now();
  const BackendOutputs outputs =
      RunCompiled(compiler, model, std::move(compiled), inputs, run.target.output_count,
                  /*runs_at_once=*/1, /*are_outputs_adopted=*/true);
  Ending ending = EndingOf(outputs, run.target);
  CountExecution(model.statistics, begin, outputs.duration);
  CountRun(model.statistics, Clock::duration::zero(), outputs.duration, ending);
  known->Note(outputs.duration);
  return std::move(ending.status);
}

Status RunHere(Compiler& compiler, const Model& model, std::span<const tutti_tensor> inputs,
               std::span<tutti_tensor> outputs) {
  const Clock::time_point begin = Clock::now();
  const BackendOutputs given = RunModel(compiler, model, inputs, outputs.size(), /*runs_at_once=*/1,
                                        /*are_outputs_adopted=*/false);
  Status status = TakeAll(given, outputs);
  RunStatistics& statistics = model.statistics;
  CountExecution(statistics, begin, given.duration);
  Add(statistics.calls, 1);
  Add(statistics.duration_us, Microseconds(given.duration));
  if (status.ok()) {
    Add(statistics.samples, RowCount(outputs));
  } else {
    Add(statistics.errors, 1);
  }
  return status;
}

}  // namespace tutti
