// Runs models and scripts: a FIFO queue per device with threads of its own, and two threads
// that load models.
// Nothing here runs on an event loop; results are committed to the keyspace by the run's thread
// and told to the connection through its mailbox.
//
// Threads: any method from any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "inference/model.h"
#include "tensor/tensor.h"
#include "threads/mailbox.h"

namespace tutti {

// How long a batch below MINBATCHSIZE waits for more runs if its model has no MINBATCHTIMEOUT: the
// reference waits for ever, but the runs that would fill it may never come.
inline constexpr int64_t kMinBatchWaitMsMax = 10'000;

struct BackendPlace {
  std::string library;               // full path of tutti_backend_<name>.so; empty: not built
  std::string runtime_folder;        // empty: not installed
  std::vector<std::string> preload;  // full paths of the runtime's libraries, in order
};

struct EngineOptions {
  int threads_per_queue = 1;
  int intra_op_threads = 0;  // 0: the library's default
  int inter_op_threads = 0;
  int core_count = 1;  // that the process may use
  int64_t execution_timeout_ms = 5000;
  int64_t memory_limit_bytes = 0;  // 0: none
  int64_t min_batch_wait_ms_max = kMinBatchWaitMsMax;
  std::array<BackendPlace, kBackendCount> backends;
  // Lines of the backends and of failed loads, from any thread; `level` is a tutti_log_level.
  // Empty: they go to stderr, those of TUTTI_LOG_DEBUG nowhere.
  std::function<void(int level, std::string_view line)> log;
};

class JoinedRun;     // inference/run_joins.h
struct JoinRequest;  // likewise

// Takes a run's result instead of the keyspace: a step of a DAG, a run inside a script.
class RunSink {
 public:
  virtual ~RunSink() = default;
  // Called once, without a lock held, from the run's thread or the thread that drops it; outputs
  // are empty unless status is ok, and one is null where the model gave what is no tensor.
  // kTimedOut: it never began.
  virtual void Finish(Status status, std::vector<Ref<Tensor>> outputs) = 0;
};

// Where outputs go and who is told.
struct RunTarget {
  int db = 0;
  std::vector<std::string> output_keys;
  // How many outputs the backend is asked for. Enqueue() sets it to that of the keys if there is no
  // sink.
  size_t output_count = 0;
  int64_t timeout_ms = 0;  // longest wait in the queue; 0 waits for ever
  // From when `timeout_ms` counts; empty: from when it was queued.
  std::optional<std::chrono::steady_clock::time_point> clock_from;
  Completion completion;
  // Null: outputs are committed to `output_keys`, and `completion` is told.
  std::shared_ptr<RunSink> sink;

  // The words that make requests equal, so that one sent again joins the first (run_joins.h).
  // Empty: none may join.
  std::string words;
  uint64_t client = 0;  // who sent it, of the client table; 0: unknown
  // What others may join: this run, set by Enqueue(), or what the one with a sink is a step of.
  // Then the last that joined decides when `timeout_ms` is over.
  std::shared_ptr<JoinedRun> joined;

  // Tells whoever waits that the run ended without outputs, or never began.
  void Fail(Status status) const;
  // Tells that the outputs are readable; not for a sink.
  void Succeed(bool has_worked_long = false) const;

 private:
  void Tell(Code code, const std::string& text) const;
};

struct ModelRun {
  Ref<Model> model;
  std::vector<Ref<Tensor>> inputs;
  RunTarget target;
};

struct ScriptRun {
  Ref<Script> script;
  std::string function;
  std::vector<Ref<Tensor>> inputs;
  int64_t variadic_from = -1;  // AI.SCRIPTRUN: index of the first input after `$`; -1 without one
  std::vector<std::string> keys, args;
  std::string user;  // of the client: its commands (redis.execute) are carried out as his
  RunTarget target;
};

class Engine {
 public:
  // The process' own. Never destroyed: its threads run until the process ends.
  static Engine& Get();
  // For tests. Never to be destroyed either.
  Engine();
  ~Engine() = delete;

  void Configure(EngineOptions options);  // once, before the first use

  // Parses, compiles and warms the model on a loader thread, then puts it under the key; the
  // model there before serves until then. Completion: kOk, kWrongType (only after a successful
  // parse), kOutOfMemory, kFailed with the backend's text.
  void StoreModel(int db, std::string key, ModelSpec spec, Completion completion);
  void StoreScript(int db, std::string key, ScriptSpec spec, Completion completion);

  // The same without a key, for EXEC: after a completion of kOk the value can be committed.
  Ref<Model> PrepareModel(ModelSpec spec, Completion completion);
  Ref<Script> PrepareScript(ScriptSpec spec, Completion completion);
  // Puts it under the key: kWrongType if that holds anything else.
  static Status CommitPrepared(int db, std::string_view key, Ref<Object> prepared);

  // RunJoins::Join() of what is more than a run.
  bool Join(JoinRequest request, std::shared_ptr<JoinedRun>* joined);

  // Makes a model's run in the calling thread if that costs less than to queue it: nobody waits
  // longer than for any other command (short_runs.h). Its final status, as Enqueue() would tell it;
  // nullopt: nothing was done.
  std::optional<Status> RunIfShort(ModelRun& run);

  // Queues a run. Completion: kOk after the outputs are readable, kTimedOut, kWrongType, kFailed.
  void Enqueue(ModelRun run);
  void Enqueue(ScriptRun run);

  // AI.CONFIG LOADBACKEND: our backend of that name, on a loader thread. kFailed if it cannot be
  // loaded or is loaded already.
  void LoadBackend(BackendKind kind, Completion completion);

  // Names of the queues, in the order they were made; `CPU` is always the first.
  std::vector<std::string> QueueNames();
  // The version text of a loaded backend, empty if it is not loaded.
  std::string BackendVersion(BackendKind kind);
  bool IsLoaded(BackendKind kind);
  // What its runtime has taken of our memory, and how often it took or gave back some.
  struct MemoryUse {
    uint64_t bytes = 0, access_count = 0;
  };
  MemoryUse BackendMemory(BackendKind kind);
  // CPU seconds used so far by each thread of a queue.
  std::vector<double> QueueThreadCpuSeconds(std::string_view queue);

  // Drops queued runs and loads, and refuses new ones (they answer kShuttingDown); does not wait
  // for those that have begun, nor must the process: exit() is safe while they go on.
  void Shutdown();
  // Takes runs and loads again, as when SHUTDOWN could not save.
  void Resume();

 private:
  struct State;
  State* const state_;
};

}  // namespace tutti
