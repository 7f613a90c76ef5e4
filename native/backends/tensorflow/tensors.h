// Tensors of the backend table to and from TensorFlow's, without a copy where that is safe.
#ifndef TUTTI_BACKENDS_TENSORFLOW_TENSORS_H_
#define TUTTI_BACKENDS_TENSORFLOW_TENSORS_H_

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../inference/backend.h"
#include "../tensor_bytes.h"
#include "api.h"

namespace tutti {

// By dtype.
constexpr TF_DataType kTensorFlowTypes[] = {TF_FLOAT, TF_DOUBLE, TF_INT8,   TF_INT16, TF_INT32,
                                            TF_INT64, TF_UINT8,  TF_UINT16, TF_BOOL,  TF_STRING};

inline uint32_t ToDtype(TF_DataType type) {
  return static_cast<uint32_t>(std::find(kTensorFlowTypes, kTensorFlowTypes + kDtypeCount, type) -
                               kTensorFlowTypes);
}

// The tensors of one run, deleted with it.
class TensorList {
 public:
  explicit TensorList(size_t count) : tensors_(count, nullptr) {}
  TensorList(const TensorList&) = delete;
  TensorList& operator=(const TensorList&) = delete;
  ~TensorList() {
    for (TF_Tensor* tensor : tensors_) tf.DeleteTensor(tensor);
  }
  TF_Tensor** data() { return tensors_.data(); }
  TF_Tensor*& operator[](size_t i) { return tensors_[i]; }

 private:
  std::vector<TF_Tensor*> tensors_;
};

// Strings that TensorFlow may keep: they are freed when it lets go of the last tensor over them.
inline TF_Tensor* CopyStrings(const tutti_tensor& input) {
  size_t count = 1;
  for (uint32_t i = 0; i < input.rank; i++) count *= static_cast<size_t>(input.dims[i]);
  const auto free_strings = [](void* data, size_t bytes, void*) {
    auto* strings = static_cast<TF_TString*>(data);
    for (size_t i = 0; i < bytes / sizeof(TF_TString); i++) tf.StringDealloc(&strings[i]);
    delete[] strings;
  };
  auto* strings = new TF_TString[count];
  const char* text = static_cast<const char*>(input.data);
  const char* const end = text + input.bytes;
  for (size_t i = 0; i < count; i++) {
    tf.StringInit(&strings[i]);
    if (text == end) continue;
    const size_t text_bytes = strnlen(text, static_cast<size_t>(end - text));
    tf.StringCopy(&strings[i], text, text_bytes);
    text += std::min<size_t>(text_bytes + 1, static_cast<size_t>(end - text));
  }
  return tf.NewTensor(TF_STRING, input.dims, static_cast<int>(input.rank), strings,
                      count * sizeof(TF_TString), free_strings, nullptr);
}

// With `is_borrowed` it lies over the input's own memory, which TensorFlow does not own and so
// never writes or hands on as room for a result; below 64-byte alignment TensorFlow copies it.
inline TF_Tensor* ToTensor(const tutti_tensor& input, bool is_borrowed) {
  if (input.dtype >= kDtypeCount) throw Failure{"ERR unsupported dtype of an input"};
  const TF_DataType type = kTensorFlowTypes[input.dtype];
  const int rank = static_cast<int>(input.rank);
  TF_Tensor* tensor = nullptr;
  if (type == TF_STRING) {
    tensor = CopyStrings(input);
  } else if (is_borrowed && input.bytes > 0) {
    tensor = tf.NewTensor(
        type, input.dims, rank, input.data, input.bytes, [](void*, size_t, void*) {}, nullptr);
  } else {
    tensor = tf.AllocateTensor(type, input.dims, rank, input.bytes);
    if (tensor != nullptr && input.bytes > 0) {
      std::memcpy(tf.TensorData(tensor), input.data, input.bytes);
    }
  }
  if (tensor == nullptr) throw Failure{"ERR TensorFlow refused the shape of an input"};
  return tensor;
}

// What an output keeps until it is released.
struct OutputOwner {
  Owned<TF_Tensor> tensor{nullptr, tf.DeleteTensor};  // null if `copy` holds the data
  std::unique_ptr<char[]> copy;
  std::vector<int64_t> dims;
};

// NUL-terminated; a NUL within a string ends it there, as it would where it is stored.
inline void JoinStrings(TF_Tensor* tensor, OutputOwner* owner, tutti_tensor* output) {
  const auto* strings = static_cast<const TF_TString*>(tf.TensorData(tensor));
  const auto count = static_cast<size_t>(tf.TensorElementCount(tensor));
  std::string joined;
  for (size_t i = 0; i < count; i++) {
    const std::string_view text(tf.StringGetDataPointer(&strings[i]),
                                tf.StringGetSize(&strings[i]));
    joined.append(text.substr(0, text.find('\0')));
    joined.push_back('\0');
  }
  owner->copy = std::make_unique<char[]>(joined.size() + 1);
  joined.copy(owner->copy.get(), joined.size());
  output->data = owner->copy.get();
  output->bytes = joined.size();
}

// Takes `*tensor` over, unless it throws. `must_copy` says that a later run may write its memory or
// that it lies in an input.
inline void Adopt(TF_Tensor** tensor, const std::string& name, bool must_copy,
                  tutti_tensor* output) {
  *output = tutti_tensor{};
  output->dtype = ToDtype(tf.TensorType(*tensor));
  if (output->dtype == kDtypeCount) {
    throw Failure{"ERR output '" + name + "' has dtype " +
                  std::to_string(static_cast<int>(tf.TensorType(*tensor))) +
                  " of TensorFlow, which no tensor key can hold"};
  }
  auto owner = std::make_unique<OutputOwner>();
  for (int i = 0; i < tf.NumDims(*tensor); i++) owner->dims.push_back(tf.Dim(*tensor, i));
  if (output->dtype == TUTTI_STRING) {
    JoinStrings(*tensor, owner.get(), output);
  } else {
    output->data = tf.TensorData(*tensor);
    output->bytes = tf.TensorByteSize(*tensor);
    if (must_copy && output->bytes > 0) {
      owner->copy = std::make_unique<char[]>(output->bytes);
      std::memcpy(owner->copy.get(), output->data, output->bytes);
      output->data = owner->copy.get();
    } else {
      owner->tensor.reset(std::exchange(*tensor, nullptr));
    }
  }
  output->rank = static_cast<uint32_t>(owner->dims.size());
  output->dims = owner->dims.data();
  output->release = [](void* released) { delete static_cast<OutputOwner*>(released); };
  output->owner = owner.release();
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TENSORFLOW_TENSORS_H_
