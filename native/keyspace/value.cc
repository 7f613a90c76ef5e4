#include "keyspace/value.h"

#include <malloc.h>

#include <cassert>
#include <cstring>
#include <new>

#include "tensor/incoming_blob.h"

namespace tutti {

Ref<String> String::Copy(std::string_view bytes) {
  if (bytes.size() >= kBlobBytesMin) {
    Ref<Buffer> buffer = Buffer::Allocate(bytes.size(), MemoryKind::kTensors);
    if (!buffer) return nullptr;
    std::memcpy(buffer->data(), bytes.data(), bytes.size());
    return FromBuffer(std::move(buffer), bytes.size());
  }
  void* block = AccountedAlloc(sizeof(String) + bytes.size(), MemoryKind::kKeys);
  if (!block) return nullptr;
  auto* string = new (block) String();
  char* data = static_cast<char*>(block) + sizeof(String);
  if (!bytes.empty()) std::memcpy(data, bytes.data(), bytes.size());
  string->data_ = data;
  string->bytes_ = bytes.size();
  return Ref<String>::Adopt(string);
}

Ref<String> String::FromBuffer(Ref<Buffer> buffer, size_t bytes) {
  assert(bytes <= buffer->capacity());
  void* block = AccountedAlloc(sizeof(String), MemoryKind::kKeys);
  if (!block) return nullptr;
  auto* string = new (block) String();
  buffer->SetKind(MemoryKind::kTensors);
  string->data_ = reinterpret_cast<const char*>(buffer->data());
  string->bytes_ = bytes;
  string->buffer_ = std::move(buffer);
  return Ref<String>::Adopt(string);
}

size_t String::footprint() const {
  return malloc_usable_size(const_cast<String*>(this)) + (buffer_ ? buffer_->capacity() : 0);
}

bool String::is_slow_to_free() const {
  return buffer_ && buffer_->is_unique() && buffer_->is_slow_to_free();
}

String::~String() = default;

void String::operator delete(void* block) { AccountedFree(block, MemoryKind::kKeys); }

}  // namespace tutti
