// Tensors of the backend table to and from LiteRT's.
#ifndef TUTTI_BACKENDS_TFLITE_TENSORS_H_
#define TUTTI_BACKENDS_TFLITE_TENSORS_H_

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "../../inference/backend.h"
#include "../tensor_bytes.h"
#include "interpreters.h"
#include "litert_api.h"
#include "output_region.h"

namespace tutti::litert {

// LiteRT takes host memory, of models and of tensors, only at multiples of it.
constexpr size_t kAlignment = 64;

struct FreeAligned {
  void operator()(void* block) const { std::free(block); }
};
using AlignedBytes = std::unique_ptr<void, FreeAligned>;

inline AlignedBytes AllocateAligned(size_t bytes) {
  // Never empty, and with room for kernels that read a vector beyond the last element.
  void* block = std::aligned_alloc(kAlignment, bytes / kAlignment * kAlignment + 2 * kAlignment);
  if (block == nullptr) throw std::bad_alloc();
  return AlignedBytes(block);
}

// An input or output of the model. Dims are -1 where any will do.
struct TensorSpec {
  std::string name;
  int32_t element_type = 0;
  std::vector<int32_t> dims;
  const Tensor* tensor = nullptr;
};

// By dtype.
constexpr int32_t kElementTypes[] = {kElementFloat, kElementDouble, kElementInt8,  kElementInt16,
                                     kElementInt32, kElementInt64,  kElementUint8, kElementUint16,
                                     kElementBool,  kElementString};

// kDtypeCount if there is none for it.
inline uint32_t ToDtype(int32_t element_type) {
  return static_cast<uint32_t>(std::find(kElementTypes, kElementTypes + kDtypeCount, element_type) -
                               kElementTypes);
}

inline std::string ShapeText(const std::vector<int32_t>& dims) {
  std::string text;
  for (int32_t dim : dims) {
    text += (text.empty() ? "" : ",") + (dim < 0 ? std::string("N") : std::to_string(dim));
  }
  return "[" + text + "]";
}

inline std::vector<int64_t> WithoutOnes(std::vector<int64_t> dims) {
  std::erase(dims, 1);
  return dims;
}

// The dims to give input `spec` for this tensor. As in RedisAI, which looks at nothing but the
// bytes, dims of 1 may be left out or added.
inline std::vector<int32_t> FitDims(const TensorSpec& spec, const tutti_tensor& input) {
  const std::vector<int64_t> seen(input.dims, input.dims + input.rank);
  const auto fits = [](int32_t wanted, int64_t dim) {
    return dim > 0 && (dim == wanted || (wanted < 0 && dim <= INT32_MAX));
  };
  if (std::equal(spec.dims.begin(), spec.dims.end(), seen.begin(), seen.end(), fits)) {
    return {seen.begin(), seen.end()};
  }
  std::vector<int32_t> dims = spec.dims;
  for (int32_t& dim : dims) dim = std::max(dim, dim < 0 ? 1 : 0);
  if (WithoutOnes({dims.begin(), dims.end()}) == WithoutOnes(seen)) return dims;
  std::string seen_text;
  for (int64_t dim : seen) seen_text += (seen_text.empty() ? "" : ",") + std::to_string(dim);
  throw Failure{"ERR input '" + spec.name + "' has shape [" + seen_text + "], the model takes " +
                ShapeText(spec.dims)};
}

inline RankedType TypeOf(int32_t element_type, const int32_t* dims, size_t rank) {
  RankedType type{};
  type.element_type = element_type;
  type.layout.rank = static_cast<uint32_t>(rank) & 127;
  std::copy(dims, dims + rank, type.layout.dims);
  return type;
}

// Kernels may read a vector beyond the last element: harmless within its page, which is mapped.
inline bool MayBeReadInPlace(const tutti_tensor& input) {
  constexpr uintptr_t kPageBytes = 4096;
  constexpr uintptr_t kReadBeyondMax = 64;
  const auto begin = reinterpret_cast<uintptr_t>(input.data);
  const uintptr_t end = begin + input.bytes;
  return begin % kAlignment == 0 && (end - 1) / kPageBytes == (end + kReadBeyondMax) / kPageBytes;
}

// The buffers of one run, over memory of others.
class Buffers {
 public:
  explicit Buffers(size_t count) { list_.reserve(count); }
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;
  ~Buffers() {
    for (TensorBuffer* buffer : list_) api.DestroyTensorBuffer(buffer);
  }
  void Add(const RankedType& type, void* data, size_t bytes) {
    TensorBuffer* buffer = nullptr;
    Check(api.CreateTensorBufferFromHostMemory(&type, data, bytes, nullptr, &buffer),
          "Failed to allocate tensors");
    list_.push_back(buffer);
  }
  std::vector<TensorBuffer*>& list() { return list_; }

 private:
  std::vector<TensorBuffer*> list_;
};

// What an output keeps until it is released.
struct OutputOwner {
  OutputRegion region;  // or, of a small output:
  std::unique_ptr<char[]> copy;
  std::vector<int64_t> dims;
};

inline OutputRegionPool& regions = *new OutputRegionPool;

// The outputs of one run. One that is an input too, or another output, has its memory.
class Outputs {
 public:
  Outputs(const std::vector<TensorSpec>& inputs, const std::vector<TensorSpec>& outputs,
          const std::vector<void*>& input_data)
      : specs_(outputs), regions_(outputs.size()), data_(outputs.size()) {
    for (size_t i = 0; i < data_.size(); i++) {
      const Tensor* tensor = outputs[i].tensor;
      const auto is_same = [&](const TensorSpec& spec) { return spec.tensor == tensor; };
      const auto input = std::find_if(inputs.begin(), inputs.end(), is_same);
      const auto begin = outputs.begin();
      const auto first = std::find_if(begin, begin + static_cast<long>(i), is_same);
      if (input != inputs.end()) {
        data_[i] = input_data[static_cast<size_t>(input - inputs.begin())];
      } else if (first != begin + static_cast<long>(i)) {
        data_[i] = data_[static_cast<size_t>(first - begin)];
      } else {
        regions_[i] = regions.Take();
        if (!regions_[i].valid()) throw Failure{"ERR no address space for an output"};
        data_[i] = regions_[i].data();
      }
    }
  }

  void* data(size_t index) const { return data_[index]; }

  // Fills all outputs or, by an exception, none.
  void HandOver(const std::vector<Layout>& layouts, tutti_tensor* outputs) {
    std::vector<std::unique_ptr<OutputOwner>> owners;
    for (size_t i = 0; i < layouts.size(); i++)
      owners.push_back(Describe(i, layouts[i], &outputs[i]));
    // Last, so that what shares a region has been copied out of it.
    for (size_t i = 0; i < layouts.size(); i++) {
      if (!owners[i]->copy && regions_[i].valid()) {
        regions_[i].Shrink(outputs[i].bytes);
        owners[i]->region = std::move(regions_[i]);
      } else if (regions_[i].valid()) {
        regions.GiveBack(std::move(regions_[i]));
      }
      outputs[i].owner = owners[i].release();
    }
  }

 private:
  // From here on an output's pages are handed over; below, its bytes are copied.
  static constexpr uint64_t kHandOverBytesMin = 64 << 10;

  std::unique_ptr<OutputOwner> Describe(size_t index, const Layout& layout,
                                        tutti_tensor* output) const {
    const TensorSpec& spec = specs_[index];
    output->dtype = ToDtype(spec.element_type);
    if (output->dtype >= TUTTI_STRING) {
      throw Failure{"ERR output '" + spec.name + "' has element type " +
                    std::to_string(spec.element_type) + " of LiteRT, which no tensor key can hold"};
    }
    auto owner = std::make_unique<OutputOwner>();
    owner->dims.assign(layout.dims, layout.dims + layout.rank);
    output->rank = layout.rank;
    output->dims = owner->dims.data();
    output->bytes = kElementBytes[output->dtype];
    for (int64_t dim : owner->dims) output->bytes *= static_cast<uint64_t>(dim);
    output->data = data_[index];
    if (output->bytes < kHandOverBytesMin || !regions_[index].valid()) {
      owner->copy.reset(new char[output->bytes + 1]);
      std::memcpy(owner->copy.get(), data_[index], output->bytes);
      output->data = owner->copy.get();
    }
    output->release = [](void* released) { delete static_cast<OutputOwner*>(released); };
    return owner;
  }

  const std::vector<TensorSpec>& specs_;
  std::vector<OutputRegion> regions_;
  std::vector<void*> data_;
};

}  // namespace tutti::litert

#endif  // TUTTI_BACKENDS_TFLITE_TENSORS_H_
