// Which runs become one batch, and what each of them gets back.
#include "inference/batch.h"

#include <chrono>
#include <functional>
#include <thread>

#include "batch_runs.h"
#include "inbox.h"
#include "keyspace/value.h"

namespace tutti {
namespace {

using namespace test;

// --- what fits ---

struct FitRow {
  const char* title;
  ModelSpec spec;
  std::vector<Ref<Tensor>> inputs;
  int64_t row_count;
};

TEST(KnowsWhatCanBeBatched) {
  const FitRow rows[] = {
      {"a row", Spec(4), {Floats({1, 3})}, 1},
      {"three rows of two inputs", Spec(4), {Floats({3, 3}), Floats({3})}, 3},
      {"no BATCHSIZE", Spec(0), {Floats({1, 3})}, 0},
      {"batches of one", Spec(1), {Floats({1, 3})}, 0},
      {"a full batch", Spec(4), {Floats({4, 3})}, 0},
      {"more than a batch", Spec(4), {Floats({5, 3})}, 0},
      {"a scalar", Spec(4), {Floats({})}, 0},
      {"a scalar beside rows", Spec(4), {Floats({1, 3}), Floats({})}, 0},
      {"another dim 0", Spec(4), {Floats({1, 3}), Floats({2, 3})}, 0},
      {"no rows", Spec(4), {Tensor::Zeros(DType::kFloat, Dims{0, 3}, 0)}, 0},
      {"no inputs", Spec(4), {}, 0},
      {"TFLITE", Spec(4, 0, 0, BackendKind::kTfLite), {Floats({1, 3})}, 0},
  };
  for (const FitRow& row : rows) {
    const auto model = Ref<Model>::Adopt(new Model(row.spec));
    const BatchFit fit = FindBatchFit(RunOf(model, row.inputs, {"out"}));
    if (fit.row_count != row.row_count || fit.shape.empty() != (row.row_count == 0)) {
      std::printf("# %s\n", row.title);
      CHECK_EQUAL(fit.row_count, row.row_count);
      CHECK(false);
    }
  }
}

TEST(OnlyEqualShapesAndDtypesFitTogether) {
  const auto model = Ref<Model>::Adopt(new Model(Spec(100)));
  const auto shape = [&](std::vector<Ref<Tensor>> inputs, std::vector<std::string> outputs) {
    return FindBatchFit(RunOf(model, std::move(inputs), std::move(outputs))).shape;
  };
  const auto base = shape({Of(DType::kFloat, {1, 2, 3})}, {"a"});
  CHECK(base == shape({Of(DType::kFloat, {7, 2, 3})}, {"b"}));
  CHECK(base != shape({Of(DType::kInt32, {1, 2, 3})}, {"a"}));
  CHECK(base != shape({Of(DType::kFloat, {1, 3, 2})}, {"a"}));
  CHECK(base != shape({Of(DType::kFloat, {1, 6})}, {"a"}));
  CHECK(base != shape({Of(DType::kFloat, {1})}, {"a"}));
  CHECK(base != shape({Of(DType::kFloat, {1, 2, 3})}, {"a", "b"}));
  CHECK(base != shape({Of(DType::kFloat, {1, 2, 3}), Of(DType::kFloat, {1})}, {"a"}));
  // Dims of one input are not taken for those of the next.
  CHECK(shape({Of(DType::kFloat, {1, 2}), Of(DType::kFloat, {1})}, {"a"}) !=
        shape({Of(DType::kFloat, {1}), Of(DType::kFloat, {1, 2})}, {"a"}));
}

// --- what becomes a batch ---

struct FormRow {
  const char* title;
  ModelSpec spec;
  std::vector<Dims> dims;            // of the only input of each run, in order of arrival
  std::vector<int64_t> batch_sizes;  // of the runs of the backend, in order
};

TEST(FormsBatchesOfWhatWaits) {
  const FormRow rows[] = {
      {"up to the size", Spec(4), {{1}, {1}, {1}, {1}, {1}, {1}}, {4, 2}},
      {"the last may overshoot", Spec(4), {{3}, {3}, {3}}, {6, 3}},
      {"two inputs of five rows", Spec(100), {{2, 2}, {3, 2}}, {5}},
      {"a full one alone", Spec(4), {{1}, {4}, {1}, {9}, {1}}, {3, 4, 9}},
      {"other shapes apart", Spec(9), {{1, 2}, {1, 3}, {2, 2}, {2, 3}, {1}}, {3, 3, 1}},
      {"scalars alone", Spec(4), {{}, {1}, {}, {1}}, {0, 2, 0}},
      {"none without BATCHSIZE", Spec(0), {{1}, {1}, {1}}, {1, 1, 1}},
      {"enough for MINBATCHSIZE", Spec(4, 3), {{1}, {1}, {1}}, {3}},
      {"MINBATCHSIZE is no maximum", Spec(8, 2), {{1}, {1}, {1}}, {3}},
  };
  for (const FormRow& row : rows) {
    Clear();
    Engine& engine = NewEngine();
    tutti_model& behaviour = NewBehaviour();
    const Ref<Model> model = FakeBackend::NewModel(&behaviour, row.spec);
    Inbox inbox;
    {
      const Occupied occupied(engine);
      float first = 0;
      for (size_t i = 0; i < row.dims.size(); i++, first += 1000) {
        engine.Enqueue(
            RunOf(model, {Floats(row.dims[i], first)}, {"out" + std::to_string(i)}, inbox.Next()));
      }
    }
    int64_t sample_count = 0;
    for (size_t i = 0; i < row.dims.size(); i++) {
      CHECK(inbox.Wait({nullptr, 1, static_cast<uint32_t>(i + 1)}).code == Code::kOk);
      const Ref<Tensor> output = Stored("out" + std::to_string(i));
      CHECK(HasFloats(*output, row.dims[i], 1000 * static_cast<float>(i)));
      sample_count += row.dims[i].empty() ? 1 : row.dims[i][0];
    }
    if (BatchSizes(behaviour) != row.batch_sizes) std::printf("# %s\n", row.title);
    CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown(row.batch_sizes));
    CHECK_EQUAL(model->statistics.calls.load(), static_cast<int64_t>(row.dims.size()));
    CHECK_EQUAL(model->statistics.executions.load(), static_cast<int64_t>(row.batch_sizes.size()));
    CHECK_EQUAL(model->statistics.samples.load(), sample_count);
    CHECK_EQUAL(model->statistics.errors.load(), 0);
  }
}

TEST(RunsOfAnotherModelPassABatchOnlyInTheirTurn) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model &behaviour = NewBehaviour(), &other_behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(4));
  const Ref<Model> replaced = FakeBackend::NewModel(&behaviour, Spec(4));
  const Ref<Model> other = FakeBackend::NewModel(&other_behaviour, Spec(0));
  Inbox inbox;
  {
    const Occupied occupied(engine);
    engine.Enqueue(RunOf(other, {Floats({1})}, {"a"}, inbox.Next()));
    engine.Enqueue(RunOf(model, {Floats({1})}, {"b"}, inbox.Next()));
    engine.Enqueue(RunOf(other, {Floats({1})}, {"c"}, inbox.Next()));
    engine.Enqueue(RunOf(model, {Floats({1})}, {"d"}, inbox.Next()));
    engine.Enqueue(RunOf(replaced, {Floats({1})}, {"e"}, inbox.Next()));
  }
  for (uint32_t i = 1; i <= 5; i++) CHECK(inbox.Wait({nullptr, 1, i}).code == Code::kOk);
  // The fourth came forward to the second; the same behaviour behind another object did not.
  const std::vector<int64_t> order(inbox.order().begin(), inbox.order().end());
  CHECK_EQUAL(Shown(order), Shown({1, 2, 4, 3, 5}));
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({2, 1}));
}

TEST(BatchesOfSeveralInputsAndOutputsAndDtypes) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(10));
  const std::string_view strings[] = {std::string_view("ab\0\0c\0", 6),
                                      std::string_view("\0\0d\0efgh\0", 9)};
  Inbox inbox;
  {
    const Occupied occupied(engine);
    engine.Enqueue(
        RunOf(model,
              {Tensor::Copy(DType::kString, Dims{1, 3}, strings[0].data(), strings[0].size()),
               Floats({1, 2}, 5), Of(DType::kBool, {1})},
              {"s0", "f0", "b0"}, inbox.Next()));
    engine.Enqueue(RunOf(model,
                         {Tensor::Copy(DType::kString, Dims{2, 3}, "\0\0d\0efgh\0x\0y\0", 13),
                          Floats({2, 2}, 50), Of(DType::kBool, {2})},
                         {"s1", "f1", "b1"}, inbox.Next()));
  }
  CHECK(inbox.Wait({nullptr, 1, 1}).code == Code::kOk);
  CHECK(inbox.Wait({nullptr, 1, 2}).code == Code::kOk);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({3}));
  const auto bytes_of = [](const Ref<Tensor>& tensor) {
    return std::string(reinterpret_cast<const char*>(tensor->data()), tensor->bytes());
  };
  CHECK_EQUAL(bytes_of(Stored("s0")), std::string(strings[0]));
  CHECK_EQUAL(bytes_of(Stored("s1")), std::string("\0\0d\0efgh\0x\0y\0", 13));
  CHECK(HasFloats(*Stored("f0"), {1, 2}, 5));
  CHECK(HasFloats(*Stored("f1"), {2, 2}, 50));
  CHECK_EQUAL(Stored("b0")->bytes(), 1u);
  CHECK_EQUAL(Stored("b1")->dims()[0], 2);
  CHECK(Stored("b1")->dtype() == DType::kBool);
}

TEST(OutputsShareTheRuntimesMemoryUntilTheLastIsGone) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(3));
  constexpr int64_t kColumns = 100'000;
  Inbox inbox;
  {
    const Occupied occupied(engine);
    for (int i = 0; i < 3; i++) {
      engine.Enqueue(
          RunOf(model, {Floats({1, kColumns})}, {"out" + std::to_string(i)}, inbox.Next()));
    }
  }
  for (uint32_t i = 1; i <= 3; i++) CHECK(inbox.Wait({nullptr, 1, i}).code == Code::kOk);
  CHECK_EQUAL(behaviour.outputs_alive.load(), 1);
  CHECK_EQUAL(Stored("out1")->data() - Stored("out0")->data(),
              static_cast<ptrdiff_t>(kColumns * sizeof(float)));
  CHECK(memory_account::Used(MemoryKind::kTensors) >= 3 * kColumns * sizeof(float));
  Delete("out0");
  Delete("out2");
  CHECK_EQUAL(behaviour.outputs_alive.load(), 1);
  CHECK(HasFloats(*Stored("out1"), {1, kColumns}, 0));
  Delete("out1");
  while (behaviour.outputs_alive > 0) std::this_thread::yield();  // on the freeing thread
}

// --- failures ---

struct FailureRow {
  const char* title;
  std::function<void(tutti_model&)> prepare;
  BackendKind backend;
  std::string text;
};

TEST(AFailureIsEveryMembers) {
  const FailureRow rows[] = {
      {"a run", [](tutti_model& model) { model.failure = "ERR no luck"; }, BackendKind::kTorch,
       "ERR no luck"},
      {"too few rows", [](tutti_model& model) { model.rows_lost = 1; }, BackendKind::kOnnx,
       "ERR Model did not generate the expected batch size"},
      {"too few rows of TF", [](tutti_model& model) { model.rows_lost = 2; },
       BackendKind::kTensorFlow,
       "ERR Tensorflow batching error: model did not generate the expected batch size"},
      {"a scalar", [](tutti_model& model) { model.is_scalar_answered = true; }, BackendKind::kTorch,
       "ERR Model did not generate the expected batch size"},
  };
  for (const FailureRow& row : rows) {
    Clear();
    Engine& engine = NewEngine();
    tutti_model& behaviour = NewBehaviour();
    row.prepare(behaviour);
    const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(9, 0, 0, row.backend));
    Inbox inbox;
    {
      const Occupied occupied(engine);
      for (int i = 0; i < 3; i++) {
        engine.Enqueue(RunOf(model, {Floats({1, 2})}, {"out" + std::to_string(i)}, inbox.Next()));
      }
    }
    for (uint32_t i = 1; i <= 3; i++) {
      const Message message = inbox.Wait({nullptr, 1, i});
      CHECK(message.code == Code::kFailed);
      CHECK_EQUAL(message.text, row.text);
      CHECK(!Keyspace::Get().Find(0, "out" + std::to_string(i - 1)));
    }
    CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({3}));
    CHECK_EQUAL(model->statistics.calls.load(), 3);
    CHECK_EQUAL(model->statistics.errors.load(), 3);
    CHECK_EQUAL(model->statistics.samples.load(), 0);
    CHECK_EQUAL(behaviour.outputs_alive.load(), 0);
  }
}

TEST(WhatFailsOfOneMemberIsItsOwn) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(9));
  const Change text = {.db = 0, .key = "text", .value = String::Copy("abc")};
  CHECK(Keyspace::Get().CommitAll({&text, 1}).ok());
  Inbox inbox;
  const Completion good = inbox.Next(), wrong = inbox.Next(), late = inbox.Next();
  {
    const Occupied occupied(engine);
    engine.Enqueue(RunOf(model, {Floats({1})}, {"good"}, good));
    engine.Enqueue(RunOf(model, {Floats({1})}, {"text"}, wrong));
    ModelRun overdue = RunOf(model, {Floats({1})}, {"late"}, late);
    overdue.target.timeout_ms = 1;
    overdue.target.clock_from = std::chrono::steady_clock::now() - std::chrono::seconds(1);
    engine.Enqueue(std::move(overdue));
  }
  CHECK(inbox.Wait(good).code == Code::kOk);
  CHECK(inbox.Wait(wrong).code == Code::kWrongType);
  CHECK(inbox.Wait(late).code == Code::kTimedOut);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({2}));
  CHECK(!Keyspace::Get().Find(0, "late"));
  CHECK_EQUAL(model->statistics.calls.load(), 2);
  CHECK_EQUAL(model->statistics.errors.load(), 1);
}

TEST(AnOutputThatIsNoTensorIsNotStored) {
  for (const int64_t batch_size : {0, 9}) {
    Clear();
    Engine& engine = NewEngine();
    tutti_model& behaviour = NewBehaviour();
    behaviour.is_nothing_answered = true;
    const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(batch_size));
    Inbox inbox;
    {
      const Occupied occupied(engine);
      engine.Enqueue(RunOf(model, {Floats({1})}, {"a"}, inbox.Next()));
      engine.Enqueue(RunOf(model, {Floats({1})}, {"b"}, inbox.Next()));
    }
    CHECK(inbox.Wait({nullptr, 1, 1}).code == Code::kOk);
    CHECK(inbox.Wait({nullptr, 1, 2}).code == Code::kOk);
    CHECK(!Keyspace::Get().Find(0, "a"));
    CHECK(!Keyspace::Get().Find(0, "b"));
  }
}

TEST(RunsThatCannotBePutTogetherForWantOfMemoryGoAlone) {
  Clear();
  Engine& engine = NewEngine();
  tutti_model& behaviour = NewBehaviour();
  behaviour.is_scalar_answered = true;
  const Ref<Model> model = FakeBackend::NewModel(&behaviour, Spec(9));
  Inbox inbox;
  {
    const Occupied occupied(engine);
    for (int i = 0; i < 2; i++) {
      engine.Enqueue(
          RunOf(model, {Floats({1, 1'000'000})}, {"out" + std::to_string(i)}, inbox.Next()));
    }
    memory_account::SetMax(memory_account::Used() + kMiB);
  }
  CHECK(inbox.Wait({nullptr, 1, 1}).code == Code::kOk);
  CHECK(inbox.Wait({nullptr, 1, 2}).code == Code::kOk);
  memory_account::SetMax(0);
  CHECK_EQUAL(Shown(BatchSizes(behaviour)), Shown({1, 1}));
}

}  // namespace
}  // namespace tutti

RUN_TESTS()
