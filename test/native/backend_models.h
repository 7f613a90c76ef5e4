// Runs the models of a manifest (see test/tools/torch_make_models.cc, test/helpers/*-models.py) on
// a backend and compares with the outputs that lie beside them. Prints TAP.
#ifndef TUTTI_TEST_NATIVE_BACKEND_MODELS_H_
#define TUTTI_TEST_NATIVE_BACKEND_MODELS_H_

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "inference/backend.h"
#include "inference/backend_loader.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

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

// Opens a backend. What a runtime takes once, at its start, and never gives back is no leak of
// ours: ONNX Runtime 1.30 loses 14 bytes there.
inline const tutti_backend* Open(tutti::BackendLoader& loader, const char* name,
                                 std::string* error) {
#if defined(__SANITIZE_ADDRESS__)
  const __lsan::ScopedDisabler disabler;
#endif
  return loader.Open(name, error);
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
  std::vector<std::string> input_names;  // TF only
  std::vector<std::string> output_names;
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

inline uint32_t DtypeNamed(const std::string& name) {
  constexpr const char* kNames[] = {"FLOAT", "DOUBLE", "INT8",   "INT16", "INT32",
                                    "INT64", "UINT8",  "UINT16", "BOOL",  "STRING"};
  return static_cast<uint32_t>(std::find(kNames, kNames + 9, name) - kNames);
}

// Of `"<key>": ["a", "b"]`; none if it is not there.
inline std::vector<std::string> ReadNames(const std::string& line, const std::string& key) {
  std::vector<std::string> names;
  size_t at = 0;
  const std::string list = Cut(line, ("\"" + key + "\": [").c_str(), "]", &at);
  for (size_t next = 0;;) {
    const std::string name = Cut(list, "\"", "\"", &next);
    if (next == std::string::npos) return names;
    names.push_back(name);
    next++;
  }
}

inline std::vector<Sample> ReadSamples(const std::string& folder, const std::string& text) {
  std::vector<Sample> samples;
  for (size_t at = 0;;) {
    const std::string file = Cut(text, "\"file\": \"", "\"", &at);
    if (at == std::string::npos) return samples;
    Sample sample;
    sample.bytes = ReadFile(folder + "/" + file);
    sample.dtype = DtypeNamed(Cut(text, "\"dtype\": \"", "\"", &at));
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
    model.input_names = ReadNames(line, "input_names");
    model.output_names = ReadNames(line, "output_names");
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

inline tutti_model* Load(const tutti_backend* backend, const TestModel& test, std::string* error,
                         tutti_device device = {TUTTI_CPU, 0}) {
  // In two pieces, as the wire may bring it.
  const std::string& blob = test.blob;
  const size_t half = blob.size() / 2;
  const tutti_bytes chunks[] = {{blob.data(), half}, {blob.data() + half, blob.size() - half}};
  std::vector<const char*> inputs, outputs;
  for (const std::string& name : test.input_names) inputs.push_back(name.c_str());
  for (const std::string& name : test.output_names) outputs.push_back(name.c_str());
  tutti_model* model = nullptr;
  char text[TUTTI_ERROR_BYTES] = "";
  const int failed =
      backend->load_model(0, chunks, 2, device, inputs.data(), inputs.size(), outputs.data(),
                          outputs.size(), &model, text, sizeof(text));
  *error = failed != 0 ? text : "";
  return failed != 0 ? nullptr : model;
}

inline tutti_model* Load(const tutti_backend* backend, const std::string& blob, std::string* error,
                         tutti_device device = {TUTTI_CPU, 0}) {
  TestModel test;
  test.blob = blob;
  return Load(backend, test, error, device);
}

inline void Release(std::vector<tutti_tensor>* outputs, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if ((*outputs)[i].release != nullptr) (*outputs)[i].release((*outputs)[i].owner);
  }
}

// A copy of a sample at `offset` bytes behind a multiple of 64, where runtimes borrow without a
// copy.
class PlacedSample {
 public:
  PlacedSample(const Sample& sample, size_t offset)
      : sample_(sample),
        block_(static_cast<char*>(
            std::aligned_alloc(64, (offset + sample.bytes.size()) / 64 * 64 + 64))),
        data_(block_.get() + offset) {
    std::memcpy(data_, sample.bytes.data(), sample.bytes.size());
  }
  tutti_tensor Borrow() {
    tutti_tensor tensor = sample_.Borrow();
    tensor.data = data_;
    return tensor;
  }
  bool IsUnchanged() const {
    return std::memcmp(data_, sample_.bytes.data(), sample_.bytes.size()) == 0;
  }
  void Spoil() { std::memset(data_, 0x55, sample_.bytes.size()); }

 private:
  struct Free {
    void operator()(char* block) const { std::free(block); }
  };
  Sample sample_;
  std::unique_ptr<char, Free> block_;
  char* data_;
};

// Runs once on its own copies of the inputs, which are overwritten before the outputs are read:
// so nothing that points into them passes. Empty if all is as wanted.
inline std::string RunOnce(const tutti_backend* backend, tutti_model* model, const TestModel& test,
                           size_t offset = 0) {
  std::vector<PlacedSample> inputs;
  for (const Sample& input : test.inputs) inputs.emplace_back(input, offset);
  std::vector<tutti_tensor> borrowed;
  for (PlacedSample& input : inputs) borrowed.push_back(input.Borrow());
  std::vector<tutti_tensor> outputs(test.outputs.size());
  size_t count = 0;
  char text[TUTTI_ERROR_BYTES] = "";
  if (backend->run(model, 0, borrowed.data(), borrowed.size(), outputs.data(), outputs.size(),
                   &count, text, sizeof(text)) != 0) {
    return text;
  }
  std::string problem;
  for (PlacedSample& input : inputs) {
    if (!input.IsUnchanged()) problem = "an input was written";
    input.Spoil();
  }
  for (size_t i = 0; i < count; i++) {
    if (!Same(outputs[i], test.outputs[i])) problem = "output " + std::to_string(i) + " differs";
  }
  Release(&outputs, count);
  return problem;
}

inline void RunAll(const tutti_backend* backend, const TestModel& test, bool is_stateless) {
  std::string error;
  tutti_model* model = Load(backend, test, &error);
  Ok(model != nullptr, test.name + " loads " + error);
  if (model == nullptr) return;
  const char* const* names = nullptr;
  Ok(backend->model_inputs(model, &names) == test.inputs.size(), test.name + " names its inputs");
  if (is_stateless) backend->warm_up(model);
  std::string problem = RunOnce(backend, model, test);
  Ok(problem.empty(), test.name + " gives the reference outputs " + problem);
  if (is_stateless) {
    problem = RunOnce(backend, model, test, sizeof(int64_t));
    Ok(problem.empty(),
       test.name + " gives them for inputs that are aligned to 8 bytes " + problem);
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
          backend->run(model, 0, &input, 1, &output, 1, &count, text, sizeof(text));
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

// What the client reads of a load that must fail.
inline std::string Refusal(const tutti_backend* backend, const TestModel& test,
                           tutti_device device = {TUTTI_CPU, 0}) {
  std::string error;
  tutti_model* model = Load(backend, test, &error, device);
  backend->free_model(model);
  return model == nullptr ? error : "it was loaded";
}

// Cut anywhere, or with any byte spoilt, it may load and run or not, but the process lives.
inline void LoadSpoilt(const tutti_backend* backend, const TestModel& good) {
  TestModel bad = good;
  for (size_t bytes = 0; bytes < good.blob.size(); bytes += 1 + good.blob.size() / 200) {
    bad.blob = good.blob.substr(0, bytes);
    Refusal(backend, bad);
  }
  uint32_t random = 20240607;
  for (int i = 0; i < 300; i++) {
    random = random * 1664525 + 1013904223;
    bad.blob = good.blob;
    bad.blob[random % bad.blob.size()] ^= static_cast<char>(1 + (random >> 24) % 255);
    std::string error;
    tutti_model* model = Load(backend, bad, &error);
    if (model != nullptr) RunOnce(backend, model, bad);
    backend->free_model(model);
  }
  Ok(true, good.name + " cut or spoilt stops nothing");
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
