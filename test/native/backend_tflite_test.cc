// The TFLITE backend on the models of test/helpers/tflite-models.py.
#include <filesystem>

#include "backend_models.h"

using namespace backend_test;

namespace {

size_t ThreadCount() {
  const std::filesystem::directory_iterator threads("/proc/self/task");
  return static_cast<size_t>(std::distance(begin(threads), end(threads)));
}

void CountThreads(const tutti_backend* backend, const TestModel& test) {
  const size_t before = ThreadCount();
  std::string error;
  tutti_model* model = Load(backend, test, &error);
  Ok(ThreadCount() == before + 1, "an interpreter of two threads has one beside the caller");
  backend->free_model(model);
  Ok(ThreadCount() == before, "which ends with the model");
}

void RefuseLoads(const tutti_backend* backend, const TestModel& good) {
  TestModel bad = good;
  bad.blob = "no model";
  Ok(Refusal(backend, bad) == "Failed to load model from buffer", Refusal(backend, bad));
  bad.blob.clear();
  Ok(Refusal(backend, bad) == "Failed to load model from buffer", Refusal(backend, bad));
  bad.blob = good.blob.substr(0, good.blob.size() / 2);
  Ok(Refusal(backend, bad) != "it was loaded", Refusal(backend, bad));
  Ok(Refusal(backend, good, {TUTTI_CUDA, 0}) == "ERR Unsupported device",
     Refusal(backend, good, {TUTTI_CUDA, 0}));
}

void RefuseRuns(const tutti_backend* backend, const TestModel& good) {
  std::string error;
  tutti_model* model = Load(backend, good, &error);
  TestModel bad = good;
  bad.inputs[0].dtype = TUTTI_INT32;
  error = RunOnce(backend, model, bad);
  Ok(error == "Input tensor type doesn't match the type expected by the model definition", error);
  bad.inputs[0].dtype = TUTTI_STRING;
  error = RunOnce(backend, model, bad);
  Ok(error == "Input tensor type doesn't match the type expected by the model definition", error);
  bad = good;
  bad.inputs[0].dims = {4, 60};
  error = RunOnce(backend, model, bad);
  Ok(error.find("has shape [4,60], the model takes [N,30]") != std::string::npos, error);
  bad.inputs[0].dims = {0, 30};
  bad.inputs[0].bytes.clear();
  error = RunOnce(backend, model, bad);
  Ok(error.find("has shape [0,30], the model takes [N,30]") != std::string::npos, error);
  bad.inputs[0].dims = {1LL << 40, 30};
  error = RunOnce(backend, model, bad);
  Ok(error.find("has shape [1099511627776,30]") != std::string::npos, error);
  bad.inputs[0].dims = {2, 2, 2, 30, 1, 1, 1, 1, 1};
  error = RunOnce(backend, model, bad);
  Ok(error.find("has shape [2,2,2,30,1,1,1,1,1]") != std::string::npos, error);
  bad = good;
  bad.inputs.push_back(bad.inputs[0]);
  error = RunOnce(backend, model, bad);
  Ok(error == "Inconsistent number of inputs", error);
  bad = good;
  bad.outputs.push_back(bad.outputs[0]);
  error = RunOnce(backend, model, bad);
  Ok(error == "Inconsistent number of outputs", error);
  Ok(RunOnce(backend, model, good).empty(), "runs after refusals");
  backend->free_model(model);
}

// Rows of `test` from `begin` on.
TestModel Rows(const TestModel& test, int64_t begin, int64_t count) {
  TestModel rows = test;
  for (auto* samples : {&rows.inputs, &rows.outputs}) {
    for (Sample& sample : *samples) {
      const size_t row_bytes = sample.bytes.size() / static_cast<size_t>(sample.dims[0]);
      sample.bytes = sample.bytes.substr(static_cast<size_t>(begin) * row_bytes,
                                         static_cast<size_t>(count) * row_bytes);
      sample.dims[0] = count;
    }
  }
  return rows;
}

// Each with another number of rows, so that interpreters are resized from run to run.
void ResizeAtOnce(const tutti_backend* backend, const TestModel& test) {
  std::string error;
  tutti_model* model = Load(backend, test, &error);
  TestModel row = Rows(test, 3, 1);
  row.inputs[0].dims = {30};
  error = RunOnce(backend, model, row);
  Ok(error.empty(), "a dim of 1 may be left out " + error);
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int64_t t = 0; t < 8; t++) {  // twice as many as there are interpreters
    threads.emplace_back([&, t] {
      for (int64_t i = 0; i < 100; i++) {
        const int64_t begin = (t + i) % 8;
        const int64_t count = 1 + i % (8 - begin);
        wrong += RunOnce(backend, model, Rows(test, begin, count)).empty() ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  Ok(wrong == 0, "any number of rows in 8 threads at once");
  backend->free_model(model);
}

}  // namespace

int main() {
  const char* models = FromEnvironment("TUTTI_REAL_MODEL_FOLDER");
  const char* runtime = models == nullptr ? nullptr : FromEnvironment("TUTTI_TEST_TFLITE");
  if (runtime == nullptr) return 0;
  tutti_options options{};
  options.run_threads = 4;
  options.intra_op_threads = 2;
  const std::vector<std::string> libraries = Libraries(runtime);
  const std::string folder = FolderOf(libraries.front());
  tutti::BackendLoader loader(TUTTI_BACKEND_FOLDER, {{"tflite", folder, libraries}}, options);
  std::string error;
  const tutti_backend* backend = loader.Open("tflite", &error);
  Ok(backend != nullptr, "opens " + error);
  if (backend == nullptr) return Finish();
  Ok(backend->max_concurrent_runs == 4, "an interpreter for each thread that runs models");
  for (const TestModel& test : ReadManifest(models, "tflite-models.json")) {
    if (test.name == "where") {  // LiteRT's limit: how many elements it has, only the data tell
      tutti_model* model = Load(backend, test, &error);
      error = RunOnce(backend, model, test);
      Ok(error == "Failed to invoke TfLite", error);
      backend->free_model(model);
      continue;
    }
    RunAll(backend, test, true);
    if (test.name == "mlp-30-128-128-2") {
      CountThreads(backend, test);
      RefuseLoads(backend, test);
      RefuseRuns(backend, test);
      ResizeAtOnce(backend, test);
    }
    if (test.name == "two-in-two-out" || test.name == "scalar") LoadSpoilt(backend, test);
  }
  return Finish();
}
