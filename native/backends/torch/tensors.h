// Tensors of the backend table to and from torch's, without a copy where that is safe.
#ifndef TUTTI_BACKENDS_TORCH_TENSORS_H_
#define TUTTI_BACKENDS_TORCH_TENSORS_H_

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../inference/backend.h"

namespace tutti {

// A text for the client that is ours, not torch's.
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline c10::ScalarType ToScalarType(uint32_t dtype) {
  switch (dtype) {
    case TUTTI_FLOAT:
      return c10::kFloat;
    case TUTTI_DOUBLE:
      return c10::kDouble;
    case TUTTI_INT8:
      return c10::kChar;
    case TUTTI_INT16:
      return c10::kShort;
    case TUTTI_INT32:
      return c10::kInt;
    case TUTTI_INT64:
      return c10::kLong;
    case TUTTI_UINT8:
      return c10::kByte;
    case TUTTI_BOOL:
      return c10::kBool;
    case TUTTI_UINT16:
      throw Refusal("Unsupported kUInt bits 16");  // RedisAI 1.2's text
    default:
      throw Refusal("ERR TORCH does not take STRING tensors");
  }
}

inline uint32_t ToDtype(c10::ScalarType type) {
  switch (type) {
    case c10::kFloat:
      return TUTTI_FLOAT;
    case c10::kDouble:
      return TUTTI_DOUBLE;
    case c10::kChar:
      return TUTTI_INT8;
    case c10::kShort:
      return TUTTI_INT16;
    case c10::kInt:
      return TUTTI_INT32;
    case c10::kLong:
      return TUTTI_INT64;
    case c10::kByte:
      return TUTTI_UINT8;
    case c10::kBool:
      return TUTTI_BOOL;
    default:
      throw Refusal(std::string("ERR output has dtype ") + c10::toString(type) +
                    ", which no tensor key can hold");
  }
}

// The inputs of one run: torch tensors over memory that is ours only until the run ends.
class BorrowedInputs {
 public:
  explicit BorrowedInputs(size_t input_count) { storages_.reserve(input_count); }
  BorrowedInputs(const BorrowedInputs&) = delete;
  BorrowedInputs& operator=(const BorrowedInputs&) = delete;
  // After a failure too: the model may have kept an input before it failed.
  ~BorrowedInputs() { Return(); }

  at::Tensor Borrow(const tutti_tensor& input, bool may_be_written, c10::Device device) {
    const c10::ScalarType type = ToScalarType(input.dtype);
    const at::IntArrayRef dims(input.dims, input.rank);
    if (input.bytes == 0) return at::empty(dims, at::TensorOptions(type).device(device));
    at::Tensor tensor = at::from_blob(input.data, dims, at::TensorOptions(type));
    if (!device.is_cpu()) return tensor.to(device);
    if (may_be_written) return tensor.clone();
    storages_.push_back(tensor.storage());
    return tensor;
  }

  // To be called when only outputs and the model's own state can still refer to an input: those
  // that do get their own copy of its memory, in place, so that views follow.
  void Return() {
    for (const c10::Storage& storage : storages_) {
      if (storage.use_count() == 1) continue;
      c10::DataPtr copy = c10::GetCPUAllocator()->allocate(storage.nbytes());
      std::memcpy(copy.get(), storage.data(), storage.nbytes());
      storage.set_data_ptr_noswap(std::move(copy));
    }
    storages_.clear();
  }

 private:
  std::vector<c10::Storage> storages_;
};

// Appends the tensors of `value`, depth first; false if there is anything else in it.
inline bool FlattenTensors(const c10::IValue& value, std::vector<at::Tensor>* tensors) {
  if (value.isTensor()) {
    tensors->push_back(value.toTensor());
    return value.toTensor().defined();
  }
  if (value.isTuple()) {
    for (const c10::IValue& element : value.toTupleRef().elements()) {
      if (!FlattenTensors(element, tensors)) return false;
    }
    return true;
  }
  if (value.isList()) {
    for (const c10::IValue& element : value.toListRef()) {
      if (!FlattenTensors(element, tensors)) return false;
    }
    return true;
  }
  if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      if (!FlattenTensors(entry.value(), tensors)) return false;
    }
    return true;
  }
  return false;
}

// Packed, row-major, in host memory. Its storage may still be shared.
inline at::Tensor ToHostRows(const at::Tensor& tensor) {
  at::Tensor rows = tensor.layout() == c10::kStrided ? tensor : tensor.to_dense();
  if (rows.is_neg()) rows = rows.resolve_neg();
  if (!rows.device().is_cpu()) rows = rows.to(c10::kCPU);
  rows = rows.contiguous();
  // A small slice must not keep a large tensor alive: what is stored is counted by its own size.
  constexpr size_t kSlackBytesMax = 4096;
  if (rows.storage().nbytes() > 2 * rows.nbytes() + kSlackBytesMax) rows = rows.clone();
  return rows;
}

inline void ReleaseTensorImpl(void* owner) {
  c10::intrusive_ptr<c10::TensorImpl>::reclaim(static_cast<c10::TensorImpl*>(owner));
}

// Gives up one reference: `output` owns it from now on.
inline void Adopt(at::Tensor&& tensor, tutti_tensor* output) {
  output->dtype = ToDtype(tensor.scalar_type());
  output->rank = static_cast<uint32_t>(tensor.dim());
  output->dims = tensor.sizes().data();
  output->data = tensor.data_ptr();
  output->bytes = tensor.nbytes();
  output->release = ReleaseTensorImpl;
  output->owner = tensor.unsafeReleaseTensorImpl();
}

// Turns the result of a run into outputs: all of them or, by an exception, none. `may_write` tells
// that a later run may write what this one returned.
inline void FillOutputs(std::vector<at::Tensor>* tensors, bool may_write, BorrowedInputs* borrowed,
                        tutti_tensor* outputs) {
  for (at::Tensor& tensor : *tensors) {
    ToDtype(tensor.scalar_type());
    tensor = ToHostRows(tensor);
  }
  borrowed->Return();
  if (may_write) {
    for (at::Tensor& tensor : *tensors) {
      if (tensor.use_count() > 1 || tensor.storage().use_count() > 1) tensor = tensor.clone();
    }
  }
  for (size_t i = 0; i < tensors->size(); i++) Adopt(std::move((*tensors)[i]), &outputs[i]);
}

}  // namespace tutti

#endif  // TUTTI_BACKENDS_TORCH_TENSORS_H_
