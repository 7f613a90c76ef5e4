// Which DAGs join one in flight, and what those who share it are told.
#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "check.h"
#include "echo_engine.h"
#include "fake_backend.h"
#include "inbox.h"
#include "inference/dag.h"
#include "inference/run_joins.h"
#include "threads/client_table.h"

namespace tutti {
namespace {

using test::Clear;
using test::FakeBackend;
using test::Find;
using test::FirstElement;
using test::Gate;
using test::Held;
using test::Inbox;
using test::NewBehaviour;
using test::NewEngine;
using test::RunCount;
using test::Scalar;

Ref<Model> NewModel(tutti_model& behaviour, int64_t batch_size = 0) {
  ModelSpec spec;
  spec.device.name = "CPU";
  spec.batch_size = batch_size;
  return FakeBackend::NewModel(&behaviour, std::move(spec));
}

Ref<Script> NewScript() { return Ref<Script>::Adopt(new Script(test::EchoScript("good"))); }

// LOAD in, PERSIST out: the model, and the script if there is one, one after the other.
DagPlan PlanOf(const Ref<Model>& model, const Ref<Tensor>& loaded, Completion completion,
               const Ref<Script>& script = nullptr) {
  DagPlan plan;
  plan.tensors = {loaded, nullptr};
  plan.loaded = {loaded};
  ModelRun of_model;
  of_model.model = model;
  plan.operations.emplace_back(DagRun{std::move(of_model), {0}, 1, 1});
  if (script) {
    ScriptRun of_script;
    of_script.script = script;
    of_script.function = "f";
    plan.tensors.emplace_back();
    plan.operations.emplace_back(DagRun{std::move(of_script), {1}, 2, 1});
  }
  plan.operations.emplace_back(DagGet{1});
  plan.persisted.push_back({"out", 1});
  plan.completion = std::move(completion);
  plan.words = "words";
  return plan;
}

const DagResult& ResultOf(const Message& message) {
  CHECK(message.code == Code::kOk);
  CHECK(message.result);
  return static_cast<const DagResult&>(*message.result);
}

void Start(Engine& engine, DagPlan plan) { CHECK(!ExecuteDag(engine, std::move(plan))); }

ClientTable::Opened OpenClient() {
  return *ClientTable::Get().Open(ClientIdentity{}, 0, kClientsMax);
}

TEST(AnEqualDagJoinsTheOneInFlight) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = NewModel(behaviour);
  const Ref<Tensor> loaded = Scalar(7);
  Inbox first, second;
  {
    Held held(behaviour);
    Start(engine, PlanOf(model, loaded, first.Next()));
    Start(engine, PlanOf(model, loaded, second.Next()));  // while it is queued
    held.WaitForRun();
    Start(engine, PlanOf(model, loaded, second.Next()));  // while it runs
  }
  for (const Message& message :
       {first.Wait(), second.Wait({nullptr, 1, 1}), second.Wait({nullptr, 1, 2})}) {
    const DagResult& result = ResultOf(message);
    CHECK_EQUAL(result.elements.size(), 2u);
    CHECK(result.elements[0].status.ok());
    CHECK_EQUAL(FirstElement(result.elements[1].tensor), 7.0f);
  }
  CHECK_EQUAL(FirstElement("out"), 7.0f);
  CHECK_EQUAL(RunCount(behaviour), 1u);
  CHECK_EQUAL(model->statistics.joined.load(), 2);

  Start(engine, PlanOf(model, loaded, first.Next()));  // it is in flight no more
  CHECK(first.Wait().code == Code::kOk);
  CHECK_EQUAL(RunCount(behaviour), 2u);
}

TEST(ADagKeepsWhatItIsToldApartBy) {
  // Else another tensor could come to lie where the loaded one was, and be taken for it.
  Clear();
  Engine& engine = NewEngine();
  tutti_model &quick = NewBehaviour(), &held_one = NewBehaviour();
  const Ref<Model> first_model = NewModel(quick), second_model = NewModel(held_one);
  const Ref<Tensor> loaded = Scalar(1);
  Inbox inbox;
  {
    Held held(held_one);
    DagPlan plan = PlanOf(first_model, loaded, inbox.Next());
    ModelRun run;
    run.model = second_model;
    plan.tensors.emplace_back();
    plan.operations.emplace_back(DagRun{std::move(run), {1}, 2, 1});
    Start(engine, std::move(plan));
    held.WaitForRun();
    // The run that took them is over.
    CHECK(!loaded->is_unique());
    CHECK(!first_model->is_unique());
  }
  CHECK(inbox.Wait().code == Code::kOk);
}

struct UnequalRow {
  const char* title;
  // Changes the second of two equal plans.
  std::function<void(DagPlan&)> change;
};

TEST(ADagThatDiffersRunsByItself) {
  static tutti_model& behaviour = NewBehaviour();
  const UnequalRow rows[] = {
      {"other words", [](DagPlan& plan) { plan.words = "other"; }},
      {"no words", [](DagPlan& plan) { plan.words = ""; }},
      {"another database", [](DagPlan& plan) { plan.db = 1; }},
      {"the loaded tensor was replaced by an equal one",
       [](DagPlan& plan) { plan.tensors[0] = plan.loaded[0] = Scalar(1); }},
      {"the model was replaced by an equal one",
       [](DagPlan& plan) {
         std::get<ModelRun>(std::get<DagRun>(plan.operations[0]).work).model = NewModel(behaviour);
       }},
      {"one tensor more is loaded", [](DagPlan& plan) { plan.loaded.push_back(plan.loaded[0]); }},
  };
  for (const UnequalRow& row : rows) {
    Clear();
    Engine& engine = NewEngine();
    const Ref<Model> model = NewModel(behaviour);
    const Ref<Tensor> loaded = Scalar(1);
    const size_t count_before = RunCount(behaviour);
    Inbox inbox;
    {
      Held held(behaviour);
      Start(engine, PlanOf(model, loaded, inbox.Next()));
      DagPlan second = PlanOf(model, loaded, inbox.Next());
      row.change(second);
      Start(engine, std::move(second));
    }
    CHECK(inbox.Wait({nullptr, 1, 1}).code == Code::kOk);
    CHECK(inbox.Wait({nullptr, 1, 2}).code == Code::kOk);
    if (RunCount(behaviour) != count_before + 2) std::printf("# %s\n", row.title);
    CHECK_EQUAL(RunCount(behaviour), count_before + 2);
  }
}

TEST(AJoinedDagIsToldOfFailures) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  behaviour.failure = "ERR no luck";
  const Ref<Model> model = NewModel(behaviour);
  const Ref<Tensor> loaded = Scalar(1);
  Inbox inbox;
  {
    Held held(behaviour);
    for (int i = 0; i < 2; i++) Start(engine, PlanOf(model, loaded, inbox.Next()));
  }
  for (uint32_t i = 1; i <= 2; i++) {
    const Message message = inbox.Wait({nullptr, 1, i});
    CHECK_EQUAL(ResultOf(message).elements[0].status.message(), "ERR no luck");
    CHECK(ResultOf(message).elements[1].status.code() == Code::kNotPerformed);
  }
  CHECK(!Find("out"));
  CHECK_EQUAL(RunCount(behaviour), 1u);
}

// One whose client is still there is a request of its own where doing it twice makes a difference.
void CheckJoinsOnlyTheGone(tutti_model& behaviour, const Ref<Model>& model,
                           const Ref<Script>& script) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Tensor> loaded = Scalar(1);
  Inbox inbox;
  const ClientTable::Opened a = OpenClient(), b = OpenClient(), c = OpenClient();
  {
    Held held(behaviour);
    const auto send = [&](const ClientTable::Opened& client) {
      DagPlan plan = PlanOf(model, loaded, inbox.Next(), script);
      plan.client = client.id;
      Start(engine, std::move(plan));
    };
    send(a);
    send(b);  // a is there
    CHECK_EQUAL(model->statistics.joined.load(), 0);
    ClientTable::Get().Close(a.slot);
    send(c);  // a again, on a new connection
    CHECK_EQUAL(model->statistics.joined.load(), 1);
    if (script) CHECK_EQUAL(script->statistics.joined.load(), 1);
    send(b);  // c is there, and so is b itself
    CHECK_EQUAL(model->statistics.joined.load(), 1);
  }
  for (uint32_t i = 1; i <= 4; i++) CHECK(inbox.Wait({nullptr, 1, i}).code == Code::kOk);
  CHECK_EQUAL(model->statistics.calls.load(), 3);
  ClientTable::Get().Close(b.slot);
  ClientTable::Get().Close(c.slot);
}

TEST(ADagWithAScriptIsJoinedOnlyWhenAllWhoWaitAreGone) {
  tutti_model& behaviour = NewBehaviour();
  CheckJoinsOnlyTheGone(behaviour, NewModel(behaviour), NewScript());
}

TEST(ADagWithABatchingModelIsJoinedOnlyWhenAllWhoWaitAreGone) {
  tutti_model& behaviour = NewBehaviour();
  CheckJoinsOnlyTheGone(behaviour, NewModel(behaviour, 8), nullptr);
}

TEST(ADagIsNotTooLateForTheLastThatJoined) {
  for (const bool is_joined : {false, true}) {
    Clear();
    Engine& engine = NewEngine();
    tutti_model &behaviour = NewBehaviour(), &holder = NewBehaviour();
    const Ref<Model> model = NewModel(behaviour), held_model = NewModel(holder);
    const Ref<Tensor> loaded = Scalar(1);
    constexpr int64_t kTimeoutMs = 200;
    const auto plan = [&](Completion completion) {
      DagPlan made = PlanOf(model, loaded, std::move(completion));
      made.timeout_ms = kTimeoutMs;
      return made;
    };
    Inbox inbox, holding;
    const Completion first = inbox.Next();
    {
      Held held(holder);
      ModelRun run;
      run.model = held_model;
      run.inputs = {Scalar(0)};
      run.target.output_keys = {"held"};
      run.target.completion = holding.Next();
      engine.Enqueue(std::move(run));
      held.WaitForRun();
      Start(engine, plan(first));
      std::this_thread::sleep_for(std::chrono::milliseconds(kTimeoutMs + 20));
      // It comes when the time of the first is over, and no thread was free to say so.
      if (is_joined) Start(engine, plan(inbox.Next()));
    }
    const Code wanted = is_joined ? Code::kOk : Code::kTimedOut;
    CHECK(inbox.Wait(first).code == wanted);
    if (is_joined) CHECK(inbox.Wait().code == Code::kOk);
    CHECK_EQUAL(static_cast<bool>(Find("out")), is_joined);
  }
}

TEST(ADagWhoseKeysAreWrittenIsNotJoined) {
  // It has stored its keys and is about to tell so; who asks now wants them written once more, as
  // another client may have overwritten them in between.
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = NewModel(behaviour);
  const Ref<Tensor> loaded = Scalar(1);
  Gate gate;
  Start(engine, PlanOf(model, loaded, gate.completion()));
  gate.WaitUntilReached();
  Inbox inbox;
  Start(engine, PlanOf(model, loaded, inbox.Next()));
  CHECK_EQUAL(model->statistics.joined.load(), 0);
  gate.Open();
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(RunCount(behaviour), 2u);
}

TEST(AnswersEachDagOnceFromManyThreads) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = NewModel(behaviour), batching = NewModel(behaviour, 4);
  const Ref<Tensor> loaded = Scalar(3);
  constexpr int kThreads = 4, kRounds = 300;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; t++) {
    threads.emplace_back([&, t] {
      Inbox inbox;  // which checks that none is answered twice
      for (int i = 0; i < kRounds; i++) {
        const ClientTable::Opened client = OpenClient();
        DagPlan plan = PlanOf((i + t) % 2 ? model : batching, loaded, inbox.Next());
        plan.client = client.id;
        plan.words = std::to_string(i % 3);
        if (i % 20 == 0) plan.timeout_ms = 1;
        Start(engine, std::move(plan));
        if (i % 2) ClientTable::Get().Close(client.slot);
        const Message message = inbox.Wait();
        if (message.code == Code::kOk) {
          CHECK_EQUAL(FirstElement(ResultOf(message).elements[1].tensor), 3.0f);
        } else {
          CHECK(message.code == Code::kTimedOut);
        }
        if (i % 2 == 0) ClientTable::Get().Close(client.slot);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
