#include "inference/backend_call.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/memory_account.h"
#include "inference/runtime_memory.h"
#include "inference/script_host.h"
#include "tensor/buffer_pool.h"

namespace tutti {
namespace {

using Clock = std::chrono::steady_clock;

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
BackendOutputs CallBackend(Compiler& compiler, BackendKind kind, const tutti_backend& backend,
                           const RunBudget& budget, size_t output_capacity,
                           const Call& call_backend) {
  if (budget.IsAboveLimit()) return {{}, 0, Code::kOutOfMemory};
  PrepareThread(backend);
  RunScope memory_scope;
  BackendOutputs outputs;
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

}  // namespace

void ReleaseAll(const BackendOutputs& outputs) {
  for (const tutti_tensor& output : std::span(outputs.tensors).first(outputs.count)) {
    if (output.release) output.release(output.owner);
  }
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

int64_t RowCount(std::span<const tutti_tensor> inputs) {
  for (const tutti_tensor& input : inputs) {
    if (input.rank > 0) return input.dims[0];
  }
  return 1;
}

int64_t Microseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
}

BackendOutputs RunCompiled(Compiler& compiler, const Model& model,
                           std::shared_ptr<CompiledModel> compiled,
                           std::span<const tutti_tensor> inputs, size_t output_count,
                           size_t runs_at_once, bool are_outputs_adopted) {
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
  BackendOutputs outputs =
      CallBackend(compiler, kind, backend, budget, output_count, [&](auto... shared) {
        return backend.run(handle, chosen.thread_count, inputs.data(), inputs.size(), shared...);
      });
  if (chosen.is_noted && outputs.status.ok()) {
    model.thread_choice.Note(input_bytes, chosen.way, outputs.duration);
  }
  return outputs;
}

BackendOutputs RunModel(Compiler& compiler, const Model& model,
                        std::span<const tutti_tensor> inputs, size_t output_count,
                        size_t runs_at_once, bool are_outputs_adopted) {
  auto compiled = FindCompiled(compiler, model);
  if (!compiled.ok()) return {{}, 0, compiled.status()};
  return RunCompiled(compiler, model, std::move(compiled).value(), inputs, output_count,
                     runs_at_once, are_outputs_adopted);
}

BackendOutputs RunScript(Compiler& compiler, const ScriptRun& run) {
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

}  // namespace tutti
