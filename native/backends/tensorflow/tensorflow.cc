// The TF backend: frozen graphs, on TensorFlow's C API.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../inference/backend.h"
#include "../error_text.h"
#include "../protobuf.h"
#include "../tensor_bytes.h"
#include "api.h"
#include "file_operations.h"
#include "tensors.h"

struct tutti_model {
  TF_Graph* graph = nullptr;
  TF_Session* session = nullptr;
  std::vector<std::string> input_names;
  std::vector<std::string> output_names;
  std::vector<const char*> input_name_pointers;
  std::vector<const char*> output_name_pointers;
  std::vector<TF_Output> inputs;
  std::vector<TF_Output> outputs;
  struct Shape {
    uint32_t dtype;
    std::vector<int64_t> dims;  // -1 where they are free
  };
  std::vector<Shape> known_outputs;
  // Holds something from run to run, as variables do: it may keep an input, and may write later
  // what it once returned.
  bool is_stateful = false;
  uint64_t memory_bytes = 0;
};

namespace {

using tutti::Fail;
using tutti::Failure;
using tutti::Owned;
using tutti::Status;
using tutti::tf;

// Written once by Configure().
uint32_t intra_op_threads = 1;
uint32_t inter_op_threads = 0;

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

// ---- Start

tutti_backend& Table();

int Configure(const tutti_options* options, char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    tutti::OpenLibraries(*options);
    // One: with a pool for each operator a small convolution net took 8 times as long on busy
    // cores.
    intra_op_threads = std::max(1u, options->intra_op_threads);
    inter_op_threads = options->inter_op_threads;
    Table().version = tf.Version();
  });
}

void ThreadInit() {}

// ---- Models

void AppendVarint(uint64_t value, std::string* bytes) {
  for (; value >= 128; value >>= 7) bytes->push_back(static_cast<char>(value | 128));
  bytes->push_back(static_cast<char>(value));
}

// A ConfigProto (tensorflow/core/protobuf/config.proto), put together from its encoded fields.
std::string SessionConfig(tutti_device device) {
  std::string config("\x10", 1);  // intra_op_parallelism_threads = 2
  AppendVarint(intra_op_threads, &config);
  config += '\x28';  // inter_op_parallelism_threads = 5
  // -1: nodes run in the calling thread. The pool that TensorFlow would have hand them around costs
  // a small model 5 to 7 times its run.
  const int64_t inter_op = inter_op_threads > 0 ? int64_t{inter_op_threads} : -1;
  AppendVarint(static_cast<uint64_t>(inter_op), &config);
  // experimental = 16: optimize_for_static_graph = 12 and disable_output_partition_graphs = 14.
  // Nobody extends the graph, so the session needs fewer copies of it, with all the weights.
  config += std::string_view("\x82\x01\x04\x60\x01\x70\x01", 7);
  if (device.type == TUTTI_CPU) {
    config += std::string_view("\x0a\x07\x0a\x03GPU\x10\x00", 9);  // device_count = 1: {GPU: 0}
  } else {
    config += "\x32\x02\x20\x01";  // gpu_options = 6: allow_growth = 4
    config += "\x38\x01";          // allow_soft_placement = 7
  }
  return config;
}

void FreeModel(tutti_model* model) {
  if (model == nullptr) return;
  Status status;  // there is nobody to tell
  if (model->session != nullptr) {
    tf.CloseSession(model->session, status.get());
    tf.DeleteSession(model->session, status.get());
  }
  if (model->graph != nullptr) tf.DeleteGraph(model->graph);
  delete model;
}

void ImportGraph(TF_Graph* graph, std::string_view blob, tutti_device device) {
  if (const std::string_view operation = tutti::FindFileOperation(blob); !operation.empty()) {
    throw Failure{"ERR operation " + std::string(operation) + " reaches the server's files"};
  }
  Owned<TF_Buffer> buffer(tf.NewBuffer(), tf.DeleteBuffer);
  buffer->data = blob.data();
  buffer->length = blob.size();
  Owned<TF_ImportGraphDefOptions> options(tf.NewImportGraphDefOptions(),
                                          tf.DeleteImportGraphDefOptions);
  if (device.type == TUTTI_CUDA) {
    const std::string place = "/device:GPU:" + std::to_string(device.index);
    tf.ImportGraphDefOptionsSetDefaultDevice(options.get(), place.c_str());
  }
  Status status;
  tf.GraphImportGraphDef(graph, buffer.get(), options.get(), status.get());
  status.Check();
}

// By OpDef.is_stateful = 17 of each operation (tensorflow/core/framework/op_def.proto), with that
// of the functions that it calls.
bool IsStateful(TF_Graph* graph) {
  std::map<std::string, bool, std::less<>> known;
  size_t position = 0;
  while (TF_Operation* operation = tf.GraphNextOperation(graph, &position)) {
    const std::string type = tf.OperationOpType(operation);
    if (known.contains(type)) continue;
    Owned<TF_Buffer> definition(tf.NewBuffer(), tf.DeleteBuffer);
    Status status;
    tf.GraphGetOpDef(graph, type.c_str(), definition.get(), status.get());
    status.Check();
    std::string_view bytes(static_cast<const char*>(definition->data), definition->length);
    bool is_stateful = false;
    for (tutti::ProtobufField field; tutti::ReadField(&bytes, &field);) {
      if (field.number == 17 && field.wire_type == tutti::kVarintField) {
        is_stateful = field.value != 0;
      }
    }
    if (is_stateful) return true;
    known.emplace(type, is_stateful);
  }
  return false;
}

void FindInputs(tutti_model* model) {
  for (const std::string& name : model->input_names) {
    TF_Operation* operation = tf.GraphOperationByName(model->graph, name.c_str());
    if (operation == nullptr || std::string_view(tf.OperationOpType(operation)) != "Placeholder") {
      throw Failure{"ERR Input node named \"" + name + "\" not found in TF graph."};
    }
    model->inputs.push_back({operation, 0});
    model->input_name_pointers.push_back(name.c_str());
  }
}

void FindOutputs(tutti_model* model) {
  for (const std::string& name : model->output_names) {
    TF_Operation* operation = tf.GraphOperationByName(model->graph, name.c_str());
    if (operation == nullptr || tf.OperationNumOutputs(operation) == 0) {
      throw Failure{"ERR Output node named \"" + name + "\" not found in TF graph"};
    }
    model->outputs.push_back({operation, 0});
    model->output_name_pointers.push_back(name.c_str());
  }
}

int CountGpus(TF_Session* session) {
  Status status;
  Owned<TF_DeviceList> devices(tf.SessionListDevices(session, status.get()), tf.DeleteDeviceList);
  status.Check();
  int count = 0;
  for (int i = 0; i < tf.DeviceListCount(devices.get()); i++) {
    const char* type = tf.DeviceListType(devices.get(), i, status.get());
    status.Check();
    if (std::string_view(type) == "GPU") count++;
  }
  return count;
}

void OpenSession(tutti_model* model, tutti_device device) {
  Owned<TF_SessionOptions> options(tf.NewSessionOptions(), tf.DeleteSessionOptions);
  const std::string config = SessionConfig(device);
  Status status;
  tf.SetConfig(options.get(), config.data(), config.size(), status.get());
  status.Check();
  model->session = tf.NewSession(model->graph, options.get(), status.get());
  status.Check();
  if (device.type != TUTTI_CUDA) return;
  const int gpu_count = CountGpus(model->session);
  if (gpu_count == 0) throw Failure{"ERR GPU requested but TF couldn't find CUDA"};
  if (device.index < 0 || device.index >= gpu_count) {
    throw Failure{"ERR GPU " + std::to_string(device.index) + " requested but there are " +
                  std::to_string(gpu_count)};
  }
}

// The dims of an input or output, -1 where they are free; nothing if their number is.
std::optional<std::vector<int64_t>> ReadDims(const tutti_model& model, TF_Output place) {
  Status status;
  const int rank = tf.GraphGetTensorNumDims(model.graph, place, status.get());
  status.Check();
  if (rank < 0) return std::nullopt;
  std::vector<int64_t> dims(static_cast<size_t>(rank));
  tf.GraphGetTensorShape(model.graph, place, dims.data(), rank, status.get());
  status.Check();
  return dims;
}

void DescribeOutputs(tutti_model* model) {
  for (const TF_Output& output : model->outputs) {
    const uint32_t dtype = tutti::ToDtype(tf.OperationOutputType(output));
    std::optional<std::vector<int64_t>> dims = ReadDims(*model, output);
    if (dims && dtype < TUTTI_STRING) model->known_outputs.push_back({dtype, *std::move(dims)});
  }
}

uint64_t OutputBytes(const tutti_model* model, int64_t row_count) {
  uint64_t bytes = 0;
  for (const auto& [dtype, dims] : model->known_outputs) {
    tutti::AddKnownBytes(dtype, dims, row_count, &bytes);
  }
  return bytes;
}

int LoadModel(uint32_t, const tutti_bytes* chunks, size_t chunk_count, tutti_device device,
              const char* const* input_names, size_t input_count, const char* const* output_names,
              size_t output_count, tutti_model** model, char* error, size_t error_bytes) {
  return Guarded(error, error_bytes, [&] {
    if (device.type != TUTTI_CPU && device.type != TUTTI_CUDA) {
      throw Failure{"ERR unsupported device"};
    }
    std::string joined;
    std::string_view blob =
        chunk_count == 1 ? std::string_view(chunks[0].data, chunks[0].bytes) : std::string_view();
    if (chunk_count > 1) {
      for (size_t i = 0; i < chunk_count; i++) joined.append(chunks[i].data, chunks[i].bytes);
      blob = joined;
    }
    Owned<tutti_model> loaded(new tutti_model, FreeModel);
    loaded->input_names.assign(input_names, input_names + input_count);
    loaded->output_names.assign(output_names, output_names + output_count);
    loaded->graph = tf.NewGraph();
    ImportGraph(loaded->graph, blob, device);
    FindInputs(loaded.get());
    FindOutputs(loaded.get());
    loaded->is_stateful = IsStateful(loaded->graph);
    OpenSession(loaded.get(), device);
    // The graph, the session's own, the optimised one and the kernels' constants: 4.1 times the
    // blob of a layer of 100 MB.
    constexpr uint64_t kWeightCopies = 4;
    loaded->memory_bytes = kWeightCopies * blob.size();
    DescribeOutputs(loaded.get());
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

uint64_t MemoryBytes(const tutti_model* model) { return model->memory_bytes; }

// ---- Runs

void ReleaseAll(tutti_tensor* outputs, size_t count) {
  for (size_t i = 0; i < count; i++) outputs[i].release(outputs[i].owner);
}

std::string CountText(size_t wanted, const char* what, size_t seen) {
  return "ERR Expected " + std::to_string(wanted) + " " + what + " but got " + std::to_string(seen);
}

int Run(tutti_model* model, uint32_t, const tutti_tensor* inputs, size_t input_count,
        tutti_tensor* outputs, size_t output_capacity, size_t* output_count, char* error,
        size_t error_bytes) {
  *output_count = 0;
  return Guarded(error, error_bytes, [&] {
    if (input_count != model->inputs.size()) {
      throw Failure{CountText(model->inputs.size(), "inputs", input_count)};
    }
    if (output_capacity != model->outputs.size()) {
      throw Failure{CountText(model->outputs.size(), "outputs", output_capacity)};
    }
    tutti::TensorList feeds(input_count);
    tutti::TensorList fetches(output_capacity);
    for (size_t i = 0; i < input_count; i++) {
      feeds[i] = tutti::ToTensor(inputs[i], !model->is_stateful);
    }
    Status status;
    tf.SessionRun(model->session, nullptr, model->inputs.data(), feeds.data(),
                  static_cast<int>(input_count), model->outputs.data(), fetches.data(),
                  static_cast<int>(output_capacity), nullptr, 0, nullptr, status.get());
    status.Check();
    size_t filled = 0;
    try {
      for (; filled < output_capacity; filled++) {
        const bool must_copy =
            model->is_stateful ||
            tutti::PointsInto(tf.TensorData(fetches[filled]), inputs, input_count);
        tutti::Adopt(&fetches[filled], model->output_names[filled], must_copy, &outputs[filled]);
      }
    } catch (...) {
      ReleaseAll(outputs, filled);
      throw;
    }
    *output_count = output_capacity;
  });
}

// The shape of an input with 1 for each free dim; throws if it is not known, or is too large.
std::vector<int64_t> WarmUpDims(const tutti_model& model, TF_Output input, uint64_t* bytes) {
  constexpr uint64_t kElementCountMax = 16 << 20;
  const uint32_t dtype = tutti::ToDtype(tf.OperationOutputType(input));
  std::optional<std::vector<int64_t>> dims = ReadDims(model, input);
  if (!dims || dtype >= TUTTI_STRING) throw Failure{"unknown shape"};
  uint64_t element_count = 1;
  for (int64_t& dim : *dims) {
    dim = std::max<int64_t>(dim, 1);
    if (__builtin_mul_overflow(element_count, static_cast<uint64_t>(dim), &element_count) ||
        element_count > kElementCountMax) {
      throw Failure{"large shape"};
    }
  }
  *bytes = element_count * tutti::kElementBytes[dtype];
  return *std::move(dims);
}

// The first run prunes and optimises the graph. One that holds a state must not see zeros.
void WarmUp(tutti_model* model) {
  if (model->is_stateful) return;
  try {
    std::vector<std::vector<int64_t>> dims;
    std::vector<std::unique_ptr<char[]>> data;
    std::vector<tutti_tensor> inputs;
    for (const TF_Output& input : model->inputs) {
      uint64_t bytes = 0;
      dims.push_back(WarmUpDims(*model, input, &bytes));
      data.push_back(std::make_unique<char[]>(bytes));
      inputs.push_back({tutti::ToDtype(tf.OperationOutputType(input)),
                        static_cast<uint32_t>(dims.back().size()), dims.back().data(),
                        data.back().get(), bytes, nullptr, nullptr});
    }
    std::vector<tutti_tensor> outputs(model->outputs.size());
    size_t output_count = 0;
    char error[8];
    Run(model, 0, inputs.data(), inputs.size(), outputs.data(), outputs.size(), &output_count,
        error, sizeof(error));
    ReleaseAll(outputs.data(), output_count);
  } catch (...) {
    // The first run says what is wrong, to whom it may concern.
  }
}

tutti_backend& Table() {
  static tutti_backend table = {
      .abi = TUTTI_BACKEND_ABI,
      .name = "TF",
      .version = "",
      .max_concurrent_runs = 0,
      .configure = Configure,
      .thread_init = ThreadInit,
      .load_model = LoadModel,
      .division = TUTTI_NOT_DIVIDED,
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
