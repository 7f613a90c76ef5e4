#include "binding/tensor_elements.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

#include "binding/convert.h"
#include "core/numbers.h"

namespace tutti {

namespace {

// `$`, up to 19 digits, CRLF.
constexpr size_t kHeaderBytesMax = 24;
static_assert(ElementFramer::kRoomBytesMin >= kHeaderBytesMax + kNumberBytesMax + 2);

size_t FormatElement(double value, char* to) { return FormatDouble(value, to); }
size_t FormatElement(float value, char* to) { return FormatDouble(value, to); }
template <typename T>
size_t FormatElement(T value, char* to) {
  return FormatInteger(value, to);
}

template <typename T>
T ElementAt(const Tensor& tensor, int64_t i) {
  T element;
  std::memcpy(&element, tensor.data() + static_cast<size_t>(i) * sizeof(T), sizeof(T));
  return element;
}

// The string that begins so many bytes into the tensor, without its NUL.
std::string_view StringAt(const Tensor& tensor, size_t offset) {
  const char* const begin = reinterpret_cast<const char*>(tensor.data()) + offset;
  const auto* const nul = static_cast<const char*>(std::memchr(begin, 0, tensor.bytes() - offset));
  TUTTI_CHECK(nul != nullptr);
  return {begin, static_cast<size_t>(nul - begin)};
}

// Calls `with` with a null pointer to the type that the elements have; not of strings.
template <typename With>
void VisitNumbers(DType dtype, With with) {
  switch (dtype) {
    case DType::kFloat:
      return with(static_cast<float*>(nullptr));
    case DType::kDouble:
      return with(static_cast<double*>(nullptr));
    case DType::kInt8:
      return with(static_cast<int8_t*>(nullptr));
    case DType::kInt16:
      return with(static_cast<int16_t*>(nullptr));
    case DType::kInt32:
      return with(static_cast<int32_t*>(nullptr));
    case DType::kInt64:
      return with(static_cast<int64_t*>(nullptr));
    case DType::kUint8:
    case DType::kBool:
      return with(static_cast<uint8_t*>(nullptr));
    case DType::kUint16:
      return with(static_cast<uint16_t*>(nullptr));
    case DType::kString:
      break;
  }
  TUTTI_CHECK(false);
}

class ElementRows final : public RowSource {
 public:
  explicit ElementRows(Ref<Tensor> tensor)
      : tensor_(std::move(tensor)), total_(StoredElementCount(*tensor_)) {}
  int64_t total() const override { return total_; }

  void Write(int64_t first, RowWriter& writer) override {
    if (tensor_->dtype() == DType::kString) return WriteStrings(first, writer);
    VisitNumbers(tensor_->dtype(), [&]<typename T>(T*) { WriteNumbers<T>(first, writer); });
  }

 private:
  template <typename T>
  void WriteNumbers(int64_t first, RowWriter& writer) const {
    char text[kNumberBytesMax];
    for (int64_t i = first; i < total_; i++) {
      if (!writer.Put({text, FormatElement(ElementAt<T>(*tensor_, i), text)}, nullptr)) return;
    }
  }

  void WriteStrings(int64_t first, RowWriter& writer) {
    for (int64_t i = first; i < total_; i++) {
      const std::string_view text = StringAt(*tensor_, string_begin_);
      if (!writer.Put(text, tensor_)) return;
      string_begin_ += text.size() + 1;
    }
  }

  const Ref<Tensor> tensor_;
  const int64_t total_;
  size_t string_begin_ = 0;  // of the first string that is not written
};

uint8_t* Put(std::string_view bytes, uint8_t* to) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

uint8_t* PutCrlf(uint8_t* to) {
  to[0] = '\r';
  to[1] = '\n';
  return to + 2;
}

uint8_t* PutBulkHeader(size_t byte_count, uint8_t* to) {
  *to++ = '$';
  char* const text = reinterpret_cast<char*>(to);
  return PutCrlf(to + (std::to_chars(text, text + kHeaderBytesMax, byte_count).ptr - text));
}

}  // namespace

int64_t StoredElementCount(const Tensor& tensor) {
  // A client stores no dim of 0, but a run may have answered one.
  if (std::ranges::find(tensor.dims(), 0) != tensor.dims().end()) return 0;
  const auto count = ElementCount(tensor.dims(), dtype_row(tensor.dtype()).element_bytes);
  TUTTI_CHECK(count.ok());
  return count.value();
}

std::unique_ptr<RowSource> MakeElementRows(Ref<Tensor> tensor) {
  return std::make_unique<ElementRows>(std::move(tensor));
}

ElementFramer::ElementFramer(Ref<Tensor> tensor, ElementForm form)
    : tensor_(std::move(tensor)), form_(form), total_(StoredElementCount(*tensor_)) {}

size_t ElementFramer::Frame(uint8_t* to, size_t room) {
  TUTTI_CHECK(room >= kRoomBytesMin);
  const uint8_t* const end = to + room;
  uint8_t* at = to;
  if (tensor_->dtype() == DType::kString) {
    at = FrameStrings(to, end);
  } else {
    VisitNumbers(tensor_->dtype(), [&]<typename T>(T*) { at = FrameNumbers<T>(to, end); });
  }
  return static_cast<size_t>(at - to);
}

template <typename T>
uint8_t* ElementFramer::FrameNumbers(uint8_t* to, const uint8_t* end) {
  char text[kNumberBytesMax];
  while (at_ < total_ && end - to >= static_cast<ptrdiff_t>(kRoomBytesMin)) {
    const size_t text_bytes = FormatElement(ElementAt<T>(*tensor_, at_), text);
    if (form_ == ElementForm::kBulk) {
      to = PutBulkHeader(text_bytes, to);
    } else {
      *to++ = form_ == ElementForm::kDouble ? ',' : ':';
    }
    to = PutCrlf(Put({text, text_bytes}, to));
    at_++;
    framed_bytes_ += sizeof(T);
  }
  return to;
}

uint8_t* ElementFramer::FrameStrings(uint8_t* to, const uint8_t* end) {
  for (;;) {
    if (!is_in_string_) {
      if (at_ == total_ || end - to < static_cast<ptrdiff_t>(kHeaderBytesMax)) return to;
      string_left_ = StringAt(*tensor_, framed_bytes_);
      is_in_string_ = true;
      to = PutBulkHeader(string_left_.size(), to);
    }
    const size_t taken = std::min(string_left_.size(), static_cast<size_t>(end - to));
    to = Put(string_left_.substr(0, taken), to);
    string_left_.remove_prefix(taken);
    if (end - to < 2) return to;
    to = PutCrlf(to);
    framed_bytes_ = static_cast<size_t>(reinterpret_cast<const uint8_t*>(string_left_.data()) + 1 -
                                        tensor_->data());
    at_++;
    is_in_string_ = false;
  }
}

}  // namespace tutti
