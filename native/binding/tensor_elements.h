// The elements of a tensor as text, on their way into a reply: as rows that TypeScript frames, or,
// of tensors that would keep an event loop, framed here piece by piece as the client takes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "binding/rows.h"
#include "tensor/tensor.h"

namespace tutti {

// How many elements the dims stand for.
int64_t StoredElementCount(const Tensor& tensor);

// Integers, shortest doubles, or strings.
std::unique_ptr<RowSource> MakeElementRows(Ref<Tensor> tensor);

// How an element goes into a reply. Part of the binding's interface (`elementForms` of
// lib/resp/native-memory.ts).
enum class ElementForm : int32_t { kInteger = 0, kBulk = 1, kDouble = 2 };

// Frames the elements one after the other, and knows how far it is. Keeps the tensor.
class ElementFramer {
 public:
  ElementFramer(Ref<Tensor> tensor, ElementForm form);

  int64_t total() const { return total_; }
  // Bytes of the tensor whose elements are not framed as a whole.
  size_t left_bytes() const { return at_ == total_ ? 0 : tensor_->bytes() - framed_bytes_; }
  // Writes at most `room` bytes, at least kRoomBytesMin. @returns How many, 0 only at the end.
  size_t Frame(uint8_t* to, size_t room);
  Ref<Tensor> TakeTensor() { return std::move(tensor_); }

  static constexpr size_t kRoomBytesMin = 64;

 private:
  template <typename T>
  uint8_t* FrameNumbers(uint8_t* to, const uint8_t* end);
  uint8_t* FrameStrings(uint8_t* to, const uint8_t* end);

  Ref<Tensor> tensor_;
  ElementForm form_;
  int64_t total_;
  int64_t at_ = 0;           // the next element, or the string that is being written
  size_t framed_bytes_ = 0;  // of the elements before it
  bool is_in_string_ = false;
  std::string_view string_left_;
};

}  // namespace tutti
