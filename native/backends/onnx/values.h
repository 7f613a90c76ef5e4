// Tensors of the server as values of ONNX Runtime, and back.
#ifndef TUTTI_BACKENDS_ONNX_VALUES_H_
#define TUTTI_BACKENDS_ONNX_VALUES_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../tensor_bytes.h"
#include "runtime.h"

namespace tutti::onnx {

// By dtype.
inline constexpr int kElementTypes[] = {ort::kElementFloat, ort::kElementDouble, ort::kElementInt8,
                                        ort::kElementInt16, ort::kElementInt32,  ort::kElementInt64,
                                        ort::kElementUint8, ort::kElementUint16, ort::kElementBool,
                                        ort::kElementString};

// kDtypeCount of what no tensor key can hold.
inline uint32_t DtypeOf(int element_type) {
  return static_cast<uint32_t>(std::find(kElementTypes, kElementTypes + kDtypeCount, element_type) -
                               kElementTypes);
}

// A place for the values of one run; most models have few.
class Values {
 public:
  explicit Values(size_t count) : count_(count) {
    if (count > kInlineCount) many_ = std::make_unique<ort::Value*[]>(count);
  }
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
  ~Values() {
    for (size_t i = 0; i < count_; i++) {
      if (get()[i] != nullptr) runtime.api.ReleaseValue(get()[i]);
    }
  }
  ort::Value** get() { return many_ ? many_.get() : few_; }
  ort::Value*& operator[](size_t i) { return get()[i]; }

 private:
  static constexpr size_t kInlineCount = 8;
  ort::Value* few_[kInlineCount] = {};
  std::unique_ptr<ort::Value*[]> many_;
  const size_t count_;
};

inline ort::Value* ToValue(const tutti_tensor& input) {
  if (input.dtype >= kDtypeCount) throw Failure{"ERR unsupported dtype of an input"};
  const int type = kElementTypes[input.dtype];
  ort::Value* value = nullptr;
  if (input.dtype != TUTTI_STRING) {
    Check(runtime.api.CreateTensorWithDataAsOrtValue(runtime.cpu, input.data, input.bytes,
                                                     input.dims, input.rank, type, &value));
    return value;
  }
  std::vector<const char*> strings;
  const char* text = static_cast<const char*>(input.data);
  for (const char* end = text + input.bytes; text < end; text += std::strlen(text) + 1) {
    strings.push_back(text);
  }
  Check(
      runtime.api.CreateTensorAsOrtValue(runtime.allocator, input.dims, input.rank, type, &value));
  Owned<ort::Value> owned(value, runtime.api.ReleaseValue);
  Check(runtime.api.FillStringTensor(value, strings.data(), strings.size()));
  return owned.release();
}

// What an output keeps until it is released.
struct OutputOwner {
  ort::Value* value = nullptr;  // null if `copy` holds the data
  std::unique_ptr<char[]> copy;
  std::vector<int64_t> dims;

  ~OutputOwner() {
    if (value != nullptr) runtime.api.ReleaseValue(value);
  }
};

inline void ReleaseOutput(void* owner) { delete static_cast<OutputOwner*>(owner); }

inline void FillStrings(ort::Value* value, size_t count, OutputOwner* owner, tutti_tensor* output) {
  size_t text_bytes = 0;
  Check(runtime.api.GetStringTensorDataLength(value, &text_bytes));
  std::vector<size_t> offsets(count + 1, text_bytes);
  auto text = std::make_unique<char[]>(text_bytes + 1);
  Check(runtime.api.GetStringTensorContent(value, text.get(), text_bytes, offsets.data(), count));
  owner->copy = std::make_unique<char[]>(text_bytes + count + 1);
  char* to = owner->copy.get();
  for (size_t i = 0; i < count; i++) {
    // Stored strings end at a NUL, so one inside ends it there.
    const std::string_view string(text.get() + offsets[i], offsets[i + 1] - offsets[i]);
    to += string.copy(to, std::min(string.size(), string.find('\0')));
    *to++ = '\0';
  }
  output->data = owner->copy.get();
  output->bytes = static_cast<uint64_t>(to - owner->copy.get());
}

// Fills the output `name` from a value that is a tensor, which it takes over unless it throws.
inline void ToOutput(const std::string& name, ort::Value** value, const tutti_tensor* inputs,
                     size_t input_count, tutti_tensor* output) {
  ort::TensorInfo* made = nullptr;
  Check(runtime.api.GetTensorTypeAndShape(*value, &made));
  Owned<ort::TensorInfo> info(made, runtime.api.ReleaseTensorInfo);
  int type = 0;
  size_t rank = 0;
  Check(runtime.api.GetTensorElementType(made, &type));
  Check(runtime.api.GetDimensionsCount(made, &rank));
  const uint32_t dtype = DtypeOf(type);
  if (dtype == kDtypeCount) {
    throw Failure{"ERR output '" + name + "' has element type " + std::to_string(type) +
                  " of ONNX, which no tensor key can hold"};
  }
  auto owner = std::make_unique<OutputOwner>();
  owner->dims.resize(rank);
  Check(runtime.api.GetDimensions(made, owner->dims.data(), rank));
  size_t element_count = 1;
  for (int64_t dim : owner->dims) element_count *= static_cast<size_t>(dim);
  if (dtype == TUTTI_STRING) {
    FillStrings(*value, element_count, owner.get(), output);
  } else {
    Check(runtime.api.GetTensorMutableData(*value, &output->data));
    output->bytes = element_count * kElementBytes[dtype];
    if (PointsInto(output->data, inputs, input_count)) {  // an input that is an output too
      owner->copy = std::make_unique<char[]>(output->bytes);
      std::memcpy(owner->copy.get(), output->data, output->bytes);
      output->data = owner->copy.get();
    } else {
      owner->value = std::exchange(*value, nullptr);
    }
  }
  output->dtype = dtype;
  output->rank = static_cast<uint32_t>(rank);
  output->dims = owner->dims.data();
  output->release = ReleaseOutput;
  output->owner = owner.release();
}

}  // namespace tutti::onnx

#endif  // TUTTI_BACKENDS_ONNX_VALUES_H_
