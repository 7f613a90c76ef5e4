// Runs that are divided over the cores by a form of the model made for them.
#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <thread>

#include "core/memory_account.h"
#include "echo_engine.h"
#include "inbox.h"

using namespace tutti;
using namespace tutti::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::milliseconds kPatience{20'000};

EngineOptions OnFourCores() {
  EngineOptions options;
  options.core_count = 4;
  return options;
}

Ref<Model> Store(Engine& engine, const std::string& key, ModelSpec spec) {
  Inbox inbox;
  engine.StoreModel(0, key, std::move(spec), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  return FindAs<Model>(key);
}

// A run, whose output must be its input.
Clock::duration Run(Engine& engine, const Ref<Model>& model) {
  Inbox inbox;
  ModelRun run{model, {Scalar(1.5f)}, {}};
  run.target.output_keys = {"out"};
  run.target.completion = inbox.Next();
  const Clock::time_point begin = Clock::now();
  engine.Enqueue(std::move(run));
  CHECK(inbox.Wait().code == Code::kOk);
  const Clock::duration taken = Clock::now() - begin;
  CHECK_EQUAL(FirstElement("out"), 1.5f);
  return taken;
}

void Run(Engine& engine, const Ref<Model>& model, uint32_t run_count) {
  for (uint32_t i = 0; i < run_count; i++) Run(engine, model);
}

constexpr uint32_t kTries = ThreadChoice::kTriesOfEach;

TEST(DividesLongRunsOnceTheirFormIsMade) {
  Clear();
  Engine& engine = NewEngine(OnFourCores());
  const Ref<Model> model = Store(engine, "m", EchoModel("slow 40"));
  const size_t footprint = model->footprint();
  for (uint32_t i = 0; i < kTries; i++) {
    CHECK(Run(engine, model) >= std::chrono::milliseconds(40));
    CHECK(!model->divided());
  }
  const Clock::time_point end = Clock::now() + kPatience;
  while (!model->divided() && Clock::now() < end) Run(engine, model);
  CHECK(model->divided());
  CHECK(model->footprint() > footprint);
  Run(engine, model, 2 * kTries);
  CHECK(model->thread_choice.ChooseWhereDividedIsDear(sizeof(float)) ==
        ThreadChoice::Way::kAllThreads);
  Clock::duration best = kPatience;
  for (int i = 0; i < 10; i++) best = std::min(best, Run(engine, model));
  CHECK(best < std::chrono::milliseconds(40));
}

TEST(LeavesShortRunsWhole) {
  Clear();
  Engine& engine = NewEngine(OnFourCores());
  const Ref<Model> model = Store(engine, "m", EchoModel());
  Run(engine, model, 4 * kTries);
  CHECK(!model->divided());
}

// Makes runs of several clients, each of which waits for one before it sends the next.
void RunAtOnce(Engine& engine, const Ref<Model>& model, int client_count, int run_count) {
  Inbox inbox;
  std::vector<Completion> last(static_cast<size_t>(client_count));
  const auto send = [&](Completion& completion) {
    ModelRun run{model, {Scalar(1.5f)}, {}};
    completion = inbox.Next();
    run.target.output_keys = {"out" + std::to_string(completion.sequence)};
    run.target.completion = completion;
    engine.Enqueue(std::move(run));
  };
  for (int i = 0; i < run_count; i++) {
    for (Completion& completion : last) {
      if (completion.mailbox) CHECK(inbox.Wait(completion).code == Code::kOk);
      send(completion);
    }
  }
  for (Completion& completion : last) CHECK(inbox.Wait(completion).code == Code::kOk);
}

TEST(MakesRunsOfSeveralClientsBesideEachOther) {
  Clear();
  Engine& engine = NewEngine(OnFourCores());
  const Ref<Model> model = Store(engine, "m", EchoModel("slow 20 20"));  // 40 ms, or 25 ms divided
  const Clock::time_point end = Clock::now() + kPatience;
  while (!model->divided() && Clock::now() < end) Run(engine, model);
  Run(engine, model, 2 * kTries);
  CHECK_EQUAL(engine.QueueThreadCpuSeconds("CPU").size(), 1u);
  RunAtOnce(engine, model, 4, 5);
  const size_t thread_count = engine.QueueThreadCpuSeconds("CPU").size();
  CHECK(thread_count > 1);
  CHECK(thread_count <= 4);

  model->statistics.Reset();
  RunAtOnce(engine, model, 4, 10);
  CHECK_EQUAL(model->statistics.calls.load(), 40);
  // Nearly all whole: 25 ms each otherwise.
  CHECK(model->statistics.compute_us > 40 * 35'000);
  model->statistics.Reset();
  Run(engine, model, 10);  // alone
  CHECK(model->statistics.compute_us < 10 * 40'000);
}

TEST(LeavesRunsWholeWhereSomebodyHasSaidSo) {
  Clear();
  EngineOptions set_threads = OnFourCores(), many_runs = OnFourCores(), one_core;
  set_threads.intra_op_threads = 4;
  many_runs.threads_per_queue = 2;
  for (EngineOptions& options : std::array{set_threads, many_runs, one_core}) {
    Engine& engine = NewEngine(options);
    const Ref<Model> model = Store(engine, "m", EchoModel("slow 5"));
    Run(engine, model, 2 * kTries);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    CHECK(!model->divided());
  }
}

TEST(GoesOnWithoutAFormThatCannotBeMade) {
  Clear();
  Engine& engine = NewEngine(OnFourCores());
  const Ref<Model> model = Store(engine, "m", EchoModel("whole 5"));
  Run(engine, model, 3 * kTries);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  Run(engine, model);
  CHECK(!model->divided());
}

TEST(MakesNoFormWhereMemoryIsShort) {
  Clear();
  constexpr size_t kBlobBytes = 1 << 20;
  Engine& engine = NewEngine(OnFourCores());
  const std::string blob = "slow 5" + std::string(kBlobBytes, ' ');
  const Ref<Model> model = Store(engine, "m", EchoModel(blob));
  Run(engine, model);
  memory_account::SetMax(memory_account::Used() + kBlobBytes / 2);
  Run(engine, model, 3 * kTries);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  memory_account::SetMax(0);
  CHECK(!model->divided());
}

}  // namespace

RUN_TESTS()
