// What the tests of batches share: an engine without backends, models of the fake one, and runs of
// them.
#pragma once

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check.h"
#include "fake_backend.h"
#include "inference/engine.h"
#include "keyspace/keyspace.h"

namespace tutti::test {

using Dims = std::vector<int64_t>;

// Engines are never destroyed; kept here, they are no leak to a sanitizer.
inline Engine& NewEngine(int64_t min_batch_wait_ms_max = kMinBatchWaitMsMax,
                         int threads_per_queue = 1) {
  static auto& engines = *new std::vector<Engine*>;
  engines.push_back(new Engine);
  EngineOptions options;
  options.threads_per_queue = threads_per_queue;
  options.min_batch_wait_ms_max = min_batch_wait_ms_max;
  engines.back()->Configure(std::move(options));
  return *engines.back();
}

inline ModelSpec Spec(int64_t batch_size, int64_t min_batch_size = 0,
                      int64_t min_batch_timeout_ms = 0, BackendKind backend = BackendKind::kTorch) {
  ModelSpec spec;
  spec.backend = backend;
  spec.device.name = "CPU";
  spec.batch_size = batch_size;
  spec.min_batch_size = min_batch_size;
  spec.min_batch_timeout_ms = min_batch_timeout_ms;
  return spec;
}

inline int64_t Product(const Dims& dims) {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim;
  return product;
}

// FLOATs from `first` on, each one more than the one before.
inline Ref<Tensor> Floats(const Dims& dims, float first = 0) {
  std::vector<float> elements(static_cast<size_t>(Product(dims)));
  for (float& element : elements) element = first++;
  return Tensor::Copy(DType::kFloat, dims, elements.data(), elements.size() * sizeof(float));
}

inline Ref<Tensor> Of(DType dtype, const Dims& dims) {
  return Tensor::Zeros(dtype, dims,
                       static_cast<size_t>(Product(dims)) * dtype_row(dtype).element_bytes);
}

inline bool HasFloats(const Tensor& tensor, const Dims& dims, float first) {
  if (tensor.dtype() != DType::kFloat || !std::ranges::equal(tensor.dims(), dims)) return false;
  const Ref<Tensor> wanted = Floats(dims, first);
  return tensor.bytes() == wanted->bytes() &&
         std::memcmp(tensor.data(), wanted->data(), wanted->bytes()) == 0;
}

inline ModelRun RunOf(const Ref<Model>& model, std::vector<Ref<Tensor>> inputs,
                      std::vector<std::string> output_keys, Completion completion = {}) {
  ModelRun run;
  run.model = model;
  run.inputs = std::move(inputs);
  run.target.output_keys = std::move(output_keys);
  run.target.output_count = run.target.output_keys.size();
  run.target.completion = std::move(completion);
  return run;
}

inline Ref<Tensor> Stored(const std::string& key) {
  Ref<Object> found = Keyspace::Get().Find(0, key);
  CHECK(found && found->kind() == ObjectKind::kTensor);
  return Ref<Tensor>::Adopt(static_cast<Tensor*>(found.Leave()));
}

inline void Delete(const std::string& key) {
  const std::string_view view = key;
  Keyspace::Get().Delete(0, {&view, 1});
}

// Not by Flush(), which holds all 1,024 stripes: ThreadSanitizer's deadlock detector takes 64.
inline void Clear() {
  for (const ObjectKind kind : {ObjectKind::kTensor, ObjectKind::kString}) {
    Keyspace::Get().ForEach(
        0, kind, [](std::string_view key, const Ref<Object>&) { Delete(std::string(key)); });
  }
}

// Keeps the only run thread of an engine until it goes.
class Occupied {
 public:
  explicit Occupied(Engine& engine) {
    engine.Enqueue(RunOf(FakeBackend::NewModel(&behaviour_, Spec(0)), {Floats({1})}, {"occupied"}));
    held_.WaitForRun();
  }

 private:
  tutti_model& behaviour_ = NewBehaviour();
  Held held_{behaviour_};
};

inline std::string Shown(const std::vector<int64_t>& numbers) {
  std::string text;
  for (const int64_t number : numbers) text += std::to_string(number) + " ";
  return text;
}

}  // namespace tutti::test
