#include "persistence/bytes.h"

#include <algorithm>

#include "tensor/incoming_blob.h"

namespace tutti {

namespace {

constexpr size_t kFirstBytes = 512;

}  // namespace

void MemorySink::Write(const void* data, size_t bytes) {
  if (!status_.ok() || bytes == 0) return;
  const size_t needed = bytes_ + bytes;
  if (!buffer_ || needed > buffer_->capacity()) {
    // A large body comes at once: it gets what it needs, with room for the footer.
    const size_t grown = std::max({kFirstBytes, 2 * bytes_, needed + 64});
    Ref<Buffer> larger = Buffer::Allocate(grown, MemoryKind::kReplies);
    if (!larger) {
      status_ = Code::kOutOfMemory;
      return;
    }
    if (bytes_ > 0) std::memcpy(larger->data(), buffer_->data(), bytes_);
    buffer_ = std::move(larger);
  }
  std::memcpy(buffer_->data() + bytes_, data, bytes);
  bytes_ = needed;
}

Ref<String> MemorySink::Take() {
  if (!status_.ok()) return nullptr;
  if (bytes_ < kBlobBytesMin) {
    return String::Copy({reinterpret_cast<const char*>(bytes().data()), bytes_});
  }
  return String::FromBuffer(std::move(buffer_), bytes_);
}

}  // namespace tutti
