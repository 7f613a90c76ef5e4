// Order, bounds, and how many runs of one model go on at once: without any backend.
#include "inference/run_queue.h"

#include <atomic>
#include <thread>

#include "check.h"
#include "inbox.h"

namespace tutti {
namespace {

using test::Gate;
using test::Inbox;

Ref<Model> NewModel(uint32_t concurrent_runs_max) {
  auto model = Ref<Model>::Adopt(new Model(ModelSpec{}));
  model->gate.SetMax(concurrent_runs_max);
  return model;
}

QueuedRun RunOf(const Ref<Model>& model, const Completion& completion) {
  ModelRun run;
  run.model = model;
  run.target.completion = completion;
  return QueuedRun(std::move(run));
}

void Answer(std::list<QueuedRun>& runs) {
  for (const QueuedRun& run : runs) run.target().Succeed();
}

// Queues are never destroyed; kept here, they are no leak to a sanitizer.
RunQueue& NewQueue(int thread_count, std::function<void(std::list<QueuedRun>&)> execute,
                   RunQueueOptions options = {}) {
  static auto& queues = *new std::vector<RunQueue*>;
  queues.push_back(new RunQueue("CPU", std::move(execute), options));
  CHECK(queues.back()->Start(thread_count).ok());
  return *queues.back();
}

TEST(RunsInOrderOfArrival) {
  RunQueue& queue = NewQueue(1, Answer);
  const Ref<Model> model = NewModel(0);
  Inbox inbox;
  for (int i = 0; i < 1000; i++) queue.Push(RunOf(model, inbox.Next()));
  CHECK_EQUAL(inbox.Wait().sequence, 1000u);
  for (uint32_t i = 0; i < 1000; i++) CHECK_EQUAL(inbox.order()[i], i + 1);
}

TEST(RefusesARunAboveItsBound) {
  RunQueue& queue = NewQueue(1, Answer, {.queued_max = 2});
  const Ref<Model> model = NewModel(0);
  Gate gate;
  Inbox inbox;
  queue.Push(RunOf(model, gate.completion()));
  gate.WaitUntilReached();
  const Completion first = inbox.Next(), second = inbox.Next(), third = inbox.Next();
  queue.Push(RunOf(model, first));
  queue.Push(RunOf(model, second));
  CHECK_EQUAL(queue.QueuedCount(), 2u);
  queue.Push(RunOf(model, third));
  const Message refused = inbox.Wait(third);
  CHECK(refused.code == Code::kFailed);
  CHECK_EQUAL(refused.text, "ERR the run queue of device CPU is full");
  gate.Open();
  CHECK(inbox.Wait(first).code == Code::kOk);
  CHECK(inbox.Wait(second).code == Code::kOk);
}

TEST(DropsWhatWaitsWhenClosedAndRunsAgainWhenOpened) {
  RunQueue& queue = NewQueue(1, Answer);
  const Ref<Model> model = NewModel(1);
  Gate gate;
  Inbox inbox;
  queue.Push(RunOf(model, gate.completion()));
  gate.WaitUntilReached();
  const Completion queued = inbox.Next(), refused = inbox.Next(), accepted = inbox.Next();
  queue.Push(RunOf(model, queued));
  queue.Close();
  CHECK(inbox.Wait(queued).code == Code::kShuttingDown);
  queue.Push(RunOf(model, refused));
  CHECK(inbox.Wait(refused).code == Code::kShuttingDown);
  CHECK_EQUAL(queue.QueuedCount(), 0u);
  queue.Open();
  queue.Push(RunOf(model, accepted));
  gate.Open();
  CHECK(inbox.Wait(accepted).code == Code::kOk);
}

TEST(DropsRunsThatWaitForTheirModelWhenClosed) {
  RunQueue& queue = NewQueue(2, Answer);
  const Ref<Model> limited = NewModel(1), other = NewModel(0);
  Gate gate;
  Inbox inbox;
  queue.Push(RunOf(limited, gate.completion()));
  gate.WaitUntilReached();
  const Completion parked = inbox.Next(), passing = inbox.Next();
  queue.Push(RunOf(limited, parked));
  queue.Push(RunOf(other, passing));
  CHECK(inbox.Wait(passing).code == Code::kOk);  // passed the parked one
  queue.Close();
  CHECK(inbox.Wait(parked).code == Code::kShuttingDown);
  gate.Open();
}

TEST(KeepsAModelAtItsLimitAndInOrderWhileOthersPass) {
  for (uint32_t limit : {1u, 2u, 3u}) {
    std::atomic<uint32_t> active{0}, active_max{0};
    const Ref<Model> limited = NewModel(limit), other = NewModel(0);
    RunQueue& queue = NewQueue(4, [&, limited = limited.get()](auto& runs) {
      if (runs.front().subject() == limited) {
        const uint32_t now = ++active;
        for (uint32_t seen = active_max;
             seen < now && !active_max.compare_exchange_weak(seen, now);) {
        }
        std::this_thread::yield();
        --active;
      }
      Answer(runs);
    });
    Inbox limited_inbox, other_inbox;
    for (int i = 0; i < 2000; i++) {
      queue.Push(RunOf(limited, limited_inbox.Next()));
      if (i % 4 == 0) queue.Push(RunOf(other, other_inbox.Next()));
    }
    for (uint32_t i = 1; i <= 2000; i++) limited_inbox.Wait({nullptr, 1, i});
    for (uint32_t i = 1; i <= 500; i++) other_inbox.Wait({nullptr, 1, i});
    CHECK(active_max <= limit);
    CHECK_EQUAL(queue.QueuedCount(), 0u);
    for (uint32_t i = 0; limit == 1 && i < 2000; i++) CHECK_EQUAL(limited_inbox.order()[i], i + 1);
    // The threads are idle now and never look at this scope's variables again.
  }
}

TEST(LetsAllParkedRunsGoWhenTheLimitEnds) {
  // As when the first run of a model from a file compiled it: it was one at a time until then.
  std::atomic<int> begun{1};
  const Ref<Model> model = NewModel(1);
  Gate second_gate, third_gate;
  RunQueue& queue = NewQueue(3, [&](std::list<QueuedRun>& runs) {
    if (begun++ == 0) model->gate.SetMax(0);
    Answer(runs);
  });
  Gate first_gate;
  Ref<Model> held = model;
  CHECK(held->gate.TryBegin());  // keeps the model busy, so that all runs are parked
  Inbox inbox;
  const Completion compiling = inbox.Next(), passing = inbox.Next(), last = inbox.Next();
  queue.Push(RunOf(model, compiling));
  queue.Push(RunOf(model, first_gate.completion()));
  queue.Push(RunOf(model, second_gate.completion()));
  queue.Push(RunOf(model, third_gate.completion()));
  queue.Push(RunOf(NewModel(0), passing));
  CHECK(inbox.Wait(passing).code == Code::kOk);  // so the four before it were looked at, and parked
  held->gate.End();  // a run elsewhere ends: the next run of the model that comes frees them
  begun = 0;
  queue.Push(RunOf(model, last));
  CHECK(inbox.Wait(compiling).code == Code::kOk);
  first_gate.WaitUntilReached();
  second_gate.WaitUntilReached();
  third_gate.WaitUntilReached();  // three at once
  for (Gate* gate : {&first_gate, &second_gate, &third_gate}) gate->Open();
  CHECK(inbox.Wait(last).code == Code::kOk);
}

TEST(AnswersEachRunOnceWhilePushedAndClosedFromManyThreads) {
  RunQueue& queue = NewQueue(3, Answer);
  const Ref<Model> limited = NewModel(1), other = NewModel(0);
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; t++) {
    threads.emplace_back([&, t] {
      Inbox inbox;  // which checks that none is answered twice
      for (int i = 0; i < 2000; i++) queue.Push(RunOf((i + t) % 2 ? limited : other, inbox.Next()));
      for (uint32_t i = 1; i <= 2000; i++) {
        const Code code = inbox.Wait({nullptr, 1, i}).code;
        CHECK(code == Code::kOk || code == Code::kShuttingDown);
        answered++;
      }
    });
  }
  for (int i = 0; i < 20; i++) {
    queue.Close();
    queue.Open();
    std::this_thread::yield();
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(answered.load(), 6000);
}

TEST(CountsTheCpuSecondsOfEachThread) {
  RunQueue& queue = NewQueue(2, [](std::list<QueuedRun>& runs) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
    while (std::chrono::steady_clock::now() < end) {
    }
    Answer(runs);
  });
  Inbox inbox;
  queue.Push(RunOf(NewModel(0), inbox.Next()));
  inbox.Wait();
  const std::vector<double> seconds = queue.ThreadCpuSeconds();
  CHECK_EQUAL(seconds.size(), 2u);
  CHECK(seconds[0] + seconds[1] > 0.001);
}

// How many runs at once or waiting each was told of, in order of their beginning.
struct Crowds {
  std::mutex mutex;
  std::vector<size_t> seen;
  void Note(const std::list<QueuedRun>& runs) {
    std::lock_guard lock(mutex);
    seen.push_back(runs.front().runs_at_once);
  }
};

RunQueueOptions WithSideThreads(int side_thread_max, const Object* beside) {
  return {.side_thread_max = side_thread_max,
          .gains_beside = [beside](const QueuedRun& run, size_t runs_at_once) {
            return run.subject() == beside && runs_at_once > 1;
          }};
}

TEST(SideThreadsTakeRunsBesideOthers) {
  const Ref<Model> model = NewModel(0), other = NewModel(0);
  Crowds crowds;
  RunQueue& queue = NewQueue(
      1,
      [&](std::list<QueuedRun>& runs) {
        crowds.Note(runs);
        Answer(runs);
      },
      WithSideThreads(2, model.get()));
  // Runs that wait when another is taken start the threads.
  Gate first, second, third, fourth;
  queue.Push(RunOf(model, first.completion()));
  first.WaitUntilReached();
  for (Gate* gate : {&second, &third, &fourth}) queue.Push(RunOf(model, gate->completion()));
  first.Open();
  for (Gate* gate : {&second, &third, &fourth}) gate->WaitUntilReached();
  CHECK_EQUAL(queue.ThreadCpuSeconds().size(), 3u);
  const std::vector<size_t> begun = {1, 3, 3, 3};
  CHECK(crowds.seen == begun);

  // Others wait for the main thread, whoever is idle.
  Inbox inbox;
  second.Open();
  third.Open();
  const Completion waiting = inbox.Next();
  queue.Push(RunOf(other, waiting));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  fourth.Open();
  CHECK(inbox.Wait(waiting).code == Code::kOk);

  // Now they sleep, and are woken by a run that finds the main thread busy.
  Gate main, side;
  queue.Push(RunOf(other, main.completion()));
  main.WaitUntilReached();
  queue.Push(RunOf(model, side.completion()));
  side.WaitUntilReached();
  queue.Push(RunOf(other, inbox.Next()));
  side.Open();
  main.Open();
  CHECK(inbox.Wait().code == Code::kOk);
}

TEST(SideThreadsAreNeededByNoShortRun) {
  RunQueue& queue = NewQueue(1, Answer, WithSideThreads(4, nullptr));
  const Ref<Model> model = NewModel(0);
  Inbox inbox;
  for (int i = 0; i < 1000; i++) queue.Push(RunOf(model, inbox.Next()));
  CHECK_EQUAL(inbox.Wait().sequence, 1000u);
  CHECK_EQUAL(queue.ThreadCpuSeconds().size(), 1u);
}

TEST(ManyRunsOnSideThreadsAreAllMade) {
  const Ref<Model> model = NewModel(0), limited = NewModel(1);
  std::atomic<int> active{0}, active_max{0}, limited_active{0};
  RunQueue& queue = NewQueue(
      1,
      [&](std::list<QueuedRun>& runs) {
        const bool is_limited = runs.front().subject() == limited.get();
        if (is_limited) CHECK_EQUAL(++limited_active, 1);
        active_max = std::max(active_max.load(), ++active);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
        --active;
        if (is_limited) --limited_active;
        Answer(runs);
      },
      WithSideThreads(3, model.get()));
  Inbox inbox, limited_inbox;
  for (int i = 0; i < 1000; i++) {
    queue.Push(RunOf(model, inbox.Next()));
    if (i % 3 == 0) queue.Push(RunOf(limited, limited_inbox.Next()));
  }
  for (uint32_t i = 1; i <= 1000; i++) inbox.Wait({nullptr, 1, i});
  for (uint32_t i = 1; i <= 334; i++) limited_inbox.Wait({nullptr, 1, i});
  CHECK(active_max > 1);
  CHECK(active_max <= 4);
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
