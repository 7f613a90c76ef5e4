#include "keyspace/value.h"

#include <malloc.h>

#include <cassert>
#include <cstring>
#include <new>

#include "tensor/incoming_blob.h"

namespace tutti {

Ref<String> String::Make(size_t bytes, size_t capacity) {
  assert(bytes <= capacity);
  if (capacity >= kBlobBytesMin) {
    Ref<Buffer> buffer = Buffer::Allocate(capacity, MemoryKind::kTensors);
    if (!buffer) return nullptr;
    return FromBuffer(std::move(buffer), bytes);
  }
  void* block = AccountedAlloc(sizeof(String) + capacity, MemoryKind::kKeys);
  if (!block) return nullptr;
  auto* string = new (block) String();
  string->data_ = static_cast<char*>(block) + sizeof(String);
  string->bytes_ = bytes;
  return Ref<String>::Adopt(string);
}

Ref<String> String::Copy(std::string_view bytes) {
  Ref<String> string = Make(bytes.size(), bytes.size());
  if (string && !bytes.empty()) std::memcpy(string->data_, bytes.data(), bytes.size());
  return string;
}

Ref<String> String::FromBuffer(Ref<Buffer> buffer, size_t bytes) {
  assert(bytes <= buffer->capacity());
  void* block = AccountedAlloc(sizeof(String), MemoryKind::kKeys);
  if (!block) return nullptr;
  auto* string = new (block) String();
  buffer->SetKind(MemoryKind::kTensors);
  string->data_ = reinterpret_cast<char*>(buffer->data());
  string->bytes_ = bytes;
  string->buffer_ = std::move(buffer);
  return Ref<String>::Adopt(string);
}

size_t String::capacity() const {
  if (!buffer_) return malloc_usable_size(const_cast<String*>(this)) - sizeof(String);
  return buffer_->is_unique() ? buffer_->capacity() : 0;
}

size_t String::footprint(int64_t) const {
  return malloc_usable_size(const_cast<String*>(this)) + (buffer_ ? buffer_->capacity() : 0);
}

bool String::is_slow_to_free() const {
  return buffer_ && buffer_->is_unique() && buffer_->is_slow_to_free();
}

String::~String() = default;

void String::operator delete(void* block) { AccountedFree(block, MemoryKind::kKeys); }

}  // namespace tutti
