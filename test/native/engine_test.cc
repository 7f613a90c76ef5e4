// The engine with the echo backend, which answers copies of its inputs.
#include "inference/engine.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <memory>
#include <mutex>
#include <span>
#include <thread>

#include "check.h"
#include "echo_engine.h"
#include "inbox.h"
#include "keyspace/keyspace.h"
#include "keyspace/value.h"

namespace tutti {
namespace {

using test::Clear;
using test::Delete;
using test::EchoModel;
using test::EchoScript;
using test::Find;
using test::FindAs;
using test::FirstElement;
using test::Gate;
using test::Inbox;
using test::NewEngine;
using test::Put;
using test::Scalar;

// `row_count` rows of two FLOATs, all of them `value`.
Ref<Tensor> Rows(int64_t row_count, float value) {
  const int64_t dims[] = {row_count, 2};
  const std::vector<float> elements(static_cast<size_t>(row_count) * 2, value);
  return Tensor::Copy(DType::kFloat, dims, elements.data(), elements.size() * sizeof(float));
}

Message StoreModel(Engine& engine, const std::string& key, ModelSpec spec) {
  Inbox inbox;
  engine.StoreModel(0, key, std::move(spec), inbox.Next());
  return inbox.Wait();
}

ModelRun RunOf(const Ref<Model>& model, std::vector<Ref<Tensor>> inputs,
               std::vector<std::string> output_keys, Completion completion) {
  ModelRun run;
  run.model = model;
  run.inputs = std::move(inputs);
  run.target.output_keys = std::move(output_keys);
  run.target.completion = std::move(completion);
  return run;
}

// Runs the model at `key` and waits.
Message Run(Engine& engine, const std::string& key, std::vector<Ref<Tensor>> inputs,
            std::vector<std::string> output_keys) {
  Inbox inbox;
  engine.Enqueue(
      RunOf(FindAs<Model>(key), std::move(inputs), std::move(output_keys), inbox.Next()));
  return inbox.Wait();
}

Message RunScript(Engine& engine, const std::string& key, const std::string& function,
                  std::vector<Ref<Tensor>> inputs, std::vector<std::string> output_keys) {
  Inbox inbox;
  ScriptRun run;
  run.script = FindAs<Script>(key);
  run.function = function;
  run.inputs = std::move(inputs);
  run.target.output_keys = std::move(output_keys);
  run.target.completion = inbox.Next();
  engine.Enqueue(std::move(run));
  return inbox.Wait();
}

// Keeps the only run thread of `engine` until the gate is opened.
void Occupy(Engine& engine, Gate& gate, const std::string& key) {
  engine.Enqueue(RunOf(FindAs<Model>(key), {Scalar(0)}, {"occupied"}, gate.completion()));
  gate.WaitUntilReached();
}

// First, while this process has one thread: the child would not have the others.
TEST(ExitsWithItsStatusWhileARunGoesOn) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    Engine& engine = NewEngine();
    CHECK(StoreModel(engine, "slow", EchoModel("slow 60000")).code == Code::kOk);
    engine.Enqueue(RunOf(FindAs<Model>("slow"), {Scalar(1)}, {"out"}, {}));
    engine.Shutdown();
    std::exit(7);
  }
  int status = 0;
  CHECK_EQUAL(waitpid(child, &status, 0), child);
  CHECK(WIFEXITED(status));
  CHECK_EQUAL(WEXITSTATUS(status), 7);
}

TEST(StoresAndRunsAModel) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(!engine.IsLoaded(BackendKind::kTorch));
  CHECK_EQUAL(engine.BackendVersion(BackendKind::kTorch), "");
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  CHECK(engine.IsLoaded(BackendKind::kTorch));
  CHECK_EQUAL(engine.BackendVersion(BackendKind::kTorch), "echo");

  const Ref<Model> model = FindAs<Model>("m");
  CHECK_EQUAL(model->spec().inputs.size(), 1u);
  CHECK_EQUAL(model->spec().inputs[0], "x");
  CHECK_EQUAL(model->spec().outputs[0], "");

  CHECK(Run(engine, "m", {Rows(3, 1.5f), Scalar(2.5f)}, {"a", "b"}).code == Code::kOk);
  CHECK_EQUAL(FirstElement("a"), 1.5f);
  CHECK_EQUAL(FirstElement("b"), 2.5f);
  const Ref<Tensor> a = FindAs<Tensor>("a");
  CHECK(a->dtype() == DType::kFloat);
  CHECK_EQUAL(a->dims().size(), 2u);
  CHECK_EQUAL(a->dims()[0], 3);
  CHECK(FindAs<Tensor>("b")->dims().empty());
  CHECK_EQUAL(model->statistics.calls.load(), 1);
  CHECK_EQUAL(model->statistics.samples.load(), 3);
  CHECK_EQUAL(model->statistics.errors.load(), 0);

  CHECK(Run(engine, "m", {Scalar(1)}, {"a"}).code == Code::kOk);
  CHECK_EQUAL(model->statistics.samples.load(), 4);  // a scalar is one
}

TEST(TheLastOfEqualOutputKeysWins) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  CHECK(Run(engine, "m", {Scalar(1), Scalar(2), Scalar(3)}, {"a", "b", "a"}).code == Code::kOk);
  CHECK_EQUAL(FirstElement("a"), 3.0f);
  CHECK_EQUAL(FirstElement("b"), 2.0f);
}

TEST(AFailedLoadLeavesTheModelThatWasThere) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  const Message failed = StoreModel(engine, "m", EchoModel("fail"));
  CHECK(failed.code == Code::kFailed);
  CHECK(failed.text.find("fails to load") != std::string::npos);
  CHECK(failed.text.find('\n') == std::string::npos);
  CHECK(Run(engine, "m", {Scalar(1)}, {"a"}).code == Code::kOk);
}

TEST(AStoreResetsTheStatistics) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  CHECK(Run(engine, "m", {Scalar(1)}, {"a"}).code == Code::kOk);
  CHECK(Keyspace::Get().Rename(0, "m", "n", false).ok());
  CHECK_EQUAL(FindAs<Model>("n")->statistics.calls.load(), 1);
  CHECK(StoreModel(engine, "n", EchoModel()).code == Code::kOk);
  CHECK_EQUAL(FindAs<Model>("n")->statistics.calls.load(), 0);
}

TEST(AKeyOfAnotherTypeIsSeenOnlyAfterTheModelIsParsed) {
  Clear();
  Engine& engine = NewEngine();
  Put("k", Scalar(1));
  CHECK(StoreModel(engine, "k", EchoModel("fail")).code == Code::kFailed);
  CHECK(StoreModel(engine, "k", EchoModel()).code == Code::kWrongType);
  CHECK_EQUAL(FirstElement("k"), 1.0f);
  Inbox inbox;
  engine.StoreScript(0, "k", EchoScript("good"), inbox.Next());
  CHECK(inbox.Wait().code == Code::kWrongType);
}

TEST(StoresOfOneKeyAreCommittedInOrderOfArrival) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  for (int i = 0; i < 200; i++) {
    ModelSpec spec = EchoModel();
    spec.tag = std::to_string(i);
    engine.StoreModel(0, "m", std::move(spec), inbox.Next());
  }
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(FindAs<Model>("m")->spec().tag, "199");
  for (uint32_t i = 0; i < 200; i++) CHECK_EQUAL(inbox.order()[i], i + 1);
}

TEST(AFailedRunWritesNothingAndIsCounted) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel("fail-run")).code == Code::kOk);
  const Message failed = Run(engine, "m", {Scalar(1)}, {"a"});
  CHECK(failed.code == Code::kFailed);
  CHECK(failed.text.find("this run") != std::string::npos);
  CHECK(!Find("a"));
  const Ref<Model> model = FindAs<Model>("m");
  CHECK_EQUAL(model->statistics.calls.load(), 1);
  CHECK_EQUAL(model->statistics.errors.load(), 1);
  CHECK_EQUAL(model->statistics.samples.load(), 0);
}

TEST(AnOutputOfAnotherTypeFailsTheWholeRun) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  Put("text", String::Copy("abc"));
  CHECK(Run(engine, "m", {Scalar(1), Scalar(2)}, {"a", "text"}).code == Code::kWrongType);
  CHECK(!Find("a"));
  CHECK(Find("text")->kind() == ObjectKind::kString);
  CHECK(Run(engine, "m", {Scalar(1)}, {"m"}).code == Code::kWrongType);
  CHECK(Run(engine, "m", {Scalar(1)}, {"a"}).code == Code::kOk);
}

TEST(ARunThatWaitedTooLongNeverBegins) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  const Ref<Model> model = FindAs<Model>("m");
  Gate gate;
  Occupy(engine, gate, "m");
  Inbox inbox;
  ModelRun late = RunOf(model, {Scalar(1)}, {"late"}, inbox.Next());
  late.target.timeout_ms = 1;
  ModelRun patient = RunOf(model, {Scalar(1)}, {"patient"}, inbox.Next());
  patient.target.timeout_ms = INT64_MAX;
  const Completion late_completion = late.target.completion;
  engine.Enqueue(std::move(late));
  engine.Enqueue(std::move(patient));
  const auto over = std::chrono::steady_clock::now() + std::chrono::milliseconds(3);
  while (std::chrono::steady_clock::now() < over) std::this_thread::yield();
  gate.Open();
  CHECK(inbox.Wait(late_completion).code == Code::kTimedOut);
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK(!Find("late"));
  CHECK(Find("patient"));
  CHECK_EQUAL(model->statistics.calls.load(), 2);
}

TEST(AQueuedRunKeepsItsModelAndInputs) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  Gate gate;
  Occupy(engine, gate, "m");
  Inbox inbox;
  Put("in", Scalar(5));
  const Completion of_replaced = inbox.Next(), of_deleted = inbox.Next();
  engine.Enqueue(RunOf(FindAs<Model>("m"), {FindAs<Tensor>("in")}, {"a"}, of_replaced));
  CHECK(StoreModel(engine, "m", EchoModel("fail-run")).code == Code::kOk);
  engine.Enqueue(RunOf(FindAs<Model>("m"), {FindAs<Tensor>("in")}, {"b"}, of_deleted));
  Delete("m");
  Put("in", Scalar(6));
  gate.Open();
  CHECK(inbox.Wait(of_replaced).code == Code::kOk);
  CHECK(inbox.Wait(of_deleted).code == Code::kFailed);
  CHECK_EQUAL(FirstElement("a"), 5.0f);
}

TEST(OutputsAreStoredForAClientThatIsGone) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  Gate gate;
  Occupy(engine, gate, "m");
  Inbox gone, inbox;
  engine.Enqueue(RunOf(FindAs<Model>("m"), {Scalar(8)}, {"a"}, gone.Next()));
  engine.Enqueue(RunOf(FindAs<Model>("m"), {Scalar(9)}, {"b"}, {}));
  engine.Enqueue(RunOf(FindAs<Model>("m"), {Scalar(0)}, {"c"}, inbox.Next()));
  gone.mailbox()->Close();
  gate.Open();
  CHECK(inbox.Wait().code == Code::kOk);
  CHECK_EQUAL(FirstElement("a"), 8.0f);
  CHECK_EQUAL(FirstElement("b"), 9.0f);
}

// Keeps what it was given; more than one call fails the test.
class KeepingSink final : public RunSink {
 public:
  void Finish(Status status, std::vector<Ref<Tensor>> outputs) override {
    {
      std::lock_guard lock(mutex_);
      CHECK(!is_finished_);
      status_ = std::move(status);
      outputs_ = std::move(outputs);
      is_finished_ = true;
    }
    finished_.notify_all();
  }

  const Status& Wait() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [this] { return is_finished_; });
    return status_;
  }
  const std::vector<Ref<Tensor>>& outputs() const { return outputs_; }  // after Wait()

 private:
  std::mutex mutex_;
  std::condition_variable finished_;
  bool is_finished_ = false;
  Status status_;
  std::vector<Ref<Tensor>> outputs_;
};

ModelRun RunInto(const std::shared_ptr<KeepingSink>& sink, const Ref<Model>& model,
                 std::vector<Ref<Tensor>> inputs, size_t output_count) {
  ModelRun run = RunOf(model, std::move(inputs), {}, {});
  run.target.sink = sink;
  run.target.output_count = output_count;
  return run;
}

TEST(ASinkGetsTheOutputsAndTheKeyspaceNothing) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  const Ref<Model> model = FindAs<Model>("m");
  const auto sink = std::make_shared<KeepingSink>();
  engine.Enqueue(RunInto(sink, model, {Scalar(3), Rows(2, 4)}, 2));
  CHECK(sink->Wait().ok());
  CHECK_EQUAL(sink->outputs().size(), 2u);
  CHECK(sink->outputs()[0]->dims().empty());
  CHECK_EQUAL(sink->outputs()[1]->dims()[0], 2);
  CHECK_EQUAL(model->statistics.calls.load(), 1);
  size_t tensor_count = 0;
  Keyspace::Get().ForEach(0, ObjectKind::kTensor,
                          [&](std::string_view, const Ref<Object>&) { tensor_count++; });
  CHECK_EQUAL(tensor_count, 0u);

  Inbox inbox;
  engine.StoreScript(0, "s", EchoScript("good"), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  const auto script_sink = std::make_shared<KeepingSink>();
  ScriptRun run;
  run.script = FindAs<Script>("s");
  run.function = "any";
  run.inputs = {Scalar(3)};
  run.target.sink = script_sink;
  run.target.output_count = 1;
  engine.Enqueue(std::move(run));
  CHECK(script_sink->Wait().ok());
  CHECK_EQUAL(script_sink->outputs().size(), 1u);
}

TEST(ASinkIsToldOfFailures) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  CHECK(StoreModel(engine, "bad", EchoModel("fail-run")).code == Code::kOk);
  const auto failed = std::make_shared<KeepingSink>();
  engine.Enqueue(RunInto(failed, FindAs<Model>("bad"), {Scalar(1)}, 1));
  CHECK(failed->Wait().code() == Code::kFailed);
  CHECK(failed->Wait().message().find("this run") != std::string::npos);
  CHECK(failed->outputs().empty());

  Gate gate;
  Occupy(engine, gate, "m");
  const auto dropped = std::make_shared<KeepingSink>();
  engine.Enqueue(RunInto(dropped, FindAs<Model>("m"), {Scalar(1)}, 1));
  engine.Shutdown();
  CHECK(dropped->Wait().code() == Code::kShuttingDown);
  const auto refused = std::make_shared<KeepingSink>();
  engine.Enqueue(RunInto(refused, FindAs<Model>("m"), {Scalar(1)}, 1));
  CHECK(refused->Wait().code() == Code::kShuttingDown);
  gate.Open();
}

TEST(TheClockOfARunCanBeginBeforeItIsQueued) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  for (const bool is_late : {false, true}) {
    const auto sink = std::make_shared<KeepingSink>();
    ModelRun run = RunInto(sink, FindAs<Model>("m"), {Scalar(1)}, 1);
    run.target.timeout_ms = 60'000;
    run.target.clock_from =
        std::chrono::steady_clock::now() - std::chrono::seconds(is_late ? 61 : 0);
    engine.Enqueue(std::move(run));
    CHECK(sink->Wait().code() == (is_late ? Code::kTimedOut : Code::kOk));
  }
  CHECK_EQUAL(FindAs<Model>("m")->statistics.calls.load(), 1);
}

TEST(ShutdownDropsWhatIsQueuedAndResumeTakesRunsAgain) {
  Clear();
  Engine& engine = NewEngine();
  CHECK(StoreModel(engine, "m", EchoModel()).code == Code::kOk);
  Gate gate;
  Occupy(engine, gate, "m");
  Inbox inbox;
  engine.Enqueue(RunOf(FindAs<Model>("m"), {Scalar(1)}, {"a"}, inbox.Next()));
  engine.Shutdown();
  CHECK(inbox.Wait().code == Code::kShuttingDown);
  engine.Enqueue(RunOf(FindAs<Model>("m"), {Scalar(1)}, {"a"}, inbox.Next()));
  CHECK(inbox.Wait().code == Code::kShuttingDown);
  CHECK(StoreModel(engine, "n", EchoModel()).code == Code::kShuttingDown);
  CHECK(FirstElement("occupied") == 0.0f);  // what had begun was finished
  engine.Resume();
  gate.Open();
  CHECK(Run(engine, "m", {Scalar(1)}, {"a"}).code == Code::kOk);
  CHECK(StoreModel(engine, "n", EchoModel()).code == Code::kOk);
}

TEST(SaysWhatToInstallForABackendThatIsMissing) {
  Clear();
  Engine& engine = NewEngine();
  ModelSpec spec = EchoModel();
  spec.backend = BackendKind::kOnnx;
  const Message failed = StoreModel(engine, "m", std::move(spec));
  CHECK(failed.code == Code::kFailed);
  CHECK_EQUAL(failed.text,
              "ERR Could not load backend ONNX: its runtime is not installed, run 'tutti runtimes "
              "install onnx'");
  CHECK(!engine.IsLoaded(BackendKind::kOnnx));
  Inbox inbox;
  engine.LoadBackend(BackendKind::kOnnx, inbox.Next());
  CHECK_EQUAL(inbox.Wait().text, "ERR error loading backend");
  engine.LoadBackend(BackendKind::kTorch, inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);
  engine.LoadBackend(BackendKind::kTorch, inbox.Next());
  CHECK(inbox.Wait().code == Code::kFailed);  // it is loaded
}

TEST(AModelFromAFileIsCompiledByItsFirstRun) {
  Clear();
  Engine& engine = NewEngine(3);
  Put("m", Ref<Model>::Adopt(new Model(EchoModel())));
  Put("bad", Ref<Model>::Adopt(new Model(EchoModel("fail"))));
  Put("s", Ref<Script>::Adopt(new Script(EchoScript("good"))));
  CHECK(!FindAs<Model>("m")->compiled());
  Inbox inbox;
  for (int i = 0; i < 100; i++) {
    engine.Enqueue(RunOf(FindAs<Model>("m"), {Scalar(1)}, {"a"}, inbox.Next()));
  }
  for (uint32_t i = 1; i <= 100; i++) CHECK(inbox.Wait({nullptr, 1, i}).code == Code::kOk);
  CHECK(FindAs<Model>("m")->compiled());
  CHECK(Run(engine, "bad", {Scalar(1)}, {"b"}).code == Code::kFailed);
  CHECK(Run(engine, "bad", {Scalar(1)}, {"b"}).code == Code::kFailed);
  CHECK(RunScript(engine, "s", "any", {Scalar(1)}, {"c"}).code == Code::kOk);
}

TEST(StoresAndRunsAScript) {
  Clear();
  Engine& engine = NewEngine();
  Inbox inbox;
  engine.StoreScript(0, "s", EchoScript("fail"), inbox.Next());
  CHECK(inbox.Wait().code == Code::kFailed);
  engine.StoreScript(0, "s", EchoScript("good", {"entry", "missing"}), inbox.Next());
  CHECK_EQUAL(inbox.Wait().text, "Function missing does not exist in the given script.");
  CHECK(!Find("s"));
  engine.StoreScript(0, "s", EchoScript("good", {"entry"}), inbox.Next());
  CHECK(inbox.Wait().code == Code::kOk);

  CHECK(RunScript(engine, "s", "entry", {Scalar(4)}, {"a"}).code == Code::kOk);
  CHECK_EQUAL(FirstElement("a"), 4.0f);
  CHECK(RunScript(engine, "s", "entry", {}, {}).code == Code::kOk);
  CHECK_EQUAL(RunScript(engine, "s", "missing", {Scalar(4)}, {"b"}).text,
              "Function does not exist: missing");
  const Ref<Script> script = FindAs<Script>("s");
  CHECK_EQUAL(script->statistics.calls.load(), 3);
  CHECK_EQUAL(script->statistics.errors.load(), 1);
}

TEST(MakesAQueuePerDeviceUpToABound) {
  Clear();
  Engine& engine = NewEngine(2);
  CHECK_EQUAL(engine.QueueNames().size(), 1u);
  CHECK(StoreModel(engine, "bad", EchoModel("fail", "cpu:1")).code == Code::kFailed);
  CHECK_EQUAL(engine.QueueNames().size(), 1u);
  CHECK(StoreModel(engine, "m", EchoModel("good", "cpu:1")).code == Code::kOk);
  CHECK(StoreModel(engine, "m", EchoModel("good", "CPU:1")).code == Code::kOk);
  CHECK_EQUAL(engine.QueueNames().size(), 2u);
  CHECK_EQUAL(engine.QueueNames()[0], "CPU");
  CHECK_EQUAL(engine.QueueNames()[1], "CPU:1");
  CHECK_EQUAL(engine.QueueThreadCpuSeconds("CPU:1").size(), 2u);
  CHECK_EQUAL(engine.QueueThreadCpuSeconds("CPU:2").size(), 0u);
  CHECK(Run(engine, "m", {Scalar(1)}, {"a"}).code == Code::kOk);

  Message last;
  for (int i = 2; i <= 64; i++) {
    last = StoreModel(engine, "n", EchoModel("good", "CPU:" + std::to_string(i)));
    CHECK((last.code == Code::kOk) == (i < 64));
  }
  CHECK_EQUAL(last.text, "ERR Could not initialize queue on requested device");
}

TEST(CopiesABlobOfSeveralParts) {
  ModelSpec spec = EchoModel("abc");
  for (std::string_view part : {"", "defgh", "ij"}) spec.blob.push_back(EchoModel(part).blob[0]);
  const auto model = Ref<Model>::Adopt(new Model(std::move(spec)));
  CHECK_EQUAL(model->blob_bytes(), 10u);
  const std::string_view whole = "abcdefghij";
  for (size_t offset = 0; offset <= 10; offset++) {
    for (size_t count = 0; count <= 10 - offset; count++) {
      std::string copy(count, '?');
      model->CopyBlob(offset, count, reinterpret_cast<uint8_t*>(copy.data()));
      CHECK_EQUAL(copy, whole.substr(offset, count));
    }
  }
}

TEST(StoresRunsDeletesAndRenamesAtOnce) {
  Clear();
  Engine& engine = NewEngine(2);
  CHECK(StoreModel(engine, "m0", EchoModel()).code == Code::kOk);
  constexpr int kRounds = 300;
  const auto random = [](uint32_t& state) {
    return state = state * 1664525 + 1013904223, state >> 16;
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; t++) {
    threads.emplace_back([&, t] {
      Inbox inbox;
      uint32_t state = 1 + static_cast<uint32_t>(t);
      for (int i = 0; i < kRounds; i++) {
        const std::string key = "m" + std::to_string(random(state) % 3);
        engine.StoreModel(0, key, EchoModel(i % 5 ? "good" : "fail"), inbox.Next());
        CHECK(inbox.Wait().code == (i % 5 ? Code::kOk : Code::kFailed));
      }
    });
    threads.emplace_back([&, t] {
      Inbox inbox;
      uint32_t state = 11 + static_cast<uint32_t>(t);
      for (int i = 0; i < kRounds * 4; i++) {
        const Ref<Object> found = Find("m" + std::to_string(random(state) % 3));
        if (!found) continue;
        ModelRun run = RunOf(
            Ref<Model>::Share(static_cast<Model*>(found.get())), {Rows(1 + i % 4, 1), Rows(2, 2)},
            {"o" + std::to_string(i % 7), "o" + std::to_string(i % 5)}, inbox.Next());
        if (i % 10 == 0) run.target.timeout_ms = 1;
        engine.Enqueue(std::move(run));
        const Code code = inbox.Wait().code;
        CHECK(code == Code::kOk || (i % 10 == 0 && code == Code::kTimedOut));
      }
    });
  }
  threads.emplace_back([&] {
    uint32_t state = 21;
    for (int i = 0; i < kRounds * 4; i++) {
      const std::string from = "m" + std::to_string(random(state) % 3);
      const std::string to = "m" + std::to_string(random(state) % 3);
      if (i % 3 == 0) {
        Delete(from);
      } else if (i % 3 == 1) {
        (void)Keyspace::Get().Rename(0, from, to, false);
      } else {
        Delete("o" + std::to_string(i % 7));
      }
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
