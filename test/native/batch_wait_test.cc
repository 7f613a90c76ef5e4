// How long runs wait for others to make a batch (MINBATCHSIZE), and batches of many threads.
#include <chrono>
#include <thread>

#include "batch_runs.h"
#include "inbox.h"

namespace tutti {
namespace {

using namespace test;

// Returns when `engine` has done all that it can do now.
void Settle(Engine& engine) {
  tutti_model& behaviour = NewBehaviour();
  Inbox inbox;
  engine.Enqueue(
      RunOf(FakeBackend::NewModel(&behaviour, Spec(0)), {Floats({1})}, {"settled"}, inbox.Next()));
  CHECK(inbox.Wait().code == Code::kOk);
}

TEST(ASmallBatchWaitsForMoreWhileOtherModelsRun) {
  Clear();
  Engine& engine = NewEngine(3'600'000);
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(4, 3));
  Inbox inbox;
  engine.Enqueue(RunOf(model, {Floats({1, 2}, 10)}, {"a"}, inbox.Next()));
  Settle(engine);
  engine.Enqueue(RunOf(model, {Floats({1, 2}, 20)}, {"b"}, inbox.Next()));
  engine.Enqueue(RunOf(model, {Floats({1, 3}, 30)}, {"other-shape"}, inbox.Next()));
  Settle(engine);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({}));
  // A run that fills a batch by itself goes at once, and so does one that cannot be batched.
  const Completion full = inbox.Next(), scalar = inbox.Next();
  engine.Enqueue(RunOf(model, {Floats({4, 2})}, {"c"}, full));
  engine.Enqueue(RunOf(model, {Floats({})}, {"d"}, scalar));
  CHECK(inbox.Wait(full).code == Code::kOk);
  CHECK(inbox.Wait(scalar).code == Code::kOk);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({4, 0}));
  engine.Enqueue(RunOf(model, {Floats({1, 2}, 40)}, {"e"}, inbox.Next()));
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({4, 0, 3}));
  CHECK(HasFloats(*Stored("a"), {1, 2}, 10));
  CHECK(HasFloats(*Stored("b"), {1, 2}, 20));
  CHECK(HasFloats(*Stored("e"), {1, 2}, 40));
  // What still waits is dropped by a shutdown.
  engine.Shutdown();
  CHECK(inbox.Wait({nullptr, 1, 3}).code == Code::kShuttingDown);
  engine.Resume();
}

struct WaitRow {
  const char* title;
  int64_t min_batch_timeout_ms;
  int64_t min_batch_wait_ms_max;
  int64_t waited_ms_min;
};

TEST(ASmallBatchDoesNotWaitForEver) {
  const WaitRow rows[] = {
      {"MINBATCHTIMEOUT", 30, 3'600'000, 30},
      {"the bound where there is none", 0, 40, 40},
      {"MINBATCHTIMEOUT above the bound", 60, 1, 60},
  };
  for (const WaitRow& row : rows) {
    Clear();
    Engine& engine = NewEngine(row.min_batch_wait_ms_max);
    tutti_model& behaviour = NewBehaviour();
    const Ref<Model> model =
        FakeBackend::NewModel(&behaviour, Spec(8, 4, row.min_batch_timeout_ms));
    Inbox inbox;
    const auto begin = std::chrono::steady_clock::now();
    engine.Enqueue(RunOf(model, {Floats({1})}, {"a"}, inbox.Next()));
    engine.Enqueue(RunOf(model, {Floats({1})}, {"b"}, inbox.Next()));
    CHECK(inbox.Wait({nullptr, 1, 1}).code == Code::kOk);
    CHECK(inbox.Wait({nullptr, 1, 2}).code == Code::kOk);
    const auto waited = std::chrono::steady_clock::now() - begin;
    if (waited < std::chrono::milliseconds(row.waited_ms_min)) std::printf("# %s\n", row.title);
    CHECK(waited >= std::chrono::milliseconds(row.waited_ms_min));
    CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({2}));  // with what it has
  }
}

TEST(ATimeoutEndsTheWaitForMore) {
  Clear();
  Engine& engine = NewEngine(3'600'000);
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(8, 3));
  Inbox inbox;
  const Completion patient = inbox.Next(), hasty = inbox.Next(), third = inbox.Next();
  engine.Enqueue(RunOf(model, {Floats({1})}, {"a"}, patient));
  ModelRun with_timeout = RunOf(model, {Floats({1})}, {"b"}, hasty);
  with_timeout.target.timeout_ms = 20;
  engine.Enqueue(std::move(with_timeout));
  CHECK(inbox.Wait(hasty).code == Code::kTimedOut);
  CHECK(!Keyspace::Get().Find(0, "b"));
  // It does not count any more: two are there, and three are wanted.
  engine.Enqueue(RunOf(model, {Floats({1})}, {"c"}, third));
  Settle(engine);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({}));
  engine.Enqueue(RunOf(model, {Floats({1})}, {"d"}, inbox.Next()));
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK(inbox.Wait(patient).code == Code::kOk);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({3}));
}

TEST(ARunThatIsTooLateDoesNotMakeABatchLargeEnough) {
  Clear();
  Engine& engine = NewEngine(3'600'000);
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(8, 2));
  Inbox inbox;
  const Completion late = inbox.Next(), second = inbox.Next();
  {
    const Occupied occupied(engine);
    ModelRun run = RunOf(model, {Floats({1})}, {"a"}, late);
    run.target.timeout_ms = 1;
    engine.Enqueue(std::move(run));
    engine.Enqueue(RunOf(model, {Floats({1})}, {"b"}, second));
    std::this_thread::sleep_for(std::chrono::milliseconds(3));  // its TIMEOUT is over
  }
  CHECK(inbox.Wait(late).code == Code::kTimedOut);
  Settle(engine);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({}));
  engine.Enqueue(RunOf(model, {Floats({1})}, {"c"}, inbox.Next()));
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({2}));
}

TEST(ABatchTakesOnePlaceOfAModelsLimit) {
  Clear();
  Engine& engine = NewEngine(kMinBatchWaitMsMax, 3);
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(100), 1);
  behaviour.is_closed = true;
  Inbox inbox;
  engine.Enqueue(RunOf(model, {Floats({1})}, {"a"}, inbox.Next()));
  {
    std::unique_lock lock(behaviour.mutex);
    behaviour.changed.wait(lock, [&] { return !behaviour.batch_sizes.empty(); });
  }
  for (int i = 0; i < 5; i++) {
    engine.Enqueue(RunOf(model, {Floats({1})}, {"b" + std::to_string(i)}, inbox.Next()));
  }
  {
    std::lock_guard lock(behaviour.mutex);
    behaviour.is_closed = false;
    behaviour.changed.notify_all();
  }
  for (uint32_t i = 1; i <= 6; i++) CHECK(inbox.Wait({nullptr, 1, i}).code == Code::kOk);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({1, 5}));
}

TEST(AnswersEachRunWithItsOwnRowsFromManyThreads) {
  Clear();
  Engine& engine = NewEngine(5, 2);
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(6, 3, 1));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&, t] {
      Inbox inbox;
      for (int i = 0; i < 400; i++) {
        const Dims dims = {1 + (i + t) % 3, 1 + i % 2};
        const std::string key = "out" + std::to_string(t);
        const auto first = static_cast<float>(1000 * t + i);
        ModelRun run = RunOf(model, {Floats(dims, first)}, {key}, inbox.Next());
        if (i % 50 == 0) run.target.timeout_ms = 1;
        engine.Enqueue(std::move(run));
        const Code code = inbox.Wait().code;
        CHECK(code == Code::kOk || (i % 50 == 0 && code == Code::kTimedOut));
        if (code == Code::kOk) CHECK(HasFloats(*Stored(key), dims, first));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
