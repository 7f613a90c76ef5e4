// ONNX Runtime as this backend has started it, and how its failures become texts.
#ifndef TUTTI_BACKENDS_ONNX_RUNTIME_H_
#define TUTTI_BACKENDS_ONNX_RUNTIME_H_

#include <chrono>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "../../inference/backend.h"
#include "../error_text.h"
#include "ort_api.h"

namespace tutti::onnx {

// Written once by Configure(), never destroyed: runs may be going on at exit.
struct Runtime {
  ort::Api api;
  ort::Env* env = nullptr;
  ort::MemoryInfo* cpu = nullptr;
  ort::Allocator* allocator = nullptr;
  uint32_t intra_op_threads = 1;
  uint32_t inter_op_threads = 1;
  std::chrono::milliseconds execution_timeout{0};
  void (*log)(void*, int, const char*) = nullptr;
  void* log_context = nullptr;
  const tutti_memory* memory = nullptr;
  uint64_t memory_limit_bytes = 0;
};
extern Runtime& runtime;

// A failed call's text, by exception: caught in this file, before the table's edge.
struct Failure {
  std::string text;
};

inline void Check(ort::Status* status) {
  if (status == nullptr) return;
  std::string text = runtime.api.GetErrorMessage(status);
  runtime.api.ReleaseStatus(status);
  throw Failure{std::move(text)};
}

template <typename Body>
int Guarded(char* error, size_t error_bytes, Body&& body) {
  try {
    body();
    return 0;
  } catch (const Failure& failure) {
    return Fail(error, error_bytes, failure.text);
  } catch (const std::exception& thrown) {
    return Fail(error, error_bytes, thrown.what());
  }
}

template <typename Object>
using Owned = std::unique_ptr<Object, void (*)(Object*)>;

}  // namespace tutti::onnx

#endif  // TUTTI_BACKENDS_ONNX_RUNTIME_H_
