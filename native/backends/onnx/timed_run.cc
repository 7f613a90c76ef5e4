#include "timed_run.h"

#include <mutex>
#include <thread>
#include <vector>

namespace tutti::onnx {

// One for each thread that runs models. The run options are used again until they were terminated.
struct Watch {
  std::mutex mutex;  // guards what is below
  ort::RunOptions* options = nullptr;
  std::chrono::steady_clock::time_point deadline;
  bool running = false;
  bool terminated = false;
};

namespace {

std::mutex& watches_mutex = *new std::mutex;
std::vector<std::shared_ptr<Watch>>& watches = *new std::vector<std::shared_ptr<Watch>>;

struct ThreadWatch {
  ThreadWatch() : watch(std::make_shared<Watch>()) {
    std::lock_guard lock(watches_mutex);
    watches.push_back(watch);
  }
  ~ThreadWatch() {
    std::lock_guard lock(watch->mutex);
    if (watch->options != nullptr) runtime.api.ReleaseRunOptions(watch->options);
    watch->options = nullptr;
  }
  std::shared_ptr<Watch> watch;
};

}  // namespace

// Ends runs at most a quarter of the timeout late, which makes a run cost two uncontended locks and
// not a wake-up.
void WatchRuns() {
  for (;;) {
    std::this_thread::sleep_for(runtime.execution_timeout / 4);
    const auto now = std::chrono::steady_clock::now();
    std::lock_guard all(watches_mutex);
    std::erase_if(watches, [](const auto& watch) { return watch.use_count() == 1; });
    for (const std::shared_ptr<Watch>& watch : watches) {
      std::lock_guard one(watch->mutex);
      if (!watch->running || watch->terminated || now < watch->deadline) continue;
      watch->terminated = true;
      if (ort::Status* status = runtime.api.RunOptionsSetTerminate(watch->options)) {
        runtime.api.ReleaseStatus(status);
      }
    }
  }
}

TimedRun::TimedRun() {
  if (runtime.execution_timeout.count() == 0) return;
  thread_local ThreadWatch of_thread;
  watch_ = of_thread.watch.get();
  std::lock_guard lock(watch_->mutex);
  if (watch_->options == nullptr) Check(runtime.api.CreateRunOptions(&watch_->options));
  watch_->deadline = std::chrono::steady_clock::now() + runtime.execution_timeout;
  watch_->running = true;
}

TimedRun::~TimedRun() {
  if (watch_ == nullptr) return;
  std::lock_guard lock(watch_->mutex);
  watch_->running = false;
  if (!watch_->terminated) return;
  runtime.api.ReleaseRunOptions(watch_->options);
  watch_->options = nullptr;
  watch_->terminated = false;
}

const ort::RunOptions* TimedRun::options() const {
  return watch_ == nullptr ? nullptr : watch_->options;
}

}  // namespace tutti::onnx
