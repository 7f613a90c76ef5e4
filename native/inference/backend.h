// The table through which an inference runtime is used: plain C, one versioned table per library.
//
// A backend is a shared library that exports `const tutti_backend* tutti_backend_open(void)`. It is
// opened on first use: the server starts without any runtime. No runtime's headers, symbols or C++
// exceptions cross this line.
//
// Threads: `configure` is called once, before anything else of the table. After it any function may
// be called from any thread, and several threads may run one model at once, up to
// `max_concurrent_runs`. The caller frees a model or script only when none of its runs is going on.
//
// Failure: functions that take `error` answer 0, or else a number that is not 0 and a text: one
// line, ended by NUL, cut to `error_bytes`, with at least one space in it. It is what the client
// reads after `-`, so it begins with `ERR ` where RedisAI's does and not where it does not.
#ifndef TUTTI_INFERENCE_BACKEND_H_
#define TUTTI_INFERENCE_BACKEND_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Changes with any change of this file that an already built library would notice.
#define TUTTI_BACKEND_ABI 7u

// The one symbol of a backend library, as dlsym() wants it.
#define TUTTI_BACKEND_SYMBOL "tutti_backend_open"

// Long enough for a TorchScript traceback; any size works.
#define TUTTI_ERROR_BYTES 4096u

// The codes of native/tensor/dtype.h.
enum tutti_dtype {
  TUTTI_FLOAT = 0,
  TUTTI_DOUBLE = 1,
  TUTTI_INT8 = 2,
  TUTTI_INT16 = 3,
  TUTTI_INT32 = 4,
  TUTTI_INT64 = 5,
  TUTTI_UINT8 = 6,
  TUTTI_UINT16 = 7,
  TUTTI_BOOL = 8,   // a byte per element, 0 or 1
  TUTTI_STRING = 9  // NUL-terminated strings, one after the other
};

enum tutti_device_type { TUTTI_CPU = 0, TUTTI_CUDA = 1 };

typedef struct tutti_device {
  uint32_t type;  // tutti_device_type
  int32_t index;  // 0-based; 0 for TUTTI_CPU
} tutti_device;

typedef struct tutti_bytes {
  const char* data;  // not NUL-terminated; may hold NUL
  uint64_t bytes;
} tutti_bytes;

// A packed row-major tensor in host memory.
//
// As an input: borrowed for the call and never written; `release` is null. `data` is aligned to
// its dtype at least (64 bytes is faster), and may be null if `bytes` is 0.
// As an output: filled by the backend. `data` and `dims` stay valid until `release(owner)`, which
// is called exactly once, from any thread, when the last reader is gone. It never points into an
// input, and nobody writes it any more. `data` may be null if `bytes` is 0.
typedef struct tutti_tensor {
  uint32_t dtype;       // tutti_dtype
  uint32_t rank;        // 0 is a scalar, with one element
  const int64_t* dims;  // `rank` of them; may be null if `rank` is 0
  void* data;
  uint64_t bytes;
  void* owner;
  void (*release)(void* owner);
} tutti_tensor;

typedef struct tutti_model tutti_model;
typedef struct tutti_script tutti_script;

// Who may say over how many threads a run is divided.
enum tutti_division {
  TUTTI_NOT_DIVIDED = 0,      // nobody, but for the options
  TUTTI_DIVIDED_BY_LOAD = 1,  // `load_model`: for all runs of what it makes
  TUTTI_DIVIDED_BY_RUN = 2    // `run`: each time
};

enum tutti_log_level { TUTTI_LOG_DEBUG = 0, TUTTI_LOG_NOTICE = 1, TUTTI_LOG_WARNING = 2 };

// One value of a command's reply. The elements of an array follow it, each with its own elements.
enum tutti_value_type { TUTTI_NIL = 0, TUTTI_INTEGER = 1, TUTTI_TEXT = 2, TUTTI_ARRAY = 3 };

typedef struct tutti_value {
  uint32_t type;     // tutti_value_type
  int64_t integer;   // TUTTI_INTEGER: the number; TUTTI_ARRAY: how many elements it has
  tutti_bytes text;  // TUTTI_TEXT
} tutti_value;

// The reply of a command that did not fail: one value, and what is in it, depth first. Valid until
// `release(owner)`, which is to be called exactly once.
typedef struct tutti_reply {
  const tutti_value* values;
  size_t value_count;
  void* owner;
  void (*release)(void* owner);
} tutti_reply;

// What a script may ask of the server while it runs. Both functions block the thread that called
// `run_script`, and may be called by it only, with the call's `caller`.
typedef struct tutti_host {
  // redis.execute: carries out one command, its words as a client would send them. A failure's text
  // is what a client would read after `-`.
  int (*execute)(void* caller, const tutti_bytes* words, size_t word_count, tutti_reply* reply,
                 char* error, size_t error_bytes);

  // redisAI.model_execute: runs the stored model `key` here and now and fills `output_count`
  // outputs, as the `run` of its backend does; the inputs are borrowed for the call.
  int (*run_model)(void* caller, tutti_bytes key, const tutti_tensor* inputs, size_t input_count,
                   tutti_tensor* outputs, size_t output_count, char* error, size_t error_bytes);
} tutti_host;

// The server's memory, for runtimes whose allocations can be replaced; from any thread. What is
// taken counts against `maxmemory`, while a model is loaded as the model's.
typedef struct tutti_memory {
  void* context;
  // 64-byte aligned. Null: there is none, or memory_limit_bytes would be passed.
  void* (*allocate)(void* context, uint64_t bytes);
  void (*release)(void* context, void* block);  // null is allowed
  // Counts bytes that a model holds of the runtime's own memory, and gives them back if negative.
  // Answers 0, or another number if memory_limit_bytes would be passed: then nothing is counted.
  int (*reserve)(void* context, int64_t bytes);
} tutti_memory;

// All pointers but `memory`, `host`, `log` and `log_context` are only read during `configure`.
typedef struct tutti_options {
  uint32_t intra_op_threads;      // of one run; 0 lets the backend choose by `run_threads`
  uint32_t inter_op_threads;      // 0 lets the backend choose
  uint32_t run_threads;           // how many threads of the server may run models at once; 0 is 1
  uint32_t execution_timeout_ms;  // 0 is none; only ONNX can end a run that has begun
  uint64_t memory_limit_bytes;    // 0 is none; of the runtime's host memory, where it lets us
  const char* runtime_folder;  // where the runtime's libraries lie, by full path; null if unknown
  void (*log)(void* log_context, int level, const char* line);  // from any thread; may be null
  void* log_context;
  const tutti_memory* memory;  // outlives the backend; null: the runtime takes its own
  const tutti_host* host;      // outlives the backend; may be null
} tutti_options;

// One call of a script's function.
typedef struct tutti_script_call {
  const char* function;    // NUL-terminated
  int32_t is_entry_point;  // not 0: called as function(tensors, keys, args)
  // Otherwise tensors are mapped to the parameters in order. A List[Tensor] parameter takes the
  // inputs from `variadic_index` on, or all that remain if that is -1.
  int64_t variadic_index;
  const tutti_tensor* inputs;
  size_t input_count;
  const tutti_bytes* keys;
  size_t key_count;
  const tutti_bytes* args;
  size_t arg_count;
  void* caller;  // for the functions of tutti_host; valid during the call
} tutti_script_call;

// A null function pointer means that the runtime cannot do it.
typedef struct tutti_backend {
  uint32_t abi;         // TUTTI_BACKEND_ABI as the library was built; any other is refused
  const char* name;     // as in AI.MODELSTORE: "TORCH", "ONNX", "TF", "TFLITE"
  const char* version;  // the runtime's own, for people; valid after `configure`

  uint32_t max_concurrent_runs;  // of one model; 0 is no limit

  // Starts the runtime: up to a second the first time. Called once for each process.
  int (*configure)(const tutti_options* options, char* error, size_t error_bytes);

  // To be called once in each thread that is going to run models, before its first run. It sets the
  // thread's intra-op parallelism, which torch keeps per thread.
  void (*thread_init)(void);

  // Parses a model. The bytes of `chunks` are one blob cut in pieces; none is kept after the call.
  // `input_names` and `output_names` are for TF and otherwise empty. With TUTTI_DIVIDED_BY_LOAD
  // runs are divided over `thread_count` threads; 0: as the options say.
  int (*load_model)(uint32_t thread_count, const tutti_bytes* chunks, size_t chunk_count,
                    tutti_device device, const char* const* input_names, size_t input_count,
                    const char* const* output_names, size_t output_count, tutti_model** model,
                    char* error, size_t error_bytes);
  uint32_t division;                       // tutti_division
  void (*free_model)(tutti_model* model);  // null is allowed

  // Names in the model's order, valid as long as the model. A nameless output is "". If the number
  // of outputs is only known after a run (TORCH, a list), `model_outputs` answers SIZE_MAX.
  size_t (*model_inputs)(const tutti_model* model, const char* const** names);
  size_t (*model_outputs)(const tutti_model* model, const char* const** names);

  // Runs the model once or twice with zeros if its input shapes are known, so that the first
  // client does not pay for lazy setup. Never fails; may do nothing.
  void (*warm_up)(tutti_model* model);

  // Bytes that the model holds beside what is counted by way of `memory`, 0 if unknown.
  uint64_t (*memory_bytes)(const tutti_model* model);

  // Runs one batch and fills `output_capacity` outputs, as many as the client named; if the model
  // gives another number it is a failure. An output that is no tensor (an ONNX sequence or map) is
  // left all zero, with `release` null: there is nothing to store. `output_count` becomes
  // `output_capacity`, or 0 after a failure: then there is nothing to release.
  // With TUTTI_DIVIDED_BY_RUN it is divided over `thread_count` threads; 0: as the options say.
  int (*run)(tutti_model* model, uint32_t thread_count, const tutti_tensor* inputs,
             size_t input_count, tutti_tensor* outputs, size_t output_capacity,
             size_t* output_count, char* error, size_t error_bytes);

  // Scripts: TORCH only, null elsewhere.
  int (*load_script)(const char* source, size_t source_bytes, tutti_device device,
                     tutti_script** script, char* error, size_t error_bytes);
  void (*free_script)(tutti_script* script);                                     // null is allowed
  int (*script_has_function)(const tutti_script* script, const char* function);  // 1 or 0
  // That it exists and is (tensors: List[Tensor], keys: List[str], args: List[str]).
  int (*script_check_entry_point)(const tutti_script* script, const char* function, char* error,
                                  size_t error_bytes);
  int (*run_script)(tutti_script* script, const tutti_script_call* call, tutti_tensor* outputs,
                    size_t output_capacity, size_t* output_count, char* error, size_t error_bytes);

  // Bytes of the outputs whose shapes the model tells, for inputs of `row_count` rows: the first
  // dim may be free. 0 if none is known.
  uint64_t (*output_bytes)(const tutti_model* model, int64_t row_count);

  // 1 if the time of a run on the CPU follows from the shapes of its inputs, whatever their values:
  // then those that were short so far will be so again. 0 if that is not known.
  uint32_t (*has_bounded_runs)(const tutti_model* model);
} tutti_backend;

const tutti_backend* tutti_backend_open(void);

#ifdef __cplusplus
}  // extern "C"
#endif

#endif  // TUTTI_INFERENCE_BACKEND_H_
