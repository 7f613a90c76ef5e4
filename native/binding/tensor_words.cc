#include "binding/tensor_words.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/memory_account.h"
#include "core/numbers.h"

namespace tutti {

namespace {

// --- elements as words ---

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

// Of a word that was refused there is no memory.
template <typename T, typename WordAt>
Code ParseElements(const WordAt& word_at, int32_t count, uint8_t* to) {
  for (int32_t i = 0; i < count; i++) {
    const std::string_view text = word_at(i);
    if (ThreadState::IsRefused(text)) return Code::kOutOfMemory;
    T element{};
    const Code code = ParseElement(text, &element);
    if (code != Code::kOk) return code;
    std::memcpy(to + static_cast<size_t>(i) * sizeof(T), &element, sizeof(T));
  }
  return Code::kOk;
}

template <typename WordAt>
Code ParseNumbers(DType dtype, const WordAt& word_at, int32_t count, uint8_t* to) {
  switch (dtype) {
    case DType::kFloat:
      return ParseElements<float>(word_at, count, to);
    case DType::kDouble:
      return ParseElements<double>(word_at, count, to);
    case DType::kInt8:
      return ParseElements<int8_t>(word_at, count, to);
    case DType::kInt16:
      return ParseElements<int16_t>(word_at, count, to);
    case DType::kInt32:
      return ParseElements<int32_t>(word_at, count, to);
    case DType::kInt64:
      return ParseElements<int64_t>(word_at, count, to);
    case DType::kUint8:
      return ParseElements<uint8_t>(word_at, count, to);
    case DType::kUint16:
      return ParseElements<uint16_t>(word_at, count, to);
    case DType::kBool:
      return ParseElements<bool>(word_at, count, to);
    case DType::kString:
      break;
  }
  return Code::kInvalidValue;
}

// Bytes of the strings, each with its NUL.
template <typename WordAt>
Result<int64_t> CountStringBytes(const WordAt& word_at, int32_t count) {
  int64_t bytes = 0;
  for (int32_t i = 0; i < count; i++) {
    const std::string_view text = word_at(i);
    if (ThreadState::IsRefused(text)) return Code::kOutOfMemory;
    if (text.find('\0') != std::string_view::npos) return Code::kNulInString;
    bytes += static_cast<int64_t>(text.size()) + 1;
  }
  return bytes;
}

template <typename WordAt>
Code JoinStrings(const WordAt& word_at, int32_t count, uint8_t* to) {
  for (int32_t i = 0; i < count; i++) {
    const std::string_view text = word_at(i);
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    to += text.size();
    *to++ = 0;
  }
  return Code::kOk;
}

// --- the tensor ---

struct Shape {
  std::array<int64_t, kTensorRankMax> dims;  // the first `rank`
  size_t rank = 0;
  int64_t element_count = 0;

  std::span<const int64_t> span() const { return {dims.data(), rank}; }
};

Code ReadShape(const ThreadState& thread, const TensorWords& words, Shape* shape) {
  if (words.dim_count > static_cast<int32_t>(kTensorRankMax)) return Code::kInvalidShape;
  shape->rank = static_cast<size_t>(words.dim_count);
  for (int32_t i = 0; i < words.dim_count; i++) {
    const auto dim = ParseInteger(thread.Word(words.first_dim + i));
    if (!dim || *dim <= 0) return Code::kInvalidShape;
    shape->dims[static_cast<size_t>(i)] = *dim;
  }
  const auto count = ElementCount(shape->span(), dtype_row(words.dtype).element_bytes);
  if (!count.ok()) return count.status().code();
  shape->element_count = count.value();
  if (words.source == TensorSource::kValues && count.value() != words.data_count) {
    return Code::kWrongValueCount;
  }
  return Code::kOk;
}

Result<Ref<Tensor>> OrOutOfMemory(Ref<Tensor> tensor) {
  if (!tensor) return Code::kOutOfMemory;
  return tensor;
}

Result<Ref<Tensor>> TensorOfZeros(DType dtype, const Shape& shape) {
  const auto bytes = static_cast<size_t>(shape.element_count) * dtype_row(dtype).element_bytes;
  if (!memory_account::MakeRoom(bytes)) return Code::kOutOfMemory;
  return OrOutOfMemory(Tensor::Zeros(dtype, shape.span(), bytes));
}

// `buffer` is null where the blob has no memory of its own.
Result<Ref<Tensor>> TensorOfBlob(DType dtype, std::span<const int64_t> dims, int64_t element_count,
                                 std::string_view blob, Ref<Buffer> buffer) {
  const auto* const data = reinterpret_cast<const uint8_t*>(blob.data());
  const Status status = CheckBlob(dtype, element_count, data, blob.size());
  if (!status.ok()) return status;
  return OrOutOfMemory(buffer ? Tensor::FromBuffer(dtype, dims, std::move(buffer), blob.size())
                              : Tensor::Copy(dtype, dims, data, blob.size()));
}

template <typename WordAt>
Result<Ref<Tensor>> TensorOfValues(DType dtype, std::span<const int64_t> dims, int32_t count,
                                   const WordAt& word_at) {
  if (dtype == DType::kString) {
    const Result<int64_t> bytes = CountStringBytes(word_at, count);
    if (!bytes.ok()) return bytes.status();
    return Tensor::Filled(dtype, dims, static_cast<size_t>(bytes.value()),
                          [&](uint8_t* to) { return JoinStrings(word_at, count, to); });
  }
  const size_t bytes = static_cast<size_t>(count) * dtype_row(dtype).element_bytes;
  return Tensor::Filled(dtype, dims, bytes,
                        [&](uint8_t* to) { return ParseNumbers(dtype, word_at, count, to); });
}

}  // namespace

Result<Ref<Tensor>> MakeTensor(ThreadState& thread, const TensorWords& words) {
  Shape shape;
  const Code shape_code = ReadShape(thread, words, &shape);
  if (shape_code != Code::kOk) return shape_code;
  switch (words.source) {
    case TensorSource::kZeros:
      return TensorOfZeros(words.dtype, shape);
    case TensorSource::kBlob: {
      const std::string_view blob = thread.Word(words.first_data);
      if (ThreadState::IsRefused(blob)) return Code::kOutOfMemory;
      const IncomingBlob* const incoming = thread.FindBlob(words.first_data);
      return TensorOfBlob(words.dtype, shape.span(), shape.element_count, blob,
                          incoming ? incoming->Share() : nullptr);
    }
    case TensorSource::kValues:
      return TensorOfValues(words.dtype, shape.span(), words.data_count,
                            [&](int32_t i) { return thread.Word(words.first_data + i); });
  }
  return Code::kInvalidShape;
}

Result<TensorMaker> MakeTensorLater(const ThreadState& thread, const TensorWords& words) {
  Shape shape;
  const Code shape_code = ReadShape(thread, words, &shape);
  if (shape_code != Code::kOk) return shape_code;
  const std::vector<int64_t> dims(shape.span().begin(), shape.span().end());
  const DType dtype = words.dtype;
  if (words.source == TensorSource::kBlob) {
    const IncomingBlob* const incoming = thread.FindBlob(words.first_data);
    if (!incoming) return TensorMaker();
    const std::string_view blob = thread.Word(words.first_data);
    if (ThreadState::IsRefused(blob)) return Code::kOutOfMemory;
    return TensorMaker(
        [dtype, dims, count = shape.element_count, blob, buffer = incoming->Share()] {
          return TensorOfBlob(dtype, dims, count, blob, buffer);
        });
  }
  if (words.source != TensorSource::kValues) return TensorMaker();
  const auto kept = KeptWords::Of(thread, words.first_data, words.data_count);
  if (!kept) return TensorMaker();
  return TensorMaker([dtype, dims, count = words.data_count, kept] {
    return TensorOfValues(dtype, dims, count, [&](int32_t i) { return kept->At(i); });
  });
}

}  // namespace tutti
