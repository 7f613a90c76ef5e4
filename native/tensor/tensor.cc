#include "tensor/tensor.h"

#include <malloc.h>

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "tensor/incoming_blob.h"

namespace tutti {

namespace {

constexpr size_t kInlineAlignment = 16;

// How many of the bytes the first `count` NUL-terminated strings take.
size_t BytesOfStrings(const uint8_t* begin, const uint8_t* end, int64_t count) {
  const uint8_t* at = begin;
  for (; count > 0 && at < end; count--) {
    const void* nul = std::memchr(at, 0, static_cast<size_t>(end - at));
    at = nul ? static_cast<const uint8_t*>(nul) + 1 : end;
  }
  return static_cast<size_t>(at - begin);
}

}  // namespace

// The header with its dims, and `inline_bytes` of elements behind them, in one block.
Tensor* Tensor::New(DType dtype, std::span<const int64_t> dims, size_t inline_bytes) {
  assert(dims.size() <= kTensorRankMax);
  const size_t header_bytes = (sizeof(Tensor) + dims.size_bytes() + kInlineAlignment - 1) /
                              kInlineAlignment * kInlineAlignment;
  void* block = AccountedAlloc(header_bytes + inline_bytes, MemoryKind::kTensors);
  if (!block) return nullptr;
  auto* tensor = new (block) Tensor();
  auto* stored_dims = reinterpret_cast<int64_t*>(static_cast<uint8_t*>(block) + sizeof(Tensor));
  std::copy(dims.begin(), dims.end(), stored_dims);
  tensor->dtype_ = dtype;
  tensor->rank_ = static_cast<uint32_t>(dims.size());
  tensor->dims_ = stored_dims;
  tensor->data_ = static_cast<uint8_t*>(block) + header_bytes;
  tensor->bytes_ = inline_bytes;
  tensor->footprint_ = malloc_usable_size(block);
  return tensor;
}

Ref<Tensor> Tensor::WithRoom(DType dtype, std::span<const int64_t> dims, size_t bytes) {
  if (bytes < kBlobBytesMin) return Ref<Tensor>::Adopt(New(dtype, dims, bytes));
  Ref<Buffer> buffer = Buffer::Allocate(bytes, MemoryKind::kTensors);
  return buffer ? FromBuffer(dtype, dims, std::move(buffer), bytes) : nullptr;
}

Ref<Tensor> Tensor::Copy(DType dtype, std::span<const int64_t> dims, const void* data,
                         size_t bytes) {
  Ref<Tensor> tensor = WithRoom(dtype, dims, bytes);
  if (tensor && bytes > 0) std::memcpy(tensor->data_, data, bytes);
  return tensor;
}

Ref<Tensor> Tensor::Zeros(DType dtype, std::span<const int64_t> dims, size_t bytes) {
  if (bytes >= kBlobBytesMin) {
    Ref<Buffer> buffer = Buffer::Zeros(bytes, MemoryKind::kTensors);
    return buffer ? FromBuffer(dtype, dims, std::move(buffer), bytes) : nullptr;
  }
  Ref<Tensor> tensor = WithRoom(dtype, dims, bytes);
  if (tensor && bytes > 0) std::memset(tensor->data_, 0, bytes);
  return tensor;
}

Ref<Tensor> Tensor::FromBuffer(DType dtype, std::span<const int64_t> dims, Ref<Buffer> buffer,
                               size_t bytes) {
  assert(bytes <= buffer->capacity());
  Ref<Tensor> tensor = Ref<Tensor>::Adopt(New(dtype, dims, 0));
  if (!tensor) return nullptr;
  buffer->SetKind(MemoryKind::kTensors);
  tensor->data_ = buffer->data();
  tensor->bytes_ = bytes;
  tensor->footprint_ += buffer->capacity();
  tensor->buffer_ = std::move(buffer);
  return tensor;
}

Ref<Tensor> Tensor::Adopt(DType dtype, std::span<const int64_t> dims, void* data, size_t bytes,
                          void* owner, void (*release)(void*)) {
  Ref<Tensor> tensor = Ref<Tensor>::Adopt(New(dtype, dims, 0));
  if (!tensor) {
    if (release) release(owner);
    return nullptr;
  }
  memory_account::Add(MemoryKind::kTensors, static_cast<int64_t>(bytes));
  tensor->data_ = static_cast<uint8_t*>(data);
  tensor->bytes_ = bytes;
  tensor->footprint_ += bytes;
  tensor->owner_ = owner;
  tensor->release_ = release;
  tensor->is_adopted_ = true;
  return tensor;
}

Ref<Tensor> Tensor::Concatenate(std::span<const Ref<Tensor>> parts) {
  std::vector<int64_t> dims(parts[0]->dims().begin(), parts[0]->dims().end());
  dims[0] = 0;
  size_t bytes = 0;
  for (const Ref<Tensor>& part : parts) {
    assert(part->dtype() == parts[0]->dtype() && part->dims().size() == dims.size());
    dims[0] += part->dims()[0];
    bytes += part->bytes();
  }
  Ref<Tensor> all = WithRoom(parts[0]->dtype(), dims, bytes);
  if (!all) return nullptr;
  uint8_t* to = all->data_;
  for (const Ref<Tensor>& part : parts) {
    if (part->bytes() > 0) std::memcpy(to, part->data(), part->bytes());
    to += part->bytes();
  }
  return all;
}

std::vector<Ref<Tensor>> Tensor::Split(const Ref<Tensor>& whole,
                                       std::span<const int64_t> row_counts) {
  std::vector<int64_t> dims(whole->dims().begin(), whole->dims().end());
  const int64_t all_rows = dims[0];
  int64_t row_elements = 1;
  for (const int64_t dim : std::span(dims).subspan(1)) row_elements *= dim;
  const uint8_t* from = whole->data_;
  std::vector<Ref<Tensor>> parts;
  parts.reserve(row_counts.size());
  for (const int64_t row_count : row_counts) {
    dims[0] = row_count;
    Ref<Tensor> part = Ref<Tensor>::Adopt(New(whole->dtype_, dims, 0));
    if (!part) return {};
    if (whole->dtype_ == DType::kString) {
      part->bytes_ = BytesOfStrings(from, whole->data_ + whole->bytes_, row_count * row_elements);
    } else if (all_rows > 0) {
      part->bytes_ = whole->bytes_ / static_cast<size_t>(all_rows) * static_cast<size_t>(row_count);
    }
    part->data_ = const_cast<uint8_t*>(from);
    part->footprint_ += part->bytes_;
    part->whole_ = whole;
    from += part->bytes_;
    parts.push_back(std::move(part));
  }
  assert(from == whole->data_ + whole->bytes_);
  return parts;
}

bool Tensor::is_slow_to_free() const {
  constexpr size_t kSlowBytesMin = 64 * kKiB;
  if (whole_) return whole_->is_unique() && whole_->is_slow_to_free();
  if (buffer_) return buffer_->is_unique() && buffer_->is_slow_to_free();
  return is_adopted_ && bytes_ > kSlowBytesMin;
}

Tensor::~Tensor() {
  if (!is_adopted_) return;
  memory_account::Add(MemoryKind::kTensors, -static_cast<int64_t>(bytes_));
  if (release_) release_(owner_);
}

void Tensor::operator delete(void* block) { AccountedFree(block, MemoryKind::kTensors); }

Result<int64_t> ElementCount(std::span<const int64_t> dims, uint32_t element_bytes) {
  if (dims.size() > kTensorRankMax) return Code::kInvalidShape;
  const int64_t count_max = std::numeric_limits<int64_t>::max() / element_bytes;
  int64_t count = 1;
  for (const int64_t dim : dims) {
    if (dim <= 0 || count > count_max / dim) return Code::kInvalidShape;
    count *= dim;
  }
  return count;
}

Status CheckBlob(DType dtype, int64_t element_count, const uint8_t* data, size_t bytes) {
  if (dtype == DType::kString) {
    const bool is_terminated = bytes > 0 && data[bytes - 1] == 0;
    if (!is_terminated || std::count(data, data + bytes, 0) != element_count) {
      return Code::kWrongStringCount;
    }
    return Status::Ok();
  }
  // ElementCount() has seen to it that the product fits.
  if (static_cast<uint64_t>(element_count) * dtype_row(dtype).element_bytes != bytes) {
    return Code::kWrongBlobLength;
  }
  if (dtype == DType::kBool) {
    uint8_t all_bits = 0;  // no early exit: this way the loop is done in vectors
    for (size_t i = 0; i < bytes; ++i) all_bits |= data[i];
    if (all_bits > 1) return Code::kInvalidBool;
  }
  return Status::Ok();
}

}  // namespace tutti
