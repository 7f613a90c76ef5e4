// The ONNX backend, on ONNX Runtime's C API. The runtime is opened by dlopen(): its symbols carry
// the version of one release, which linking would bind us to.
#include <dlfcn.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "../../inference/backend.h"
#include "bounded_runs.h"
#include "external_data.h"
#include "memory.h"
#include "runtime.h"
#include "timed_run.h"
#include "values.h"

struct tutti_model {
  tutti::ort::Session* session = nullptr;
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  std::vector<const char*> input_name_pointers;
  std::vector<const char*> output_name_pointers;
  // Of the outputs whose shapes are known: bytes whatever the input, and bytes for each row.
  uint64_t reserved_bytes = 0;  // of the server's memory
  uint64_t fixed_output_bytes = 0;
  uint64_t row_output_bytes = 0;
  bool has_bounded_runs = false;
  mutable std::atomic<bool> has_told_skip{false};  // of an output that is no tensor
};

tutti::onnx::Runtime& tutti::onnx::runtime = *new tutti::onnx::Runtime;

namespace {

using namespace tutti::onnx;
namespace ort = tutti::ort;
using tutti::Fail;

// ---- Start

void Log(void*, int severity, const char*, const char*, const char*, const char* message) {
  if (runtime.log == nullptr) return;
  const int level = severity >= ort::kLogWarning ? TUTTI_LOG_WARNING : TUTTI_LOG_DEBUG;
  runtime.log(runtime.log_context, level, message);
}

const ort::ApiBase* OpenLibrary(const char* folder) {
  // The loader has opened it by full path; the name finds that one again.
  void* library = dlopen("libonnxruntime.so.1", RTLD_NOW | RTLD_NOLOAD);
  std::string path = "libonnxruntime.so.1";
  if (library == nullptr && folder != nullptr) {
    path = std::string(folder) + "/libonnxruntime.so.1";
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    throw Failure{"could not open library " + path + "; run: tutti runtimes install onnx"};
  }
  auto get_base = reinterpret_cast<const ort::ApiBase* (*)()>(dlsym(library, "OrtGetApiBase"));
  if (get_base == nullptr) throw Failure{path + " is no ONNX Runtime: it has no OrtGetApiBase"};
  return get_base();
}

tutti_backend& Table();

int Configure(const tutti_options* options, char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    const ort::ApiBase* base = OpenLibrary(options->runtime_folder);
    const void* const* table = base->get_api(ort::kApiVersion);
    if (table == nullptr) {
      throw Failure{std::string("ONNX Runtime ") + base->get_version() + " is older than 1.11"};
    }
    runtime.api.Fill(table);
    runtime.log = options->log;
    runtime.log_context = options->log_context;
    // A pool for each session would have more threads than cores: a run stays in its own thread.
    runtime.intra_op_threads = std::max(1u, options->intra_op_threads);
    runtime.inter_op_threads = std::max(1u, options->inter_op_threads);
    Check(runtime.api.CreateEnvWithLogger(Log, nullptr, ort::kLogError, "tutti", &runtime.env));
    Check(
        runtime.api.CreateCpuMemoryInfo(ort::kDeviceAllocator, ort::kMemoryDefault, &runtime.cpu));
    runtime.memory = options->memory;
    runtime.memory_limit_bytes = options->memory_limit_bytes;
    if (runtime.memory != nullptr) {
      Check(runtime.api.RegisterAllocator(runtime.env, &server_allocator));
    }
    Check(runtime.api.GetAllocatorWithDefaultOptions(&runtime.allocator));
    runtime.execution_timeout = std::chrono::milliseconds(options->execution_timeout_ms);
    if (options->execution_timeout_ms > 0) std::thread(WatchRuns).detach();
    Table().version = base->get_version();
  });
}

void ThreadInit() {}

// ---- Models

bool HasCudaProvider() {
  char** providers = nullptr;
  int count = 0;
  Check(runtime.api.GetAvailableProviders(&providers, &count));
  bool found = false;
  for (int i = 0; i < count; i++) found |= std::strcmp(providers[i], "CUDAExecutionProvider") == 0;
  Check(runtime.api.ReleaseAvailableProviders(providers, count));
  return found;
}

void SetDevice(ort::SessionOptions* options, tutti_device device) {
  if (device.type == TUTTI_CPU) return;
  if (device.type != TUTTI_CUDA) throw Failure{"ERR unsupported device"};
  if (!HasCudaProvider()) throw Failure{"ERR GPU requested but ONNX couldn't find CUDA"};
  ort::CudaOptions* made = nullptr;
  Check(runtime.api.CreateCudaOptions(&made));
  Owned<ort::CudaOptions> cuda(made, runtime.api.ReleaseCudaOptions);
  const std::string index = std::to_string(device.index);
  const char* const key = "device_id";
  const char* const value = index.c_str();
  Check(runtime.api.UpdateCudaOptions(cuda.get(), &key, &value, 1));
  Check(runtime.api.AppendCuda(options, cuda.get()));
}

void ReadNames(ort::Session* session, decltype(ort::Api::SessionGetInputCount) get_count,
               decltype(ort::Api::SessionGetInputName) get_name, std::vector<std::string>* names,
               std::vector<const char*>* pointers) {
  size_t count = 0;
  Check(get_count(session, &count));
  for (size_t i = 0; i < count; i++) {
    char* name = nullptr;
    Check(get_name(session, i, runtime.allocator, &name));
    names->emplace_back(name);
    Check(runtime.api.AllocatorFree(runtime.allocator, name));
  }
  for (const std::string& name : *names) pointers->push_back(name.c_str());
}

void FreeModel(tutti_model* model) {
  if (model == nullptr) return;
  if (model->session != nullptr) runtime.api.ReleaseSession(model->session);
  if (model->reserved_bytes > 0) {
    runtime.memory->reserve(runtime.memory->context, -static_cast<int64_t>(model->reserved_bytes));
  }
  delete model;
}

void ReadOutputBytes(tutti_model* model);

int LoadModel(uint32_t thread_count, const tutti_bytes* chunks, size_t chunk_count,
              tutti_device device, const char* const*, size_t, const char* const*, size_t,
              tutti_model** model, char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    const WholeBlob whole(chunks, chunk_count);
    const std::string_view blob = whole.bytes();
    if (tutti::HasExternalData(blob)) {
      throw Failure{"Initializer tensors with external data is not allowed."};
    }
    ort::SessionOptions* made = nullptr;
    Check(runtime.api.CreateSessionOptions(&made));
    Owned<ort::SessionOptions> options(made, runtime.api.ReleaseSessionOptions);
    const uint32_t threads = thread_count == 0 ? runtime.intra_op_threads : thread_count;
    Check(runtime.api.SetIntraOpNumThreads(made, static_cast<int>(threads)));
    Check(runtime.api.SetInterOpNumThreads(made, static_cast<int>(runtime.inter_op_threads)));
    // Within a run its threads stay awake from one operator to the next (a MobileNet on 2 cores: 6
    // % faster); after it they would burn the cores that other models want.
    Check(runtime.api.AddSessionConfigEntry(made, "session.intra_op.allow_spinning",
                                            threads > 1 ? "1" : "0"));
    Check(runtime.api.AddSessionConfigEntry(made, "session.force_spinning_stop", "1"));
    Check(runtime.api.AddSessionConfigEntry(made, "session.inter_op.allow_spinning", "0"));
    if (runtime.memory != nullptr) {
      Check(runtime.api.AddSessionConfigEntry(made, "session.use_env_allocators", "1"));
    }
    SetDevice(made, device);

    std::unique_ptr<tutti_model, void (*)(tutti_model*)> loaded(new tutti_model, FreeModel);
    ReserveWeights(blob.size(), &loaded->reserved_bytes);
    Check(runtime.api.CreateSessionFromArray(runtime.env, blob.data(), blob.size(), made,
                                             &loaded->session));
    ReadNames(loaded->session, runtime.api.SessionGetInputCount, runtime.api.SessionGetInputName,
              &loaded->input_names, &loaded->input_name_pointers);
    ReadNames(loaded->session, runtime.api.SessionGetOutputCount, runtime.api.SessionGetOutputName,
              &loaded->output_names, &loaded->output_name_pointers);
    ReadOutputBytes(loaded.get());
    loaded->has_bounded_runs = device.type == TUTTI_CPU && tutti::BoundedRuns::Has(blob);
    *model = loaded.release();
  });
}

size_t ModelInputs(const tutti_model* model, const char* const** names) {
  *names = model->input_name_pointers.data();
  return model->input_name_pointers.size();
}

size_t ModelOutputs(const tutti_model* model, const char* const** names) {
  *names = model->output_name_pointers.data();
  return model->output_name_pointers.size();
}

uint32_t HasBoundedRuns(const tutti_model* model) { return model->has_bounded_runs ? 1 : 0; }

// All of it is counted by way of the server's memory.
uint64_t MemoryBytes(const tutti_model*) { return 0; }

// ---- Tensors

void ReadOutputBytes(tutti_model* model) {
  for (size_t i = 0; i < model->output_names.size(); i++) {
    ort::TypeInfo* made = nullptr;
    Check(runtime.api.SessionGetOutputTypeInfo(model->session, i, &made));
    Owned<ort::TypeInfo> type_info(made, runtime.api.ReleaseTypeInfo);
    const ort::TensorInfo* info = nullptr;  // owned by `type_info`
    Check(runtime.api.CastTypeInfoToTensorInfo(made, &info));
    if (info == nullptr) continue;
    int type = 0;
    size_t rank = 0;
    Check(runtime.api.GetTensorElementType(info, &type));
    Check(runtime.api.GetDimensionsCount(info, &rank));
    std::vector<int64_t> dims(rank);
    Check(runtime.api.GetDimensions(info, dims.data(), rank));
    const uint32_t dtype = DtypeOf(type);
    if (dtype >= TUTTI_STRING) continue;
    uint64_t bytes = tutti::kElementBytes[dtype];
    bool is_known = true;
    for (size_t d = 0; d < rank; d++) {
      if (d == 0 && dims[d] < 0) continue;  // the rows
      is_known = is_known && dims[d] >= 0 &&
                 !__builtin_mul_overflow(bytes, static_cast<uint64_t>(dims[d]), &bytes);
    }
    if (!is_known) continue;
    const bool has_rows = rank > 0 && dims[0] < 0;
    (has_rows ? model->row_output_bytes : model->fixed_output_bytes) += bytes;
  }
}

uint64_t OutputBytes(const tutti_model* model, int64_t row_count) {
  uint64_t bytes = 0;
  if (__builtin_mul_overflow(model->row_output_bytes, static_cast<uint64_t>(row_count), &bytes)) {
    return UINT64_MAX;
  }
  return bytes + model->fixed_output_bytes;
}

// Takes `value` over, unless it throws.
void FillOutput(const tutti_model& model, size_t index, ort::Value** value,
                const tutti_tensor* inputs, size_t input_count, tutti_tensor* output) {
  *output = tutti_tensor{};
  int is_tensor = 0;
  Check(runtime.api.IsTensor(*value, &is_tensor));
  if (is_tensor == 0) {
    if (runtime.log == nullptr || model.has_told_skip.exchange(true)) return;
    const std::string line =
        "ONNX output '" + model.output_names[index] + "' is not a tensor: skipped";
    runtime.log(runtime.log_context, TUTTI_LOG_WARNING, line.c_str());
    return;
  }
  ToOutput(model.output_names[index], value, inputs, input_count, output);
}

std::string CountText(size_t wanted, const char* what, size_t seen) {
  return "ERR Expected " + std::to_string(wanted) + " " + what + " but got " + std::to_string(seen);
}

int Run(tutti_model* model, uint32_t, const tutti_tensor* inputs, size_t input_count,
        tutti_tensor* outputs, size_t output_capacity, size_t* output_count, char* error,
        size_t error_bytes) {
  *output_count = 0;
  return Guarded(error, error_bytes, [&] {
    const size_t wanted_inputs = model->input_names.size();
    const size_t wanted_outputs = model->output_names.size();
    if (input_count != wanted_inputs)
      throw Failure{CountText(wanted_inputs, "inputs", input_count)};
    if (output_capacity != wanted_outputs) {
      throw Failure{CountText(wanted_outputs, "outputs", output_capacity)};
    }
    Values input_values(input_count);
    Values output_values(output_capacity);
    for (size_t i = 0; i < input_count; i++) input_values[i] = ToValue(inputs[i]);
    {
      TimedRun timed;
      Check(runtime.api.Run(model->session, timed.options(), model->input_name_pointers.data(),
                            input_values.get(), input_count, model->output_name_pointers.data(),
                            output_capacity, output_values.get()));
    }
    size_t filled = 0;
    try {
      for (; filled < output_capacity; filled++) {
        FillOutput(*model, filled, &output_values[filled], inputs, input_count, &outputs[filled]);
      }
    } catch (...) {
      for (size_t i = 0; i < filled; i++) {
        if (outputs[i].release != nullptr) outputs[i].release(outputs[i].owner);
      }
      throw;
    }
    *output_count = output_capacity;
  });
}

// One row of zeros, with 1 for each free dim.
void WarmUp(tutti_model* model) {
  try {
    std::vector<std::vector<int64_t>> dims(model->input_names.size());
    std::vector<std::unique_ptr<char[]>> data(dims.size());
    std::vector<tutti_tensor> inputs(dims.size());
    for (size_t i = 0; i < dims.size(); i++) {
      ort::TypeInfo* made = nullptr;
      Check(runtime.api.SessionGetInputTypeInfo(model->session, i, &made));
      Owned<ort::TypeInfo> type_info(made, runtime.api.ReleaseTypeInfo);
      const ort::TensorInfo* info = nullptr;  // owned by `type_info`
      Check(runtime.api.CastTypeInfoToTensorInfo(made, &info));
      if (info == nullptr) return;
      int type = 0;
      size_t rank = 0;
      Check(runtime.api.GetTensorElementType(info, &type));
      Check(runtime.api.GetDimensionsCount(info, &rank));
      dims[i].resize(rank);
      Check(runtime.api.GetDimensions(info, dims[i].data(), rank));
      uint64_t element_count = 1;
      for (int64_t& dim : dims[i]) {
        dim = std::max<int64_t>(dim, 1);
        element_count *= static_cast<uint64_t>(dim);
      }
      const uint32_t dtype = DtypeOf(type);
      constexpr uint64_t kElementCountMax = 16 << 20;
      if (dtype >= TUTTI_STRING || element_count > kElementCountMax) return;
      const uint64_t bytes = element_count * tutti::kElementBytes[dtype];
      data[i] = std::make_unique<char[]>(bytes);
      inputs[i] = {
          dtype,  static_cast<uint32_t>(rank), dims[i].data(), data[i].get(), bytes, nullptr,
          nullptr};
    }
    std::vector<tutti_tensor> outputs(model->output_names.size());
    size_t output_count = 0;
    char error[8];
    Run(model, 0, inputs.data(), inputs.size(), outputs.data(), outputs.size(), &output_count,
        error, sizeof(error));
    for (size_t i = 0; i < output_count; i++) {
      if (outputs[i].release != nullptr) outputs[i].release(outputs[i].owner);
    }
  } catch (...) {
    // The first run says what is wrong, to whom it may concern.
  }
}

tutti_backend& Table() {
  static tutti_backend table = {
      .abi = TUTTI_BACKEND_ABI,
      .name = "ONNX",
      .version = "",
      .max_concurrent_runs = 0,
      .configure = Configure,
      .thread_init = ThreadInit,
      .load_model = LoadModel,
      .division = TUTTI_DIVIDED_BY_LOAD,
      .free_model = FreeModel,
      .model_inputs = ModelInputs,
      .model_outputs = ModelOutputs,
      .warm_up = WarmUp,
      .memory_bytes = MemoryBytes,
      .run = Run,
      .load_script = nullptr,
      .free_script = nullptr,
      .script_has_function = nullptr,
      .script_check_entry_point = nullptr,
      .run_script = nullptr,
      .output_bytes = OutputBytes,
      .has_bounded_runs = HasBoundedRuns,
  };
  return table;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const tutti_backend* tutti_backend_open(void) {
  return &Table();
}
