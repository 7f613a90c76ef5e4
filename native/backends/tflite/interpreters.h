// The compiled forms of one flatbuffer. Each serves one run at a time, so a model has several.
#ifndef TUTTI_BACKENDS_TFLITE_INTERPRETERS_H_
#define TUTTI_BACKENDS_TFLITE_INTERPRETERS_H_

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "litert_api.h"

namespace tutti::litert {

inline Api api;  // filled once, by Configure()

// The text that the client reads: an exception, caught in tflite.cc before the table's edge.
struct Failure {
  std::string text;
};

inline void Check(Status status, const char* text) {
  if (status != 0) throw Failure{text};
}

template <typename Object>
using Owned = std::unique_ptr<Object, void (*)(Object*)>;

// One compiled model and the shapes that it is set to.
class Interpreter {
 public:
  Interpreter(CompiledModel* compiled, size_t signature, size_t input_count, size_t output_count)
      : compiled_(compiled, api.DestroyCompiledModel),
        signature_(signature),
        input_dims_(input_count),
        output_layouts_(output_count) {}

  // Gives input `index` these dims; of the same ones it costs nothing.
  void Resize(size_t index, const std::vector<int32_t>& dims) {
    if (is_sized_ && input_dims_[index] == dims) return;
    is_sized_ = false;
    // A scalar has one shape only, and none to resize to.
    if (!dims.empty()) {
      Check(api.CompiledModelResizeInputTensor(compiled_.get(), signature_, index, dims.data(),
                                               dims.size()),
            "Failed to resize input tensors");
    }
    input_dims_[index] = dims;
  }

  // To be called after Resize(), before buffers are made. The shapes are no more than a guess.
  const std::vector<Layout>& Allocate() {
    if (!is_sized_) ReadOutputLayouts(/*update_allocation=*/true);
    is_sized_ = true;
    return output_layouts_;
  }

  // Answers the shapes that the outputs have come to have.
  const std::vector<Layout>& Run(std::vector<TensorBuffer*>& inputs,
                                 std::vector<TensorBuffer*>& outputs) {
    Check(api.RunCompiledModel(compiled_.get(), signature_, inputs.size(), inputs.data(),
                               outputs.size(), outputs.data()),
          "Failed to invoke TfLite");
    ReadOutputLayouts(/*update_allocation=*/false);
    return output_layouts_;
  }

 private:
  void ReadOutputLayouts(bool update_allocation) {
    Check(
        api.GetCompiledModelOutputTensorLayouts(compiled_.get(), signature_, output_layouts_.size(),
                                                output_layouts_.data(), update_allocation),
        "Failed to allocate tensors");
  }

  const Owned<CompiledModel> compiled_;
  const size_t signature_;
  std::vector<std::vector<int32_t>> input_dims_;
  std::vector<Layout> output_layouts_;
  bool is_sized_ = false;  // whether memory is allocated for `input_dims_`
};

// Threads: any. Made as runs need them, at most `count_max`; a run beyond that waits for another's
// end.
class InterpreterPool {
 public:
  using Maker = std::unique_ptr<Interpreter> (*)(const void* context);

  InterpreterPool(Maker make, const void* context, size_t count_max)
      : make_(make), context_(context), count_max_(count_max) {}

  std::unique_ptr<Interpreter> Take() {
    {
      std::unique_lock lock(mutex_);
      idle_changed_.wait(lock, [this] { return !idle_.empty() || count_ < count_max_; });
      if (!idle_.empty()) {
        std::unique_ptr<Interpreter> taken = std::move(idle_.back());
        idle_.pop_back();
        return taken;
      }
      count_++;
    }
    try {
      return make_(context_);
    } catch (...) {
      GiveBack(nullptr);
      throw;
    }
  }

  // Null in place of one that failed in the middle of a run and is not to be used again.
  void GiveBack(std::unique_ptr<Interpreter> interpreter) {
    {
      std::lock_guard lock(mutex_);
      if (interpreter) {
        idle_.push_back(std::move(interpreter));
      } else {
        count_--;
      }
    }
    idle_changed_.notify_one();
  }

 private:
  const Maker make_;
  const void* const context_;
  const size_t count_max_;
  std::mutex mutex_;  // guards what is below
  std::condition_variable idle_changed_;
  std::vector<std::unique_ptr<Interpreter>> idle_;  // the last given back first: its memory is warm
  size_t count_ = 0;                                // those in runs too
};

}  // namespace tutti::litert

#endif  // TUTTI_BACKENDS_TFLITE_INTERPRETERS_H_
