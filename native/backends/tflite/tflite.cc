// The TFLITE backend: flatbuffers of TF-Lite, on LiteRT.
#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "../../inference/backend.h"
#include "../captured_stderr.h"
#include "../error_text.h"
#include "../tensor_bytes.h"
#include "interpreters.h"
#include "litert_api.h"
#include "output_region.h"
#include "tensors.h"

namespace {

namespace litert = tutti::litert;
using litert::AlignedBytes;
using litert::AllocateAligned;
using litert::api;
using litert::Check;
using litert::Failure;
using litert::Owned;
using litert::TensorSpec;
using tutti::Fail;

}  // namespace

struct tutti_model {
  AlignedBytes blob;  // `model` reads it as long as it lives
  size_t blob_bytes = 0;
  Owned<litert::Model> model{nullptr, nullptr};
  size_t signature = 0;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<const char*> input_name_pointers;
  std::vector<const char*> output_name_pointers;
  uint32_t intra_op_threads = 1;
  std::unique_ptr<litert::InterpreterPool> interpreters;  // freed before the model
};

namespace {

// Written once by Configure().
struct Runtime {
  litert::Environment* environment = nullptr;
  uint32_t intra_op_threads = 1;
  uint32_t interpreter_count_max = 1;  // of one model
  decltype(tutti_options::log) log = nullptr;
  void* log_context = nullptr;
};
Runtime& runtime = *new Runtime;

template <typename Body>
int Guarded(char* error, size_t error_bytes, Body&& body) {
  try {
    body();
    return 0;
  } catch (const Failure& failure) {
    return Fail(error, error_bytes, failure.text);
  } catch (const std::bad_alloc&) {
    return Fail(error, error_bytes, "ERR out of memory");
  } catch (const std::exception& thrown) {
    return Fail(error, error_bytes, thrown.what());
  }
}

// ---- Start

void OpenLibrary(const char* folder) {
  // The loader has opened it by full path; the name finds that one again.
  void* library = dlopen("libLiteRt.so", RTLD_NOW | RTLD_NOLOAD);
  std::string path = "libLiteRt.so";
  if (library == nullptr && folder != nullptr) {
    path = std::string(folder) + "/libLiteRt.so";
    library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  }
  if (library == nullptr) {
    throw Failure{"could not open library " + path + "; run: tutti runtimes install tflite"};
  }
#define TUTTI_LITERT_FIND(name, ...)                                               \
  api.name = reinterpret_cast<decltype(api.name)>(dlsym(library, "LiteRt" #name)); \
  if (api.name == nullptr) throw Failure{path + " is not LiteRT 2.3.0: it has no LiteRt" #name};
  TUTTI_LITERT_FUNCTIONS(TUTTI_LITERT_FIND)
#undef TUTTI_LITERT_FIND
}

tutti_backend& Table();

int Configure(const tutti_options* options, char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    OpenLibrary(options->runtime_folder);
    // The least severity that is logged: none. Looking for accelerators it says much.
    const litert::EnvironmentOption quiet = {.tag = 25, .value = {.type = 2, .integer = 4}};
    Check(api.CreateEnvironment(1, &quiet, &runtime.environment), "ERR LiteRT did not start");
    runtime.intra_op_threads = options->intra_op_threads;
    runtime.interpreter_count_max = std::max(1u, options->run_threads);
    runtime.log = options->log;
    runtime.log_context = options->log_context;
    Table().max_concurrent_runs = runtime.interpreter_count_max;
  });
}

void ThreadInit() {}

// ---- Models

void AddOptions(litert::Options* options, const char* kind, const std::string& toml) {
  litert::OpaqueOptions* made = nullptr;
  Check(api.CreateOpaqueOptions(kind, strdup(toml.c_str()), std::free, &made),
        "Failed to construct interpreter");
  Check(api.AddOpaqueOptions(options, made), "Failed to construct interpreter");
}

Owned<litert::Options> CompileOptions(uint32_t intra_op_threads) {
  litert::Options* made = nullptr;
  Check(api.CreateOptions(&made), "Failed to construct interpreter");
  Owned<litert::Options> options(made, api.DestroyOptions);
  Check(api.SetOptionsHardwareAccelerators(made, litert::kCpuAccelerator),
        "Failed to construct interpreter");
  // What goes wrong is kept with the interpreter, not written to standard error.
  AddOptions(made, "runtime_options_string", "error_reporter_mode = 2\n");
  // Its default is one.
  if (intra_op_threads > 1) {
    AddOptions(made, "xnnpack", "num_threads = " + std::to_string(intra_op_threads) + "\n");
  }
  return options;
}

std::unique_ptr<litert::Interpreter> Compile(const void* context) {
  const auto& model = *static_cast<const tutti_model*>(context);
  const Owned<litert::Options> options = CompileOptions(model.intra_op_threads);
  litert::CompiledModel* compiled = nullptr;
  // LiteRT 2.3.0 does not say that its compiler may be used by several threads.
  static std::mutex& mutex = *new std::mutex;
  static bool has_compiled = false;
  std::lock_guard lock(mutex);
  std::unique_ptr<tutti::CapturedStderr> captured;
  if (!has_compiled) {
    captured = std::make_unique<tutti::CapturedStderr>(
        runtime.log, runtime.log_context,
        [](const std::string& line) { return line.starts_with("INFO: "); });
  }
  has_compiled = true;
  Check(api.CreateCompiledModel(runtime.environment, model.model.get(), options.get(), &compiled),
        "Failed to construct interpreter");
  return std::make_unique<litert::Interpreter>(compiled, model.signature, model.inputs.size(),
                                               model.outputs.size());
}

// Of the model's first subgraph, as the interpreter of TF-Lite would run it. One without signatures
// has a placeholder; the order of inputs and outputs is that of the subgraph.
litert::Signature* FindSignature(tutti_model* model) {
  constexpr char kUnreadable[] = "Failed to construct interpreter";
  size_t main_index = 0;
  size_t count = 0;
  litert::Subgraph* main_subgraph = nullptr;
  Check(api.GetMainModelSubgraphIndex(model->model.get(), &main_index), kUnreadable);
  Check(api.GetModelSubgraph(model->model.get(), main_index, &main_subgraph), kUnreadable);
  Check(api.GetNumModelSignatures(model->model.get(), &count), kUnreadable);
  for (size_t i = 0; i < count; i++) {
    litert::Signature* signature = nullptr;
    litert::Subgraph* subgraph = nullptr;
    Check(api.GetModelSignature(model->model.get(), i, &signature), kUnreadable);
    Check(api.GetSignatureSubgraph(signature, &subgraph), kUnreadable);
    if (subgraph != main_subgraph) continue;
    model->signature = i;
    return signature;
  }
  throw Failure{kUnreadable};
}

void ReadSpecs(litert::Signature* signature, decltype(litert::Api::GetNumSignatureInputs) get_count,
               decltype(litert::Api::GetSignatureInputTensorByIndex) get_tensor,
               std::vector<TensorSpec>* specs, std::vector<const char*>* names) {
  constexpr char kUnreadable[] = "Failed to construct interpreter";
  size_t count = 0;
  Check(get_count(signature, &count), kUnreadable);
  for (size_t i = 0; i < count; i++) {
    litert::Tensor* tensor = nullptr;
    const char* name = nullptr;
    int type_id = 0;
    litert::RankedType type{};
    Check(get_tensor(signature, i, &tensor), kUnreadable);
    Check(api.GetTensorName(tensor, &name), kUnreadable);
    Check(api.GetTensorTypeId(tensor, &type_id), kUnreadable);
    if (type_id != litert::kRankedTensor) {
      throw Failure{std::string("ERR the rank of tensor '") + name + "' is not known"};
    }
    Check(api.GetRankedTensorType(tensor, &type), kUnreadable);
    const int32_t* dims = type.layout.dims;
    specs->push_back({name, type.element_type, {dims, dims + type.layout.rank}, tensor});
  }
  for (const TensorSpec& spec : *specs) names->push_back(spec.name.c_str());
}

int LoadModel(uint32_t thread_count, const tutti_bytes* chunks, size_t chunk_count,
              tutti_device device, const char* const*, size_t, const char* const*, size_t,
              tutti_model** model, char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    if (device.type != TUTTI_CPU) throw Failure{"ERR Unsupported device"};
    auto loaded = std::make_unique<tutti_model>();
    loaded->intra_op_threads = thread_count == 0 ? runtime.intra_op_threads : thread_count;
    for (size_t i = 0; i < chunk_count; i++) loaded->blob_bytes += chunks[i].bytes;
    loaded->blob = AllocateAligned(loaded->blob_bytes);
    auto* end = static_cast<char*>(loaded->blob.get());
    for (size_t i = 0; i < chunk_count; i++) {
      if (chunks[i].bytes > 0) std::memcpy(end, chunks[i].data, chunks[i].bytes);
      end += chunks[i].bytes;
    }
    litert::Model* made = nullptr;
    Check(api.CreateModelFromBuffer(runtime.environment, loaded->blob.get(), loaded->blob_bytes,
                                    &made),
          "Failed to load model from buffer");
    loaded->model = {made, api.DestroyModel};
    litert::Signature* signature = FindSignature(loaded.get());
    ReadSpecs(signature, api.GetNumSignatureInputs, api.GetSignatureInputTensorByIndex,
              &loaded->inputs, &loaded->input_name_pointers);
    ReadSpecs(signature, api.GetNumSignatureOutputs, api.GetSignatureOutputTensorByIndex,
              &loaded->outputs, &loaded->output_name_pointers);
    loaded->interpreters = std::make_unique<litert::InterpreterPool>(Compile, loaded.get(),
                                                                     runtime.interpreter_count_max);
    // The first now: what cannot be compiled is refused where it is stored.
    loaded->interpreters->GiveBack(loaded->interpreters->Take());
    *model = loaded.release();
  });
}

void FreeModel(tutti_model* model) { delete model; }

size_t ModelInputs(const tutti_model* model, const char* const** names) {
  *names = model->input_name_pointers.data();
  return model->input_name_pointers.size();
}

size_t ModelOutputs(const tutti_model* model, const char* const** names) {
  *names = model->output_name_pointers.data();
  return model->output_name_pointers.size();
}

// The flatbuffer, and the weights as the kernels of each interpreter want them packed.
uint64_t MemoryBytes(const tutti_model* model) {
  return model->blob_bytes * (1 + uint64_t{runtime.interpreter_count_max});
}

uint64_t OutputBytes(const tutti_model* model, int64_t row_count) {
  uint64_t bytes = 0;
  for (const TensorSpec& spec : model->outputs) {
    const uint32_t dtype = litert::ToDtype(spec.element_type);
    if (dtype < TUTTI_STRING) tutti::AddKnownBytes(dtype, spec.dims, row_count, &bytes);
  }
  return bytes;
}

// ---- Runs

void RunOn(litert::Interpreter& interpreter, const tutti_model& model,
           const std::vector<std::vector<int32_t>>& dims, const tutti_tensor* inputs,
           tutti_tensor* outputs) {
  for (size_t i = 0; i < dims.size(); i++) interpreter.Resize(i, dims[i]);
  const std::vector<litert::Layout>& guesses = interpreter.Allocate();
  std::vector<AlignedBytes> copies;
  std::vector<void*> data;
  litert::Buffers input_buffers(dims.size());
  for (size_t i = 0; i < dims.size(); i++) {
    data.push_back(inputs[i].data);
    if (!litert::MayBeReadInPlace(inputs[i])) {
      copies.push_back(AllocateAligned(inputs[i].bytes));
      data[i] = copies.back().get();
      std::memcpy(data[i], inputs[i].data, inputs[i].bytes);
    }
    input_buffers.Add(litert::TypeOf(model.inputs[i].element_type, dims[i].data(), dims[i].size()),
                      data[i], inputs[i].bytes);
  }
  litert::Outputs places(model.inputs, model.outputs, data);
  litert::Buffers output_buffers(guesses.size());
  for (size_t i = 0; i < guesses.size(); i++) {
    output_buffers.Add(
        litert::TypeOf(model.outputs[i].element_type, guesses[i].dims, guesses[i].rank),
        places.data(i), litert::kOutputBytesMax);
  }
  places.HandOver(interpreter.Run(input_buffers.list(), output_buffers.list()), outputs);
}

int Run(tutti_model* model, uint32_t, const tutti_tensor* inputs, size_t input_count,
        tutti_tensor* outputs, size_t output_capacity, size_t* output_count, char* error,
        size_t error_bytes) {
  *output_count = 0;
  return Guarded(error, error_bytes, [&] {
    if (input_count != model->inputs.size()) throw Failure{"Inconsistent number of inputs"};
    if (output_capacity != model->outputs.size()) throw Failure{"Inconsistent number of outputs"};
    std::vector<std::vector<int32_t>> dims;
    for (size_t i = 0; i < input_count; i++) {
      if (inputs[i].dtype >= TUTTI_STRING ||
          litert::kElementTypes[inputs[i].dtype] != model->inputs[i].element_type) {
        throw Failure{"Input tensor type doesn't match the type expected by the model definition"};
      }
      dims.push_back(litert::FitDims(model->inputs[i], inputs[i]));
    }
    std::unique_ptr<litert::Interpreter> interpreter = model->interpreters->Take();
    try {
      RunOn(*interpreter, *model, dims, inputs, outputs);
    } catch (...) {
      model->interpreters->GiveBack(nullptr);
      throw;
    }
    model->interpreters->GiveBack(std::move(interpreter));
    *output_count = output_capacity;
  });
}

// One row of zeros.
void WarmUp(tutti_model* model) {
  try {
    std::vector<std::vector<int64_t>> dims;
    std::vector<AlignedBytes> data;
    std::vector<tutti_tensor> inputs;
    for (const TensorSpec& spec : model->inputs) {
      constexpr uint64_t kElementCountMax = 16 << 20;
      const uint32_t dtype = litert::ToDtype(spec.element_type);
      if (dtype >= TUTTI_STRING) return;
      dims.emplace_back();
      uint64_t bytes = tutti::kElementBytes[dtype];
      for (int32_t dim : spec.dims) {
        dims.back().push_back(std::max(dim, 1));
        bytes *= static_cast<uint64_t>(dims.back().back());
        if (bytes > kElementCountMax * sizeof(double)) return;
      }
      data.push_back(AllocateAligned(bytes));
      std::memset(data.back().get(), 0, bytes);
      inputs.push_back({dtype, static_cast<uint32_t>(dims.back().size()), dims.back().data(),
                        data.back().get(), bytes, nullptr, nullptr});
    }
    std::vector<tutti_tensor> outputs(model->outputs.size());
    size_t output_count = 0;
    char error[8];
    Run(model, 0, inputs.data(), inputs.size(), outputs.data(), outputs.size(), &output_count,
        error, sizeof(error));
    for (size_t i = 0; i < output_count; i++) outputs[i].release(outputs[i].owner);
  } catch (...) {
    // The first run says what is wrong, to whom it may concern.
  }
}

tutti_backend& Table() {
  static tutti_backend table = {
      .abi = TUTTI_BACKEND_ABI,
      .name = "TFLITE",
      .version = "2.3.0",  // LiteRT does not tell; the declarations are for this one
      .max_concurrent_runs = 1,
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
      .has_bounded_runs = nullptr,
  };
  return table;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const tutti_backend* tutti_backend_open(void) {
  return &Table();
}
