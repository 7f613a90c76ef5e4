// A tensor: dtype, shape and packed row-major elements in host memory. Immutable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/object.h"
#include "core/status.h"
#include "tensor/buffer_pool.h"
#include "tensor/dtype.h"

namespace tutti {

inline constexpr uint32_t kTensorRankMax = 255;

class Tensor final : public Object {
 public:
  // Copies `bytes` (counted as one small copy) into one block with the header. For blobs below
  // kBlobBytesMin; above that it takes a pool block. Null: out of memory.
  static Ref<Tensor> Copy(DType dtype, std::span<const int64_t> dims, const void* data,
                          size_t bytes);
  // Zeros; for STRING one NUL an element.
  static Ref<Tensor> Zeros(DType dtype, std::span<const int64_t> dims, size_t bytes);
  // `fill` writes the `bytes` of the elements, and answers a Code. kOutOfMemory, or its own.
  template <typename Fill>
  static Result<Ref<Tensor>> Filled(DType dtype, std::span<const int64_t> dims, size_t bytes,
                                    const Fill& fill) {
    Ref<Tensor> tensor = WithRoom(dtype, dims, bytes);
    if (!tensor) return Code::kOutOfMemory;
    const Code code = fill(tensor->data_);
    if (code != Code::kOk) return code;
    return tensor;
  }
  // Takes over the memory that the socket wrote into.
  static Ref<Tensor> FromBuffer(DType dtype, std::span<const int64_t> dims, Ref<Buffer> buffer,
                                size_t bytes);
  // Takes over a runtime's output; `release(owner)` is called once, by the last reader's thread.
  static Ref<Tensor> Adopt(DType dtype, std::span<const int64_t> dims, void* data, size_t bytes,
                           void* owner, void (*release)(void*));

  // The elements of `parts`, at least one, one after the other: dim 0 is the sum of theirs. They
  // have one dtype, and equal dims but for dim 0. Copies once. Null: out of memory.
  static Ref<Tensor> Concatenate(std::span<const Ref<Tensor>> parts);
  // The first rows of `whole`, the next ones and so on, which add up to its dim 0. Nothing is
  // copied: each part keeps all of `whole` alive. Empty: out of memory.
  static std::vector<Ref<Tensor>> Split(const Ref<Tensor>& whole,
                                        std::span<const int64_t> row_counts);

  DType dtype() const { return dtype_; }
  std::span<const int64_t> dims() const { return {dims_, rank_}; }
  const uint8_t* data() const { return data_; }
  size_t bytes() const { return bytes_; }
  size_t footprint(int64_t /*sample_count*/ = 0) const override { return footprint_; }
  bool is_slow_to_free() const override;

 private:
  Tensor() : Object(ObjectKind::kTensor) {}
  static Tensor* New(DType dtype, std::span<const int64_t> dims, size_t inline_bytes);
  static Ref<Tensor> WithRoom(DType dtype, std::span<const int64_t> dims, size_t bytes);
  ~Tensor() override;
  static void operator delete(void* block);

  DType dtype_ = DType::kFloat;
  uint32_t rank_ = 0;
  const int64_t* dims_ = nullptr;
  uint8_t* data_ = nullptr;
  size_t bytes_ = 0;
  size_t footprint_ = 0;
  Ref<Buffer> buffer_;
  Ref<Tensor> whole_;  // of which this is a part
  void* owner_ = nullptr;
  void (*release_)(void*) = nullptr;
  bool is_adopted_ = false;
};

// Number of elements, in checked 64-bit arithmetic; kInvalidShape if a dim is not positive, the
// product passes 2^63 - 1 bytes, or there are more than kTensorRankMax dims.
Result<int64_t> ElementCount(std::span<const int64_t> dims, uint32_t element_bytes);
// kWrongBlobLength, kInvalidBool, kWrongStringCount: what AI.TENSORSET ... BLOB must refuse.
Status CheckBlob(DType dtype, int64_t element_count, const uint8_t* data, size_t bytes);

}  // namespace tutti
