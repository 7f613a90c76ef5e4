// Opens backends and compiles models and scripts with them.
//
// Threads: any. Compiling takes milliseconds to seconds, and opening a backend up to a second, on
// the calling thread: the loader's, or a run's for models that come from a file.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "inference/backend.h"
#include "inference/backend_loader.h"
#include "inference/engine.h"
#include "inference/model.h"
#include "inference/runtime_memory.h"

namespace tutti {

// A backend's handle of a model, freed with the last reference; the library stays for ever.
class CompiledModel {
 public:
  CompiledModel(const tutti_backend* backend, tutti_model* handle);
  ~CompiledModel();
  CompiledModel(const CompiledModel&) = delete;
  CompiledModel& operator=(const CompiledModel&) = delete;

  const tutti_backend& backend() const { return *backend_; }
  tutti_model* handle() const { return handle_; }
  bool has_bounded_runs() const { return has_bounded_runs_; }  // backend.h
  // What it counts in the memory account.
  size_t charged_bytes() const { return static_cast<size_t>(charged_bytes_) + taken_bytes_; }
  // What its runtime took from the server to make it; before anybody else sees it.
  void set_taken_bytes(size_t bytes) { taken_bytes_ = bytes; }
  std::vector<std::string> InputNames() const;
  // Nothing if only a run tells how many there are.
  std::optional<std::vector<std::string>> OutputNames() const;

 private:
  const tutti_backend* const backend_;
  tutti_model* const handle_;
  const int64_t charged_bytes_;  // to the memory account
  const bool has_bounded_runs_;
  size_t taken_bytes_ = 0;
};

class CompiledScript {
 public:
  CompiledScript(const tutti_backend* backend, tutti_script* handle)
      : backend_(backend), handle_(handle) {}
  ~CompiledScript() { backend_->free_script(handle_); }
  CompiledScript(const CompiledScript&) = delete;
  CompiledScript& operator=(const CompiledScript&) = delete;

  const tutti_backend& backend() const { return *backend_; }
  tutti_script* handle() const { return handle_; }
  size_t charged_bytes() const { return taken_bytes_; }
  void set_taken_bytes(size_t bytes) { taken_bytes_ = bytes; }

 private:
  const tutti_backend* const backend_;
  tutti_script* const handle_;
  size_t taken_bytes_ = 0;
};

class Compiler {
 public:
  explicit Compiler(const EngineOptions& options);
  Compiler(const Compiler&) = delete;
  Compiler& operator=(const Compiler&) = delete;

  // kFailed with the sentence that the client reads, which says what to install.
  Result<const tutti_backend*> Open(BackendKind kind);
  // Null if it has not been opened; waits for nothing.
  const tutti_backend* Opened(BackendKind kind) const;

  // Parses and warms up; kFailed with the backend's text, or kOutOfMemory.
  Result<std::shared_ptr<CompiledModel>> Compile(const Model& model);
  // The form whose runs are divided over all cores. Nothing is evicted for it: kOutOfMemory.
  Result<std::shared_ptr<CompiledModel>> CompileDivided(const Model& model);
  // Whether the server says over how many threads the model's runs are divided: if nobody else has,
  // and runs of one device come one at a time.
  bool MayBeDivided(const Model& model, const tutti_backend& backend) const;
  uint32_t divided_thread_count() const { return divided_thread_count_; }
  // Has it made, once, by who was named to `set_divider`; returns at once.
  void WantDivided(const Model& model) const;
  void set_divider(std::function<void(Ref<const Model>)> divider) { divider_ = std::move(divider); }
  // The same, with a look at the entry points.
  Result<std::shared_ptr<CompiledScript>> Compile(const Script& script);

  void Log(int level, std::string_view line) const;

  // Tells, once for each backend, of a run beyond MODEL_EXECUTION_TIMEOUT that nobody could end.
  void NoteRunTime(BackendKind kind, int64_t run_us);

  // What its runtime has taken.
  RuntimeMemory& memory(BackendKind kind) { return memories_[static_cast<size_t>(kind)]; }

 private:
  Result<std::shared_ptr<CompiledModel>> Load(const tutti_backend& backend, const Model& model,
                                              uint32_t thread_count);

  std::array<BackendPlace, kBackendCount> places_;
  std::function<void(int, std::string_view)> log_;
  const int64_t execution_timeout_ms_;
  const uint32_t divided_thread_count_;  // 1: no run is divided by a form of its own
  std::function<void(Ref<const Model>)> divider_;
  std::array<std::atomic<bool>, kBackendCount> has_told_of_long_run_{};
  std::array<RuntimeMemory, kBackendCount> memories_;
  // One for each library; null where none was built.
  std::array<std::unique_ptr<BackendLoader>, kBackendCount> loaders_;
  std::array<std::string, kBackendCount> loader_names_;
};

// To be called by a thread before its first use of a backend; does its work once per thread.
void PrepareThread(const tutti_backend& backend);

// While one of these lives, exit() ends the process before the runtimes' static objects are
// destroyed below the calls that go on.
class BackendCall {
 public:
  BackendCall();
  ~BackendCall();
  BackendCall(const BackendCall&) = delete;
  BackendCall& operator=(const BackendCall&) = delete;
};

}  // namespace tutti
