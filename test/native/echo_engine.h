// An engine with the echo backend, which answers copies of its inputs, and what it runs.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check.h"
#include "inference/engine.h"
#include "keyspace/keyspace.h"

namespace tutti::test {

// Engines are never destroyed; kept here, they are no leak to a sanitizer.
inline Engine& NewEngine(EngineOptions options) {
  static auto& engines = *new std::vector<Engine*>;
  engines.push_back(new Engine);
  options.backends[static_cast<size_t>(BackendKind::kTorch)].library =
      TUTTI_BACKEND_FOLDER "/tutti_backend_echo.so";
  options.log = [](int, std::string_view) {};
  engines.back()->Configure(std::move(options));
  return *engines.back();
}

inline Engine& NewEngine(int threads_per_queue = 1) {
  EngineOptions options;
  options.threads_per_queue = threads_per_queue;
  return NewEngine(std::move(options));
}

// Blobs and sources as the echo backend reads them.
inline ModelSpec EchoModel(std::string_view blob = "good", std::string device = "CPU") {
  ModelSpec spec;
  spec.device.name = std::move(device);
  Ref<Buffer> buffer = Buffer::Allocate(blob.size(), MemoryKind::kRequests);
  std::memcpy(buffer->data(), blob.data(), blob.size());
  spec.blob.push_back({buffer, blob.size()});
  return spec;
}

inline ScriptSpec EchoScript(std::string source, std::vector<std::string> entry_points = {}) {
  ScriptSpec spec;
  spec.device.name = "CPU";
  spec.source = std::move(source);
  spec.entry_points = std::move(entry_points);
  return spec;
}

inline Ref<Tensor> Scalar(float value) {
  return Tensor::Copy(DType::kFloat, {}, &value, sizeof(value));
}

inline Ref<Object> Find(std::string_view key) { return Keyspace::Get().Find(0, key); }

template <typename T>
Ref<T> FindAs(std::string_view key) {
  Ref<Object> found = Find(key);
  CHECK(found);
  return Ref<T>::Share(static_cast<T*>(found.get()));
}

inline float FirstElement(const Ref<Tensor>& tensor) {
  CHECK(tensor);
  CHECK(tensor->kind() == ObjectKind::kTensor);
  float value;
  std::memcpy(&value, tensor->data(), sizeof(value));
  return value;
}
inline float FirstElement(std::string_view key) { return FirstElement(FindAs<Tensor>(key)); }

inline void Put(std::string_view key, Ref<Object> value) {
  const Change change = {.db = 0, .key = key, .value = std::move(value)};
  CHECK(Keyspace::Get().CommitAll({&change, 1}).ok());
}

inline void Delete(std::string_view key) { Keyspace::Get().Delete(0, {&key, 1}); }

// Not by Flush(), which holds all 1,024 stripes: ThreadSanitizer's deadlock detector takes 64.
inline void Clear() {
  Keyspace::Get().ForEach(0, ObjectKind::kNone,
                          [](std::string_view key, const Ref<Object>&) { Delete(key); });
}

}  // namespace tutti::test
