// TensorFlow's C API, opened by dlopen(): its libraries write to standard error while they are
// opened, which OpenLibraries() keeps from the user's terminal.
#ifndef TUTTI_BACKENDS_TENSORFLOW_API_H_
#define TUTTI_BACKENDS_TENSORFLOW_API_H_

#include <tensorflow/c/c_api.h>

#include <memory>
#include <string>

#include "../../inference/backend.h"

namespace tutti {

// clang-format off: it finds no end with these lines.
#define TUTTI_TENSORFLOW_FUNCTIONS(FUNCTION) \
  FUNCTION(AllocateTensor) FUNCTION(CloseSession) FUNCTION(DeleteBuffer) \
  FUNCTION(DeleteDeviceList) FUNCTION(DeleteGraph) FUNCTION(DeleteImportGraphDefOptions) \
  FUNCTION(DeleteSession) FUNCTION(DeleteSessionOptions) FUNCTION(DeleteStatus) FUNCTION(DeleteTensor) \
  FUNCTION(DeviceListCount) FUNCTION(DeviceListType) FUNCTION(Dim) FUNCTION(GetCode) \
  FUNCTION(GraphGetOpDef) FUNCTION(GraphGetTensorNumDims) FUNCTION(GraphGetTensorShape) \
  FUNCTION(GraphImportGraphDef) FUNCTION(GraphNextOperation) FUNCTION(GraphOperationByName) \
  FUNCTION(ImportGraphDefOptionsSetDefaultDevice) FUNCTION(Message) FUNCTION(NewBuffer) \
  FUNCTION(NewGraph) FUNCTION(NewImportGraphDefOptions) FUNCTION(NewSession) FUNCTION(NewSessionOptions) FUNCTION(NewStatus) \
  FUNCTION(NewTensor) FUNCTION(NumDims) FUNCTION(OperationNumOutputs) FUNCTION(OperationOpType) \
  FUNCTION(OperationOutputType) FUNCTION(SessionListDevices) FUNCTION(SessionRun) \
  FUNCTION(SetConfig) FUNCTION(StringCopy) FUNCTION(StringDealloc) \
  FUNCTION(StringGetDataPointer) FUNCTION(StringGetSize) FUNCTION(StringInit) \
  FUNCTION(TensorByteSize) FUNCTION(TensorData) FUNCTION(TensorElementCount) \
  FUNCTION(TensorType) FUNCTION(Version)
// clang-format on

// Of TF_NewGraph() and the like, by the name behind `TF_`.
struct TensorFlowApi {
#define TUTTI_TENSORFLOW_FIELD(name) decltype(&::TF_##name) name = nullptr;
  TUTTI_TENSORFLOW_FUNCTIONS(TUTTI_TENSORFLOW_FIELD)
#undef TUTTI_TENSORFLOW_FIELD
};

inline TensorFlowApi tf;  // filled once, by OpenLibraries()

// The text that the client reads: an exception, caught in tensorflow.cc before the table's edge.
struct Failure {
  std::string text;
};

template <typename Object>
using Owned = std::unique_ptr<Object, void (*)(Object*)>;

// What a call of TensorFlow fills; one that failed throws its text.
class Status {
 public:
  TF_Status* get() { return status_.get(); }
  void Check() const {
    if (tf.GetCode(status_.get()) != TF_OK) throw Failure{tf.Message(status_.get())};
  }

 private:
  Owned<TF_Status> status_{tf.NewStatus(), tf.DeleteStatus};
};

// Opens the libraries in `options.runtime_folder` and fills `tf`. Throws a Failure.
void OpenLibraries(const tutti_options& options);

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TENSORFLOW_API_H_
