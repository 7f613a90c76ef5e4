#include "inference/engine.h"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <utility>

#include "inference/compiler.h"
#include "inference/model_loader.h"
#include "inference/run.h"
#include "inference/run_joins.h"
#include "inference/run_queue.h"
#include "inference/script_host.h"

namespace tutti {
namespace {

// A client may name any of 200,000 devices: `CPU:7` is the CPU too, with threads of its own.
constexpr size_t kQueueCountMax = 64;

}  // namespace

void RunTarget::Fail(Status status) const {
  assert(!status.ok());
  if (sink) return sink->Finish(std::move(status), {});
  Tell(status.code(), status.message());
}

void RunTarget::Succeed(bool has_worked_long) const {
  assert(!sink);
  if (!has_worked_long) return Tell(Code::kOk, {});
  if (joined) return joined->TellAfterLongWork();
  completion.DoneAfterLongWork();
}

void RunTarget::Tell(Code code, const std::string& text) const {
  if (joined) return joined->Tell(code, text);
  completion.Done(code, text);
}

struct Engine::State {
  EngineOptions options;
  Compiler* compiler = nullptr;   // null until configured
  ModelLoader* loader = nullptr;  // likewise
  RunJoins joins;
  std::shared_mutex mutex;          // guards everything below
  std::vector<RunQueue*> queues;    // in the order they were made; none is ever removed
  std::atomic<bool> closed{false};  // written under the lock

  RunQueue* FindQueue(std::string_view name) {
    std::shared_lock lock(mutex);
    for (RunQueue* queue : queues) {
      if (queue->name() == name) return queue;
    }
    return nullptr;
  }

  Result<RunQueue*> MakeQueue(const std::string& name) {
    if (RunQueue* queue = FindQueue(name)) return queue;
    std::lock_guard lock(mutex);
    for (RunQueue* queue : queues) {  // another thread may have been faster
      if (queue->name() == name) return queue;
    }
    if (queues.size() >= kQueueCountMax) {
      return Status(Code::kFailed, "ERR Could not initialize queue on requested device");
    }
    const bool is_cpu = name.starts_with("CPU");
    auto* queue = new RunQueue(
        name, [this](std::list<QueuedRun>& runs) { ExecuteRuns(*compiler, runs); },
        {.min_batch_wait_max = std::chrono::milliseconds(options.min_batch_wait_ms_max),
         .side_thread_max = is_cpu ? static_cast<int>(compiler->divided_thread_count()) - 1 : 0,
         .gains_beside = [this](const QueuedRun& run, size_t runs_at_once) {
           return GainsBeside(*compiler, run, runs_at_once);
         }});
    if (Status status = queue->Start(options.threads_per_queue); !status.ok()) return status;
    if (closed) queue->Close();
    queues.push_back(queue);
    return queue;
  }

  void Push(const Device& device, std::variant<ModelRun, ScriptRun> run) {
    assert(compiler);
    if (joins.Join(run)) return;
    QueuedRun queued(std::move(run));
    Result<RunQueue*> queue = MakeQueue(device.QueueName());
    if (queue.ok()) return queue.value()->Push(std::move(queued));
    queued.target().Fail(queue.status());
  }
};

Engine& Engine::Get() {
  static Engine* engine = new Engine;
  return *engine;
}

Engine::Engine() : state_(new State) {}

void Engine::Configure(EngineOptions options) {
  assert(!state_->compiler && options.threads_per_queue >= 1);
  state_->compiler = new Compiler(options);
  state_->options = std::move(options);
  state_->loader = new ModelLoader(state_->compiler, [state = state_](const Device& device) {
    return state->MakeQueue(device.QueueName()).status();
  });
  state_->compiler->set_divider([loader = state_->loader](Ref<const Model> model) {
    try {
      loader->Divide(std::move(model));
    } catch (const std::bad_alloc&) {
      // Its runs go on in one thread.
    }
  });
  // A process that cannot start its first thread has other worries; a run would be told.
  (void)state_->MakeQueue("CPU");
}

void Engine::StoreModel(int db, std::string key, ModelSpec spec, Completion completion) {
  state_->loader->StoreModel(db, std::move(key), std::move(spec), std::move(completion));
}

void Engine::StoreScript(int db, std::string key, ScriptSpec spec, Completion completion) {
  state_->loader->StoreScript(db, std::move(key), std::move(spec), std::move(completion));
}

Ref<Model> Engine::PrepareModel(ModelSpec spec, Completion completion) {
  return state_->loader->PrepareModel(std::move(spec), std::move(completion));
}

Ref<Script> Engine::PrepareScript(ScriptSpec spec, Completion completion) {
  return state_->loader->PrepareScript(std::move(spec), std::move(completion));
}

Status Engine::CommitPrepared(int db, std::string_view key, Ref<Object> prepared) {
  return CommitLoaded(db, key, std::move(prepared));
}

void Engine::LoadBackend(BackendKind kind, Completion completion) {
  state_->loader->LoadBackend(kind, std::move(completion));
}

bool Engine::Join(JoinRequest request, std::shared_ptr<JoinedRun>* joined) {
  return state_->joins.Join(std::move(request), joined);
}

std::optional<Status> Engine::RunIfShort(ModelRun& run) {
  if (!state_->compiler || state_->closed) return std::nullopt;
  run.target.output_count = run.target.output_keys.size();
  return ExecuteIfShort(*state_->compiler, run);
}

void Engine::Enqueue(ModelRun run) {
  if (!run.target.sink) run.target.output_count = run.target.output_keys.size();
  const Ref<Model> model = run.model;  // `run` is moved while the device is read
  state_->Push(model->spec().device, std::move(run));
}

void Engine::Enqueue(ScriptRun run) {
  if (!run.target.sink) run.target.output_count = run.target.output_keys.size();
  const Ref<Script> script = run.script;
  state_->Push(script->spec().device, std::move(run));
}

std::vector<std::string> Engine::QueueNames() {
  std::shared_lock lock(state_->mutex);
  std::vector<std::string> names;
  for (const RunQueue* queue : state_->queues) names.push_back(queue->name());
  return names;
}

std::string Engine::BackendVersion(BackendKind kind) {
  const tutti_backend* backend = state_->compiler ? state_->compiler->Opened(kind) : nullptr;
  return backend ? backend->version : "";
}

bool Engine::IsLoaded(BackendKind kind) {
  return state_->compiler && state_->compiler->Opened(kind) != nullptr;
}

Engine::MemoryUse Engine::BackendMemory(BackendKind kind) {
  if (!state_->compiler) return {};
  const RuntimeMemory& memory = state_->compiler->memory(kind);
  return {memory.used_bytes(), memory.access_count()};
}

std::vector<double> Engine::QueueThreadCpuSeconds(std::string_view name) {
  RunQueue* queue = state_->FindQueue(name);
  return queue ? queue->ThreadCpuSeconds() : std::vector<double>{};
}

void Engine::Shutdown() {
  if (!state_->compiler) return;
  state_->loader->Close();
  ScriptHost::Get().Close();
  std::lock_guard lock(state_->mutex);
  state_->closed = true;
  for (RunQueue* queue : state_->queues) queue->Close();
}

void Engine::Resume() {
  if (!state_->compiler) return;
  std::lock_guard lock(state_->mutex);
  state_->closed = false;
  for (RunQueue* queue : state_->queues) queue->Open();
  state_->loader->Open();
  ScriptHost::Get().Reopen();
}

}  // namespace tutti
