// Which requests join a run in flight, and what they are told.
#include "inference/run_joins.h"

#include <array>
#include <chrono>
#include <thread>

#include "check.h"
#include "fake_backend.h"
#include "inbox.h"
#include "inference/engine.h"
#include "keyspace/keyspace.h"
#include "threads/client_table.h"

namespace tutti {
namespace {

using test::FakeBackend;
using test::Gate;
using test::Held;
using test::Inbox;
using test::NewBehaviour;
using test::RunCount;

Engine& NewEngine() {
  static auto& engines = *new std::vector<Engine*>;  // never destroyed, and no leak
  engines.push_back(new Engine);
  engines.back()->Configure({});
  return *engines.back();
}

ModelSpec Spec(int64_t batch_size = 0) {
  ModelSpec spec;
  spec.device.name = "CPU";
  spec.batch_size = batch_size;
  return spec;
}

Ref<Tensor> Row(float value) {
  const int64_t dims[] = {1};
  return Tensor::Copy(DType::kFloat, dims, &value, sizeof(value));
}

ModelRun RunOf(const Ref<Model>& model, const Ref<Tensor>& input, std::string words,
               Completion completion, uint64_t client = 0) {
  ModelRun run;
  run.model = model;
  run.inputs = {input};
  run.target.output_keys = {"out"};
  run.target.words = std::move(words);
  run.target.completion = std::move(completion);
  run.target.client = client;
  return run;
}

ScriptRun RunOf(const Ref<Script>& script, const Ref<Tensor>& input, std::string words,
                Completion completion, uint64_t client) {
  ScriptRun run;
  run.script = script;
  run.inputs = {input};
  run.target.words = std::move(words);
  run.target.completion = std::move(completion);
  run.target.client = client;
  return run;
}

// Keeps the only run thread of an engine, with a run of `behaviour`, until it goes.
class Occupied {
 public:
  Occupied(Engine& engine, tutti_model& behaviour) : held_(behaviour) {
    engine.Enqueue(RunOf(FakeBackend::NewModel(&behaviour, Spec()), Row(0), {}, {}));
    held_.WaitForRun();
  }

 private:
  Held held_;
};

ClientTable::Opened OpenClient() {
  return *ClientTable::Get().Open(ClientIdentity{}, 0, kClientsMax);
}

TEST(AnEqualRequestJoinsTheRunInFlight) {
  Engine& engine = NewEngine();
  tutti_model &behaviour = NewBehaviour(), &holder = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec());
  const Ref<Tensor> input = Row(1);
  Inbox first, second;
  {
    const Occupied occupied(engine, holder);
    engine.Enqueue(RunOf(model, input, "words", first.Next()));  // queued
    engine.Enqueue(RunOf(model, input, "words", second.Next()));
    engine.Enqueue(RunOf(model, input, "words", second.Next()));
  }
  CHECK(first.Wait().code == Code::kOk);
  CHECK(second.Wait({nullptr, 1, 1}).code == Code::kOk);
  CHECK(second.Wait({nullptr, 1, 2}).code == Code::kOk);
  CHECK_EQUAL(RunCount(behaviour), 1u);
  CHECK_EQUAL(model->statistics.calls.load(), 1);
  CHECK_EQUAL(model->statistics.joined.load(), 2);

  behaviour.is_closed = true;
  engine.Enqueue(RunOf(model, input, "words", first.Next()));  // not in flight any more: once more
  {
    std::unique_lock lock(behaviour.mutex);
    behaviour.changed.wait(lock, [&] { return behaviour.batch_sizes.size() == 2; });
  }
  engine.Enqueue(RunOf(model, input, "words", second.Next()));  // while it runs
  {
    std::lock_guard lock(behaviour.mutex);
    behaviour.is_closed = false;
    behaviour.changed.notify_all();
  }
  CHECK(first.Wait().code == Code::kOk);
  CHECK(second.Wait().code == Code::kOk);
  CHECK_EQUAL(RunCount(behaviour), 2u);
}

struct UnequalRow {
  const char* title;
  // Changes the second of two equal requests.
  std::function<void(ModelRun&)> change;
};

TEST(ARequestThatDiffersRunsByItself) {
  static tutti_model& behaviour = NewBehaviour();
  const UnequalRow rows[] = {
      {"other words", [](ModelRun& run) { run.target.words = "other"; }},
      {"no words", [](ModelRun& run) { run.target.words = ""; }},
      {"another database", [](ModelRun& run) { run.target.db = 1; }},
      {"the input was replaced by an equal one", [](ModelRun& run) { run.inputs = {Row(1)}; }},
      {"the model was replaced by an equal one",
       [](ModelRun& run) { run.model = FakeBackend::NewModel(&behaviour, Spec()); }},
      {"one input more", [](ModelRun& run) { run.inputs.push_back(run.inputs[0]); }},
  };
  for (const UnequalRow& row : rows) {
    Engine& engine = NewEngine();
    tutti_model& holder = NewBehaviour();
    const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec());
    const Ref<Tensor> input = Row(1);
    const size_t count_before = RunCount(behaviour);
    Inbox inbox;
    {
      const Occupied occupied(engine, holder);
      engine.Enqueue(RunOf(model, input, "words", inbox.Next()));
      ModelRun second = RunOf(model, input, "words", inbox.Next());
      row.change(second);
      engine.Enqueue(std::move(second));
    }
    CHECK(inbox.Wait({nullptr, 1, 1}).code == Code::kOk);
    CHECK(inbox.Wait({nullptr, 1, 2}).code == Code::kOk);
    if (RunCount(behaviour) != count_before + 2) std::printf("# %s\n", row.title);
    CHECK_EQUAL(RunCount(behaviour), count_before + 2);
  }
}

TEST(AJoinedRequestIsToldOfFailures) {
  Engine& engine = NewEngine();
  tutti_model &behaviour = NewBehaviour(), &holder = NewBehaviour();
  behaviour.failure = "ERR no luck";
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec());
  const Ref<Tensor> input = Row(1);
  Inbox inbox;
  {
    const Occupied occupied(engine, holder);
    for (int i = 0; i < 2; i++) engine.Enqueue(RunOf(model, input, "words", inbox.Next()));
  }
  for (uint32_t i = 1; i <= 2; i++) {
    CHECK_EQUAL(inbox.Wait({nullptr, 1, i}).text, "ERR no luck");
  }
  {
    const Occupied occupied(engine, holder);
    for (int i = 0; i < 2; i++) engine.Enqueue(RunOf(model, input, "words", inbox.Next()));
    engine.Shutdown();
    for (uint32_t i = 3; i <= 4; i++) {
      CHECK(inbox.Wait({nullptr, 1, i}).code == Code::kShuttingDown);
    }
    engine.Resume();
  }
  CHECK_EQUAL(RunCount(behaviour), 1u);
}

// A request of a client that is still there, sent by another one, is a request of its own where
// doing it twice makes a difference.
template <typename Subject>
void CheckJoinsOnlyTheGone(Engine& engine, tutti_model& holder, const Ref<Subject>& subject) {
  const Ref<Tensor> input = Row(1);
  Inbox inbox;
  const ClientTable::Opened a = OpenClient(), b = OpenClient(), c = OpenClient();
  {
    const Occupied occupied(engine, holder);
    const auto send = [&](const ClientTable::Opened& client) {
      engine.Enqueue(RunOf(subject, input, "words", inbox.Next(), client.id));
    };
    send(a);
    send(b);  // a is there: a run of its own
    CHECK_EQUAL(subject->statistics.joined.load(), 0);
    ClientTable::Get().Close(a.slot);
    send(c);  // a again, on a new connection
    CHECK_EQUAL(subject->statistics.joined.load(), 1);
    const ClientTable::Opened d = OpenClient();
    send(d);  // nobody who waits is gone: c has joined the run of a
    CHECK_EQUAL(subject->statistics.joined.load(), 1);
    ClientTable::Get().Close(b.slot);
    ClientTable::Get().Close(d.slot);
    const ClientTable::Opened e = OpenClient();
    send(e);
    CHECK_EQUAL(subject->statistics.joined.load(), 2);
    ClientTable::Get().Close(e.slot);
  }
  for (uint32_t i = 1; i <= 5; i++) inbox.Wait({nullptr, 1, i});
  CHECK_EQUAL(subject->statistics.calls.load(), 3);
  ClientTable::Get().Close(c.slot);
}

TEST(AScriptIsJoinedOnlyWhenAllWhoWaitAreGone) {
  Engine& engine = NewEngine();
  tutti_model& holder = NewBehaviour();
  ScriptSpec spec;
  spec.device.name = "CPU";  // its runs fail, since there is no backend, and are counted
  CheckJoinsOnlyTheGone(engine, holder, Ref<Script>::Adopt(new Script(spec)));
}

TEST(AModelWithBatchesIsJoinedOnlyWhenAllWhoWaitAreGone) {
  Engine& engine = NewEngine();
  tutti_model &behaviour = NewBehaviour(), &holder = NewBehaviour();
  CheckJoinsOnlyTheGone(engine, holder, FakeBackend::NewModel(&behaviour, Spec(8)));
}

TEST(ARunIsNotTooLateForTheLastThatJoined) {
  Engine& engine = NewEngine();
  tutti_model &behaviour = NewBehaviour(), &holder = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec());
  const Ref<Tensor> input = Row(1);
  for (const bool is_joined : {false, true}) {
    Inbox inbox;
    const Completion first = inbox.Next();
    {
      const Occupied occupied(engine, holder);
      ModelRun run = RunOf(model, input, "words", first);
      run.target.timeout_ms = 60'000;
      run.target.clock_from = std::chrono::steady_clock::now() - std::chrono::seconds(61);
      engine.Enqueue(std::move(run));
      if (is_joined) {
        // A request that comes a moment later begins the time anew.
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
        ModelRun again = RunOf(model, input, "words", inbox.Next());
        again.target.timeout_ms = 60'000;
        engine.Enqueue(std::move(again));
      }
    }
    const Code wanted = is_joined ? Code::kOk : Code::kTimedOut;
    CHECK(inbox.Wait(first).code == wanted);
    if (is_joined) CHECK(inbox.Wait().code == Code::kOk);
  }
}

TEST(AResultThatIsStoredIsNotJoined) {
  // The run has stored its output and is about to tell so; who asks now wants a run of its own, as
  // the output may have been overwritten in between.
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec());
  const Ref<Tensor> input = Row(1);
  Gate gate;
  engine.Enqueue(RunOf(model, input, "words", gate.completion()));
  gate.WaitUntilReached();
  Inbox inbox;
  engine.Enqueue(RunOf(model, input, "words", inbox.Next()));
  CHECK_EQUAL(model->statistics.joined.load(), 0);
  gate.Open();
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(RunCount(behaviour), 2u);
}

TEST(AnswersEachRequestOnceFromManyThreads) {
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const std::array<Ref<Model>, 2> models = {FakeBackend::NewModel(&behaviour, Spec()),
                                            FakeBackend::NewModel(&behaviour, Spec(4))};
  const std::array<Ref<Tensor>, 2> inputs = {Row(1), Row(2)};
  constexpr int kThreads = 4, kRounds = 500;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      Inbox inbox;  // which checks that none is answered twice
      for (int i = 0; i < kRounds; i++) {
        const ClientTable::Opened client = OpenClient();
        ModelRun run = RunOf(models[(i + t) % 2], inputs[i / 2 % 2], std::to_string(i % 3),
                             inbox.Next(), client.id);
        if (i % 20 == 0) run.target.timeout_ms = 1;
        engine.Enqueue(std::move(run));
        if (i % 2) ClientTable::Get().Close(client.slot);
        const Code code = inbox.Wait().code;
        CHECK(code == Code::kOk || code == Code::kTimedOut);
        if (i % 2 == 0) ClientTable::Get().Close(client.slot);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const int64_t counted = models[0]->statistics.calls + models[0]->statistics.joined +
                          models[1]->statistics.calls + models[1]->statistics.joined;
  CHECK(counted <= kThreads * kRounds);  // but for those that timed out
  CHECK(counted >= kThreads * kRounds * 9 / 10);
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
