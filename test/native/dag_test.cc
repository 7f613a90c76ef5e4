// DAGs on the echo backend, whose models answer copies of their inputs.
#include "inference/dag.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "check.h"
#include "core/memory_account.h"
#include "echo_engine.h"
#include "fake_backend.h"
#include "inbox.h"
#include "keyspace/value.h"
#include "random.h"

namespace tutti {
namespace {

using test::Clear;
using test::FakeBackend;
using test::Find;
using test::FirstElement;
using test::Gate;
using test::Inbox;
using test::NewEngine;
using test::Put;
using test::Scalar;

// What waits for another thread gives up after this.
constexpr auto kPatience = std::chrono::seconds(60);

// Not stored: its first run compiles it.
Ref<Model> NewModel(std::string_view blob = "good", std::string device = "CPU") {
  ModelSpec spec = test::EchoModel(blob, std::move(device));
  spec.inputs = {"x"};  // counts are checked where a run is queued, which the echo does not mind
  return Ref<Model>::Adopt(new Model(std::move(spec)));
}

Ref<Script> NewScript(std::string device = "CPU") {
  ScriptSpec spec = test::EchoScript("good");
  spec.device.name = std::move(device);
  return Ref<Script>::Adopt(new Script(std::move(spec)));
}

template <typename Condition>
void WaitUntil(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    CHECK(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

ModelSpec ModelSpecOn(std::string device) { return test::EchoModel("", std::move(device)); }

// Puts plans together as a parser does: tensors are named by the number they get.
class PlanOf {
 public:
  size_t Set(Ref<Tensor> tensor) {
    plan_.tensors.push_back(std::move(tensor));
    plan_.operations.emplace_back(DagSet{});
    return plan_.tensors.size() - 1;
  }
  // The first of its outputs.
  size_t Run(const Ref<Model>& model, std::vector<size_t> inputs, size_t output_count = 1) {
    ModelRun run;
    run.model = model;
    return Add(std::move(run), std::move(inputs), output_count);
  }
  size_t Run(const Ref<Script>& script, std::vector<size_t> inputs, size_t output_count = 1) {
    ScriptRun run;
    run.script = script;
    run.function = "f";
    return Add(std::move(run), std::move(inputs), output_count);
  }
  void Get(size_t tensor) { plan_.operations.emplace_back(DagGet{tensor}); }
  void Persist(std::string key, size_t tensor) {
    plan_.persisted.push_back({std::move(key), tensor});
  }
  void Timeout(int64_t ms) { plan_.timeout_ms = ms; }

  Message Execute(Engine& engine, Inbox& inbox) {
    Start(engine, inbox.Next());
    return inbox.Wait();
  }
  void Start(Engine& engine, Completion completion) {
    plan_.completion = std::move(completion);
    CHECK(!ExecuteDag(engine, std::move(plan_)));
  }
  Ref<DagResult> ExecuteAtOnce(Engine& engine) { return ExecuteDag(engine, std::move(plan_)); }

 private:
  template <typename Work>
  size_t Add(Work work, std::vector<size_t> inputs, size_t output_count) {
    DagRun run;
    run.work = std::move(work);
    run.inputs = std::move(inputs);
    run.first_output = plan_.tensors.size();
    run.output_count = output_count;
    plan_.tensors.resize(plan_.tensors.size() + output_count);
    plan_.operations.emplace_back(std::move(run));
    return plan_.tensors.size() - output_count;
  }

  DagPlan plan_;
};

std::vector<DagResult::Element>& ElementsOf(const Message& message) {
  CHECK(message.code == Code::kOk);
  CHECK(message.result);
  return static_cast<DagResult&>(*message.result).elements;
}

// Keeps the only run thread of the model's device until the gate is opened.
void Occupy(Engine& engine, Gate& gate, const Ref<Model>& model) {
  ModelRun run;
  run.model = model;
  run.inputs.push_back(Scalar(0));
  run.target.output_keys = {"occupied"};
  run.target.completion = gate.completion();
  engine.Enqueue(std::move(run));
  gate.WaitUntilReached();
}

TEST(APlanWithoutRunsIsDoneAtOnce) {
  Clear();
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1)), b = plan.Set(Scalar(2));
  plan.Get(b);
  plan.Get(a);
  plan.Persist("kept", b);
  const Ref<DagResult> result = plan.ExecuteAtOnce(NewEngine());
  CHECK(result);
  CHECK_EQUAL(result->elements.size(), 4u);
  CHECK(result->elements[0].status.ok() && !result->elements[0].tensor);
  CHECK_EQUAL(FirstElement(result->elements[2].tensor), 2.0f);
  CHECK_EQUAL(FirstElement(result->elements[3].tensor), 1.0f);
  CHECK_EQUAL(FirstElement("kept"), 2.0f);
}

TEST(ModelsAndScriptsTakeWhatOthersMade) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1)), b = plan.Set(Scalar(2));
  // Echoes: the first output is the first input, and so on around.
  const size_t swapped = plan.Run(NewModel(), {b, a}, 3);
  const size_t again = plan.Run(NewScript("CPU:1"), {swapped + 1, swapped}, 2);
  const size_t last = plan.Run(NewModel("good", "CPU:2"), {again, again, swapped + 2});
  plan.Get(swapped);
  plan.Get(again);
  plan.Get(again + 1);
  plan.Get(last);
  plan.Persist("x", again + 1);
  plan.Persist("y", a);
  const Message message = plan.Execute(engine, inbox);
  const auto& elements = ElementsOf(message);
  CHECK_EQUAL(elements.size(), 9u);
  for (const auto& element : elements) CHECK(element.status.ok());
  CHECK_EQUAL(FirstElement(elements[5].tensor), 2.0f);
  CHECK_EQUAL(FirstElement(elements[6].tensor), 1.0f);
  CHECK_EQUAL(FirstElement(elements[7].tensor), 2.0f);
  CHECK_EQUAL(FirstElement(elements[8].tensor), 1.0f);
  CHECK_EQUAL(FirstElement("x"), 2.0f);
  CHECK_EQUAL(FirstElement("y"), 1.0f);
}

TEST(ARunWithoutOutputsIsARun) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  PlanOf plan;
  plan.Run(NewScript(), {}, 0);
  const size_t a = plan.Set(Scalar(1));
  plan.Run(NewScript(), {a}, 0);
  const Message message = plan.Execute(engine, inbox);
  CHECK_EQUAL(ElementsOf(message).size(), 3u);
}

TEST(DevicesGoOnSideBySide) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> blocked = NewModel(), free = NewModel("good", "cpu:1");
  Gate gate;
  Occupy(engine, gate, blocked);
  Inbox inbox;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1));
  const size_t b = plan.Run(blocked, {a});
  const size_t c = plan.Run(free, {a});
  const size_t d = plan.Run(free, {c});
  plan.Get(plan.Run(free, {b, d}, 2));
  plan.Start(engine, inbox.Next());
  // All of the other device that needs nothing of the blocked one.
  WaitUntil([&] { return free->statistics.calls.load() == 2; });
  CHECK_EQUAL(blocked->statistics.calls.load(), 1);
  gate.Open();
  const Message message = inbox.Wait();
  CHECK_EQUAL(FirstElement(ElementsOf(message).back().tensor), 1.0f);
  CHECK_EQUAL(free->statistics.calls.load(), 3);
}

TEST(RunsOfADeviceKeepTheOrderOfTheText) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> blocked = NewModel("good", "CPU:1"), first = NewModel(), second = NewModel();
  Gate gate;
  Occupy(engine, gate, blocked);
  Inbox inbox;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1));
  const size_t b = plan.Run(blocked, {a});
  plan.Run(first, {b});
  plan.Run(second, {a});  // its input is there, but it is not its turn
  plan.Start(engine, inbox.Next());
  // A run of another client on the same device passes.
  const Ref<Model> other = NewModel();
  PlanOf others;
  others.Run(other, {others.Set(Scalar(1))});
  Inbox other_inbox;
  CHECK(others.Execute(engine, other_inbox).code == Code::kOk);
  CHECK_EQUAL(first->statistics.calls.load(), 0);
  CHECK_EQUAL(second->statistics.calls.load(), 0);
  gate.Open();
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(first->statistics.calls.load(), 1);
  CHECK_EQUAL(second->statistics.calls.load(), 1);
}

TEST(AfterAFailureNothingBeginsAndNothingIsWritten) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> never = NewModel();
  Inbox inbox;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1));
  const size_t made = plan.Run(NewModel(), {a});
  const size_t failed = plan.Run(NewModel("fail-run"), {made});
  const size_t missing = plan.Run(never, {made});
  for (const size_t tensor : {a, made, failed, missing}) plan.Get(tensor);
  plan.Persist("x", made);
  const Message message = plan.Execute(engine, inbox);
  const auto& elements = ElementsOf(message);
  CHECK_EQUAL(elements.size(), 8u);
  CHECK(elements[1].status.ok());
  CHECK(elements[2].status.code() == Code::kFailed);
  CHECK(elements[2].status.message().find("this run") != std::string::npos);
  CHECK(elements[3].status.code() == Code::kNotPerformed);
  CHECK_EQUAL(FirstElement(elements[4].tensor), 1.0f);
  CHECK_EQUAL(FirstElement(elements[5].tensor), 1.0f);
  CHECK(elements[6].status.code() == Code::kNotPerformed && !elements[6].tensor);
  CHECK(elements[7].status.code() == Code::kNotPerformed && !elements[7].tensor);
  CHECK(!Find("x"));
  CHECK_EQUAL(never->statistics.calls.load(), 0);
}

TEST(AModelThatCannotBeCompiledFailsItsRun) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  PlanOf plan;
  plan.Run(NewModel("fail"), {plan.Set(Scalar(1))});
  const Message message = plan.Execute(engine, inbox);
  CHECK(ElementsOf(message)[1].status.code() == Code::kFailed);
}

TEST(WhatIsNoTensorIsNoneAndFailsItsReaders) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  static auto& nothing = *new tutti_model;  // outlives the runs
  nothing.is_nothing_answered = true;
  for (const char* device : {"CPU", "CPU:1"}) {
    PlanOf plan;
    const size_t a = plan.Set(Scalar(1));
    const size_t none = plan.Run(FakeBackend::NewModel(&nothing, ModelSpecOn("CPU")), {a});
    plan.Get(none);
    plan.Persist("x", none);
    plan.Persist("y", a);
    const Message message = plan.Execute(engine, inbox);
    const auto& elements = ElementsOf(message);
    CHECK_EQUAL(elements.size(), 3u);
    CHECK(elements[1].status.ok());
    CHECK(elements[2].status.code() == Code::kNotPerformed);
    CHECK(!Find("x"));
    CHECK_EQUAL(FirstElement("y"), 1.0f);
    test::Delete("y");

    PlanOf read;
    const size_t b = read.Set(Scalar(1));
    const size_t nobody = read.Run(FakeBackend::NewModel(&nothing, ModelSpecOn("CPU")), {b});
    read.Run(NewModel("good", device), {b, nobody});
    read.Run(NewModel("good", device), {b});
    read.Persist("y", b);
    const Message failed = read.Execute(engine, inbox);
    CHECK(ElementsOf(failed)[2].status.code() == Code::kNotFound);
    CHECK(ElementsOf(failed)[3].status.code() == Code::kNotPerformed);
    CHECK(!Find("y"));
  }
}

TEST(OperationsShareABatchWithSingleRuns) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  static auto& behaviour = *new tutti_model;  // outlives the runs' outputs
  behaviour.is_closed = true;
  ModelSpec spec = ModelSpecOn("CPU");
  spec.batch_size = 100;
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, std::move(spec));
  const auto rows = [](int64_t count, float value) {
    const int64_t dims[] = {count, 1};
    const std::vector<float> elements(static_cast<size_t>(count), value);
    return Tensor::Copy(DType::kFloat, dims, elements.data(), elements.size() * sizeof(float));
  };
  const auto single = [&](int64_t count, const char* key) {
    ModelRun run;
    run.model = model;
    run.inputs.push_back(rows(count, 9));
    run.target.output_keys = {key};
    run.target.completion = inbox.Next();
    engine.Enqueue(std::move(run));
  };
  single(1, "first");  // runs until it is let go
  WaitUntil([&] {
    std::lock_guard lock(behaviour.mutex);
    return behaviour.batch_sizes.size() == 1;
  });
  std::vector<Completion> completions;
  for (int64_t i = 1; i <= 3; i++) {
    PlanOf plan;
    const size_t made = plan.Run(model, {plan.Set(rows(i, static_cast<float>(i)))});
    plan.Get(made);
    plan.Get(plan.Run(model, {made}));
    completions.push_back(inbox.Next());
    plan.Start(engine, completions.back());
  }
  single(4, "second");
  {
    std::lock_guard lock(behaviour.mutex);
    behaviour.is_closed = false;
    behaviour.changed.notify_all();
  }
  for (int64_t i = 1; i <= 3; i++) {
    const Message message = inbox.Wait(completions[static_cast<size_t>(i - 1)]);
    const auto& elements = ElementsOf(message);
    for (const size_t get : {2, 4}) {
      CHECK_EQUAL(elements[get].tensor->dims()[0], i);
      CHECK_EQUAL(FirstElement(elements[get].tensor), static_cast<float>(i));
    }
  }
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(FirstElement("second"), 9.0f);
  // The first operations and the single run; the second operations, as far as they came together.
  CHECK(behaviour.batch_sizes.size() >= 3);
  CHECK_EQUAL(behaviour.batch_sizes[1], 10);
}

TEST(AKeyOfAnotherTypeIsOneMoreElementAndNoneIsWritten) {
  Clear();
  Engine& engine = NewEngine();
  Put("text", String::Copy("abc"));
  Inbox inbox;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1));
  const size_t b = plan.Run(NewModel(), {a});
  plan.Get(b);
  plan.Persist("x", a);
  plan.Persist("text", b);
  const Message message = plan.Execute(engine, inbox);
  const auto& elements = ElementsOf(message);
  CHECK_EQUAL(elements.size(), 4u);
  CHECK_EQUAL(FirstElement(elements[2].tensor), 1.0f);
  CHECK(elements[3].status.code() == Code::kWrongType);
  CHECK(!Find("x"));
  CHECK(Find("text")->kind() == ObjectKind::kString);
}

TEST(ARunThatComesTooLateEndsTheWhole) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> model = NewModel();
  Gate gate;
  Occupy(engine, gate, model);
  Inbox inbox;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1));
  plan.Persist("x", plan.Run(model, {a}));
  plan.Timeout(1);
  plan.Start(engine, inbox.Next());
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  gate.Open();
  const Message message = inbox.Wait();
  CHECK(message.code == Code::kTimedOut);
  CHECK(!message.result);
  CHECK(!Find("x"));
  CHECK_EQUAL(model->statistics.calls.load(), 1);
}

TEST(AllRunsShareOneClock) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> slow = NewModel("slow 300"), late = NewModel();
  Inbox inbox;
  // Each run is taken at once, but the second more than 200 ms after the start.
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1));
  const size_t b = plan.Run(slow, {a});
  plan.Persist("x", b);
  plan.Run(late, {b});
  plan.Timeout(200);
  CHECK(plan.Execute(engine, inbox).code == Code::kTimedOut);
  CHECK_EQUAL(slow->statistics.calls.load(), 1);
  CHECK_EQUAL(late->statistics.calls.load(), 0);
  CHECK(!Find("x"));

  PlanOf patient;
  patient.Run(late, {patient.Run(slow, {patient.Set(Scalar(1))})});
  patient.Timeout(INT64_MAX);
  CHECK(patient.Execute(engine, inbox).code == Code::kOk);
}

TEST(AClientThatIsGoneDoesNoHarm) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> model = NewModel();
  Gate gate;
  Occupy(engine, gate, model);
  Inbox gone;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(3));
  const size_t b = plan.Run(model, {plan.Run(model, {a})});
  plan.Get(b);
  plan.Persist("x", b);
  plan.Start(engine, gone.Next());
  gone.mailbox()->Close();
  gate.Open();
  WaitUntil([] { return Find("x"); });
  CHECK_EQUAL(FirstElement("x"), 3.0f);
}

TEST(ShutdownEndsWhatWaits) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> model = NewModel();
  Gate gate;
  Occupy(engine, gate, model);
  Inbox inbox;
  PlanOf queued, refused;
  queued.Persist("x", queued.Run(model, {queued.Run(model, {queued.Set(Scalar(1))})}));
  queued.Start(engine, inbox.Next());
  engine.Shutdown();
  const Message dropped = inbox.Wait();
  CHECK(ElementsOf(dropped)[1].status.code() == Code::kShuttingDown);
  CHECK(ElementsOf(dropped)[2].status.code() == Code::kNotPerformed);
  refused.Run(model, {refused.Set(Scalar(1))});
  const Message message = refused.Execute(engine, inbox);
  CHECK(ElementsOf(message)[1].status.code() == Code::kShuttingDown);
  CHECK(!Find("x"));
  gate.Open();
  engine.Resume();
  PlanOf after;
  after.Run(model, {after.Set(Scalar(1))});
  CHECK(ElementsOf(after.Execute(engine, inbox))[1].status.ok());
}

TEST(ADeviceBeyondTheLastQueueFailsItsRun) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  PlanOf plan;
  const size_t a = plan.Set(Scalar(1));
  constexpr int kDeviceCount = 70;  // of which 64 get a queue
  for (int i = 0; i < kDeviceCount; i++) {
    plan.Run(NewModel("good", "CPU:" + std::to_string(i)), {a});
  }
  const Message message = plan.Execute(engine, inbox);
  const auto& elements = ElementsOf(message);
  CHECK_EQUAL(elements.size(), size_t{kDeviceCount} + 1);
  CHECK(elements[1].status.ok());
  CHECK(elements.back().status.code() == Code::kFailed);
}

TEST(ATensorGoesWithItsLastReader) {
  Clear();
  Engine& engine = NewEngine();
  const Ref<Model> blocked = NewModel("good", "CPU:1");
  Gate gate;
  Occupy(engine, gate, blocked);
  Inbox inbox;
  PlanOf plan;
  const Ref<Tensor> read_once = Scalar(1), shown = Scalar(2);
  const size_t a = plan.Set(read_once), b = plan.Set(shown);
  plan.Run(blocked, {plan.Run(NewModel(), {a, b})});
  plan.Get(b);
  plan.Start(engine, inbox.Next());
  WaitUntil([&] { return read_once->is_unique(); });
  CHECK(!shown->is_unique());
  gate.Open();
  CHECK_EQUAL(FirstElement(ElementsOf(inbox.Wait()).back().tensor), 2.0f);
  WaitUntil([&] { return shown->is_unique(); });
}

// Random layered DAGs over four devices, from several threads; each result is computed beside it.
TEST(ManyAtOnceGiveWhatEachWouldGiveAlone) {
  Clear();
  Engine& engine = NewEngine(2);
  constexpr int kThreadCount = 4, kDagCount = 150;
  std::vector<Ref<Model>> models;
  for (const char* device : {"CPU", "CPU:1", "CPU:2", "CPU:3"}) {
    models.push_back(NewModel("good", device));
  }
  const Ref<Model> failing = NewModel("fail-run", "CPU:2");
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreadCount; thread++) {
    threads.emplace_back([&, thread] {
      test::Random random(test::TestSeed() + static_cast<uint64_t>(thread));
      Inbox inbox;
      for (int i = 0; i < kDagCount; i++) {
        const std::string key = std::to_string(thread) + " " + std::to_string(i);
        const bool fails = random.Below(5) == 0;
        PlanOf plan;
        std::vector<float> values;
        for (int k = 0; k < 3; k++) {
          values.push_back(static_cast<float>(random.Below(1000)));
          plan.Set(Scalar(values.back()));
        }
        const size_t run_count = 1 + random.Below(12);
        for (size_t k = 0; k < run_count; k++) {
          const size_t x = random.Below(values.size()), y = random.Below(values.size());
          plan.Run(models[random.Below(models.size())], {x, y}, 2);
          values.push_back(values[x]);
          values.push_back(values[y]);
        }
        plan.Get(values.size() - 1);
        plan.Persist(key, values.size() - 2);
        if (fails) plan.Run(failing, {0});
        const Message message = plan.Execute(engine, inbox);
        auto& elements = ElementsOf(message);
        CHECK_EQUAL(elements.size(), 3 + run_count + 1 + (fails ? 1 : 0));
        CHECK_EQUAL(elements.back().status.ok(), !fails);
        if (fails) {
          CHECK(!Find(key));
        } else {
          CHECK_EQUAL(FirstElement(elements.back().tensor), values.back());
          CHECK_EQUAL(FirstElement(key), values[values.size() - 2]);
        }
        test::Delete(key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(MemoryReturnsAfterThousands) {
  Clear();
  Engine& engine = NewEngine(2);
  const Ref<Model> model = NewModel(), other = NewModel("good", "CPU:1");
  const auto execute_many = [&](int count) {
    Inbox inbox;
    for (int i = 0; i < count; i++) {
      PlanOf plan;
      const int64_t dims[] = {1024};
      const size_t a =
          plan.Set(Tensor::Zeros(DType::kFloat, dims, static_cast<size_t>(dims[0]) * 4));
      const size_t b = plan.Run(model, {a, a}, 2);
      plan.Get(plan.Run(other, {b + 1}));
      plan.Persist("x", b);
      CHECK(plan.Execute(engine, inbox).code == Code::kOk);
    }
  };
  execute_many(10);
  // The last DAG goes with its run, just after it has told.
  const auto used = [] { return memory_account::Used(MemoryKind::kTensors); };
  WaitUntil([&] { return model->is_unique() && other->is_unique(); });
  const size_t before = used();
  execute_many(3000);
  WaitUntil([&] { return used() <= before; });
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
