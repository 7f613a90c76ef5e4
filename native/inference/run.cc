#include "inference/run.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <utility>

#include "core/memory_account.h"
#include "inference/batch.h"
#include "inference/run_joins.h"
#include "inference/runtime_memory.h"
#include "inference/script_host.h"
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
  Clock::duration duration{};
};

int64_t Microseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
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

// The rows of a run: dim 0 of the first input that has one.
int64_t RowCount(std::span<const tutti_tensor> inputs) {
  for (const tutti_tensor& input : inputs) {
    if (input.rank > 0) return input.dims[0];
  }
  return 1;
}

// What a run may be expected to take, and where it is noted what it took.
struct RunBudget {
  RunMemoryUse& use;
  int64_t row_count;
  uint64_t known_output_bytes;      // 0 if unknown
  bool are_outputs_adopted = true;  // as tensors, which count themselves

  // Only an estimate: nobody knows what a runtime takes before it did.
  bool IsAboveLimit() const {
    if (memory_account::Max() == 0) return false;
    const int64_t seen = use.Estimate(row_count);
    const bool is_above =
        !memory_account::MakeRoom(seen < 0 ? known_output_bytes : static_cast<size_t>(seen));
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
  outputs.duration = Clock::now() - begin;
  compiler.NoteRunTime(kind, Microseconds(outputs.duration));
  if (failure != 0) {
    outputs.count = 0;
    outputs.status = Status(Code::kFailed, error);
    return outputs;
  }
  const std::span<const tutti_tensor> given = std::span(outputs.tensors).first(outputs.count);
  if (budget.are_outputs_adopted) memory_scope.HandOver(given);
  size_t output_bytes = 0;
  for (const tutti_tensor& output : given) output_bytes += output.bytes;
  budget.use.Note(budget.row_count, std::max(output_bytes, memory_scope.peak_bytes()));
  return outputs;
}

size_t BytesOf(std::span<const tutti_tensor> tensors) {
  size_t bytes = 0;
  for (const tutti_tensor& tensor : tensors) bytes += tensor.bytes;
  return bytes;
}

// The form of a model that is to do a run, and how to tell which one it was.
struct ChosenForm {
  std::shared_ptr<CompiledModel> form;
  uint32_t thread_count = 0;  // for its run; 0: as it was loaded
  ThreadChoice::Way way = ThreadChoice::Way::kOneThread;
  bool is_noted = false;  // whether the run's time is to be noted
};

ChosenForm ChooseForm(const Compiler& compiler, const Model& model,
                      std::shared_ptr<CompiledModel> compiled, size_t input_bytes,
                      size_t runs_at_once) {
  using Way = ThreadChoice::Way;
  ChosenForm chosen{std::move(compiled)};
  const tutti_backend& backend = chosen.form->backend();
  if (!compiler.MayBeDivided(model, backend)) return chosen;
  const ThreadChoice& choice = model.thread_choice;
  const bool is_by_run = backend.division == TUTTI_DIVIDED_BY_RUN;
  chosen.is_noted = true;
  chosen.way = is_by_run ? choice.Choose(input_bytes, compiler.divided_thread_count())
                         : choice.ChooseWhereDividedIsDear(input_bytes);
  if (choice.GainsBeside(input_bytes, runs_at_once)) chosen.way = Way::kOneThread;
  if (is_by_run) {
    chosen.thread_count = chosen.way == Way::kOneThread ? 1 : 0;
  } else if (chosen.way == Way::kAllThreads) {
    if (auto divided = model.divided()) {
      chosen.form = std::move(divided);
    } else {
      compiler.WantDivided(model);
      chosen.way = Way::kOneThread;
    }
  }
  return chosen;
}

Outputs RunCompiled(Compiler& compiler, const Model& model, std::shared_ptr<CompiledModel> compiled,
                    std::span<const tutti_tensor> inputs, size_t output_count, size_t runs_at_once,
                    bool are_outputs_adopted) {
  // Of others it is known before they are queued.
  if (!model.spec().has_names()) {
    if (Status status = model.CheckArity(inputs.size(), output_count); !status.ok()) {
      return {{}, 0, std::move(status)};
    }
  }
  const tutti_backend& backend = compiled->backend();
  const BackendKind kind = model.spec().backend;
  const size_t input_bytes = BytesOf(inputs);
  const ChosenForm chosen =
      ChooseForm(compiler, model, std::move(compiled), input_bytes, runs_at_once);
  tutti_model* const handle = chosen.form->handle();
  const int64_t row_count = RowCount(inputs);
  const RunBudget budget = {model.memory_use, row_count,
                            backend.output_bytes ? backend.output_bytes(handle, row_count) : 0,
                            are_outputs_adopted};
  Outputs outputs = CallBackend(compiler, kind, backend, budget, output_count, [&](auto... shared) {
    return backend.run(handle, chosen.thread_count, inputs.data(), inputs.size(), shared...);
  });
  if (chosen.is_noted && outputs.status.ok()) {
    model.thread_choice.Note(input_bytes, chosen.way, outputs.duration);
  }
  return outputs;
}

Outputs RunModel(Compiler& compiler, const Model& model, std::span<const tutti_tensor> inputs,
                 size_t output_count, size_t runs_at_once, bool are_outputs_adopted) {
  auto compiled = FindCompiled(compiler, model);
  if (!compiled.ok()) return {{}, 0, compiled.status()};
  return RunCompiled(compiler, model, std::move(compiled).value(), inputs, output_count,
                     runs_at_once, are_outputs_adopted);
}

Outputs Run(Compiler& compiler, const ModelRun& run, size_t runs_at_once) {
  return RunModel(compiler, *run.model, ToViews(run.inputs), run.target.output_count, runs_at_once,
                  /*are_outputs_adopted=*/true);
}

Outputs Run(Compiler& compiler, const ScriptRun& run, size_t) {
  auto compiled = FindCompiled(compiler, *run.script);
  if (!compiled.ok()) return {{}, 0, compiled.status()};
  const tutti_backend& backend = compiled.value()->backend();
  const std::vector<tutti_tensor> inputs = ToViews(run.inputs);
  const std::vector<tutti_bytes> keys = ToViews(run.keys);
  const std::vector<tutti_bytes> args = ToViews(run.args);
  const std::vector<std::string>& entry_points = run.script->spec().entry_points;
  ScriptCaller caller{compiler, run.target.db, run.user};
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
      .caller = &caller,
  };
  const RunBudget budget = {run.script->memory_use, RowCount(inputs), 0};
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
Ending EndingOf(const Outputs& outputs, const RunTarget& target) {
  Ending ending;
  ending.tensors.reserve(outputs.count);
  ending.status = Adopt(outputs, target.output_count, &ending.tensors);
  Store(target, &ending);
  return ending;
}

void ReleaseAll(const Outputs& outputs) {
  for (const tutti_tensor& output : std::span(outputs.tensors).first(outputs.count)) {
    if (output.release) output.release(output.owner);
  }
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
    const Outputs outputs = RunCompiled(compiler, model, compiled, inputs, run.target.output_count,
                                        /*runs_at_once=*/1, /*are_outputs_adopted=*/true);
    ReleaseAll(outputs);
    if (!outputs.status.ok()) return;
    best = std::min(best, outputs.duration);
  }
  ShortRuns::Learn(*known, best);
}

void ExecuteAlone(Compiler& compiler, const QueuedRun& run, Clock::time_point begin) {
  const Outputs outputs =
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
  const Outputs outputs =
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
Status TakeAll(const Outputs& given, std::span<tutti_tensor> outputs) {
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
  const Outputs outputs =
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
  const Outputs given = RunModel(compiler, model, inputs, outputs.size(), /*runs_at_once=*/1,
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
