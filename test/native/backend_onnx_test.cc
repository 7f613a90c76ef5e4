// The ONNX backend on the models of test/helpers/onnx-models.py.
#include "backend_models.h"

using namespace backend_test;

int main() {
  const char* models = FromEnvironment("TUTTI_MODEL_FOLDER");
  const char* runtime = models == nullptr ? nullptr : FromEnvironment("TUTTI_TEST_ONNX");
  if (runtime == nullptr) return 0;
  tutti_options options{};
  options.execution_timeout_ms = 1000;
  const std::vector<std::string> libraries = Libraries(runtime);
  const std::string folder = FolderOf(libraries.front());
  tutti::BackendLoader loader(TUTTI_BACKEND_FOLDER, {{"onnx", folder, libraries}}, options);
  std::string error;
  const tutti_backend* backend = Open(loader, "onnx", &error);
  Ok(backend != nullptr, "opens " + error);
  if (backend == nullptr) return Finish();
  for (const TestModel& test : ReadManifest(models, "onnx-models.json")) {
    if (test.name == "external") {
      Ok(Load(backend, test.blob, &error) == nullptr &&
             error == "Initializer tensors with external data is not allowed.",
         "refuses external data: " + error);
      continue;
    }
    RunAll(backend, test, true);
    if (test.name != "loop") continue;
    TestModel endless = test;
    const int64_t rounds = 1'000'000'000'000;
    std::memcpy(endless.inputs[0].bytes.data(), &rounds, sizeof(rounds));
    tutti_model* model = Load(backend, test.blob, &error);
    error = RunOnce(backend, model, endless);
    Ok(error.find("Exiting due to terminate flag being set to true") != std::string::npos,
       "ends a run at the timeout: " + error);
    Ok(RunOnce(backend, model, test).empty(), "runs again after that");
    size_t count = 0;
    char text[256];
    tutti_tensor output{};
    backend->run(model, 0, nullptr, 0, &output, 1, &count, text, sizeof(text));
    Ok(std::string(text) == "ERR Expected 1 inputs but got 0", text);
    backend->free_model(model);
  }
  Ok(Load(backend, "no model", &error) == nullptr, "refuses a bad blob: " + error);
  Ok(Load(backend, "no model", &error, {TUTTI_CUDA, 0}) == nullptr &&
         error == "ERR GPU requested but ONNX couldn't find CUDA",
     error);
  return Finish();
}
