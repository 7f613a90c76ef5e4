#include "inference/compiler.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <limits>
#include <optional>
#include <utility>

#include "core/memory_account.h"
#include "inference/script_host.h"

namespace tutti {
namespace {

constexpr std::string_view kLibraryPrefix = "tutti_backend_";

std::atomic<int64_t> calls_in_flight{0};

// A runtime's threads may be inside a call when the process exits (SHUTDOWN does not wait for
// runs). Handlers run last registered first: this one, registered after a library was opened, comes
// before the destructors of that library, and ends the process in their place.
void ExitBelowCalls(int status, void*) {
  if (calls_in_flight == 0) return;
  std::fflush(nullptr);
  _exit(status);
}

// What `tutti runtimes install` calls it.
std::string_view RuntimeName(BackendKind kind) {
  switch (kind) {
    case BackendKind::kTensorFlow:
      return "tensorflow";
    case BackendKind::kTfLite:
      return "tflite";
    case BackendKind::kTorch:
      return "torch";
    case BackendKind::kOnnx:
      return "onnx";
  }
  return "";
}

uint32_t ToUint32(int64_t value) {
  if (value <= 0) return 0;
  return value > std::numeric_limits<uint32_t>::max() ? std::numeric_limits<uint32_t>::max()
                                                      : static_cast<uint32_t>(value);
}

tutti_device ToDevice(const Device& device) {
  return {device.type == DeviceType::kCpu ? TUTTI_CPU : TUTTI_CUDA, device.index};
}

std::vector<const char*> ToPointers(const std::vector<std::string>& strings) {
  std::vector<const char*> pointers;
  pointers.reserve(strings.size());
  for (const std::string& string : strings) pointers.push_back(string.c_str());
  return pointers;
}

std::vector<std::string> ToStrings(size_t count, const char* const* names) {
  return {names, names + count};
}

}  // namespace

CompiledModel::CompiledModel(const tutti_backend* backend, tutti_model* handle)
    : backend_(backend),
      handle_(handle),
      charged_bytes_(backend->memory_bytes ? static_cast<int64_t>(backend->memory_bytes(handle))
                                           : 0),
      has_bounded_runs_(backend->has_bounded_runs && backend->has_bounded_runs(handle) != 0) {
  memory_account::Add(MemoryKind::kModels, charged_bytes_);
}

CompiledModel::~CompiledModel() {
  BackendCall call;
  backend_->free_model(handle_);
  memory_account::Add(MemoryKind::kModels, -charged_bytes_);
}

std::vector<std::string> CompiledModel::InputNames() const {
  const char* const* names = nullptr;
  const size_t count = backend_->model_inputs(handle_, &names);
  return ToStrings(count, names);
}

std::optional<std::vector<std::string>> CompiledModel::OutputNames() const {
  const char* const* names = nullptr;
  const size_t count = backend_->model_outputs(handle_, &names);
  // Only a run tells how many tensors a TorchScript list holds.
  if (count == SIZE_MAX) return std::nullopt;
  return ToStrings(count, names);
}

// BACKEND_MEMORY_LIMIT is ONNX Runtime's alone.
Compiler::Compiler(const EngineOptions& options)
    : places_(options.backends),
      log_(options.log),
      execution_timeout_ms_(options.execution_timeout_ms),
      divided_thread_count_(options.intra_op_threads == 0 && options.threads_per_queue == 1
                                ? std::max(1u, ToUint32(options.core_count))
                                : 1),
      memories_{
          RuntimeMemory(0), RuntimeMemory(0), RuntimeMemory(0),
          RuntimeMemory(static_cast<uint64_t>(std::max<int64_t>(options.memory_limit_bytes, 0)))} {
  static_assert(static_cast<int>(BackendKind::kOnnx) == kBackendCount - 1);
  tutti_options shared{};
  shared.intra_op_threads = ToUint32(options.intra_op_threads);
  shared.inter_op_threads = ToUint32(options.inter_op_threads);
  shared.run_threads = ToUint32(options.threads_per_queue);
  shared.execution_timeout_ms = ToUint32(options.execution_timeout_ms);
  shared.memory_limit_bytes =
      options.memory_limit_bytes > 0 ? static_cast<uint64_t>(options.memory_limit_bytes) : 0;
  shared.log = [](void* context, int level, const char* line) {
    static_cast<const Compiler*>(context)->Log(level, line);
  };
  shared.log_context = this;
  shared.host = script_host_table();

  for (int kind = 0; kind < kBackendCount; kind++) {
    const BackendPlace& place = places_[kind];
    if (place.library.empty()) continue;
    shared.memory = memories_[kind].table();
    const std::filesystem::path path = place.library;
    const std::string stem = path.stem();
    assert(stem.starts_with(kLibraryPrefix));
    loader_names_[kind] = stem.substr(kLibraryPrefix.size());
    loaders_[kind] = std::make_unique<BackendLoader>(
        path.parent_path(),
        std::vector<BackendSource>{{loader_names_[kind], place.runtime_folder, place.preload}},
        shared);
  }
}

void Compiler::Log(int level, std::string_view line) const {
  if (log_) {
    log_(level, line);
  } else if (level > TUTTI_LOG_DEBUG) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  }
}

void Compiler::NoteRunTime(BackendKind kind, int64_t run_us) {
  // ONNX Runtime ends them.
  if (kind == BackendKind::kOnnx || execution_timeout_ms_ <= 0) return;
  if (run_us <= execution_timeout_ms_ * 1000) return;
  if (has_told_of_long_run_[static_cast<size_t>(kind)].exchange(true)) return;
  Log(TUTTI_LOG_WARNING, std::string("A run of ") + backend_name(kind) + " took " +
                             std::to_string(run_us / 1000) +
                             " ms: MODEL_EXECUTION_TIMEOUT ends only runs of ONNX (told once)");
}

Result<const tutti_backend*> Compiler::Open(BackendKind kind) {
  if (const tutti_backend* opened = Opened(kind)) return opened;

  const auto index = static_cast<size_t>(kind);
  const BackendPlace& place = places_[index];
  std::string problem;
  if (loaders_[index]) {
    const tutti_backend* table = loaders_[index]->Open(loader_names_[index], &problem);
    if (table) {
      on_exit(ExitBelowCalls, nullptr);
      return table;
    }
    Log(TUTTI_LOG_WARNING,
        std::string("Could not load backend ") + backend_name(kind) + ": " + problem);
  }
  if (place.library.empty() || place.runtime_folder.empty()) {
    problem = "its runtime is not installed, run 'tutti runtimes install " +
              std::string(RuntimeName(kind)) + "'";
  }
  return Status(Code::kFailed,
                std::string("ERR Could not load backend ") + backend_name(kind) + ": " + problem);
}

const tutti_backend* Compiler::Opened(BackendKind kind) const {
  const auto index = static_cast<size_t>(kind);
  return loaders_[index] ? loaders_[index]->Opened(loader_names_[index]) : nullptr;
}

Result<std::shared_ptr<CompiledModel>> Compiler::Compile(const Model& model) {
  Result<const tutti_backend*> opened = Open(model.spec().backend);
  if (!opened.ok()) return opened.status();
  // Compiled, a model takes about the bytes it has: what is too large is refused before the work.
  if (!memory_account::MakeRoom(model.blob_bytes())) return Code::kOutOfMemory;
  auto compiled = Load(*opened.value(), model, 0);
  if (compiled.ok() && !memory_account::MakeRoom(0)) return Code::kOutOfMemory;
  return compiled;
}

Result<std::shared_ptr<CompiledModel>> Compiler::CompileDivided(const Model& model) {
  Result<const tutti_backend*> opened = Open(model.spec().backend);
  if (!opened.ok()) return opened.status();
  if (memory_account::WouldExceed(model.blob_bytes())) return Code::kOutOfMemory;
  auto compiled = Load(*opened.value(), model, divided_thread_count_);
  if (compiled.ok() && memory_account::WouldExceed(0)) return Code::kOutOfMemory;
  return compiled;
}

bool Compiler::MayBeDivided(const Model& model, const tutti_backend& backend) const {
  return divided_thread_count_ > 1 && backend.division != TUTTI_NOT_DIVIDED && divider_ &&
         model.spec().device.type == DeviceType::kCpu;
}

void Compiler::WantDivided(const Model& model) const {
  if (model.ClaimDivided()) divider_(Ref<const Model>::Share(&model));
}

// `thread_count` as of a backend's `load_model`.
Result<std::shared_ptr<CompiledModel>> Compiler::Load(const tutti_backend& backend,
                                                      const Model& model, uint32_t thread_count) {
  const ModelSpec& spec = model.spec();
  std::vector<tutti_bytes> chunks;
  chunks.reserve(spec.blob.size());
  for (const BlobPart& part : spec.blob) {
    chunks.push_back({reinterpret_cast<const char*>(part.buffer->data()), part.bytes});
  }
  // Of other backends the names come from the model itself, and are here only when it was stored.
  const bool names_given = spec.backend == BackendKind::kTensorFlow;
  const std::vector<const char*> inputs =
      names_given ? ToPointers(spec.inputs) : std::vector<const char*>{};
  const std::vector<const char*> outputs =
      names_given ? ToPointers(spec.outputs) : std::vector<const char*>{};

  PrepareThread(backend);
  const ModelMemoryScope memory_scope;
  BackendCall call;
  tutti_model* handle = nullptr;
  char error[TUTTI_ERROR_BYTES];
  error[0] = '\0';
  if (backend.load_model(thread_count, chunks.data(), chunks.size(), ToDevice(spec.device),
                         inputs.data(), inputs.size(), outputs.data(), outputs.size(), &handle,
                         error, sizeof(error)) != 0) {
    return Status(Code::kFailed, error);
  }
  // Its own until the object that frees it is made: that may find no memory.
  std::unique_ptr<tutti_model, void (*)(tutti_model*)> owned(handle, backend.free_model);
  auto compiled = std::make_shared<CompiledModel>(&backend, handle);
  owned.release();
  if (backend.warm_up) backend.warm_up(handle);
  compiled->set_taken_bytes(memory_scope.taken_bytes());
  return compiled;
}

Result<std::shared_ptr<CompiledScript>> Compiler::Compile(const Script& script) {
  const ScriptSpec& spec = script.spec();
  Result<const tutti_backend*> opened = Open(BackendKind::kTorch);
  if (!opened.ok()) return opened.status();
  const tutti_backend& backend = *opened.value();
  assert(backend.load_script);

  PrepareThread(backend);
  const ModelMemoryScope memory_scope;
  BackendCall call;
  tutti_script* handle = nullptr;
  char error[TUTTI_ERROR_BYTES];
  error[0] = '\0';
  if (backend.load_script(spec.source.data(), spec.source.size(), ToDevice(spec.device), &handle,
                          error, sizeof(error)) != 0) {
    return Status(Code::kFailed, error);
  }
  std::unique_ptr<tutti_script, void (*)(tutti_script*)> owned(handle, backend.free_script);
  auto compiled = std::make_shared<CompiledScript>(&backend, handle);
  owned.release();
  for (const std::string& function : spec.entry_points) {
    if (backend.script_check_entry_point(handle, function.c_str(), error, sizeof(error)) != 0) {
      return Status(Code::kFailed, error);
    }
  }
  compiled->set_taken_bytes(memory_scope.taken_bytes());
  return compiled;
}

void PrepareThread(const tutti_backend& backend) {
  thread_local std::array<const tutti_backend*, kBackendCount> prepared{};
  for (const tutti_backend*& entry : prepared) {
    if (entry == &backend) return;
    if (entry) continue;
    entry = &backend;
    if (backend.thread_init) backend.thread_init();
    return;
  }
}

BackendCall::BackendCall() { ++calls_in_flight; }
BackendCall::~BackendCall() { --calls_in_flight; }

}  // namespace tutti
