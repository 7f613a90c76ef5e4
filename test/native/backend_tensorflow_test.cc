// The TF backend on the models of test/helpers/tensorflow-models.py.
#include "backend_models.h"

using namespace backend_test;

namespace {

void RefuseLoads(const tutti_backend* backend, const TestModel& good) {
  TestModel bad = good;
  bad.blob = "no model";
  Ok(Refusal(backend, bad) == "Invalid GraphDef", Refusal(backend, bad));
  bad = good;
  bad.input_names[0] = "none";
  Ok(Refusal(backend, bad) == "ERR Input node named \"none\" not found in TF graph.",
     Refusal(backend, bad));
  bad.input_names[0] = good.output_names[0];  // no Placeholder
  Ok(Refusal(backend, bad).find("ERR Input node named") == 0, Refusal(backend, bad));
  bad = good;
  bad.output_names[0] = "none";
  Ok(Refusal(backend, bad) == "ERR Output node named \"none\" not found in TF graph",
     Refusal(backend, bad));
  Ok(Refusal(backend, good, {TUTTI_CUDA, 0}) == "ERR GPU requested but TF couldn't find CUDA",
     Refusal(backend, good, {TUTTI_CUDA, 0}));
}

// A message of protobuf: a field with a length.
std::string Field(int number, const std::string& content) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(content.size())) + content;
}

// Neither as a node of the graph nor in a function that it may call.
void RefuseFileOperations(const tutti_backend* backend, const TestModel& good) {
  for (const char* operation : {"ReadFile", "WriteFile", "RestoreV2", "ExperimentalCSVDataset"}) {
    const std::string node = Field(1, "n") + Field(2, operation);
    const std::string function = Field(1, Field(3, node));
    for (const std::string& graph : {Field(1, node), Field(2, function)}) {
      TestModel bad = good;
      bad.blob = graph;
      const std::string error = Refusal(backend, bad);
      Ok(error == "ERR operation " + std::string(operation) + " reaches the server's files", error);
    }
  }
}

void RefuseRuns(const tutti_backend* backend, const TestModel& good) {
  std::string error;
  tutti_model* model = Load(backend, good, &error);
  TestModel bad = good;
  bad.inputs[0].dtype = TUTTI_INT32;
  error = RunOnce(backend, model, bad);
  Ok(error.find("float") != std::string::npos, "refuses another dtype: " + error);
  bad = good;
  bad.inputs[0].dims = {4, 60};
  error = RunOnce(backend, model, bad);
  Ok(error.find("Matrix size-incompatible") != std::string::npos,
     "refuses another shape: " + error);
  bad.inputs.push_back(bad.inputs[0]);
  error = RunOnce(backend, model, bad);
  Ok(error == "ERR Expected 1 inputs but got 2", error);
  bad = good;
  bad.outputs.push_back(bad.outputs[0]);
  error = RunOnce(backend, model, bad);
  Ok(error == "ERR Expected 1 outputs but got 2", error);
  Ok(RunOnce(backend, model, good).empty(), "runs after refusals");
  backend->free_model(model);
}

// A tensor without elements, as another model's output may be.
void RunEmpty(const tutti_backend* backend, const TestModel& identity) {
  std::string error;
  tutti_model* model = Load(backend, identity, &error);
  TestModel empty = identity;
  for (Sample* sample : {&empty.inputs[0], &empty.outputs[0]}) {
    sample->bytes.clear();
    sample->dims = {0, 3};
  }
  error = RunOnce(backend, model, empty);
  Ok(error.empty(), "an input without elements " + error);
  backend->free_model(model);
}

void RunKept(const tutti_backend* backend, const TestModel& test) {
  // What it kept is its own copy: RunOnce() has overwritten the memory of the input.
  std::string error;
  tutti_model* model = Load(backend, test, &error);
  backend->warm_up(model);
  RunOnce(backend, model, test);
  TestModel again = test;
  again.outputs = test.inputs;
  error = RunOnce(backend, model, again);
  Ok(error.empty(), "a kept input outlives its run " + error);
  backend->free_model(model);
}

}  // namespace

int main() {
  const char* models = FromEnvironment("TUTTI_REAL_MODEL_FOLDER");
  const char* runtime = models == nullptr ? nullptr : FromEnvironment("TUTTI_TEST_TENSORFLOW");
  if (runtime == nullptr) return 0;
  tutti_options options{};
  options.run_threads = 4;
  const std::string folder = FolderOf(Libraries(runtime).front());
  // It opens its libraries itself.
  tutti::BackendLoader loader(TUTTI_BACKEND_FOLDER, {{"tensorflow", folder, {}}}, options);
  std::string error;
  const tutti_backend* backend = loader.Open("tensorflow", &error);
  Ok(backend != nullptr, "opens " + error);
  if (backend == nullptr) return Finish();
  Ok(std::string(backend->version).rfind("2.", 0) == 0, backend->version);
  for (const TestModel& test : ReadManifest(models, "tf-models.json")) {
    if (test.name == "half") {
      tutti_model* model = Load(backend, test, &error);
      error = RunOnce(backend, model, test);
      Ok(error == "ERR output 'out0' has dtype 19 of TensorFlow, which no tensor key can hold",
         error);
      backend->free_model(model);
      continue;
    }
    RunAll(backend, test, test.name != "keeps");
    if (test.name == "identity") RunEmpty(backend, test);
    if (test.name == "keeps") RunKept(backend, test);
    if (test.name == "mlp-30-128-128-2") {
      RefuseLoads(backend, test);
      RefuseFileOperations(backend, test);
      RefuseRuns(backend, test);
    }
    if (test.name == "strings" || test.name == "two-in-two-out") LoadSpoilt(backend, test);
  }
  return Finish();
}
