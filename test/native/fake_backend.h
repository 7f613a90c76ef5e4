// A backend's table without a library: it answers copies of its inputs and tells what it was given.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "inference/backend.h"
#include "inference/compiler.h"
#include "inference/model.h"

// A model of the fake backend is what it does at a run.
struct tutti_model {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int64_t> batch_sizes;  // dim 0 of the first input of each run, in order; 0: a scalar
  bool is_closed = false;            // runs wait until it is opened
  std::string failure;               // not empty: each run fails with this text
  int64_t rows_lost = 0;             // outputs have so many rows less than their inputs
  bool is_scalar_answered = false;   // outputs have no dims
  bool is_nothing_answered = false;  // outputs are no tensors
  bool has_bounded_runs = false;     // when the model is made
  std::atomic<int> outputs_alive{0};
};

namespace tutti::test {

class FakeBackend {
 public:
  // A model whose runs do as `behaviour` says, which must outlive it.
  static Ref<Model> NewModel(tutti_model* behaviour, ModelSpec spec,
                             uint32_t concurrent_runs_max = 0) {
    // As of a stored model, whose counts are checked before a run is queued.
    if (!spec.has_names()) spec.inputs = {"x"};
    auto model = Ref<Model>::Adopt(new Model(std::move(spec)));
    model->set_compiled(std::make_shared<CompiledModel>(&kTable, behaviour));
    model->gate.SetMax(concurrent_runs_max);
    return model;
  }

 private:
  struct Output {
    tutti_model* model;
    std::vector<int64_t> dims;
    std::vector<char> data;
  };

  static void Release(void* owner) {
    auto* const output = static_cast<Output*>(owner);
    output->model->outputs_alive--;
    delete output;
  }

  static void Answer(tutti_model* model, const tutti_tensor& input, tutti_tensor* answer) {
    auto* const output = new Output{model, {input.dims, input.dims + input.rank}, {}};
    model->outputs_alive++;
    uint64_t bytes = input.bytes;
    if (model->rows_lost > 0 && input.rank > 0) {
      bytes = bytes / static_cast<uint64_t>(output->dims[0]) *
              static_cast<uint64_t>(output->dims[0] - model->rows_lost);
      output->dims[0] -= model->rows_lost;
    }
    if (model->is_scalar_answered) {
      output->dims.clear();
      bytes = sizeof(float);
    }
    output->data.assign(static_cast<const char*>(input.data),
                        static_cast<const char*>(input.data) + bytes);
    *answer = {input.dtype,
               static_cast<uint32_t>(output->dims.size()),
               output->dims.data(),
               output->data.data(),
               bytes,
               output,
               Release};
  }

  static int Run(tutti_model* model, uint32_t, const tutti_tensor* inputs, size_t input_count,
                 tutti_tensor* outputs, size_t output_capacity, size_t* output_count, char* error,
                 size_t error_bytes) {
    *output_count = 0;
    std::unique_lock lock(model->mutex);
    model->batch_sizes.push_back(inputs[0].rank > 0 ? inputs[0].dims[0] : 0);
    model->changed.notify_all();
    model->changed.wait(lock, [model] { return !model->is_closed; });
    if (!model->failure.empty()) {
      std::strncpy(error, model->failure.c_str(), error_bytes - 1);
      return 1;
    }
    for (size_t i = 0; i < output_capacity; i++) {
      if (model->is_nothing_answered) {
        outputs[i] = {};
      } else {
        Answer(model, inputs[i % input_count], &outputs[i]);
      }
    }
    *output_count = output_capacity;
    return 0;
  }

  static constexpr tutti_backend kTable = {
      .abi = TUTTI_BACKEND_ABI,
      .name = "TORCH",
      .version = "fake",
      .max_concurrent_runs = 0,
      .configure = nullptr,
      .thread_init = nullptr,
      .load_model = nullptr,
      .division = TUTTI_NOT_DIVIDED,
      .free_model = [](tutti_model*) {},
      .model_inputs = nullptr,
      .model_outputs = nullptr,
      .warm_up = nullptr,
      .memory_bytes = nullptr,
      .run = Run,
      .load_script = nullptr,
      .free_script = nullptr,
      .script_has_function = nullptr,
      .script_check_entry_point = nullptr,
      .run_script = nullptr,
      .output_bytes = nullptr,
      .has_bounded_runs = [](const tutti_model* model) -> uint32_t {
        return model->has_bounded_runs ? 1 : 0;
      },
  };
};

// Never destroyed: its models may be freed late, by a run thread.
inline tutti_model& NewBehaviour() {
  static auto& behaviours = *new std::vector<tutti_model*>;
  behaviours.push_back(new tutti_model);
  return *behaviours.back();
}

inline std::vector<int64_t> BatchSizes(tutti_model& behaviour) {
  std::lock_guard lock(behaviour.mutex);
  return behaviour.batch_sizes;
}

inline size_t RunCount(tutti_model& behaviour) { return BatchSizes(behaviour).size(); }

// Keeps the runs of a behaviour until it goes.
class Held {
 public:
  explicit Held(tutti_model& behaviour) : behaviour_(behaviour) { behaviour_.is_closed = true; }
  // Until one has begun.
  void WaitForRun() {
    std::unique_lock lock(behaviour_.mutex);
    behaviour_.changed.wait(lock, [this] { return !behaviour_.batch_sizes.empty(); });
  }
  ~Held() {
    std::lock_guard lock(behaviour_.mutex);
    behaviour_.is_closed = false;
    behaviour_.changed.notify_all();
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;

 private:
  tutti_model& behaviour_;
};

}  // namespace tutti::test
