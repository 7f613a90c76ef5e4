// Runs that are made where they were asked for, since they take less time than to hand them over.
#include "inference/short_runs.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "backends/onnx/bounded_runs.h"
#include "check.h"
#include "echo_engine.h"
#include "fake_backend.h"
#include "inbox.h"
#include "inference/engine.h"

namespace tutti {
namespace {

using namespace std::chrono_literals;
using test::Clear;
using test::FakeBackend;
using test::Find;
using test::FirstElement;
using test::Held;
using test::Inbox;
using test::NewBehaviour;
using test::NewEngine;
using test::RunCount;

using Shapes = std::vector<int64_t>;

// --- what is known of a model's runs ---

const Shapes kRow = {2, 1, 30};

bool AreShort(ShortRuns& runs, const Shapes& shapes) { return runs.FindShort(shapes) != nullptr; }

void Learn(ShortRuns& runs, const Shapes& shapes, ShortRuns::Duration best) {
  ShortRuns::Known* const known = runs.ClaimTiming(shapes);
  CHECK(known != nullptr);
  known->Learn(best);
}

void Note(ShortRuns& runs, int count, ShortRuns::Duration taken) {
  for (int i = 0; i < count; i++) runs.FindShort(kRow)->Note(taken);
}

TEST(AreShortOnceTheyWereTimed) {
  ShortRuns runs;
  CHECK(!AreShort(runs, kRow));
  ShortRuns::Known* const known = runs.ClaimTiming(kRow);
  CHECK(known != nullptr);
  CHECK(!runs.ClaimTiming(kRow));
  CHECK(!AreShort(runs, kRow));
  known->Learn(ShortRuns::kShortMax);
  CHECK(AreShort(runs, kRow));
  CHECK(!runs.ClaimTiming(kRow));
  ShortRuns longer;
  Learn(longer, kRow, ShortRuns::kShortMax + 1ns);
  CHECK(!AreShort(longer, kRow));
  CHECK(!longer.ClaimTiming(kRow));
}

TEST(AreShortForTheirShapesAlone) {
  ShortRuns runs;
  Learn(runs, kRow, 4us);
  CHECK(!AreShort(runs, {2, 30, 1}));
  CHECK(!AreShort(runs, {2, 1, 30, 0}));
  CHECK(!AreShort(runs, {}));
  Learn(runs, {}, 4us);  // of a model without inputs
  CHECK(AreShort(runs, {}));
}

TEST(LongRunsEndTheTrust) {
  ShortRuns runs;
  Learn(runs, kRow, 4us);
  // Disturbed now and then.
  for (int i = 0; i < 100; i++) {
    Note(runs, 1, ShortRuns::kLong + 1ns);
    Note(runs, ShortRuns::kRunsBetween, ShortRuns::kLong);
  }
  CHECK(AreShort(runs, kRow));
  Note(runs, ShortRuns::kLongRunsMax - 1, ShortRuns::kLong + 1ns);
  CHECK(AreShort(runs, kRow));
  Note(runs, 1, ShortRuns::kLong + 1ns);
  CHECK(!AreShort(runs, kRow));
  Learn(runs, kRow, 4us);  // they may be timed anew
  CHECK(AreShort(runs, kRow));
}

TEST(NotEveryShapeIsTimed) {
  ShortRuns runs;
  for (int64_t n = 0; n < static_cast<int64_t>(ShortRuns::kTimedMax); n++) {
    Learn(runs, {1, n}, 4us);
  }
  CHECK(!runs.ClaimTiming(Shapes{1, -1}));
  CHECK(AreShort(runs, {1, 0}));
  ShortRuns others;
  CHECK(others.ClaimTiming(Shapes(ShortRuns::kNumbersMax, 1)));
  CHECK(!others.ClaimTiming(Shapes(ShortRuns::kNumbersMax + 1, 1)));
}

TEST(AreLookedUpWhileOthersAreClaimed) {
  ShortRuns runs;
  Learn(runs, kRow, 4us);
  std::vector<std::thread> threads;
  std::atomic<size_t> claimed_count{0};
  for (int t = 0; t < 4; t++) {
    threads.emplace_back([&] {
      for (int64_t n = 0; n < 200; n++) {
        if (auto* const known = runs.ClaimTiming(Shapes{1, n})) {
          claimed_count++;
          known->Learn(4us);
        }
        CHECK(AreShort(runs, kRow));
        runs.FindShort(kRow)->Note(4us);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQUAL(claimed_count.load(), ShortRuns::kTimedMax - 1);
}

// --- which ONNX models have bounded runs ---

// A field with a length, as protobuf writes it; shorter than 128 * 128 bytes.
std::string Field(int number, const std::string& content) {
  std::string field(1, static_cast<char>(number << 3 | 2));
  field += static_cast<char>((content.size() & 127) | 128);
  field += static_cast<char>(content.size() >> 7);
  return field + content;
}

using Words = std::vector<std::string>;

std::string Node(const std::string& name, const Words& inputs, const Words& outputs,
                 const std::string& domain = "") {
  std::string node;
  for (const std::string& input : inputs) node += Field(1, input);
  for (const std::string& output : outputs) node += Field(2, output);
  node += Field(4, name);
  return Field(1, domain.empty() ? node : node + Field(7, domain));
}

std::string Initializer(const std::string& name) { return Field(5, Field(8, name)); }

bool HasBoundedRuns(const std::string& graph) { return BoundedRuns::Has(Field(7, graph)); }

TEST(NetsHaveBoundedRuns) {
  CHECK(HasBoundedRuns(Node("Gemm", {"x", "w", "b"}, {"h"}) + Node("Relu", {"h"}, {"y"}) +
                       Initializer("w") + Initializer("b")));
  CHECK(HasBoundedRuns(Node("Scaler", {"x"}, {"s"}, "ai.onnx.ml") +
                       Node("TreeEnsembleRegressor", {"s"}, {"y"}, "ai.onnx.ml")));
}

TEST(OperatorsThatMayTakeAnyTimeHaveNone) {
  for (const char* name : {"Loop", "Scan", "If", "NonZero", "Unique", "StringSplit", "Ab", "Zzz"}) {
    CHECK(!HasBoundedRuns(Node("Relu", {"x"}, {"h"}) + Node(name, {"h"}, {"y"})));
  }
  CHECK(!HasBoundedRuns(Node("Relu", {"x"}, {"y"}, "com.example")));
}

TEST(ValuesOfTheCallerMustNotMakeShapes) {
  const auto reshaped_by = [](const std::string& shape) {
    return Node("Reshape", {"x", shape}, {"y"});
  };
  CHECK(!HasBoundedRuns(reshaped_by("s")));
  CHECK(HasBoundedRuns(reshaped_by("s") + Initializer("s")));
  CHECK(HasBoundedRuns(Node("Constant", {}, {"s"}) + reshaped_by("s")));
  // As PyTorch writes x.view(x.size(0), -1).
  const std::string size = Node("Shape", {"x"}, {"all"}) + Node("Gather", {"all", "zero"}, {"n"}) +
                           Node("Concat", {"n", "rest"}, {"s"});
  CHECK(HasBoundedRuns(size + reshaped_by("s") + Initializer("zero") + Initializer("rest")));
  CHECK(!HasBoundedRuns(size + reshaped_by("s") + Initializer("zero")));
  CHECK(!HasBoundedRuns(Node("Range", {"zero", "x", "one"}, {"y"}) + Initializer("zero") +
                        Initializer("one")));
  CHECK(HasBoundedRuns(Node("Slice", {"x", "s", "s", "", "s"}, {"y"}) + Initializer("s")));
}

TEST(WhatCannotBeReadHasNone) {
  const std::string graph = Field(7, Node("Relu", {"x"}, {"y"}));
  CHECK(BoundedRuns::Has(graph));
  CHECK(!BoundedRuns::Has(""));
  CHECK(!BoundedRuns::Has(graph.substr(0, graph.size() - 1)));
  CHECK(!BoundedRuns::Has(graph + graph));  // protobuf makes one graph of both
  CHECK(!BoundedRuns::Has(graph + std::string("\xca\x01\x80", 3) +
                          std::string(1, '\0')));  // a function
}

// --- runs ---

ModelSpec Spec(int64_t batch_size = 0, int64_t min_batch_size = 0) {
  ModelSpec spec;
  spec.device.name = "CPU";
  spec.batch_size = batch_size;
  spec.min_batch_size = min_batch_size;
  return spec;
}

struct Subject {
  explicit Subject(ModelSpec spec = Spec(), uint32_t concurrent_runs_max = 0) {
    behaviour.has_bounded_runs = true;
    model = FakeBackend::NewModel(&behaviour, std::move(spec), concurrent_runs_max);
    Learn(model->short_runs, {2, 1, 2}, 4us);
  }
  // Of one row with two elements.
  ModelRun Run(float value = 1, std::vector<int64_t> dims = {1, 2}) const {
    const std::vector<float> elements(2, value);
    ModelRun run;
    run.model = model;
    run.inputs = {Tensor::Copy(DType::kFloat, dims, elements.data(), 2 * sizeof(float))};
    run.target.output_keys = {"out"};
    return run;
  }

  tutti_model& behaviour = NewBehaviour();
  Ref<Model> model;
};

TEST(AShortRunIsMadeAtOnce) {
  Clear();
  Engine& engine = NewEngine();
  const Subject subject;
  tutti_model& holder = NewBehaviour();  // keeps the only run thread
  Held held(holder);
  ModelRun other = subject.Run();
  other.model = FakeBackend::NewModel(&holder, Spec());
  engine.Enqueue(std::move(other));
  held.WaitForRun();
  for (const float value : {1.5f, 2.5f}) {
    ModelRun run = subject.Run(value);
    const auto status = engine.RunIfShort(run);
    CHECK(status && status->ok());
    CHECK_EQUAL(FirstElement("out"), value);
  }
  CHECK_EQUAL(subject.model->statistics.calls.load(), 2);
  CHECK_EQUAL(subject.model->statistics.executions.load(), 2);
  CHECK_EQUAL(subject.model->statistics.samples.load(), 2);
  CHECK_EQUAL(subject.model->statistics.queue_us.load(), 0);
}

TEST(OthersAreLeftForTheQueue) {
  Clear();
  Engine& engine = NewEngine();
  const auto is_left = [&](const Subject& subject, ModelRun run) {
    return !engine.RunIfShort(run) && RunCount(subject.behaviour) == 0 && !Find("out");
  };
  const Subject subject;
  CHECK(is_left(subject, subject.Run(1, {2, 1})));  // other shapes
  CHECK(is_left(subject, subject.Run(1, {2})));

  const Subject one_at_a_time(Spec(), 1);
  CHECK(is_left(one_at_a_time, one_at_a_time.Run()));
  const Subject waits_for_others(Spec(8, 2));
  CHECK(is_left(waits_for_others, waits_for_others.Run()));
  Subject not_bounded;
  not_bounded.behaviour.has_bounded_runs = false;
  not_bounded.model->set_compiled(
      FakeBackend::NewModel(&not_bounded.behaviour, Spec())->compiled());
  CHECK(is_left(not_bounded, not_bounded.Run()));
  ModelRun of_strings = subject.Run();
  const int64_t dims[] = {1, 2};
  of_strings.inputs = {Tensor::Copy(DType::kString, dims, "a\0b", 4)};
  CHECK(of_strings.inputs[0]);
  CHECK(is_left(subject, std::move(of_strings)));
  Subject not_compiled;
  not_compiled.model->set_compiled(nullptr);
  CHECK(is_left(not_compiled, not_compiled.Run()));

  engine.Shutdown();
  CHECK(is_left(subject, subject.Run()));
  engine.Resume();
  ModelRun run = subject.Run();
  CHECK(engine.RunIfShort(run)->ok());
}

TEST(AFailureIsAnsweredAsWell) {
  Clear();
  Engine& engine = NewEngine();
  const Subject subject;
  subject.behaviour.failure = "ERR no luck";
  ModelRun run = subject.Run();
  CHECK_EQUAL(engine.RunIfShort(run)->message(), "ERR no luck");
  CHECK(!Find("out"));
  CHECK_EQUAL(subject.model->statistics.errors.load(), 1);
}

TEST(ARunOfAQueueTeachesWhetherItsShapesAreShort) {
  Clear();
  Engine& engine = NewEngine();
  Subject subject;
  const auto run = [&](std::vector<int64_t> dims) {
    Inbox inbox;
    ModelRun queued = subject.Run(1, std::move(dims));
    queued.target.completion = inbox.Next();
    CHECK(!engine.RunIfShort(queued));
    engine.Enqueue(std::move(queued));
    CHECK(inbox.Wait().code == Code::kOk);
  };
  // A bounded wait: on a busy machine the best of the repeats may be long.
  for (int64_t rank = 3; rank < 60; rank++) {
    std::vector<int64_t> dims(static_cast<size_t>(rank), 1);
    dims.back() = 2;
    run(dims);
    std::this_thread::sleep_for(10ms);  // the client is told before
    ModelRun again = subject.Run(1, dims);
    const size_t count = RunCount(subject.behaviour);
    if (!engine.RunIfShort(again)) continue;
    CHECK_EQUAL(RunCount(subject.behaviour), count + 1);
    CHECK_EQUAL(subject.model->statistics.calls.load(), rank - 1);  // repeats are not counted
    CHECK_EQUAL(subject.behaviour.outputs_alive.load(), 1);         // nor kept
    return;
  }
  CHECK(!"a run of a few microseconds is short");
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
