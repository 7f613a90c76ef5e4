#include "persistence/background.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "inference/start_thread.h"

namespace tutti::background {

namespace {

struct Queue {
  std::mutex mutex;  // guards everything below
  std::condition_variable ready;
  std::deque<std::function<void()>> works;
  bool is_started = false;
};

// Never destroyed: its thread may outlive the end of main().
Queue& queue = *new Queue;

[[noreturn]] void WorkOn() {
  std::unique_lock lock(queue.mutex);
  for (;;) {
    queue.ready.wait(lock, [] { return !queue.works.empty(); });
    std::function<void()> work = std::move(queue.works.front());
    queue.works.pop_front();
    lock.unlock();
    work();
    work = nullptr;
    lock.lock();
  }
}

}  // namespace

void Run(std::function<void()> work) {
  {
    const std::lock_guard lock(queue.mutex);
    if (!queue.is_started) queue.is_started = StartThread("tutti-values", WorkOn).has_value();
    if (queue.is_started) {
      queue.works.push_back(std::move(work));
      work = nullptr;
    }
  }
  if (work) return work();
  queue.ready.notify_one();
}

}  // namespace tutti::background
