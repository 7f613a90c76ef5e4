// The runs of one device, and the threads that do them: first come, first served, but for runs of
// one model that make a batch, and for models at a limit.
//
// Runs that may be one batch stand in one line; a line's turn comes with its oldest run. Taking a
// run or a batch, and adding one, take time logarithmic in the number of lines.
//
// Threads: any method from any thread. A queue is never destroyed: its threads never end.
#pragma once

#include <pthread.h>
#include <time.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "core/status.h"
#include "inference/batch.h"
#include "inference/engine.h"

namespace tutti {

// One pending command per connection bounds it long before this.
inline constexpr size_t kQueuedRunsMax = 1'000'000;

// A run on its way: waiting in a queue, then with one of its threads.
struct QueuedRun {
  using Clock = std::chrono::steady_clock;

  explicit QueuedRun(std::variant<ModelRun, ScriptRun> run);

  std::variant<ModelRun, ScriptRun> work;
  BatchFit fit;
  Clock::time_point queued_at;
  uint64_t number = 0;  // in order of arrival; the queue's
  // Of the first of a batch, when it is taken: how many runs and batches of the device go on or
  // wait, this one included; no more than there are threads.
  size_t runs_at_once = 1;

  const RunTarget& target() const {
    return std::visit([](const auto& run) -> const RunTarget& { return run.target; }, work);
  }
  // When its TIMEOUT is over; Clock::time_point::max() without one.
  Clock::time_point Deadline() const;
  // Whether it is too late to begin. Then nobody joins it any more, and it must be told kTimedOut.
  bool IsDropped(Clock::time_point now) const;
  // What is run, and how often at once.
  const Object* subject() const;
  RunGate& gate() const;
};

struct RunQueueOptions {
  size_t queued_max = kQueuedRunsMax;
  // How long a batch below MINBATCHSIZE waits if its model has no MINBATCHTIMEOUT.
  std::chrono::milliseconds min_batch_wait_max{kMinBatchWaitMsMax};
  // More threads, started when they are first needed, for runs that `gains_beside` says yes to: if
  // so many at once, each in one thread, make more in a second than one after the other, each
  // divided over the cores. It is called with the queue's lock held.
  int side_thread_max = 0;
  std::function<bool(const QueuedRun& run, size_t runs_at_once)> gains_beside = {};
};

class RunQueue {
 public:
  // `execute` does a run, or several as one batch, and tells their targets; it is called from
  // several threads at once. It leaves the list as it is.
  RunQueue(std::string name, std::function<void(std::list<QueuedRun>&)> execute,
           RunQueueOptions options = {});
  ~RunQueue() = delete;

  // kFailed if the system gives no thread at all; with fewer than wanted it runs. Call once.
  Status Start(int thread_count);

  // A run that cannot be queued is told so: kFailed if the queue is full, kShuttingDown.
  void Push(QueuedRun run);

  // A run of `subject` that did not come from this queue has ended: those it held up may begin.
  void Unpark(const Object* subject);

  // Drops what waits (kShuttingDown), and refuses more until Open().
  void Close();
  void Open();

  const std::string& name() const { return name_; }
  size_t QueuedCount();
  // So far used by each thread.
  std::vector<double> ThreadCpuSeconds();

 private:
  using Clock = QueuedRun::Clock;

  // The runs of one model or script that may be one batch, or all those that go alone.
  struct LineKey {
    const Object* subject;
    std::vector<int64_t> shape;
    bool operator==(const LineKey&) const = default;
  };
  struct LineHash {
    size_t operator()(const LineKey& key) const;
  };
  struct Line {
    enum class State : uint8_t {
      kReady,    // its first run is in `ready_`
      kTooFew,   // waits for more runs, in `timed_`
      kAtLimit,  // its model has as many runs going on as it may, in `at_limit_`
    };
    std::list<QueuedRun> runs;  // in order of arrival; not empty
    int64_t row_count = 0;      // of all of them
    State state = State::kTooFew;
    std::multimap<Clock::time_point, Line*>::iterator timer;  // if kTooFew
    const LineKey* key = nullptr;
  };
  struct Taken {
    std::list<QueuedRun> runs;     // empty: none may begin now
    std::list<QueuedRun> overdue;  // to be told that their TIMEOUT is over
  };
  // Of one thread, between two runs.
  struct IdleTime {
    Clock::time_point since{};
    bool last_was_short = false;  // the one before this
    bool has_spun = false;
  };

  // Which threads a thread is one of: those that take all runs, or those for runs beside others.
  enum class Role : uint8_t { kMain, kSide };
  struct Threads {
    std::condition_variable changed;
    size_t idle_count = 0;  // those that sleep
    // Of the idle ones, those that have been woken and do not run yet: it takes some 20 us, in
    // which further runs come. At most one too few, which wakes one in vain.
    size_t waking_count = 0;
  };

  void Work(Role role);
  bool StartThreadOf(Role role);
  void StartSideThread();
  Taken Take();
  size_t CountRunsAtOnce() const;
  bool HasRunForSide() const;
  bool IsStillReady(Line& line, std::list<QueuedRun>* overdue);
  void Arrange(Line& line, Clock::time_point now);
  void ArrangeOrErase(Line& line, Clock::time_point now);
  void Detach(Line& line);
  void WakeTimedLines(Clock::time_point now, std::list<QueuedRun>* overdue);
  void DropOverdue(Line& line, Clock::time_point now, std::list<QueuedRun>* overdue);
  void TakeBatch(Line& line, std::list<QueuedRun>* batch);
  bool Add(std::list<QueuedRun>& node);
  bool ReadyLinesOf(const Object* subject);
  Clock::time_point NextTime() const;
  void Wait(std::unique_lock<std::mutex>& lock, Role role, IdleTime* idle);
  void Spin(std::unique_lock<std::mutex>& lock);
  std::condition_variable* ClaimIdleThread();
  static bool ClaimIdle(Threads& threads);

  const std::string name_;
  const std::function<void(std::list<QueuedRun>&)> execute_;
  const RunQueueOptions options_;

  std::mutex mutex_;  // guards everything below
  Threads main_, side_;
  std::unordered_map<LineKey, Line, LineHash> lines_;
  std::map<uint64_t, Line*> ready_;                // by the number of their first run
  std::multimap<Clock::time_point, Line*> timed_;  // by when they wait no longer
  std::unordered_map<const Object*, std::vector<Line*>> at_limit_;  // by model or script
  uint64_t last_number_ = 0;
  size_t queued_count_ = 0;
  bool has_spinner_ = false;  // a thread that is awake without a run
  std::atomic<bool> spinner_is_called_{
      false};                // written under the lock; the spinner reads it without
  size_t active_count_ = 0;  // runs and batches that go on
  int main_thread_count_ = 0, side_thread_count_ = 0;
  int side_thread_max_;
  bool closed_ = false;
  std::vector<clockid_t> thread_clocks_;
};

}  // namespace tutti
