#include "inference/run_queue.h"

#include <utility>

#include "inference/start_thread.h"

namespace tutti {

const Object* QueuedRun::subject() const {
  if (const auto* run = std::get_if<ModelRun>(&work)) return run->model.get();
  return std::get<ScriptRun>(work).script.get();
}

RunGate& QueuedRun::gate() const {
  if (const auto* run = std::get_if<ModelRun>(&work)) return run->model->gate;
  return std::get<ScriptRun>(work).script->gate;
}

RunQueue::RunQueue(std::string name, std::function<void(QueuedRun&)> execute, size_t queued_max)
    : name_(std::move(name)), execute_(std::move(execute)), queued_max_(queued_max) {}

Status RunQueue::Start(int thread_count) {
  for (int i = 1; i <= thread_count; i++) {
    const auto thread = StartThread("run " + name_ + " " + std::to_string(i), [this] { Work(); });
    if (!thread && i == 1) {
      return Status(Code::kFailed, "ERR Could not initialize queue on requested device");
    }
    if (!thread) break;  // those before it do the work
    clockid_t clock{};
    pthread_getcpuclockid(*thread, &clock);
    std::lock_guard lock(mutex_);
    thread_clocks_.push_back(clock);
  }
  return Status::Ok();
}

void RunQueue::Push(QueuedRun run) {
  std::list<QueuedRun> node;  // made before the lock is taken
  node.push_back(std::move(run));
  bool is_closed, is_full, has_idle_thread;
  {
    std::lock_guard lock(mutex_);
    is_closed = closed_;
    is_full = queued_count_ >= queued_max_;
    has_idle_thread = idle_thread_count_ > 0;
    if (!is_closed && !is_full) {
      waiting_.splice(waiting_.end(), node);
      queued_count_++;
    }
  }
  if (is_closed) {
    node.front().target().Fail(Code::kShuttingDown);
  } else if (is_full) {
    node.front().target().Fail(
        Status(Code::kFailed, "ERR the run queue of device " + name_ + " is full"));
  } else if (has_idle_thread) {
    ready_.notify_one();
  }
}

void RunQueue::Close() {
  std::list<QueuedRun> dropped;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [subject, runs] : parked_) dropped.splice(dropped.end(), runs);
    dropped.splice(dropped.end(), waiting_);
    parked_.clear();
    queued_count_ = 0;
  }
  for (const QueuedRun& run : dropped) run.target().Fail(Code::kShuttingDown);
}

void RunQueue::Open() {
  std::lock_guard lock(mutex_);
  closed_ = false;
}

size_t RunQueue::QueuedCount() {
  std::lock_guard lock(mutex_);
  return queued_count_;
}

std::vector<double> RunQueue::ThreadCpuSeconds() {
  std::lock_guard lock(mutex_);
  std::vector<double> seconds;
  for (clockid_t clock : thread_clocks_) {
    timespec used{};
    clock_gettime(clock, &used);
    seconds.push_back(static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9);
  }
  return seconds;
}

// The first run that may begin now, its place at the gate taken; empty if there is none. Called
// with the lock held.
std::list<QueuedRun> RunQueue::Take() {
  std::list<QueuedRun> taken;
  while (!waiting_.empty()) {
    QueuedRun& first = waiting_.front();
    if (first.gate().TryBegin()) {
      taken.splice(taken.end(), waiting_, waiting_.begin());
      queued_count_--;
      break;
    }
    std::list<QueuedRun>& parked = parked_[first.subject()];
    parked.splice(parked.end(), waiting_, waiting_.begin());
  }
  return taken;
}

// Called with the lock held. True if more runs may begin than the calling thread can take.
bool RunQueue::End(const QueuedRun& run) {
  RunGate& gate = run.gate();
  gate.End();
  const auto found = parked_.find(run.subject());
  if (found == parked_.end()) return false;

  std::list<QueuedRun>& parked = found->second;
  const size_t free_count = gate.FreeCount();
  auto last = parked.end();
  if (free_count < parked.size()) last = std::next(parked.begin(), static_cast<long>(free_count));
  waiting_.splice(waiting_.begin(), parked, parked.begin(), last);
  if (parked.empty()) parked_.erase(found);
  return free_count > 1;
}

void RunQueue::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    std::list<QueuedRun> taken = Take();
    if (taken.empty()) {
      // At once, without a spin: one of 20 us after each run cost a client in turns 18 us more, as
      // it holds the CPU that the client or the event loop would wake on (2 CPUs, run above PING 17
      // us without and 35 us with it: test/tools/run_hand_over.cc).
      idle_thread_count_++;
      ready_.wait(lock);
      idle_thread_count_--;
      continue;
    }
    lock.unlock();
    execute_(taken.front());
    lock.lock();
    const bool wake_all = End(taken.front());
    lock.unlock();
    if (wake_all) ready_.notify_all();
    taken.clear();  // may free a model or large tensors: without the lock
    lock.lock();
  }
}

}  // namespace tutti
