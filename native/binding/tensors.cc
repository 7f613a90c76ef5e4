// The exports about tensors.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <utility>

#include "binding/command_words.h"
#include "binding/thread_state.h"
#include "core/numbers.h"
#include "keyspace/freeing.h"
#include "keyspace/keyspace.h"
#include "tensor/tensor.h"

namespace tutti {

namespace {

// What of a thread's room for one call is kept for the next one.
constexpr size_t kKeptBytesMax = 1 * kMiB;

// --- AI.TENSORSET ... VALUES ---

template <typename T>
Code ParseIntegerElement(std::string_view text, T* to) {
  const auto value = ParseInteger(text);
  if (!value || *value < std::numeric_limits<T>::min() || *value > std::numeric_limits<T>::max()) {
    return Code::kInvalidValue;
  }
  *to = static_cast<T>(*value);
  return Code::kOk;
}

Code ParseElement(std::string_view text, int8_t* to) { return ParseIntegerElement(text, to); }
Code ParseElement(std::string_view text, int16_t* to) { return ParseIntegerElement(text, to); }
Code ParseElement(std::string_view text, int32_t* to) { return ParseIntegerElement(text, to); }
Code ParseElement(std::string_view text, int64_t* to) { return ParseIntegerElement(text, to); }
Code ParseElement(std::string_view text, uint8_t* to) { return ParseIntegerElement(text, to); }
Code ParseElement(std::string_view text, uint16_t* to) { return ParseIntegerElement(text, to); }

Code ParseElement(std::string_view text, double* to) {
  const auto value = ParseDouble(text);
  if (!value) return Code::kInvalidValue;
  *to = *value;
  return Code::kOk;
}

Code ParseElement(std::string_view text, float* to) {
  const auto value = ParseDouble(text);
  if (!value) return Code::kInvalidValue;
  *to = static_cast<float>(*value);
  return std::isinf(*to) && !std::isinf(*value) ? Code::kInvalidValue : Code::kOk;
}

Code ParseElement(std::string_view text, bool* to) {
  const auto value = ParseInteger(text);
  if (!value) return Code::kInvalidValue;
  *to = *value == 1;
  return *value == 0 || *value == 1 ? Code::kOk : Code::kInvalidValue;
}

template <typename T>
Code ParseElements(const ThreadState& thread, int32_t first, int32_t count,
                   std::vector<uint8_t>* into) {
  into->resize(static_cast<size_t>(count) * sizeof(T));
  for (int32_t i = 0; i < count; i++) {
    const std::string_view text = thread.Word(first + i);
    if (ThreadState::IsRefused(text)) return Code::kOutOfMemory;
    T element{};
    const Code code = ParseElement(text, &element);
    if (code != Code::kOk) return code;
    std::memcpy(into->data() + static_cast<size_t>(i) * sizeof(T), &element, sizeof(T));
  }
  return Code::kOk;
}

Code JoinStrings(const ThreadState& thread, int32_t first, int32_t count,
                 std::vector<uint8_t>* into) {
  into->clear();
  for (int32_t i = 0; i < count; i++) {
    const std::string_view text = thread.Word(first + i);
    if (ThreadState::IsRefused(text)) return Code::kOutOfMemory;
    if (text.find('\0') != std::string_view::npos) return Code::kNulInString;
    into->insert(into->end(), text.begin(), text.end());
    into->push_back(0);
  }
  return Code::kOk;
}

Code ParseValues(const ThreadState& thread, DType dtype, int32_t first, int32_t count,
                 std::vector<uint8_t>* into) {
  switch (dtype) {
    case DType::kFloat:
      return ParseElements<float>(thread, first, count, into);
    case DType::kDouble:
      return ParseElements<double>(thread, first, count, into);
    case DType::kInt8:
      return ParseElements<int8_t>(thread, first, count, into);
    case DType::kInt16:
      return ParseElements<int16_t>(thread, first, count, into);
    case DType::kInt32:
      return ParseElements<int32_t>(thread, first, count, into);
    case DType::kInt64:
      return ParseElements<int64_t>(thread, first, count, into);
    case DType::kUint8:
      return ParseElements<uint8_t>(thread, first, count, into);
    case DType::kUint16:
      return ParseElements<uint16_t>(thread, first, count, into);
    case DType::kBool:
      return ParseElements<bool>(thread, first, count, into);
    case DType::kString:
      return JoinStrings(thread, first, count, into);
  }
  return Code::kInvalidValue;
}

// --- AI.TENSORSET ---

Code ParseDims(const ThreadState& thread, int32_t first, int32_t count, int64_t* dims) {
  if (count > static_cast<int32_t>(kTensorRankMax)) return Code::kInvalidShape;
  for (int32_t i = 0; i < count; i++) {
    const auto dim = ParseInteger(thread.Word(first + i));
    if (!dim || *dim <= 0) return Code::kInvalidShape;
    dims[i] = *dim;
  }
  return Code::kOk;
}

}  // namespace

Result<Ref<Tensor>> MakeTensor(ThreadState& thread, const TensorWords& words) {
  int64_t dim_array[kTensorRankMax];
  const Code shape_code = ParseDims(thread, words.first_dim, words.dim_count, dim_array);
  if (shape_code != Code::kOk) return shape_code;
  const std::span<const int64_t> dims(dim_array, static_cast<size_t>(words.dim_count));
  const uint32_t element_bytes = dtype_row(words.dtype).element_bytes;
  const Result<int64_t> count = ElementCount(dims, element_bytes);
  if (!count.ok()) return count.status();

  Ref<Tensor> tensor;
  if (words.source == TensorSource::kZeros) {
    const auto bytes = static_cast<size_t>(count.value()) * element_bytes;
    if (!memory_account::MakeRoom(bytes)) return Code::kOutOfMemory;
    tensor = Tensor::Zeros(words.dtype, dims, bytes);
  } else if (words.source == TensorSource::kBlob) {
    const std::string_view blob = thread.Word(words.first_data);
    if (ThreadState::IsRefused(blob)) return Code::kOutOfMemory;
    const auto* const data = reinterpret_cast<const uint8_t*>(blob.data());
    const Status status = CheckBlob(words.dtype, count.value(), data, blob.size());
    if (!status.ok()) return status;
    const IncomingBlob* const incoming = thread.FindBlob(words.first_data);
    tensor = incoming ? Tensor::FromBuffer(words.dtype, dims, incoming->Share(), blob.size())
                      : Tensor::Copy(words.dtype, dims, data, blob.size());
  } else {
    if (count.value() != words.data_count) return Code::kWrongValueCount;
    const Code code =
        ParseValues(thread, words.dtype, words.first_data, words.data_count, &thread.bytes);
    if (code == Code::kOk) {
      tensor = Tensor::Copy(words.dtype, dims, thread.bytes.data(), thread.bytes.size());
    }
    if (thread.bytes.capacity() > kKeptBytesMax) std::vector<uint8_t>().swap(thread.bytes);
    if (code != Code::kOk) return code;
  }
  if (!tensor) return Code::kOutOfMemory;
  return tensor;
}

int64_t HoldTensor(ThreadState& thread, Ref<Object> tensor) {
  const auto& held = static_cast<const Tensor&>(*tensor);
  double* const numbers = thread.blocks->numbers;
  const auto dims = held.dims();
  numbers[0] = static_cast<double>(held.dtype());
  numbers[1] = static_cast<double>(dims.size());
  for (size_t i = 0; i < dims.size(); i++) numbers[2 + i] = static_cast<double>(dims[i]);
  return thread.Hold(std::move(tensor), held.data(), held.bytes());
}

namespace {

napi_value TensorSet(napi_env env, napi_callback_info info) {
  const Arguments<8> in(env, info);
  ThreadState& thread = this_thread();
  const int db = in.Int(0);
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kOutOfMemory);
  const int32_t dtype = in.Int(2);
  TUTTI_CHECK(dtype >= 0 && dtype < kDTypeCount);
  auto made = MakeTensor(thread, {static_cast<DType>(dtype), in.Int(3), in.Int(4),
                                  static_cast<TensorSource>(in.Int(5)), in.Int(6), in.Int(7)});
  if (!made.ok()) {
    // RedisAI opens the key before it looks at the rest.
    const Ref<Object> present = Keyspace::Get().Find(db, key);
    if (present && present->kind() != ObjectKind::kTensor) return ToJs(env, Code::kWrongType);
    return ToJs(env, made.status());
  }
  SetOptions options;
  options.required_kind = ObjectKind::kTensor;
  return ToJs(env, Keyspace::Get().Set(db, key, std::move(made.value()), options, nullptr));
}

// --- AI.TENSORGET ---

napi_value TensorFind(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  ThreadState& thread = this_thread();
  const std::string_view key = thread.Word(in.Int(1));
  if (ThreadState::IsRefused(key)) return ToJs(env, Code::kNotFound);
  Ref<Object> value = Keyspace::Get().Find(in.Int(0), key);
  if (!value) return ToJs(env, Code::kNotFound);
  if (value->kind() != ObjectKind::kTensor) return ToJs(env, Code::kWrongType);
  return ToJs(env, HoldTensor(thread, std::move(value)));
}

// The tensor that is held, which is let go of.
Ref<Tensor> TakeHeldTensor(ThreadState& thread) {
  TUTTI_CHECK(thread.held.owner && thread.held.owner->kind() == ObjectKind::kTensor);
  Held held = std::exchange(thread.held, {});
  return Ref<Tensor>::Adopt(static_cast<Tensor*>(held.owner.Leave()));
}

napi_value TensorValues(napi_env env, napi_callback_info) {
  ThreadState& thread = this_thread();
  return ToJs(env, thread.BeginRows(MakeElementRows(TakeHeldTensor(thread))));
}

// --- elements that are framed as the client takes them ---

napi_value ElementsBegin(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  const int32_t form = in.Int(0);
  TUTTI_CHECK(form >= 0 && form <= static_cast<int32_t>(ElementForm::kDouble));
  const uint32_t id = thread.elements.Add(TakeHeldTensor(thread), static_cast<ElementForm>(form));
  thread.blocks->numbers[0] = static_cast<double>(thread.elements.At(id).total());
  return ToJs(env, id);
}

napi_value ElementsFrame(napi_env env, napi_callback_info info) {
  const Arguments<2> in(env, info);
  void* block = nullptr;
  size_t block_bytes = 0;
  napi_typedarray_type type;
  TUTTI_CHECK(napi_get_typedarray_info(env, in[1], &type, &block_bytes, &block, nullptr, nullptr) ==
              napi_ok);
  ElementFramer& elements = this_thread().elements.At(in.Int(0));
  return ToJs(env, static_cast<int64_t>(elements.Frame(static_cast<uint8_t*>(block), block_bytes)));
}

napi_value ElementsLeftBytes(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  return ToJs(env, static_cast<int64_t>(this_thread().elements.At(in.Int(0)).left_bytes()));
}

napi_value ElementsRelease(napi_env env, napi_callback_info info) {
  const Arguments<1> in(env, info);
  ThreadState& thread = this_thread();
  // The reply may have been the last to hold it.
  freeing::Free(thread.elements.At(in.Int(0)).TakeTensor());
  thread.elements.Remove(in.Int(0));
  return kUndefined;
}

}  // namespace

std::span<const Export> TensorExports() {
  static constexpr Export exports[] = {
      {"tensorSet", TensorSet},
      {"tensorFind", TensorFind},
      {"tensorValues", TensorValues},
      {"elementsBegin", ElementsBegin},
      {"elementsFrame", ElementsFrame},
      {"elementsLeftBytes", ElementsLeftBytes},
      {"elementsRelease", ElementsRelease},
  };
  return exports;
}

}  // namespace tutti
