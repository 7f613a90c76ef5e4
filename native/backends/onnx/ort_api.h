// The part of ONNX Runtime's C API that we use. Its table of functions only ever grows at the end,
// so the slots below, all of API 11 (ONNX Runtime 1.11), are good for every later release.
// backend_onnx_test calls all of them in the pinned release but RegisterAllocator and those of
// CUDA, which were counted in the header (onnxruntime_c_api.h) from AddSessionConfigEntry on.
#ifndef TUTTI_BACKENDS_ONNX_ORT_API_H_
#define TUTTI_BACKENDS_ONNX_ORT_API_H_

#include <cstddef>
#include <cstdint>

namespace tutti::ort {

struct Env;
struct Status;  // null is success
struct MemoryInfo;
struct Session;
struct Value;
struct RunOptions;
struct TypeInfo;
struct TensorInfo;
struct SessionOptions;
// What the runtime takes memory by (OrtAllocator). ONNX Runtime looks at `version` before it reads
// what later versions have behind these.
struct Allocator {
  uint32_t version;
  void* (*allocate)(Allocator*, size_t bytes);
  void (*release)(Allocator*, void* block);
  const MemoryInfo* (*info)(const Allocator*);
};
struct CudaOptions;

constexpr uint32_t kApiVersion = 11;

struct ApiBase {
  const void* const* (*get_api)(uint32_t version);  // null if the library is older
  const char* (*get_version)();
};

// ONNXTensorElementDataType
enum ElementType {
  kElementFloat = 1,
  kElementUint8 = 2,
  kElementInt8 = 3,
  kElementUint16 = 4,
  kElementInt16 = 5,
  kElementInt32 = 6,
  kElementInt64 = 7,
  kElementString = 8,
  kElementBool = 9,
  kElementDouble = 11
};

constexpr int kLogWarning = 2;
constexpr int kLogError = 3;
constexpr int kDeviceAllocator = 0;
constexpr int kArenaAllocator = 1;
constexpr int kMemoryDefault = 0;

using LogFunction = void (*)(void* context, int severity, const char* category, const char* id,
                             const char* location, const char* message);

#define TUTTI_ORT_SLOTS(SLOT)                                                                     \
  SLOT(2, GetErrorMessage, const char* (*)(const Status*))                                        \
  SLOT(4, CreateEnvWithLogger, Status* (*)(LogFunction, void*, int, const char*, Env**))          \
  SLOT(8, CreateSessionFromArray,                                                                 \
       Status* (*)(const Env*, const void*, size_t, const SessionOptions*, Session**))            \
  SLOT(9, Run,                                                                                    \
       Status* (*)(Session*, const RunOptions*, const char* const*, const Value* const*, size_t,  \
                   const char* const*, size_t, Value**))                                          \
  SLOT(10, CreateSessionOptions, Status* (*)(SessionOptions**))                                   \
  SLOT(24, SetIntraOpNumThreads, Status* (*)(SessionOptions*, int))                               \
  SLOT(25, SetInterOpNumThreads, Status* (*)(SessionOptions*, int))                               \
  SLOT(30, SessionGetInputCount, Status* (*)(const Session*, size_t*))                            \
  SLOT(31, SessionGetOutputCount, Status* (*)(const Session*, size_t*))                           \
  SLOT(33, SessionGetInputTypeInfo, Status* (*)(const Session*, size_t, TypeInfo**))              \
  SLOT(34, SessionGetOutputTypeInfo, Status* (*)(const Session*, size_t, TypeInfo**))             \
  SLOT(36, SessionGetInputName, Status* (*)(const Session*, size_t, Allocator*, char**))          \
  SLOT(37, SessionGetOutputName, Status* (*)(const Session*, size_t, Allocator*, char**))         \
  SLOT(39, CreateRunOptions, Status* (*)(RunOptions**))                                           \
  SLOT(46, RunOptionsSetTerminate, Status* (*)(RunOptions*))                                      \
  SLOT(48, CreateTensorAsOrtValue, Status* (*)(Allocator*, const int64_t*, size_t, int, Value**)) \
  SLOT(49, CreateTensorWithDataAsOrtValue,                                                        \
       Status* (*)(const MemoryInfo*, void*, size_t, const int64_t*, size_t, int, Value**))       \
  SLOT(50, IsTensor, Status* (*)(const Value*, int*))                                             \
  SLOT(51, GetTensorMutableData, Status* (*)(Value*, void**))                                     \
  SLOT(52, FillStringTensor, Status* (*)(Value*, const char* const*, size_t))                     \
  SLOT(53, GetStringTensorDataLength, Status* (*)(const Value*, size_t*))                         \
  SLOT(54, GetStringTensorContent, Status* (*)(const Value*, void*, size_t, size_t*, size_t))     \
  SLOT(55, CastTypeInfoToTensorInfo, Status* (*)(const TypeInfo*, const TensorInfo**))            \
  SLOT(60, GetTensorElementType, Status* (*)(const TensorInfo*, int*))                            \
  SLOT(61, GetDimensionsCount, Status* (*)(const TensorInfo*, size_t*))                           \
  SLOT(62, GetDimensions, Status* (*)(const TensorInfo*, int64_t*, size_t))                       \
  SLOT(65, GetTensorTypeAndShape, Status* (*)(const Value*, TensorInfo**))                        \
  SLOT(69, CreateCpuMemoryInfo, Status* (*)(int, int, MemoryInfo**))                              \
  SLOT(76, AllocatorFree, Status* (*)(Allocator*, void*))                                         \
  SLOT(78, GetAllocatorWithDefaultOptions, Status* (*)(Allocator**))                              \
  SLOT(93, ReleaseStatus, void (*)(Status*))                                                      \
  SLOT(95, ReleaseSession, void (*)(Session*))                                                    \
  SLOT(96, ReleaseValue, void (*)(Value*))                                                        \
  SLOT(97, ReleaseRunOptions, void (*)(RunOptions*))                                              \
  SLOT(98, ReleaseTypeInfo, void (*)(TypeInfo*))                                                  \
  SLOT(99, ReleaseTensorInfo, void (*)(TensorInfo*))                                              \
  SLOT(100, ReleaseSessionOptions, void (*)(SessionOptions*))                                     \
  SLOT(125, GetAvailableProviders, Status* (*)(char***, int*))                                    \
  SLOT(126, ReleaseAvailableProviders, Status* (*)(char**, int))                                  \
  SLOT(130, AddSessionConfigEntry, Status* (*)(SessionOptions*, const char*, const char*))        \
  SLOT(176, RegisterAllocator, Status* (*)(Env*, Allocator*))                                     \
  SLOT(204, AppendCuda, Status* (*)(SessionOptions*, const CudaOptions*))                         \
  SLOT(205, CreateCudaOptions, Status* (*)(CudaOptions**))                                        \
  SLOT(206, UpdateCudaOptions,                                                                    \
       Status* (*)(CudaOptions*, const char* const*, const char* const*, size_t))                 \
  SLOT(208, ReleaseCudaOptions, void (*)(CudaOptions*))

struct Api {
#define TUTTI_ORT_FIELD(slot, name, ...) \
  using name##Type = __VA_ARGS__;        \
  name##Type name = nullptr;
  TUTTI_ORT_SLOTS(TUTTI_ORT_FIELD)
#undef TUTTI_ORT_FIELD

  void Fill(const void* const* table) {
#define TUTTI_ORT_FILL(slot, name, ...) \
  name = reinterpret_cast<name##Type>(const_cast<void*>(table[slot]));
    TUTTI_ORT_SLOTS(TUTTI_ORT_FILL)
#undef TUTTI_ORT_FILL
  }
};

}  // namespace tutti::ort

#endif  // TUTTI_BACKENDS_ONNX_ORT_API_H_
