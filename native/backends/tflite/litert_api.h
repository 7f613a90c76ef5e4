// The part of LiteRT's C API that we use, of release 2.3.0 and no other: the wheel brings no
// headers, and functions have changed their arguments before. Checked against the library by
// test/native/backend_tflite_test.cc.
#ifndef TUTTI_BACKENDS_TFLITE_LITERT_API_H_
#define TUTTI_BACKENDS_TFLITE_LITERT_API_H_

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace tutti::litert {

struct Environment;
struct Model;
struct Subgraph;
struct Signature;
struct Tensor;
struct Options;
struct OpaqueOptions;
struct CompiledModel;
struct TensorBuffer;

using Status = int;  // 0 is success

constexpr uint32_t kRankMax = 8;

struct Layout {
  uint32_t rank : 7;
  uint32_t has_strides : 1;
  int32_t dims[kRankMax];  // of a model -1 where any will do
  uint32_t strides[kRankMax];
};
static_assert(sizeof(Layout) == 68);

struct RankedType {
  int32_t element_type;  // ElementType
  Layout layout;
};
static_assert(sizeof(RankedType) == 72);

struct EnvironmentOption {
  int32_t tag;
  struct {
    int32_t type;
    int64_t integer;
  } value;
};
static_assert(sizeof(EnvironmentOption) == 24);

enum ElementType {
  kElementFloat = 1,
  kElementInt32 = 2,
  kElementUint8 = 3,
  kElementInt64 = 4,
  kElementString = 5,
  kElementBool = 6,
  kElementInt16 = 7,
  kElementInt8 = 9,
  kElementDouble = 11,
  kElementUint16 = 17
};

constexpr int kRankedTensor = 0;
constexpr int kCpuAccelerator = 1;

#define TUTTI_LITERT_FUNCTIONS(FUNCTION)                                                      \
  FUNCTION(AddOpaqueOptions, Status(Options*, OpaqueOptions*))                                \
  FUNCTION(CompiledModelResizeInputTensor,                                                    \
           Status(CompiledModel*, size_t, size_t, const int32_t*, size_t))                    \
  FUNCTION(CreateCompiledModel, Status(Environment*, Model*, Options*, CompiledModel**))      \
  FUNCTION(CreateEnvironment, Status(int, const EnvironmentOption*, Environment**))           \
  FUNCTION(CreateModelFromBuffer, Status(Environment*, const void*, size_t, Model**))         \
  FUNCTION(CreateOpaqueOptions, Status(const char*, void*, void (*)(void*), OpaqueOptions**)) \
  FUNCTION(CreateOptions, Status(Options**))                                                  \
  FUNCTION(CreateTensorBufferFromHostMemory,                                                  \
           Status(const RankedType*, void*, size_t, void (*)(void*), TensorBuffer**))         \
  FUNCTION(DestroyCompiledModel, void(CompiledModel*))                                        \
  FUNCTION(DestroyModel, void(Model*))                                                        \
  FUNCTION(DestroyOptions, void(Options*))                                                    \
  FUNCTION(DestroyTensorBuffer, void(TensorBuffer*))                                          \
  FUNCTION(GetCompiledModelOutputTensorLayouts,                                               \
           Status(CompiledModel*, size_t, size_t, Layout*, bool))                             \
  FUNCTION(GetMainModelSubgraphIndex, Status(Model*, size_t*))                                \
  FUNCTION(GetModelSignature, Status(Model*, size_t, Signature**))                            \
  FUNCTION(GetModelSubgraph, Status(Model*, size_t, Subgraph**))                              \
  FUNCTION(GetNumModelSignatures, Status(Model*, size_t*))                                    \
  FUNCTION(GetNumSignatureInputs, Status(Signature*, size_t*))                                \
  FUNCTION(GetNumSignatureOutputs, Status(Signature*, size_t*))                               \
  FUNCTION(GetRankedTensorType, Status(Tensor*, RankedType*))                                 \
  FUNCTION(GetSignatureInputTensorByIndex, Status(Signature*, size_t, Tensor**))              \
  FUNCTION(GetSignatureOutputTensorByIndex, Status(Signature*, size_t, Tensor**))             \
  FUNCTION(GetSignatureSubgraph, Status(Signature*, Subgraph**))                              \
  FUNCTION(GetTensorName, Status(Tensor*, const char**))                                      \
  FUNCTION(GetTensorTypeId, Status(Tensor*, int*))                                            \
  FUNCTION(RunCompiledModel,                                                                  \
           Status(CompiledModel*, size_t, size_t, TensorBuffer**, size_t, TensorBuffer**))    \
  FUNCTION(SetOptionsHardwareAccelerators, Status(Options*, int))

// Of LiteRtCreateOptions() and the like, by the name behind `LiteRt`.
struct Api {
#define TUTTI_LITERT_FIELD(name, ...) std::add_pointer_t<__VA_ARGS__> name = nullptr;
  TUTTI_LITERT_FUNCTIONS(TUTTI_LITERT_FIELD)
#undef TUTTI_LITERT_FIELD
};

}  // namespace tutti::litert

#endif  // TUTTI_BACKENDS_TFLITE_LITERT_API_H_
