// Stored models and scripts: their bytes and options. The compiled form is a cache (threads.md).
//
// Threads: any. All but the statistics and the compiled form is constant after construction.
// Whoever drops the last reference, the bytes and the compiled form are freed by the freeing
// thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/device.h"
#include "core/object.h"
#include "core/status.h"
#include "inference/runtime_memory.h"
#include "inference/short_runs.h"
#include "inference/thread_choice.h"
#include "tensor/buffer_pool.h"

namespace tutti {

// The codes are those of RedisAI's RDB encoding, and of lib/engine/addon.ts.
enum class BackendKind : uint8_t { kTensorFlow = 0, kTfLite = 1, kTorch = 2, kOnnx = 3 };
inline constexpr int kBackendCount = 4;
const char* backend_name(BackendKind kind);  // "TF", "TFLITE", "TORCH", "ONNX"

// AI.INFO (compat.md 1.6). Kept by the object, so RENAME keeps and a re-store resets them.
struct RunStatistics {
  // Of each run; in a batch each counts the whole batch's duration.
  std::atomic<int64_t> duration_us{0}, samples{0}, calls{0}, errors{0};
  // Ours: where the time goes. `queue_us` adds up the waits of the runs; `copy_us` is putting
  // inputs together and storing outputs, `compute_us` is time in the backend, a batch counting once
  // in both.
  std::atomic<int64_t> queue_us{0}, copy_us{0}, compute_us{0};
  std::atomic<int64_t> executions{0};  // calls of the backend, be it for a run or a batch
  std::atomic<int64_t> joined{0};      // requests that joined an equal one in flight
  void Reset() {
    duration_us = samples = calls = errors = 0;
    queue_us = copy_us = compute_us = executions = joined = 0;
  }
};

class RunQueue;  // inference/run_queue.h

// Lets at most as many runs of one model go on at once as its backend allows.
class RunGate {
 public:
  // 0 is no limit. One at a time until it is told: the first run of a model from a file compiles
  // it.
  void SetMax(uint32_t max) { max_ = max; }
  // False too while a thread waits in Begin(): it holds up a whole queue and goes first.
  bool TryBegin();
  // Waits for its turn. Only runs of backends are waited for, and those wait for nobody.
  void Begin();
  void End();
  // How many more could begin; SIZE_MAX without a limit.
  size_t FreeCount() const;

  // The queue that may have parked runs of the model, to be told when a run that did not come from
  // it has ended. Null before the first one was queued.
  std::atomic<RunQueue*> queue{nullptr};

 private:
  std::atomic<uint32_t> max_{1}, active_{0}, waiting_{0};
};

struct BlobPart {
  Ref<Buffer> buffer;  // its first `bytes` bytes
  size_t bytes;
};

struct ModelSpec {
  BackendKind backend = BackendKind::kTorch;
  Device device;
  std::string tag;
  int64_t batch_size = 0, min_batch_size = 0, min_batch_timeout_ms = 0;
  std::vector<std::string> inputs, outputs;  // given for TF; filled by the backend otherwise
  bool is_output_count_known = true;  // false: a TorchScript list, whose length a run decides
  std::vector<BlobPart> blob;

  // A model out of a file of commands has none until it is compiled.
  bool has_names() const { return !inputs.empty() || !outputs.empty(); }
};

struct ModelNames {
  std::vector<std::string> inputs;
  std::optional<std::vector<std::string>> outputs;  // nullopt: only a run tells how many
};

// How many inputs and outputs a model takes; -1: that is not known (yet).
struct ModelArity {
  int64_t inputs, outputs;
};

class CompiledModel;  // inference/compiler.h: the backend's handle
class CompiledScript;
class Remains;  // what takes long to free of a model or script

class Model final : public Object {
 public:
  explicit Model(ModelSpec spec);
  const ModelSpec& spec() const { return spec_; }
  size_t blob_bytes() const { return blob_bytes_; }
  // Copies bytes [offset, offset + count) of the blob.
  void CopyBlob(size_t offset, size_t count, uint8_t* to) const;
  bool is_slow_to_free() const override { return true; }  // a runtime's own objects
  size_t footprint(int64_t sample_count = 0) const override;

  mutable RunStatistics statistics;
  mutable RunMemoryUse memory_use;
  mutable RunGate gate;
  // Null until loaded; a model from a file is compiled by its first run.
  std::shared_ptr<CompiledModel> compiled() const;
  void set_compiled(std::shared_ptr<CompiledModel> compiled) const;

  // Beside the compiled form, one whose runs are divided over all cores; null until made.
  std::shared_ptr<CompiledModel> divided() const;
  void set_divided(std::shared_ptr<CompiledModel> divided) const;
  // True for the one caller who is to see that it is made.
  bool ClaimDivided() const { return !is_divided_claimed_.exchange(true); }
  mutable ThreadChoice thread_choice;  // between the two
  mutable ShortRuns short_runs;

  void set_names(std::vector<std::string> inputs,
                 std::optional<std::vector<std::string>> outputs);  // while being loaded only
  // Those of the spec, or else of the compiled form. nullopt: they are not known yet.
  std::optional<ModelNames> names() const;
  ModelArity arity() const;
  // kFailed in RedisAI's words if a run of so many does not fit.
  Status CheckArity(size_t input_count, size_t output_count) const;

 private:
  ~Model() override;
  ModelSpec spec_;
  size_t blob_bytes_ = 0;
  Ref<Remains> remains_;      // made ahead: there may be no memory for it later
  mutable std::mutex mutex_;  // guards the forms
  mutable std::shared_ptr<CompiledModel> compiled_, divided_;
  mutable std::atomic<bool> is_divided_claimed_{false};
};

struct ScriptSpec {
  Device device;
  std::string tag, source;
  std::vector<std::string> entry_points;
};

class Script final : public Object {
 public:
  explicit Script(ScriptSpec spec);
  const ScriptSpec& spec() const { return spec_; }
  bool is_slow_to_free() const override { return true; }
  size_t footprint(int64_t sample_count = 0) const override;
  mutable RunStatistics statistics;
  mutable RunMemoryUse memory_use;
  mutable RunGate gate;
  std::shared_ptr<CompiledScript> compiled() const;
  void set_compiled(std::shared_ptr<CompiledScript> compiled) const;

 private:
  ~Script() override;
  ScriptSpec spec_;
  Ref<Remains> remains_;
  mutable std::mutex mutex_;  // guards compiled_
  mutable std::shared_ptr<CompiledScript> compiled_;
};

}  // namespace tutti
