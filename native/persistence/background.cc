#include "persistence/background.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "inference/start_thread.h"

namespace tutti::background {

namespace {

struct Worker {
  const char* thread_name;
  std::mutex mutex;  // guards everything below
  std::condition_variable ready;
  std::deque<std::function<void()>> works;
  bool is_started = false;
};

// Never destroyed: their threads may outlive the end of main().
Worker& values = *new Worker{"tutti-values", {}, {}, {}};
Worker& migrations = *new Worker{"tutti-migrate", {}, {}, {}};
Worker& tensors = *new Worker{"tutti-tensors", {}, {}, {}};

Worker& WorkerOf(Queue queue) {
  switch (queue) {
    case Queue::kValues:
      return values;
    case Queue::kMigrations:
      return migrations;
    case Queue::kTensors:
      return tensors;
  }
  return values;
}

[[noreturn]] void WorkOn(Worker& worker) {
  std::unique_lock lock(worker.mutex);
  for (;;) {
    worker.ready.wait(lock, [&] { return !worker.works.empty(); });
    std::function<void()> work = std::move(worker.works.front());
    worker.works.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace

void Run(Queue queue, std::function<void()> work) {
  Worker& worker = WorkerOf(queue);
  {
    const std::lock_guard lock(worker.mutex);
    if (!worker.is_started) {
      worker.is_started =
          StartThread(worker.thread_name, [&worker] { WorkOn(worker); }).has_value();
    }
    if (worker.is_started) {
      worker.works.push_back(std::move(work));
      work = nullptr;
    }
  }
  if (work) return work();
  worker.ready.notify_one();
}

}  // namespace tutti::background
