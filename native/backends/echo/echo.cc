// A backend without a runtime, for tests under sanitizers: it calls itself TORCH and answers copies
// of its inputs. The blob says what goes wrong: "fail" at load, "fail-run" at each run,
// "slow <milliseconds> [<more>]" sleeps in each run, the first of the two shared by the threads of
// a divided one; "whole <milliseconds>" too, but has no divided form; any other blob is a good
// model. A script is any source; "fail" is a compile error. Each function exists but "missing". A
// script asks the server for one command a word of its arguments (redis.execute), and then, as
// "model <key>", for a run of that model on its inputs, whose outputs it answers.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "../../inference/backend.h"
#include "../error_text.h"

struct tutti_model {
  std::string blob;
  uint32_t sleep_ms = 0;
};

struct tutti_script {
  std::string source;
};

namespace {

using tutti::Fail;

struct OwnedTensor {
  std::vector<int64_t> dims;
  std::unique_ptr<char[]> data;
};

void ReleaseTensor(void* owner) { delete static_cast<OwnedTensor*>(owner); }

void CopyTensor(const tutti_tensor& from, tutti_tensor* to) {
  auto owned = std::make_unique<OwnedTensor>();
  owned->dims.assign(from.dims, from.dims + from.rank);
  owned->data = std::make_unique<char[]>(from.bytes + 1);
  if (from.bytes > 0) std::memcpy(owned->data.get(), from.data, from.bytes);
  to->dtype = from.dtype;
  to->rank = from.rank;
  to->dims = owned->dims.data();
  to->data = owned->data.get();
  to->bytes = from.bytes;
  to->release = ReleaseTensor;
  to->owner = owned.release();
}

int CopyInputs(const tutti_tensor* inputs, size_t input_count, tutti_tensor* outputs,
               size_t output_capacity, size_t* output_count, char* error, size_t error_bytes) {
  *output_count = 0;
  if (output_capacity > 0 && input_count == 0) {
    return Fail(error, error_bytes, "ERR Model did not generate the expected number of outputs");
  }
  for (size_t i = 0; i < output_capacity; i++) CopyTensor(inputs[i % input_count], &outputs[i]);
  *output_count = output_capacity;
  return 0;
}

const tutti_host* host = nullptr;

int Configure(const tutti_options* options, char*, size_t) {
  host = options->host;
  return 0;
}

void ThreadInit() {}

int LoadModel(uint32_t thread_count, const tutti_bytes* chunks, size_t chunk_count, tutti_device,
              const char* const*, size_t, const char* const*, size_t, tutti_model** model,
              char* error, size_t error_bytes) {
  auto loaded = std::make_unique<tutti_model>();
  for (size_t i = 0; i < chunk_count; i++) loaded->blob.append(chunks[i].data, chunks[i].bytes);
  if (loaded->blob == "fail") return Fail(error, error_bytes, "\nthis blob\nfails to load");
  const bool is_whole = loaded->blob.starts_with("whole ");
  if (is_whole && thread_count > 1) return Fail(error, error_bytes, "this blob cannot be divided");
  if (is_whole || loaded->blob.starts_with("slow ")) {
    char* more = nullptr;
    const auto shared_ms = static_cast<uint32_t>(
        std::strtoul(loaded->blob.c_str() + loaded->blob.find(' '), &more, 10));
    const auto more_ms = static_cast<uint32_t>(std::strtoul(more, nullptr, 10));
    loaded->sleep_ms = shared_ms / std::max(1u, thread_count) + more_ms;
  }
  *model = loaded.release();
  return 0;
}

void FreeModel(tutti_model* model) { delete model; }

size_t ModelInputs(const tutti_model*, const char* const** names) {
  static const char* const kNames[] = {"x"};
  *names = kNames;
  return 1;
}

size_t ModelOutputs(const tutti_model*, const char* const** names) {
  static const char* const kNames[] = {""};
  *names = kNames;
  return 1;
}

void WarmUp(tutti_model*) {}

uint64_t MemoryBytes(const tutti_model* model) { return model->blob.size(); }

int Run(tutti_model* model, uint32_t, const tutti_tensor* inputs, size_t input_count,
        tutti_tensor* outputs, size_t output_capacity, size_t* output_count, char* error,
        size_t error_bytes) {
  *output_count = 0;
  if (model->sleep_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(model->sleep_ms));
  if (model->blob == "fail-run") return Fail(error, error_bytes, "\nthis run\r\nfails");
  return CopyInputs(inputs, input_count, outputs, output_capacity, output_count, error,
                    error_bytes);
}

int LoadScript(const char* source, size_t source_bytes, tutti_device, tutti_script** script,
               char* error, size_t error_bytes) {
  auto loaded = std::make_unique<tutti_script>();
  loaded->source.assign(source, source_bytes);
  if (loaded->source == "fail") return Fail(error, error_bytes, "\nthis source\nfails to compile");
  *script = loaded.release();
  return 0;
}

void FreeScript(tutti_script* script) { delete script; }

int ScriptHasFunction(const tutti_script*, const char* function) {
  return std::strcmp(function, "missing") != 0;
}

int ScriptCheckEntryPoint(const tutti_script* script, const char* function, char* error,
                          size_t error_bytes) {
  if (ScriptHasFunction(script, function) != 0) return 0;
  return Fail(error, error_bytes,
              std::string("Function ") + function + " does not exist in the given script.");
}

int RunScript(tutti_script* script, const tutti_script_call* call, tutti_tensor* outputs,
              size_t output_capacity, size_t* output_count, char* error, size_t error_bytes) {
  *output_count = 0;
  if (ScriptHasFunction(script, call->function) == 0) {
    return Fail(error, error_bytes, std::string("Function does not exist: ") + call->function);
  }
  if (script->source == "fail-run") return Fail(error, error_bytes, "this script fails");
  for (size_t i = 0; i < call->arg_count; i++) {
    tutti_reply reply{};
    if (host->execute(call->caller, &call->args[i], 1, &reply, error, error_bytes) != 0) return 1;
    reply.release(reply.owner);
  }
  if (script->source.rfind("model ", 0) == 0) {
    const tutti_bytes key = {script->source.data() + 6, script->source.size() - 6};
    if (host->run_model(call->caller, key, call->inputs, call->input_count, outputs,
                        output_capacity, error, error_bytes) != 0) {
      return 1;
    }
    *output_count = output_capacity;
    return 0;
  }
  return CopyInputs(call->inputs, call->input_count, outputs, output_capacity, output_count, error,
                    error_bytes);
}

const tutti_backend kBackend = {
    .abi = TUTTI_BACKEND_ABI,
    .name = "TORCH",
    .version = "echo",
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
