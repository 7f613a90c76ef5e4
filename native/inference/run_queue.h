// The runs of one device, first come first served, and the threads that do them.
//
// Threads: any method from any thread. A queue is never destroyed: its threads never end.
#pragma once

#include <pthread.h>
#include <time.h>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/status.h"
#include "inference/engine.h"

namespace tutti {

// One pending command per connection bounds it long before this.
inline constexpr size_t kQueuedRunsMax = 1'000'000;

// A run on its way: waiting in a queue, then with one of its threads.
struct QueuedRun {
  explicit QueuedRun(std::variant<ModelRun, ScriptRun> run)
      : work(std::move(run)), queued_at(std::chrono::steady_clock::now()) {}

  std::variant<ModelRun, ScriptRun> work;
  std::chrono::steady_clock::time_point queued_at;

  const RunTarget& target() const {
    return std::visit([](const auto& run) -> const RunTarget& { return run.target; }, work);
  }
  // What is run, and how often at once.
  const Object* subject() const;
  RunGate& gate() const;
};

class RunQueue {
 public:
  // `execute` does a run and tells its completion; it is called from several threads at once.
  RunQueue(std::string name, std::function<void(QueuedRun&)> execute,
           size_t queued_max = kQueuedRunsMax);
  ~RunQueue() = delete;

  // kFailed if the system gives no thread at all; with fewer than wanted it runs. Call once.
  Status Start(int thread_count);

  // O(1). A run that cannot be queued is told so: kFailed if the queue is full, kShuttingDown.
  void Push(QueuedRun run);

  // Drops what waits (kShuttingDown), and refuses more until Open().
  void Close();
  void Open();

  const std::string& name() const { return name_; }
  size_t QueuedCount();
  // So far used by each thread.
  std::vector<double> ThreadCpuSeconds();

 private:
  void Work();
  std::list<QueuedRun> Take();
  bool End(const QueuedRun& run);

  const std::string name_;
  const std::function<void(QueuedRun&)> execute_;
  const size_t queued_max_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable ready_;
  // In order of arrival. A list, so that a run can be taken out of the middle.
  std::list<QueuedRun> waiting_;
  // Runs that came to the front while their model was at its limit, by model. They are older than
  // any of that model in `waiting_`, and go back to its front when a run of the model ends.
  std::unordered_map<const Object*, std::list<QueuedRun>> parked_;
  size_t queued_count_ = 0;  // of both
  size_t idle_thread_count_ = 0;
  bool closed_ = false;
  std::vector<clockid_t> thread_clocks_;
};

}  // namespace tutti
