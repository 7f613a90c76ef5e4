// Runs the models of a manifest (see test/tools/torch_make_models.cc, test/helpers/onnx-models.py)
// on a backend and compares with the outputs that lie beside them. Prints TAP.
#ifndef TUTTI_TEST_NATIVE_BACKEND_MODELS_H_
#define TUTTI_TEST_NATIVE_BACKEND_MODELS_H_

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "inference/backend.h"
#include "inference/backend_loader.h"

namespace backend_test {

inline int test_count = 0;
inline int failure_count = 0;

inline void Ok(bool passed, const std::string& title) {
  std::printf("%s %d - %s\n", passed ? "ok" : "not ok", ++test_count, title.c_str());
  if (!passed) failure_count++;
}

inline int Finish() {
  std::printf("1..%d\n", test_count);
  return failure_count == 0 ? 0 : 1;
}

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Sample {
  std::string bytes;
  std::vector<int64_t> dims;
  uint32_t dtype = TUTTI_FLOAT;

  tutti_tensor Borrow() {
    return {dtype,        static_cast<uint32_t>(dims.size()),
            dims.data(),  bytes.data(),
            bytes.size(), nullptr,
            nullptr};
  }
};

struct TestModel {
  std::string name;
  std::string blob;
  std::vector<Sample> inputs;
  std::vector<Sample> outputs;
};

// The text between `before` and `after` from `*at` on; moves `*at` behind it, to npos if none.
inline std::string Cut(const std::string& text, const char* before, const char* after, size_t* at) {
  const size_t begin = text.find(before, *at);
  if (begin == std::string::npos) return *at = begin, "";
  const size_t from = begin + std::strlen(before);
  const size_t end = text.find(after, from);
  *at = end;
  return text.substr(from, end - from);
}

inline std::vector<Sample> ReadSamples(const std::string& folder, const std::string& text) {
  std::vector<Sample> samples;
  for (size_t at = 0;;) {
    const std::string file = Cut(text, "\"file\": \"", "\"", &at);
    if (at == std::string::npos) return samples;
    Sample sample;
    sample.bytes = ReadFile(folder + "/" + file);
    const std::string dtype = Cut(text, "\"dtype\": \"", "\"", &at);
    sample.dtype = dtype == "INT64"    ? TUTTI_INT64
                   : dtype == "BOOL"   ? TUTTI_BOOL
                   : dtype == "STRING" ? TUTTI_STRING
                                       : TUTTI_FLOAT;
    const std::string dims = Cut(text, "\"dims\": [", "]", &at);
    for (const char* c = dims.c_str(); *c != '\0';) {
      char* end = nullptr;
      sample.dims.push_back(std::strtoll(c, &end, 10));
      c = *end == ',' ? end + 1 : end;
    }
    samples.push_back(std::move(sample));
  }
}

inline std::vector<TestModel> ReadManifest(const std::string& folder, const std::string& file) {
  std::vector<TestModel> models;
  std::ifstream lines(folder + "/" + file);
  for (std::string line; std::getline(lines, line);) {
    size_t at = 0;
    TestModel model;
    model.name = Cut(line, "\"name\": \"", "\"", &at);
    if (at == std::string::npos) continue;
    model.blob = ReadFile(folder + "/" + Cut(line, "\"file\": \"", "\"", &at));
    const size_t outputs = line.find("\"outputs\"");
    model.inputs = ReadSamples(folder, line.substr(at, outputs - at));
    model.outputs = ReadSamples(folder, line.substr(outputs));
    models.push_back(std::move(model));
  }
  return models;
}

inline bool Same(const tutti_tensor& seen, const Sample& wanted) {
  if (seen.dtype != wanted.dtype || seen.bytes != wanted.bytes.size() ||
      !std::equal(seen.dims, seen.dims + seen.rank, wanted.dims.begin(), wanted.dims.end())) {
    return false;
  }
  if (wanted.dtype != TUTTI_FLOAT) {
    return std::memcmp(seen.data, wanted.bytes.data(), seen.bytes) == 0;
  }
  for (size_t i = 0; i < seen.bytes / sizeof(float); i++) {
    float wanted_value = 0;
    std::memcpy(&wanted_value, wanted.bytes.data() + i * sizeof(float), sizeof(float));
    const float value = static_cast<const float*>(seen.data)[i];
    if (!(std::fabs(value - wanted_value) <= 1e-4F * (1 + std::fabs(wanted_value)))) return false;
  }
  return true;
}

inline tutti_model* Load(const tutti_backend* backend, const std::string& blob, std::string* error,
                         tutti_device device = {TUTTI_CPU, 0}) {
  // In two pieces, as the wire may bring it.
  const size_t half = blob.size() / 2;
  const tutti_bytes chunks[] = {{blob.data(), half}, {blob.data() + half, blob.size() - half}};
  tutti_model* model = nullptr;
  char text[TUTTI_ERROR_BYTES] = "";
  const int failed =
      backend->load_model(chunks, 2, device, nullptr, 0, nullptr, 0, &model, text, sizeof(text));
  *error = failed != 0 ? text : "";
  return failed != 0 ? nullptr : model;
}

inline void Release(std::vector<tutti_tensor>* outputs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if ((*outputs)[i].release != nullptr) (*outputs)[i].release((*outputs)[i].owner);
  }
}

// Runs once on its own copies of the inputs, which are overwritten before the outputs are read:
// so nothing that points into them passes. Empty if all is as wanted.
inline std::string RunOnce(const tutti_backend* backend, tutti_model* model,
                           const TestModel& test) {
  std::vector<Sample> inputs = test.inputs;
  std::vector<tutti_tensor> borrowed;
  for (Sample& input : inputs) borrowed.push_back(input.Borrow());
  std::vector<tutti_tensor> outputs(test.outputs.size());
  size_t count = 0;
  char text[TUTTI_ERROR_BYTES] = "";
  if (backend->run(model, borrowed.data(), borrowed.size(), outputs.data(), outputs.size(), &count,
                   text, sizeof(text)) != 0) {
    return text;
  }
  std::string problem;
  for (size_t i = 0; i < inputs.size(); i++) {
    if (inputs[i].bytes != test.inputs[i].bytes) problem = "an input was written";
    std::fill(inputs[i].bytes.begin(), inputs[i].bytes.end(), '\x55');
  }
  for (size_t i = 0; i < count; i++) {
    if (!Same(outputs[i], test.outputs[i])) problem = "output " + std::to_string(i) + " differs";
  }
  Release(&outputs, count);
  return problem;
}

inline void RunAll(const tutti_backend* backend, const TestModel& test, bool is_stateless) {
  std::string error;
  tutti_model* model = Load(backend, test.blob, &error);
  Ok(model != nullptr, test.name + " loads " + error);
  if (model == nullptr) return;
  const char* const* names = nullptr;
  Ok(backend->model_inputs(model, &names) == test.inputs.size(), test.name + " names its inputs");
  if (is_stateless) backend->warm_up(model);
  std::string problem = RunOnce(backend, model, test);
  Ok(problem.empty(), test.name + " gives the reference outputs " + problem);
  if (is_stateless) {
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
      threads.emplace_back([&] {
        backend->thread_init();
        for (int i = 0; i < 50; i++) wrong += RunOnce(backend, model, test).empty() ? 0 : 1;
      });
    }
    for (std::thread& thread : threads) thread.join();
    Ok(wrong == 0, test.name + " gives them in 4 threads at once");
    if (test.name.rfind("mlp", 0) == 0) {
      std::string times;
      for (int i = 0; i < 4; i++) {
        const auto begin = std::chrono::steady_clock::now();
        const int rounds = i < 3 ? 1 : 2000;
        std::vector<Sample> inputs = test.inputs;
        tutti_tensor input = inputs[0].Borrow();
        tutti_tensor output{};
        size_t count = 0;
        char text[256];
        for (int r = 0; r < rounds; r++) {
          backend->run(model, &input, 1, &output, 1, &count, text, sizeof(text));
          output.release(output.owner);
        }
        const std::chrono::duration<double, std::micro> spent =
            std::chrono::steady_clock::now() - begin;
        times += " " + std::to_string(spent.count() / rounds);
      }
      std::printf("# %s: microseconds of three runs, then mean of 2000:%s\n", test.name.c_str(),
                  times.c_str());
    }
  }
  backend->free_model(model);
}

// A runtime's libraries, to be opened in this order: full paths with colons between.
inline std::vector<std::string> Libraries(const char* paths) {
  std::vector<std::string> libraries;
  std::istringstream rest(paths);
  for (std::string path; std::getline(rest, path, ':');) libraries.push_back(path);
  return libraries;
}

inline std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// The folder of the manifests, or a runtime's libraries, from the environment; prints a skip
// without them.
inline const char* FromEnvironment(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr) std::printf("1..0 # SKIP needs %s\n", variable);
  return value;
}

}  // namespace backend_test

#endif  // TUTTI_TEST_NATIVE_BACKEND_MODELS_H_
