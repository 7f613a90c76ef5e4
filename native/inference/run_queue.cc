#include "inference/run_queue.h"

#include <algorithm>
#include <cassert>
#include <thread>
#include <utility>

#include "inference/run_joins.h"
#include "inference/start_thread.h"

namespace tutti {

namespace {

using Clock = QueuedRun::Clock;

// How long a thread without a run stays awake for the next, if the last one came within that.
constexpr std::chrono::microseconds kIdleSpinMax{150};

// `from` + `ms`, or the end of time.
Clock::time_point After(Clock::time_point from, int64_t ms) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(Clock::time_point::max() - from);
  if (ms >= left.count()) return Clock::time_point::max();
  return from + std::chrono::milliseconds(ms);
}

const ModelSpec& SpecOf(const QueuedRun& run) { return std::get<ModelRun>(run.work).model->spec(); }

bool CanBeBatched(const QueuedRun& run) { return !run.fit.shape.empty(); }

}  // namespace

QueuedRun::QueuedRun(std::variant<ModelRun, ScriptRun> run)
    : work(std::move(run)), queued_at(Clock::now()) {
  if (const auto* model_run = std::get_if<ModelRun>(&work)) fit = FindBatchFit(*model_run);
}

Clock::time_point QueuedRun::Deadline() const {
  const RunTarget& target = this->target();
  if (target.timeout_ms == 0) return Clock::time_point::max();
  Clock::time_point from = target.clock_from.value_or(queued_at);
  if (target.joined) from = std::max(from, target.joined->LastJoinedAt());
  return After(from, target.timeout_ms);
}

bool QueuedRun::IsDropped(Clock::time_point now) const {
  const RunTarget& target = this->target();
  if (target.timeout_ms == 0 || now < Deadline()) return false;
  return !target.joined || target.joined->CloseUnlessJoinedSince(After(now, -target.timeout_ms));
}

const Object* QueuedRun::subject() const {
  if (const auto* run = std::get_if<ModelRun>(&work)) return run->model.get();
  return std::get<ScriptRun>(work).script.get();
}

RunGate& QueuedRun::gate() const {
  if (const auto* run = std::get_if<ModelRun>(&work)) return run->model->gate;
  return std::get<ScriptRun>(work).script->gate;
}

size_t RunQueue::LineHash::operator()(const LineKey& key) const {
  size_t hash = std::hash<const Object*>()(key.subject);
  for (const int64_t number : key.shape) hash = hash * 1'000'003 ^ static_cast<size_t>(number);
  return hash;
}

RunQueue::RunQueue(std::string name, std::function<void(std::list<QueuedRun>&)> execute,
                   RunQueueOptions options)
    : name_(std::move(name)),
      execute_(std::move(execute)),
      options_(options),
      side_thread_max_(options.side_thread_max) {}

Status RunQueue::Start(int thread_count) {
  for (int i = 1; i <= thread_count; i++) {
    if (StartThreadOf(Role::kMain)) continue;
    if (i == 1) return Status(Code::kFailed, "ERR Could not initialize queue on requested device");
    break;  // those before it do the work
  }
  return Status::Ok();
}

// The lock is not held.
bool RunQueue::StartThreadOf(Role role) {
  std::unique_lock lock(mutex_);
  const std::string number = std::to_string(thread_clocks_.size() + 1);
  lock.unlock();
  const auto thread = StartThread("run " + name_ + " " + number, [this, role] { Work(role); });
  if (!thread) return false;
  clockid_t clock{};
  pthread_getcpuclockid(*thread, &clock);
  lock.lock();
  thread_clocks_.push_back(clock);
  if (role == Role::kMain) main_thread_count_++;
  return true;
}

void RunQueue::Push(QueuedRun run) {
  run.gate().queue = this;
  std::list<QueuedRun> node;  // made before the lock is taken
  node.push_back(std::move(run));
  bool is_closed, is_full;
  std::condition_variable* to_wake = nullptr;
  {
    std::lock_guard lock(mutex_);
    is_closed = closed_;
    is_full = queued_count_ >= options_.queued_max;
    if (!is_closed && !is_full && Add(node)) to_wake = ClaimIdleThread();
  }
  if (is_closed) {
    node.front().target().Fail(Code::kShuttingDown);
  } else if (is_full) {
    node.front().target().Fail(
        Status(Code::kFailed, "ERR the run queue of device " + name_ + " is full"));
  } else if (to_wake) {
    to_wake->notify_one();
  }
}

// Puts the run at the end of its line. The lock is held. True if an idle thread has something to
// do now, or earlier than it knows.
bool RunQueue::Add(std::list<QueuedRun>& node) {
  QueuedRun& run = node.front();
  run.number = ++last_number_;
  queued_count_++;
  const auto [found, is_new] = lines_.try_emplace(LineKey{run.subject(), run.fit.shape});
  Line& line = found->second;
  line.key = &found->first;
  line.row_count += run.fit.row_count;
  line.runs.splice(line.runs.end(), node);
  if (!is_new && line.state == Line::State::kReady) return true;
  if (!is_new && line.state == Line::State::kAtLimit && run.gate().FreeCount() == 0) return false;
  const Clock::time_point awaited = NextTime();
  if (!is_new) Detach(line);
  Arrange(line, Clock::now());
  return line.state == Line::State::kReady || NextTime() < awaited;
}

// When a line has waited long enough for more runs. The lock is held.
Clock::time_point RunQueue::NextTime() const {
  return timed_.empty() ? Clock::time_point::max() : timed_.begin()->first;
}

// Puts a line where it belongs: to those that are ready, or that wait for more runs. The lock is
// held; the line is nowhere yet.
void RunQueue::Arrange(Line& line, Clock::time_point now) {
  const QueuedRun& first = line.runs.front();
  if (CanBeBatched(first) && line.row_count < SpecOf(first).min_batch_size) {
    const int64_t timeout_ms = SpecOf(first).min_batch_timeout_ms;
    const int64_t wait_ms = timeout_ms > 0 ? timeout_ms : options_.min_batch_wait_max.count();
    const Clock::time_point until = After(first.queued_at, wait_ms);
    if (until > now) {
      Clock::time_point wake_at = until;
      for (const QueuedRun& run : line.runs) wake_at = std::min(wake_at, run.Deadline());
      line.state = Line::State::kTooFew;
      line.timer = timed_.emplace(wake_at, &line);
      return;
    }
  }
  line.state = Line::State::kReady;
  ready_.emplace(first.number, &line);
}

// Takes a line from where it is. The lock is held.
void RunQueue::Detach(Line& line) {
  switch (line.state) {
    case Line::State::kReady:
      ready_.erase(line.runs.front().number);
      break;
    case Line::State::kTooFew:
      timed_.erase(line.timer);
      break;
    case Line::State::kAtLimit: {
      const auto found = at_limit_.find(line.key->subject);
      std::erase(found->second, &line);
      if (found->second.empty()) at_limit_.erase(found);
      break;
    }
  }
}

void RunQueue::Close() {
  std::list<QueuedRun> dropped;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    for (auto& [key, line] : lines_) dropped.splice(dropped.end(), line.runs);
    ready_.clear();
    timed_.clear();
    at_limit_.clear();
    lines_.clear();
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

// The runs that may begin now, as one, with a place at their gate taken. The lock is held.
RunQueue::Taken RunQueue::Take() {
  Taken taken;
  if (!timed_.empty()) WakeTimedLines(Clock::now(), &taken.overdue);
  while (!ready_.empty()) {
    Line& line = *ready_.begin()->second;
    ready_.erase(ready_.begin());
    if (!IsStillReady(line, &taken.overdue)) continue;
    if (line.runs.front().gate().TryBegin()) {
      TakeBatch(line, &taken.runs);
      active_count_++;
      taken.runs.front().runs_at_once = CountRunsAtOnce();
      break;
    }
    line.state = Line::State::kAtLimit;
    at_limit_[line.key->subject].push_back(&line);
  }
  return taken;
}

// Those that go on and those that might, as far as there are threads for them. The lock is held.
size_t RunQueue::CountRunsAtOnce() const {
  const auto thread_count = static_cast<size_t>(std::max(main_thread_count_ + side_thread_max_, 1));
  size_t count = active_count_;
  for (const auto& [number, line] : ready_) {
    if (count >= thread_count) break;
    count += CanBeBatched(line->runs.front()) ? 1 : line->runs.size();
  }
  return std::clamp<size_t>(count, 1, thread_count);
}

// The lock is held.
bool RunQueue::HasRunForSide() const {
  if (side_thread_max_ == 0 || active_count_ == 0 || ready_.empty()) return false;
  return options_.gains_beside(ready_.begin()->second->runs.front(), CountRunsAtOnce());
}

// Looks again at a line that is nowhere, as runs that are too late do not count for MINBATCHSIZE.
// If they were needed, the line is put where it belongs. The lock is held.
bool RunQueue::IsStillReady(Line& line, std::list<QueuedRun>* overdue) {
  const QueuedRun& first = line.runs.front();
  if (!CanBeBatched(first) || SpecOf(first).min_batch_size == 0) return true;
  const Clock::time_point now = Clock::now();
  const size_t count_before = line.runs.size();
  DropOverdue(line, now, overdue);
  if (line.runs.size() == count_before) return true;
  ArrangeOrErase(line, now);
  return false;
}

void RunQueue::ArrangeOrErase(Line& line, Clock::time_point now) {
  if (line.runs.empty()) {
    lines_.erase(lines_.find(*line.key));
  } else {
    Arrange(line, now);
  }
}

// Of the lines that waited for more runs: those that have waited long enough, or a run of which
// has, leave. The lock is held.
void RunQueue::WakeTimedLines(Clock::time_point now, std::list<QueuedRun>* overdue) {
  while (!timed_.empty() && timed_.begin()->first <= now) {
    Line& line = *timed_.begin()->second;
    timed_.erase(timed_.begin());
    DropOverdue(line, now, overdue);
    ArrangeOrErase(line, now);
  }
}

void RunQueue::DropOverdue(Line& line, Clock::time_point now, std::list<QueuedRun>* overdue) {
  for (auto run = line.runs.begin(); run != line.runs.end();) {
    const auto next = std::next(run);
    if (run->IsDropped(now)) {
      line.row_count -= run->fit.row_count;
      queued_count_--;
      overdue->splice(overdue->end(), line.runs, run);
    }
    run = next;
  }
}

// The first run of a line that is nowhere, and all that follow until the batch is full. The rest of
// the line is put where it belongs. The lock is held.
void RunQueue::TakeBatch(Line& line, std::list<QueuedRun>* batch) {
  const QueuedRun& first = line.runs.front();
  const int64_t rows_wanted = CanBeBatched(first) ? SpecOf(first).batch_size : 0;
  int64_t row_count = 0;
  do {
    row_count += line.runs.front().fit.row_count;
    batch->splice(batch->end(), line.runs, line.runs.begin());
    queued_count_--;
  } while (!line.runs.empty() && row_count < rows_wanted);
  line.row_count -= row_count;
  ArrangeOrErase(line, line.runs.empty() ? Clock::time_point() : Clock::now());
}

void RunQueue::Unpark(const Object* subject) {
  {
    std::lock_guard lock(mutex_);
    if (!ReadyLinesOf(subject)) return;
  }
  main_.changed.notify_all();
}

// A run of `subject` has given back its place at the gate. The lock is held. False if no line
// waited for that.
bool RunQueue::ReadyLinesOf(const Object* subject) {
  const auto found = at_limit_.find(subject);
  if (found == at_limit_.end()) return false;
  for (Line* const line : found->second) {
    line->state = Line::State::kReady;
    ready_.emplace(line->runs.front().number, line);
  }
  at_limit_.erase(found);
  return true;
}

// Waits until there may be something to do.
void RunQueue::Wait(std::unique_lock<std::mutex>& lock, Role role, IdleTime* idle) {
  if (role == Role::kMain && idle->last_was_short && !idle->has_spun && !has_spinner_) {
    idle->has_spun = true;
    return Spin(lock);
  }
  Threads& threads = role == Role::kMain ? main_ : side_;
  threads.idle_count++;
  if (role == Role::kSide || timed_.empty()) {
    threads.changed.wait(lock);
  } else {
    // A copy: it is looked at again after the wait, when the line may be gone.
    const Clock::time_point until = timed_.begin()->first;
    threads.changed.wait_until(lock, until);
  }
  threads.idle_count--;
  if (threads.waking_count > 0) threads.waking_count--;
}

// Stays awake for a client that sends its runs in turns: to wake a thread whose virtual CPU has
// halted takes 20 to 40 us. The CPU is offered to others all the time: without that, the client or
// the event loop would wait for it (2 CPUs, a run above PING: 75 us without a spin, 5 with this
// one, 5 to 70 with one that does not yield).
void RunQueue::Spin(std::unique_lock<std::mutex>& lock) {
  has_spinner_ = true;
  spinner_is_called_.store(false, std::memory_order_relaxed);
  lock.unlock();
  const Clock::time_point until = Clock::now() + kIdleSpinMax;
  while (!spinner_is_called_.load(std::memory_order_relaxed) && Clock::now() < until) {
    std::this_thread::yield();
  }
  lock.lock();
  has_spinner_ = false;
}

// What to notify of a run, for one thread; null: no idle one would take it. The lock is held.
std::condition_variable* RunQueue::ClaimIdleThread() {
  if (has_spinner_ && !spinner_is_called_.load(std::memory_order_relaxed)) {
    spinner_is_called_.store(true, std::memory_order_relaxed);
    return nullptr;
  }
  if (ClaimIdle(main_)) return &main_.changed;
  return side_.idle_count > 0 && HasRunForSide() && ClaimIdle(side_) ? &side_.changed : nullptr;
}

bool RunQueue::ClaimIdle(Threads& threads) {
  if (threads.waking_count >= threads.idle_count) return false;
  threads.waking_count++;
  return true;
}

// One more thread for runs beside others. If the system has none, there will never be more.
void RunQueue::StartSideThread() {
  if (StartThreadOf(Role::kSide)) return;
  std::lock_guard lock(mutex_);
  side_thread_max_ = --side_thread_count_;
}

void RunQueue::Work(Role role) {
  IdleTime idle;
  std::unique_lock lock(mutex_);
  while (true) {
    Taken taken;
    if (role == Role::kMain || HasRunForSide()) taken = Take();
    if (taken.runs.empty() && taken.overdue.empty()) {
      // A run that this thread has ended may have held up others.
      if (role == Role::kSide && !ready_.empty() && ClaimIdle(main_)) main_.changed.notify_one();
      Wait(lock, role, &idle);
      continue;
    }
    // Who waits does not know of lines that became ready by time or by the end of a run, nor of the
    // times that this thread was to watch.
    std::condition_variable* const to_wake =
        !ready_.empty() || !timed_.empty() ? ClaimIdleThread() : nullptr;
    const bool must_start = !to_wake && side_.idle_count == 0 &&
                            side_thread_count_ < side_thread_max_ && HasRunForSide();
    if (must_start) side_thread_count_++;
    lock.unlock();
    if (to_wake) to_wake->notify_one();
    if (must_start) StartSideThread();
    idle.last_was_short = Clock::now() - idle.since <= kIdleSpinMax;
    for (const QueuedRun& run : taken.overdue) run.target().Fail(Code::kTimedOut);
    if (!taken.runs.empty()) {
      execute_(taken.runs);
      lock.lock();
      active_count_--;
      taken.runs.front().gate().End();
      ReadyLinesOf(taken.runs.front().subject());
      lock.unlock();
    }
    taken = {};  // may free a model or large tensors: without the lock
    idle.since = Clock::now();
    idle.has_spun = false;
    lock.lock();
  }
}

}  // namespace tutti
