#include "tensor/incoming_blob.h"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace tutti {

IncomingBlob::IncomingBlob(size_t announced_bytes) : announced_(announced_bytes) {
  if (!memory_account::MayFit(announced_)) {
    buffer_pool::Trim(0);
    refused_ = true;
    return;
  }
  whole_ = true;
  if (announced_ < kMappedBytesMin) {
    buffer_ = Buffer::Reserve(announced_, MemoryKind::kRequests);
  } else {
    buffer_ = Buffer::ReserveIdle(announced_, MemoryKind::kRequests);
    if (!buffer_) {
      buffer_ = Buffer::ReserveHead(MemoryKind::kRequests);
      whole_ = false;
    }
  }
  refused_ = !buffer_;
}

IncomingBlob::Target IncomingBlob::NextTarget(size_t bytes_max) {
  if (refused_ || is_complete()) return {nullptr, 0};
  const size_t end = whole_ ? announced_ : kHeadBytes;
  return {buffer_->data() + received_, std::min(bytes_max, end - received_)};
}

void IncomingBlob::Received(size_t bytes) {
  assert(bytes <= announced_ - received_);
  received_ += bytes;
  if (refused_) return;
  // Rounded up to the class once it is whole: that is what it holds from then on.
  const bool is_charged =
      buffer_->Charge(whole_ && is_complete() ? buffer_->capacity() : received_);
  if (!is_charged) {
    refused_ = true;
    buffer_ = nullptr;
    return;
  }
  if (whole_ || received_ < kHeadBytes) return;
  whole_ = buffer_->Extend(announced_);
  if (whole_) return;
  buffer_ = nullptr;
  refused_ = true;
}

void IncomingBlob::Append(const uint8_t* bytes, size_t count) {
  assert(count <= announced_ - received_);
  while (count > 0) {
    const Target target = NextTarget(count);
    if (target.bytes == 0) {
      Received(count);
      return;
    }
    std::memcpy(target.data, bytes, target.bytes);
    Received(target.bytes);
    bytes += target.bytes;
    count -= target.bytes;
  }
}

}  // namespace tutti
