// The TORCH backend: TorchScript archives and TorchScript source, on LibTorch.
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/headeronly/version.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../../inference/backend.h"
#include "../error_text.h"
#include "chunk_reader.h"
#include "divided_run.h"
#include "file_operators.h"
#include "graph_writes.h"
#include "memory.h"
#include "script_operators.h"
#include "tensors.h"

struct tutti_model {
  torch::jit::Module module;
  torch::jit::Function* forward = nullptr;  // owned by the module's compilation unit
  c10::IValue self;
  c10::Device device{c10::kCPU};
  tutti::GraphWrites writes;
  bool takes_tensors_only = true;  // no parameter is a list, optional or has a default
  std::vector<std::string> input_names;
  std::vector<const char*> input_name_pointers;
  std::vector<const char*> output_name_pointers;
  size_t output_count = 0;
  uint64_t memory_bytes = 0;
};

struct tutti_script {
  struct Entry {
    torch::jit::Function* function;  // owned by `unit`
    tutti::GraphWrites writes;
    std::unique_ptr<tutti::ThreadChoice> thread_choice = std::make_unique<tutti::ThreadChoice>();
  };
  std::shared_ptr<torch::jit::CompilationUnit> unit;
  c10::Device device{c10::kCPU};
  std::map<std::string, Entry, std::less<>> functions;
};

namespace {

using torch::jit::Stack;
using tutti::BorrowedInputs;
using tutti::Fail;
using tutti::Refusal;

// Runs `body`, which answers 0 or throws, and turns what it throws into a text.
template <typename Body>
int Guarded(char* error, size_t error_bytes, Body&& body) {
  try {
    return body();
  } catch (const c10::Error& thrown) {
    return Fail(error, error_bytes, thrown.what_without_backtrace());
  } catch (const std::exception& thrown) {
    return Fail(error, error_bytes, thrown.what());
  } catch (...) {
    return Fail(error, error_bytes, "ERR unknown error of LibTorch");
  }
}

// ---- Start

// Whether nobody has said over how many threads a run is divided. Set once, before the first run.
bool may_choose_threads = false;

std::string VersionText(uint64_t abi_version) {
  return std::to_string(abi_version >> 56) + "." + std::to_string((abi_version >> 48) & 255) + "." +
         std::to_string((abi_version >> 40) & 255);
}

int Configure(const tutti_options* options, char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    // With other libraries than its headers a backend loads, and then every run fails.
    if (aoti_torch_abi_version() != TORCH_ABI_VERSION) {
      throw Refusal("the backend is built for LibTorch " TUTTI_TORCH_VERSION ", the library is " +
                    VersionText(aoti_torch_abi_version()) + "; run: tutti runtimes install torch");
    }
    tutti::TakeMemoryFrom(options->memory);
    uint32_t intra_op_threads = options->intra_op_threads;
    // Several callers with a pool each fight for the cores: 1.7 s against 0.29 s for 8 callers on
    // 2 cores. A lone caller may be faster with the library's default.
    if (intra_op_threads == 0 && options->run_threads > 1) intra_op_threads = 1;
    may_choose_threads = intra_op_threads == 0;
    if (intra_op_threads > 0) at::set_num_threads(static_cast<int>(intra_op_threads));
    if (options->inter_op_threads > 0) {
      at::set_num_interop_threads(static_cast<int>(options->inter_op_threads));
    }
    // The profiling executor compiles anew in the second run of every model; this one compiles
    // once, which WarmUp() does ahead of the first run.
    torch::jit::getProfilingMode() = false;
    tutti::RegisterScriptOperators(options->host);
    return 0;
  });
}

// Torch keeps the thread count of OpenMP and MKL per thread: at::set_num_threads() reaches only
// the thread that calls it, the others take it over here.
void ThreadInit() {
  at::init_num_threads();
  tutti::RunThreads::InitThread();
}

size_t BytesOf(const tutti_tensor* tensors, size_t tensor_count) {
  size_t bytes = 0;
  for (size_t i = 0; i < tensor_count; i++) bytes += tensors[i].bytes;
  return bytes;
}

tutti::ThreadChoice* ChoiceOn(c10::Device device, tutti::ThreadChoice* choice) {
  return may_choose_threads && device.is_cpu() ? choice : nullptr;
}

c10::Device ToDevice(tutti_device device) {
  if (device.type == TUTTI_CPU) return c10::Device(c10::kCPU);
  if (device.type != TUTTI_CUDA) throw Refusal("ERR unsupported device");
  if (!at::hasCUDA()) throw Refusal("GPU requested but Torch couldn't find CUDA");
  if (device.index < 0 || static_cast<size_t>(device.index) >= at::getNumGPUs()) {
    throw Refusal("ERR GPU " + std::to_string(device.index) + " requested but there are " +
                  std::to_string(at::getNumGPUs()));
  }
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(device.index));
}

// ---- Models

// Module::eval() stops at a submodule without the attribute, as hand-written ones may be.
void SetEvalMode(const torch::jit::Module& module) {
  for (const torch::jit::Module& part : module.modules()) {
    if (auto slot = part._ivalue()->type()->findAttributeSlot("training")) {
      part._ivalue()->setSlot(*slot, false);
    }
  }
}

// How many tensors a value of `type` holds; none if that is only known after a run.
std::optional<size_t> CountTensors(const c10::TypePtr& type, std::optional<int32_t> list_length) {
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      return 1;
    case c10::TypeKind::TupleType: {
      size_t sum = 0;
      for (const c10::TypePtr& element : type->castRaw<c10::TupleType>()->elements()) {
        const std::optional<size_t> count = CountTensors(element, std::nullopt);
        if (!count) return std::nullopt;
        sum += *count;
      }
      return sum;
    }
    case c10::TypeKind::ListType:
      if (list_length && *list_length > 0) return static_cast<size_t>(*list_length);
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

void DescribeModel(tutti_model* model) {
  const c10::FunctionSchema& schema = model->forward->getSchema();
  const std::vector<c10::Argument>& arguments = schema.arguments();
  for (size_t i = 1; i < arguments.size(); i++) {
    model->input_names.push_back(arguments[i].name());
    if (arguments[i].type()->kind() != c10::TypeKind::TensorType || arguments[i].default_value()) {
      model->takes_tensors_only = false;
    }
  }
  for (const std::string& name : model->input_names) {
    model->input_name_pointers.push_back(name.c_str());
  }
  model->output_count = SIZE_MAX;
  if (schema.returns().size() == 1) {
    const c10::Argument& result = schema.returns()[0];
    model->output_count = CountTensors(result.type(), result.N()).value_or(SIZE_MAX);
  }
  if (model->output_count != SIZE_MAX) model->output_name_pointers.assign(model->output_count, "");
  if (tutti::server_memory != nullptr) return;  // where they have been counted
  for (const at::Tensor& tensor : model->module.parameters())
    model->memory_bytes += tensor.nbytes();
  for (const at::Tensor& tensor : model->module.buffers()) model->memory_bytes += tensor.nbytes();
}

// Of a compilation unit, or of an archive.
template <typename Code>
void RefuseFileOperators(const Code& code) {
  const std::string found = tutti::FindFileOperator(code);
  if (!found.empty()) throw Refusal("ERR operator " + found + " reaches the server's files");
}

int LoadModel(uint32_t, const tutti_bytes* chunks, size_t chunk_count, tutti_device device,
              const char* const*, size_t, const char* const*, size_t, tutti_model** model,
              char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    c10::InferenceMode inference;
    auto loaded = std::make_unique<tutti_model>();
    loaded->device = ToDevice(device);
    const std::shared_ptr<caffe2::serialize::ReadAdapterInterface> archive =
        std::make_shared<tutti::ChunkReader>(chunks, chunk_count);
    RefuseFileOperators(archive);
    loaded->module = torch::jit::load(archive, loaded->device, /*load_debug_files=*/false);
    RefuseFileOperators(*loaded->module._ivalue()->compilation_unit());
    SetEvalMode(loaded->module);
    std::optional<torch::jit::Method> forward = loaded->module.find_method("forward");
    if (!forward) throw Refusal("ERR the TorchScript module has no method 'forward'");
    loaded->forward = &forward->function();
    loaded->self = loaded->module._ivalue();
    loaded->writes = tutti::FindGraphWrites(*torch::jit::toGraphFunction(*loaded->forward).graph());
    DescribeModel(loaded.get());
    *model = loaded.release();
    return 0;
  });
}

void FreeModel(tutti_model* model) { delete model; }

size_t ModelInputs(const tutti_model* model, const char* const** names) {
  *names = model->input_name_pointers.data();
  return model->input_name_pointers.size();
}

size_t ModelOutputs(const tutti_model* model, const char* const** names) {
  *names = model->output_name_pointers.data();
  return model->output_count;
}

uint64_t MemoryBytes(const tutti_model* model) { return model->memory_bytes; }

// Compiles the graph, which needs no shapes.
void WarmUp(tutti_model* model) {
  try {
    c10::InferenceMode inference;
    Stack stack{model->self};
    for (size_t i = 0; i < model->input_names.size(); i++) stack.emplace_back(at::Tensor());
    torch::jit::toGraphFunction(*model->forward).get_executor().getPlanFor(stack, {});
  } catch (...) {
    // The first run says what is wrong, to whom it may concern.
  }
}

// Pushes `input_count` tensors as the parameters of `forward`.
void PushModelInputs(const tutti_model& model, const tutti_tensor* inputs, size_t input_count,
                     BorrowedInputs* borrowed, Stack* stack) {
  const std::vector<c10::Argument>& arguments = model.forward->getSchema().arguments();
  size_t next = 0;
  for (size_t i = 1; i < arguments.size() && next < input_count; i++) {
    if (arguments[i].type()->kind() == c10::TypeKind::ListType) {
      c10::List<at::Tensor> list;
      for (; next < input_count; next++) {
        list.push_back(borrowed->Borrow(inputs[next], model.writes.inputs[i], model.device));
      }
      stack->emplace_back(std::move(list));
    } else {
      stack->emplace_back(borrowed->Borrow(inputs[next], model.writes.inputs[i], model.device));
      next++;
    }
  }
  for (; next < input_count; next++) {
    stack->emplace_back(borrowed->Borrow(inputs[next], true, model.device));
  }
  // Fills in defaults, and throws torch's own words if the numbers or types differ.
  if (!model.takes_tensors_only || stack->size() != arguments.size()) {
    model.forward->getSchema().checkAndNormalizeInputs(*stack);
  }
}

int Run(tutti_model* model, uint32_t thread_count, const tutti_tensor* inputs, size_t input_count,
        tutti_tensor* outputs, size_t output_capacity, size_t* output_count, char* error,
        size_t error_bytes) {
  *output_count = 0;
  return Guarded(error, error_bytes, [&] {
    c10::InferenceMode inference;
    c10::OptionalDeviceGuard device_guard;
    if (!model->device.is_cpu()) device_guard.reset_device(model->device);
    BorrowedInputs borrowed(input_count);
    Stack stack;
    stack.reserve(input_count + 1);
    stack.push_back(model->self);
    PushModelInputs(*model, inputs, input_count, &borrowed, &stack);
    {
      const tutti::RunThreads threads(thread_count == 0 ? tutti::RunThreads::AllThreads()
                                                        : static_cast<int>(thread_count));
      model->forward->run(stack);
    }
    std::vector<at::Tensor> tensors;
    const bool all_tensors = tutti::FlattenTensors(stack.back(), &tensors);
    stack.clear();
    if (!all_tensors) throw Refusal("ERR Model returned a value that is not a tensor");
    if (tensors.size() != output_capacity) {
      throw Refusal("ERR Model did not generate the expected number of outputs");
    }
    tutti::FillOutputs(&tensors, model->writes.any, &borrowed, outputs);
    *output_count = output_capacity;
    return 0;
  });
}

// ---- Scripts

int LoadScript(const char* source, size_t source_bytes, tutti_device device, tutti_script** script,
               char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    auto loaded = std::make_unique<tutti_script>();
    loaded->device = ToDevice(device);
    // Its parser wants the last line ended, which what a client types need not be.
    loaded->unit = tutti::CompileScript(std::string(source, source_bytes) + "\n");
    RefuseFileOperators(*loaded->unit);
    for (torch::jit::Function* function : loaded->unit->get_functions()) {
      loaded->functions.emplace(
          function->name(),
          tutti_script::Entry{
              function, tutti::FindGraphWrites(*torch::jit::toGraphFunction(*function).graph())});
    }
    *script = loaded.release();
    return 0;
  });
}

void FreeScript(tutti_script* script) { delete script; }

const tutti_script::Entry* FindFunction(const tutti_script* script, std::string_view name) {
  auto found = script->functions.find(name);
  return found == script->functions.end() ? nullptr : &found->second;
}

int ScriptHasFunction(const tutti_script* script, const char* function) {
  return FindFunction(script, function) != nullptr ? 1 : 0;
}

int ScriptCheckEntryPoint(const tutti_script* script, const char* function, char* error,
                          size_t error_bytes) {
  const std::string name = function;
  const tutti_script::Entry* entry = FindFunction(script, name);
  if (entry == nullptr) {
    return Fail(error, error_bytes, "Function " + name + " does not exist in the given script.");
  }
  const std::vector<c10::Argument>& arguments = entry->function->getSchema().arguments();
  if (arguments.size() != 3) {
    return Fail(error, error_bytes,
                "Wrong number of inputs in function " + name + ". Expected 3 but was " +
                    std::to_string(arguments.size()));
  }
  if (*arguments[0].type() != *c10::ListType::ofTensors() ||
      *arguments[1].type() != *c10::ListType::ofStrings() ||
      *arguments[2].type() != *c10::ListType::ofStrings()) {
    return Fail(error, error_bytes,
                "Wrong inputs type in function " + name + ". Expected signature similar to: def " +
                    name + "(tensors: List[Tensor], keys: List[str], args: List[str])");
  }
  return 0;
}

c10::List<std::string> ToStrings(const tutti_bytes* words, size_t word_count) {
  c10::List<std::string> list;
  list.reserve(word_count);
  for (size_t i = 0; i < word_count; i++) {
    list.push_back(std::string(words[i].data, words[i].bytes));
  }
  return list;
}

// Maps the tensors to the parameters in order; see tutti_script_call.
void PushFunctionInputs(const tutti_script& script, const tutti_script::Entry& entry,
                        const tutti_script_call& call, BorrowedInputs* borrowed, Stack* stack) {
  const std::vector<c10::Argument>& arguments = entry.function->getSchema().arguments();
  size_t next = 0;
  for (size_t i = 0; i < arguments.size(); i++) {
    const c10::Argument& argument = arguments[i];
    const bool may_be_written = entry.writes.inputs[i];
    if (argument.type()->kind() == c10::TypeKind::TensorType) {
      if (next < call.input_count) {
        stack->emplace_back(borrowed->Borrow(call.inputs[next++], may_be_written, script.device));
      } else if (argument.default_value()) {
        stack->push_back(*argument.default_value());
      } else {
        throw Refusal(std::string("Wrong number of inputs provided to function: ") + call.function);
      }
    } else if (*argument.type() == *c10::ListType::ofTensors()) {
      if (call.variadic_index > 0) {
        next = std::max(next, static_cast<size_t>(call.variadic_index));
      }
      c10::List<at::Tensor> list;
      for (; next < call.input_count; next++) {
        list.push_back(borrowed->Borrow(call.inputs[next], may_be_written, script.device));
      }
      stack->emplace_back(std::move(list));
    } else if (argument.default_value()) {
      stack->push_back(*argument.default_value());
    } else {
      throw Refusal(std::string("Unsupported input type in function definition: ") + call.function);
    }
  }
}

void PushEntryPointInputs(const tutti_script& script, const tutti_script::Entry& entry,
                          const tutti_script_call& call, BorrowedInputs* borrowed, Stack* stack) {
  if (entry.function->getSchema().arguments().size() != 3) {
    throw Refusal(std::string("Wrong number of inputs provided to function: ") + call.function);
  }
  c10::List<at::Tensor> list;
  list.reserve(call.input_count);
  for (size_t i = 0; i < call.input_count; i++) {
    list.push_back(borrowed->Borrow(call.inputs[i], entry.writes.inputs[0], script.device));
  }
  stack->emplace_back(std::move(list));
  stack->emplace_back(ToStrings(call.keys, call.key_count));
  stack->emplace_back(ToStrings(call.args, call.arg_count));
}

int RunScript(tutti_script* script, const tutti_script_call* call, tutti_tensor* outputs,
              size_t output_capacity, size_t* output_count, char* error, size_t error_bytes) {
  *output_count = 0;
  return Guarded(error, error_bytes, [&] {
    const std::string name = call->function;
    const tutti_script::Entry* entry = FindFunction(script, name);
    if (entry == nullptr) throw Refusal("Function does not exist: " + name);
    c10::InferenceMode inference;
    c10::OptionalDeviceGuard device_guard;
    if (!script->device.is_cpu()) device_guard.reset_device(script->device);
    BorrowedInputs borrowed(call->input_count);
    Stack stack;
    if (call->is_entry_point != 0) {
      PushEntryPointInputs(*script, *entry, *call, &borrowed, &stack);
    } else {
      PushFunctionInputs(*script, *entry, *call, &borrowed, &stack);
    }
    const tutti::ScriptContext context{call->caller, script->device, entry->writes.any};
    const tutti::ScriptScope scope(&context);
    {
      const tutti::DividedCall divided(ChoiceOn(script->device, entry->thread_choice.get()),
                                       BytesOf(call->inputs, call->input_count));
      entry->function->run(stack);
    }
    std::vector<at::Tensor> tensors;
    const bool is_none = stack.back().isNone();
    const bool all_tensors = is_none || tutti::FlattenTensors(stack.back(), &tensors);
    stack.clear();
    if (!all_tensors) throw Refusal("Function returned non-tensor values" + name);
    if (tensors.size() != output_capacity) {
      throw Refusal("Function returned unexpected number of outputs - " + name);
    }
    // Functions keep no state between runs: nothing can write their outputs later.
    tutti::FillOutputs(&tensors, /*may_write=*/false, &borrowed, outputs);
    *output_count = output_capacity;
    return 0;
  });
}

const tutti_backend kBackend = {
    .abi = TUTTI_BACKEND_ABI,
    .name = "TORCH",
    .version = TUTTI_TORCH_VERSION,
    .max_concurrent_runs = 0,
    .configure = Configure,
    .thread_init = ThreadInit,
    .load_model = LoadModel,
    .division = TUTTI_DIVIDED_BY_RUN,
    .free_model = FreeModel,
    .model_inputs = ModelInputs,
    .model_outputs = ModelOutputs,
    .warm_up = WarmUp,
    .memory_bytes = MemoryBytes,
    .run = Run,
    .load_script = LoadScript,
    .free_script = FreeScript,
    .script_has_function = ScriptHasFunction,
    .script_check_entry_point = ScriptCheckEntryPoint,
    .run_script = RunScript,
    .output_bytes = nullptr,
    .has_bounded_runs = nullptr,
};

}  // namespace

extern "C" __attribute__((visibility("default"))) const tutti_backend* tutti_backend_open(void) {
  return &kBackend;
}
